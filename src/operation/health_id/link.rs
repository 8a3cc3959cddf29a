//! `$link-health-id`: says that two Patients, each with a record of its own, are one person.
//!
//! Defined in `conformance/OperationDefinition-link-health-id.json`; R4 <https://hl7.org/fhir/R4/patient.html#links>. Both Patients are
//! written in one transaction: a link that is known on one side alone leads nobody back.

use super::super::parameters::{Parameters, required};
use super::super::{Call, Operation, Places};
use super::{link, locked, may_manage, number_of, put, value, write};
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::health_id::{self, HealthId};
use crate::interaction::condition::again;
use crate::interaction::{Context, read};
use crate::rest::Reply;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

pub struct Link;

impl Operation for Link {
    fn name(&self) -> &'static str {
        "link-health-id"
    }

    fn places(&self) -> Places {
        Places { instances: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Type(vec![Letter::Search, Letter::Update], ResourceType::PATIENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    may_manage(ctx)?;
    let id = call.id.ok_or_else(|| Fault::new(Kind::Invalid, "the operation is called on a Patient"))?;
    let parameters = Parameters::read(ctx, call.body, &["identifier", "relationship"])?;
    let number = parameters.identifier("identifier")?.ok_or_else(|| required("identifier"))?;
    let replaced = match parameters.text("relationship")?.ok_or_else(|| required("relationship"))? {
        "seealso" => false,
        "replaced-by" => true,
        _ => {
            let text = "the parameter 'relationship' is one of seealso, replaced-by";
            return Err(Fault::at(Kind::Code, "Parameters.parameter", text));
        }
    };
    let other = other(ctx, number).await?;
    if other == id {
        let text = format!("the Health ID is that of Patient/{id} itself");
        return Err(Fault::at(Kind::BusinessRule, "Parameters.parameter", text));
    }
    again(async || linked(ctx, &id, &other, replaced).await).await
}

/// Returns the Patient whose Health ID was sent, where the caller may see it.
async fn other(ctx: &Context<'_>, identifier: &Value) -> Result<ResourceId, Fault> {
    let unknown = || Fault::at(Kind::NotFound, "Parameters.parameter", "no Patient has the Health ID of 'identifier'");
    let number = number_of(ctx, identifier).ok_or_else(unknown)?;
    let holder = ctx.store.holder_of_health_id(HealthId::as_str(&number)).await?.ok_or_else(unknown)?;
    let seen = ctx.view.read(ctx.grant, ResourceType::PATIENT, &holder).await?;
    seen.filter(|stored| !stored.is_deleted()).map(|_| holder).ok_or_else(unknown)
}

async fn linked(ctx: &Context<'_>, id: &ResourceId, other: &ResourceId, replaced: bool) -> Result<Reply, Fault> {
    // What the caller may not read is not there to be linked.
    ctx.view
        .read(ctx.grant, ResourceType::PATIENT, id)
        .await?
        .ok_or_else(|| read::not_found(ResourceType::PATIENT, id))?;
    let tx = ctx.store.begin().await?;
    let (contents, found) = locked(ctx, &tx, &[id, other]).await?;
    let [mut own, mut theirs]: [Map<String, Value>; 2] =
        contents.try_into().map_err(|_| Fault::internal("two Patients were locked", "not two"))?;
    if is_replaced_by(&theirs, id) && replaced {
        let text = format!("Patient/{other} is already replaced by Patient/{id}");
        return Err(Fault::new(Kind::BusinessRule, text));
    }
    let (there, back) = if replaced { ("replaced-by", "replaces") } else { ("seealso", "seealso") };
    link(&mut own, other, there);
    link(&mut theirs, id, back);
    if replaced {
        let now = Instant::now();
        own.insert("active".into(), json!(false));
        end_identifiers(ctx, &mut own, now);
        tx.end_health_id(id, now).await?;
    }
    let version = |id: &ResourceId| found.get(&(ResourceType::PATIENT, id.clone())).map(|stored| stored.version);
    let writes = [
        write(ctx, ResourceType::PATIENT, id, own, version(id), "link-health-id")?,
        write(ctx, ResourceType::PATIENT, other, theirs, version(other), "link-health-id")?,
    ];
    let written = put(ctx, &tx, &writes, &found).await?;
    tx.commit().await?;
    let own = written.first().ok_or_else(|| Fault::internal("nothing was written", "no version"))?;
    Ok(Reply { version: Some(own.version), last_modified: Some(own.updated), ..Reply::value(200, &value(own)?) })
}

fn is_replaced_by(patient: &Map<String, Value>, id: &ResourceId) -> bool {
    let reference = format!("Patient/{id}");
    let links = patient.get("link").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    links.iter().any(|link| link["type"] == "replaced-by" && link["other"]["reference"] == reference.as_str())
}

/// Marks the Health IDs of a Patient as those of before.
fn end_identifiers(ctx: &Context, patient: &mut Map<String, Value>, now: Instant) {
    let system = health_id::system(&ctx.settings.base_url);
    let list = patient.get_mut("identifier").and_then(Value::as_array_mut);
    for identifier in list.into_iter().flatten().filter(|it| it["system"] == system.as_str()) {
        old(identifier, now);
    }
}

/// Marks an identifier as one of before.
pub fn old(identifier: &mut Value, now: Instant) {
    identifier["use"] = "old".into();
    if !identifier["period"].is_object() {
        identifier["period"] = json!({});
    }
    if identifier["period"].get("end").is_none() {
        identifier["period"]["end"] = now.to_string().get(..10).unwrap_or_default().into();
    }
}
