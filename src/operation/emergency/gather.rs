//! Reads of a record what the emergency view is made from.
//!
//! It reads as the server: to pass role, relationship and consent by is what the view is for. What comes of it is only what
//! [`super::view`] lets through.

use super::view::{self, Record};
use crate::access::Grant;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::health_id;
use crate::interaction::Context;
use crate::operation::own;
use crate::search;
use futures_util::future::{join_all, try_join_all};
use serde_json::{Map, Value, json};

/// Resources of one type that are looked through for those that count.
const LOOKED_MAX: usize = 5_000;
const PAGE: u32 = 500;

/// Patients that one Patient was merged into, one after the other.
const MERGES_MAX: usize = 8;

/// Returns the Patient whose record it is now: that which a merge has left, and its id.
pub async fn survivor(ctx: &Context<'_>, id: &ResourceId) -> Result<(ResourceId, Map<String, Value>), Fault> {
    let everyone = own::everyone(ctx)?;
    let mut id = id.clone();
    for _ in 0..MERGES_MAX {
        let stored = ctx.view.read(&everyone, ResourceType::PATIENT, &id).await?;
        let patient = own::content(ResourceType::PATIENT, &id, stored.as_ref())?;
        match replaced_by(&patient) {
            Some(next) => id = next,
            None => return Ok((id, patient)),
        }
    }
    Err(Fault::new(Kind::BusinessRule, format!("Patient/{id} was merged too often to be followed")))
}

fn replaced_by(patient: &Map<String, Value>) -> Option<ResourceId> {
    let mut links = patient.get("link")?.as_array()?.iter();
    let link = links.find(|link| link["type"] == "replaced-by")?;
    ResourceId::parse(Literal::parse(link["other"]["reference"].as_str()?)?.id)
}

/// Returns the emergency view of a patient, with the topics that they want to be seen.
pub async fn view(
    ctx: &Context<'_>,
    id: &ResourceId,
    patient: &Map<String, Value>,
    topics: &[String],
) -> Result<Value, Fault> {
    let everyone = own::everyone(ctx)?;
    let sources = view::SOURCES.iter().map(|(name, subject, query)| found(ctx, &everyone, id, name, subject, query));
    let mut others: Vec<Map<String, Value>> = try_join_all(sources).await?.into_iter().flatten().collect();
    join_all(others.iter_mut().map(|it| name_medication(ctx, &everyone, it))).await;
    let record = Record {
        patient,
        others: &others,
        topics,
        base_url: &ctx.settings.base_url,
        health_id_system: &health_id::system(&ctx.settings.base_url),
    };
    Ok(view::bundle(&record, Instant::now()))
}

async fn found(
    ctx: &Context<'_>,
    everyone: &Grant,
    id: &ResourceId,
    name: &str,
    subject: &str,
    query: &[(&str, &str)],
) -> Result<Vec<Map<String, Value>>, Fault> {
    let t = ResourceType::parse(name).ok_or_else(|| Fault::internal("a source of the emergency view", "no type"))?;
    let mut pairs = vec![(subject.to_string(), format!("Patient/{id}"))];
    pairs.extend(query.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let search = search::parse(ctx.store.registry(), Some(t), &pairs, false)?;
    let (mut all, mut after) = (Vec::new(), i64::MIN);
    while all.len() < LOOKED_MAX {
        let rows = ctx.view.by_number(everyone, &search, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.no;
        let is_last = rows.len() < PAGE as usize;
        for row in &rows {
            all.push(own::content(t, &row.id, Some(row))?);
        }
        if is_last {
            break;
        }
    }
    Ok(all)
}

/// Puts the code of a Medication in the place of a reference to it; a medication nobody can name is told by its display.
async fn name_medication(ctx: &Context<'_>, everyone: &Grant, resource: &mut Map<String, Value>) {
    let Some(reference) = resource.get("medicationReference").cloned() else { return };
    let target = reference["reference"].as_str().unwrap_or("");
    let medication = match target.strip_prefix('#') {
        Some(inside) => {
            let contained = resource.get("contained").and_then(Value::as_array).into_iter().flatten();
            contained.into_iter().find(|it| it["id"] == inside).cloned()
        }
        None => stored(ctx, everyone, target).await.map(Value::Object),
    };
    let medication = medication.unwrap_or_default();
    if let Some(labels) = medication["meta"]["security"].as_array() {
        label(resource, labels);
    }
    let code = Some(medication["code"].clone());
    let display = || reference["display"].as_str().map(|text| json!({"text": text}));
    if let Some(code) = code.filter(|code| !code.is_null()).or_else(display) {
        resource.insert("medicationCodeableConcept".into(), code);
    }
}

async fn stored(ctx: &Context<'_>, everyone: &Grant, reference: &str) -> Option<Map<String, Value>> {
    let literal = Literal::parse(reference).filter(|it| it.base.is_empty() || it.base == ctx.settings.base_url)?;
    let id = ResourceId::parse(literal.id)?;
    // A Medication that is not there is told by its display: the rest of the view must not wait for it.
    let stored = ctx.view.read(everyone, literal.resource_type, &id).await.ok()?;
    own::content(literal.resource_type, &id, stored.as_ref()).ok()
}

/// Gives a resource the labels of what is shown in it.
fn label(resource: &mut Map<String, Value>, labels: &[Value]) {
    let meta = resource.entry("meta").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        own::list(meta, "security").extend(labels.iter().cloned());
    }
}
