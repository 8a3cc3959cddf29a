//! `$merge`: of two Patients who are one person, one goes on, and all that belongs to the other leads to it.
//!
//! The operation that R5 has, <https://hl7.org/fhir/R5/patient-operation-merge.html>. Everything happens in one transaction. Nothing is
//! lost: every resource that changes keeps its version of before, from which a merge is undone by hand.

use super::health_id::link::old;
use super::health_id::{content, identifiers, link, locked, may_manage, put, told, value, write};
use super::parameters::{Parameters, required};
use super::{Call, Operation, Places};
use crate::access::Grant;
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::health_id;
use crate::interaction::Context;
use crate::interaction::condition::again;
use crate::rest::Reply;
use crate::search::include::{Follow, Include};
use crate::store::find::IncludeQuery;
use crate::store::tx::{Found, Tx};
use crate::store::{Stored, View, Write};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

/// Resources that are led to another Patient at most: one transaction must not keep all others waiting.
const REFERRING_MAX: usize = 5_000;

/// Records of what was: they go on saying whom it was about then.
const EVIDENCE: [&str; 2] = ["AuditEvent", "Provenance"];

pub struct Merge;

impl Operation for Merge {
    fn name(&self) -> &'static str {
        "merge"
    }

    fn definition(&self) -> Option<&'static str> {
        Some("http://hl7.org/fhir/OperationDefinition/Patient-merge")
    }

    fn places(&self) -> Places {
        Places { types: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Type(vec![Letter::Create, Letter::Update], ResourceType::PATIENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

struct Asked {
    source: ResourceId,
    target: ResourceId,
    /// What the target is to become, where the caller says so.
    result: Option<Map<String, Value>>,
    preview: bool,
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    may_manage(ctx)?;
    let names = ["source-patient", "target-patient", "result-patient", "preview"];
    let parameters = Parameters::read(ctx, call.body, &names)?;
    let one = |name| parameters.reference(name, ResourceType::PATIENT)?.ok_or_else(|| required(name));
    let (source, target): (ResourceId, ResourceId) = (one("source-patient")?, one("target-patient")?);
    if source == target {
        let text = "'source-patient' and 'target-patient' are the same";
        return Err(Fault::at(Kind::BusinessRule, "Parameters.parameter", text));
    }
    let result = match parameters.resource("result-patient")? {
        Some((path, result)) => {
            if result.get("id").and_then(Value::as_str) != Some(target.as_str()) || result["resourceType"] != "Patient"
            {
                let text = "the parameter 'result-patient' is the target, with its id";
                return Err(Fault::at(Kind::Invalid, path, text));
            }
            Some(result.clone())
        }
        None => None,
    };
    let preview = parameters.boolean("preview")?.unwrap_or(false);
    let asked = Asked { source, target, result, preview };
    again(async || merged(ctx, &asked).await).await
}

async fn merged(ctx: &Context<'_>, asked: &Asked) -> Result<Reply, Fault> {
    // What the caller may not read is not there to be merged.
    for id in [&asked.source, &asked.target] {
        super::health_id::readable(ctx, id).await?;
    }
    let tx = ctx.store.begin().await?;
    let (contents, mut found) = locked(ctx, &tx, &[&asked.source, &asked.target]).await?;
    let [mut source, target]: [Map<String, Value>; 2] =
        contents.try_into().map_err(|_| Fault::internal("two Patients were locked", "not two"))?;
    check(asked, &source, &target)?;
    let now = Instant::now();
    let mut target = asked.result.clone().unwrap_or(target);
    let has_one = tx.health_id_of(&asked.target).await?.is_some();
    move_identifiers(ctx, &mut source, &mut target, has_one, now);
    source.insert("active".into(), json!(false));
    link(&mut source, &asked.target, "replaced-by");
    link(&mut target, &asked.source, "replaces");
    tx.move_health_ids(&asked.source, &asked.target, now).await?;
    tx.move_emergency(&asked.source, &asked.target, now).await?;
    let version = |id: &ResourceId, found: &Found| found.get(&(ResourceType::PATIENT, id.clone())).map(|s| s.version);
    let mut writes = vec![
        write(ctx, ResourceType::PATIENT, &asked.target, target, version(&asked.target, &found), "merge: target")?,
        write(ctx, ResourceType::PATIENT, &asked.source, source, version(&asked.source, &found), "merge: source")?,
    ];
    let everyone = super::health_id::everyone(ctx)?;
    let referring = referring(ctx, &tx, &everyone, asked, &found).await?;
    let locked = tx.lock(ctx.grant, &referring).await?;
    writes.extend(redirected(ctx, asked, &locked).await?);
    let moved = writes.len() - 2;
    found.extend(locked);
    let mut written = put(ctx, &tx, &writes, &found).await?;
    if !asked.preview {
        tx.commit().await?;
    }
    let result = value(&written.swap_remove(0))?;
    let done = if asked.preview { "would be merged" } else { "was merged" };
    let text = format!(
        "Patient/{} {done} into Patient/{}; {moved} other resources refer to the one and {} to the other",
        asked.source,
        asked.target,
        if asked.preview { "would then refer" } else { "now refer" }
    );
    Ok(Reply::value(
        200,
        &json!({"resourceType": "Parameters", "parameter": [
            {"name": "outcome", "resource": told(&text)},
            {"name": "result", "resource": result},
        ]}),
    ))
}

/// Refuses what would lose somebody, or go in a circle.
fn check(asked: &Asked, source: &Map<String, Value>, target: &Map<String, Value>) -> Result<(), Fault> {
    let refused = |text: String| Err(Fault::at(Kind::BusinessRule, "Parameters.parameter", text));
    let goes_to = |patient: &Map<String, Value>| {
        let links = patient.get("link").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let replaced = links.iter().find(|link| link["type"] == "replaced-by");
        replaced.map(|link| link["other"]["reference"].as_str().unwrap_or_default().to_string())
    };
    if let Some(other) = goes_to(target) {
        return refused(format!("the target Patient/{} is itself replaced by {other}", asked.target));
    }
    // A merge that is repeated brings along what came to refer to the source since.
    match goes_to(source) {
        Some(other) if other != format!("Patient/{}", asked.target) => {
            refused(format!("the source Patient/{} is already replaced by {other}", asked.source))
        }
        _ => Ok(()),
    }
}

/// Gives the target what identifies the source, as of before; a Health ID is taken from the source, since it is on one Patient alone.
fn move_identifiers(
    ctx: &Context,
    source: &mut Map<String, Value>,
    target: &mut Map<String, Value>,
    has_one: bool,
    now: Instant,
) {
    let system = health_id::system(&ctx.settings.base_url);
    let Some(list) = source.get("identifier").and_then(Value::as_array).cloned() else { return };
    let (ours, others): (Vec<Value>, Vec<Value>) = list.into_iter().partition(|it| it["system"] == system.as_str());
    for (identifier, is_health_id) in
        ours.into_iter().map(|it| (it, true)).chain(others.iter().cloned().map(|it| (it, false)))
    {
        let same = |it: &Value| it["system"] == identifier["system"] && it["value"] == identifier["value"];
        if identifiers(target).iter().any(same) {
            continue;
        }
        let mut identifier = identifier;
        if !is_health_id || has_one {
            old(&mut identifier, now);
        }
        identifiers(target).push(identifier);
    }
    if others.is_empty() {
        source.shift_remove("identifier");
    } else {
        source.insert("identifier".into(), Value::Array(others));
    }
}

/// Returns what refers to the source by any parameter that can be searched.
async fn referring(
    ctx: &Context<'_>,
    tx: &Tx,
    everyone: &Grant,
    asked: &Asked,
    found: &Found,
) -> Result<Vec<(ResourceType, ResourceId)>, Fault> {
    let number = |id: &ResourceId| found.get(&(ResourceType::PATIENT, id.clone())).map(|stored| stored.no);
    let of: Vec<i64> = number(&asked.source).into_iter().collect();
    let known: Vec<i64> = of.iter().copied().chain(number(&asked.target)).collect();
    let follows = follows(ctx);
    let query = IncludeQuery { follows: &follows, of: &of, known: &known, max: REFERRING_MAX + 1 };
    let rows = View::Tx(tx).included(everyone, &query).await?;
    if rows.len() > REFERRING_MAX {
        let text = format!("more than {REFERRING_MAX} resources refer to Patient/{}", asked.source);
        return Err(Fault::at(Kind::TooCostly, "Parameters.parameter", text));
    }
    Ok(rows.into_iter().map(|row| (row.resource_type, row.id)).collect())
}

fn follows(ctx: &Context) -> Vec<Follow> {
    let registry = ctx.store.registry();
    let types = ResourceType::all().filter(|t| t.is_stored() && !EVIDENCE.contains(&t.name()));
    let include =
        |source| Include { source, param: None, target: Some(ResourceType::PATIENT), reverse: true, iterate: false };
    types.flat_map(|source| include(source).follows(registry)).collect()
}

/// Returns the writes of those resources that really refer to the source, in the order of their locks.
async fn redirected(ctx: &Context<'_>, asked: &Asked, locked: &Found) -> Result<Vec<Write>, Fault> {
    let mut rows: Vec<&Stored> = locked.values().filter(|stored| !stored.is_deleted()).collect();
    rows.sort_by_key(|stored| stored.no);
    let mut writes = Vec::with_capacity(rows.len());
    for (i, row) in rows.into_iter().enumerate() {
        // Other requests of this thread have their turn.
        if i % 32 == 31 {
            tokio::task::yield_now().await;
        }
        let mut resource = Value::Object(content(&row.id, Some(row))?);
        if redirect(&mut resource, &ctx.settings.base_url, &asked.source, &asked.target) > 0
            && let Value::Object(resource) = resource
        {
            writes.push(write(ctx, row.resource_type, &row.id, resource, Some(row.version), "merge: reference")?);
        }
    }
    Ok(writes)
}

/// Leads every reference to one Patient to another; returns how many there were. A reference to a version stays: it says what was.
fn redirect(value: &mut Value, base_url: &str, from: &ResourceId, to: &ResourceId) -> usize {
    match value {
        Value::Array(items) => items.iter_mut().map(|item| redirect(item, base_url, from, to)).sum(),
        Value::Object(object) => {
            let lead = |(key, value): (&String, &mut Value)| match value {
                Value::String(text) if key == "reference" => {
                    redirected_text(text, base_url, from, to).map_or(0, |new| {
                        *text = new;
                        1
                    })
                }
                _ => redirect(value, base_url, from, to),
            };
            object.iter_mut().map(lead).sum()
        }
        _ => 0,
    }
}

fn redirected_text(text: &str, base_url: &str, from: &ResourceId, to: &ResourceId) -> Option<String> {
    let it = Literal::parse(text)?;
    let leads = it.resource_type == ResourceType::PATIENT && it.id == from.as_str() && it.version.is_none();
    match it.base {
        "" if leads => Some(format!("Patient/{to}")),
        base if leads && base == base_url => Some(format!("{base}/Patient/{to}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_one_patient_lead_to_another_and_no_others_do() {
        let id = |text: &str| ResourceId::parse(text).unwrap();
        let mut value = json!({
            "subject": {"reference": "Patient/a", "display": "Patient/a"},
            "list": [{"reference": "http://here/fhir/Patient/a"}, {"reference": "http://there/fhir/Patient/a"}],
            "others": [{"reference": "Patient/ab"}, {"reference": "Group/a"}, {"reference": "Patient/a/_history/1"}],
        });
        assert_eq!(redirect(&mut value, "http://here/fhir", &id("a"), &id("b")), 2);
        assert_eq!(value["subject"], json!({"reference": "Patient/b", "display": "Patient/a"}));
        assert_eq!(
            value["list"],
            json!([{"reference": "http://here/fhir/Patient/b"}, {"reference": "http://there/fhir/Patient/a"}])
        );
        assert_eq!(value["others"][0]["reference"], "Patient/ab");
        assert_eq!(redirect(&mut value, "http://here/fhir", &id("a"), &id("b")), 0);
    }
}
