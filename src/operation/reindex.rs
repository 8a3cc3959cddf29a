//! `$reindex`: by GET how far the index of stored resources is, by POST it is made anew. No resource changes.
//!
//! Defined in `conformance/OperationDefinition-reindex.json`.

use super::{Call, Operation, Places};
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::interaction::{Context, body};
use crate::rest::{Body, Reply};
use crate::store::index::{Standing, TypeStanding};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

pub struct Reindex;

impl Operation for Reindex {
    fn name(&self) -> &'static str {
        "reindex"
    }

    fn places(&self) -> Places {
        Places { system: true, ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    /// Whoever may change what is indexed may see and repeat the work that it makes.
    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Type(vec![Letter::Update], ResourceType::SEARCH_PARAMETER)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(async move {
            if !call.by_get {
                let types = types(ctx, call.body)?;
                ctx.store.reindex(&types).await?;
            }
            let standing = ctx.store.look().await?;
            // What is left to do was made by the newest definitions, which may be newer than those of this request.
            let newer = ctx.store.newer();
            let registry = newer.as_ref().unwrap_or(ctx.store).registry();
            let waiting = |t| registry.waiting(t).map(|param| param.spec.url.to_string()).collect();
            Ok(Reply::json(200, parameters(&standing, &waiting).to_string()))
        })
    }
}

/// Returns the types named by the parameter `type`, in the body or the URL; empty for all.
fn types(ctx: &Context, sent: Body) -> Result<Vec<ResourceType>, Fault> {
    let mut names: Vec<String> =
        ctx.request.query.iter().filter(|(name, _)| name == "type").map(|(_, value)| value.clone()).collect();
    let is_empty = matches!(&sent, Body::None) || matches!(&sent, Body::Json(bytes) if bytes.is_empty());
    if !is_empty {
        let sent = body::read(ctx.catalog(), ctx.settings, sent)?;
        for (i, parameter) in sent["parameter"].as_array().into_iter().flatten().enumerate() {
            let (name, value) = (parameter["name"].as_str(), parameter["valueCode"].as_str());
            match (name, value) {
                (Some("type"), Some(value)) => names.push(value.to_string()),
                _ => {
                    let text = "$reindex takes parameters 'type' with a valueCode, and no others";
                    return Err(Fault::at(Kind::Invalid, format!("Parameters.parameter[{i}]"), text));
                }
            }
        }
    }
    names.iter().map(|name| stored_type(name)).collect()
}

fn stored_type(name: &str) -> Result<ResourceType, Fault> {
    ResourceType::parse(name).filter(|t| t.is_stored()).ok_or_else(|| {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        Fault::new(Kind::Invalid, format!("parameter 'type': '{name}' is not a resource type that is stored"))
    })
}

fn parameters(standing: &Standing, waiting: &dyn Fn(ResourceType) -> Vec<String>) -> Value {
    let (done, total) = standing.sum();
    let mut parameters = vec![
        json!({"name": "state", "valueCode": state(standing.is_pending())}),
        json!({"name": "done", "valueInteger": whole(done)}),
        json!({"name": "total", "valueInteger": whole(total)}),
    ];
    let told = standing.types.iter().filter(|one| one.pending || one.total.is_some());
    parameters.extend(told.map(|one| of_type(one, waiting(one.resource_type))));
    json!({"resourceType": "Parameters", "parameter": parameters})
}

fn of_type(one: &TypeStanding, waiting: Vec<String>) -> Value {
    let mut parts = vec![
        json!({"name": "name", "valueCode": one.resource_type.name()}),
        json!({"name": "state", "valueCode": state(one.pending)}),
        json!({"name": "done", "valueInteger": whole(one.done)}),
    ];
    if let Some(total) = one.total {
        parts.push(json!({"name": "total", "valueInteger": whole(total)}));
    }
    parts.extend(waiting.into_iter().map(|url| json!({"name": "waiting", "valueCanonical": url})));
    json!({"name": "type", "part": parts})
}

fn state(pending: bool) -> &'static str {
    if pending { "indexing" } else { "complete" }
}

/// An integer of FHIR has 32 bits.
fn whole(number: i64) -> i64 {
    number.clamp(0, i64::from(i32::MAX))
}
