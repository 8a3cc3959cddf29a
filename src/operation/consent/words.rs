//! Who somebody is, for the words of a notice; and who may speak for a patient.

use super::super::own;
use crate::access::Principal;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::search::period;
use serde_json::{Map, Value, json};

/// Returns the name of a person or place of this server, as a notice writes it; none where it has none.
pub async fn name(ctx: &Context<'_>, t: ResourceType, id: &ResourceId) -> Result<Option<String>, Fault> {
    let stored = ctx.view.read(&own::everyone(ctx)?, t, id).await?;
    let Some(stored) = stored.filter(|stored| !stored.is_deleted()) else { return Ok(None) };
    let content = own::content(t, id, Some(&stored))?;
    if t == ResourceType::PRACTITIONER_ROLE {
        return Ok(content.get("practitioner").and_then(|it| it.get("display")).and_then(Value::as_str).map(short));
    }
    Ok(match content.get("name") {
        Some(Value::String(name)) => Some(short(name)),
        Some(Value::Array(names)) => names.first().and_then(human),
        _ => None,
    })
}

/// Returns the name of a person in one line.
fn human(name: &Value) -> Option<String> {
    if let Some(text) = name.get("text").and_then(Value::as_str) {
        return Some(short(text));
    }
    let list = |key: &str| name.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let family = name.get("family").and_then(Value::as_str);
    let parts: Vec<&str> = list("prefix").chain(list("given")).chain(family).collect();
    (!parts.is_empty()).then(|| short(&parts.join(" ")))
}

/// A notice is a line or two, whatever somebody is called.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Returns who gives or refuses consent in the name of a patient: the patient, or a related person who is one to this day.
pub async fn giver(ctx: &Context<'_>, patient: &ResourceId) -> Result<Value, Fault> {
    let refused = || {
        let text = "consent is given and refused by the patient, or by a related person who speaks for the patient";
        Err(Fault::new(Kind::Forbidden, text))
    };
    let itself = json!({"reference": format!("Patient/{patient}")});
    if *ctx.grant.principal() == Principal::Unrestricted {
        return Ok(itself);
    }
    let Some((t, id)) = ctx.grant.principal().person().and_then(|person| person.fhir_user.clone()) else {
        return refused();
    };
    if t == ResourceType::PATIENT && id == *patient {
        return Ok(itself);
    }
    if t != ResourceType::RELATED_PERSON {
        return refused();
    }
    let stored = ctx.view.read(&own::everyone(ctx)?, t, &id).await?;
    match stored.filter(|stored| !stored.is_deleted()) {
        Some(stored) if speaks_for(&own::content(t, &id, Some(&stored))?, patient, Instant::now()) => {
            Ok(json!({"reference": format!("RelatedPerson/{id}")}))
        }
        _ => refused(),
    }
}

/// Returns whether a RelatedPerson is one of this patient, and at this time.
pub fn speaks_for(related: &Map<String, Value>, patient: &ResourceId, now: Instant) -> bool {
    let of = related.get("patient").and_then(|it| it.get("reference")).and_then(Value::as_str);
    let is_active = related.get("active").and_then(Value::as_bool) != Some(false);
    let moment = |key: &str| match related.get("period").and_then(|it| it.get(key)) {
        None => Some(None),
        // What cannot be read lets nobody in.
        Some(text) => text.as_str().and_then(period::parse).map(Some),
    };
    let (Some(start), Some(end)) = (moment("start"), moment("end")) else { return false };
    let is_now = start.is_none_or(|start| start.lo <= now.0) && end.is_none_or(|end| now.0 < end.hi);
    of == Some(format!("Patient/{patient}").as_str()) && is_active && is_now
}
