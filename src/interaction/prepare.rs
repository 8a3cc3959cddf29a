//! From a valid resource to what the store keeps: its text cut open for version and time, and its search values.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#create>: `id`, `meta.versionId` and `meta.lastUpdated` are the server's.

use super::{definition, label};
use crate::access::consent_life;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::conditional_reference;
use crate::fhir::{ResourceId, ResourceType};
use crate::health_id;
use crate::search::{Registry, compartment, extract};
use crate::store::Prepared;
use crate::validation::Valid;
use serde_json::{Map, Value};

/// Parts of `meta` that only the server writes.
const SERVER_META: [&str; 4] = ["versionId", "_versionId", "lastUpdated", "_lastUpdated"];

/// Returns the resource ready to be stored under `id`.
pub fn prepare(registry: &Registry, valid: Valid, id: &ResourceId) -> Result<Prepared, Fault> {
    let t = valid.resource_type();
    let (mut content, checked) = valid.into_content();
    label::label(&registry.catalog, t, &mut content);
    content.insert("id".to_string(), Value::String(id.as_str().to_string()));
    let text = cut(t, id, &content)?;
    let value = Value::Object(content);
    refuse_conditional_references(t, &value)?;
    if t == ResourceType::SEARCH_PARAMETER {
        definition::check(registry, id, &value)?;
    }
    let rows = extract(registry, t, &value);
    let health_ids = match (t == ResourceType::PATIENT, value.as_object()) {
        (true, Some(patient)) => health_id::carried(&health_id::system(&registry.base_url), patient),
        _ => Vec::new(),
    };
    let consent = match t == ResourceType::CONSENT {
        true => Some(consent(registry, &value)?),
        false => None,
    };
    let patient = compartment::patients_of(registry, t, &value).into_iter().next();
    Ok(Prepared::new(checked, text, rows, registry.progress.epoch, patient)
        .with_health_ids(health_ids)
        .with_consent(consent))
}

/// Returns what the life of a Consent depends on; one that nobody may write is refused.
fn consent(registry: &Registry, value: &Value) -> Result<consent_life::State, Fault> {
    let refused = |it: consent_life::Refusal| Fault::at(Kind::BusinessRule, it.path, it.text);
    consent_life::check(value, &registry.base_url).map_err(refused)?;
    Ok(consent_life::State::read(value, &registry.base_url))
}

/// R4 3.1.0.11.2: a conditional reference is allowed in a transaction only, which resolves it. Stored it would lead nowhere.
fn refuse_conditional_references(t: ResourceType, value: &Value) -> Result<(), Fault> {
    // What stands in a stored Bundle is data: its links are not links of this server.
    if t == ResourceType::BUNDLE {
        return Ok(());
    }
    let Some((path, reference)) = conditional_reference(value) else { return Ok(()) };
    let reference: String = reference.chars().take(80).collect();
    let text = format!("the conditional reference '{reference}' can be resolved in a transaction only");
    Err(Fault::at(Kind::Reference, format!("{t}{path}"), text))
}

/// Returns the text before the version and the text after the time.
fn cut(t: ResourceType, id: &ResourceId, content: &Map<String, Value>) -> Result<(String, String), Fault> {
    let head = format!("{{\"resourceType\":\"{t}\",\"id\":\"{id}\",\"meta\":{{\"versionId\":\"");
    let mut tail = Vec::with_capacity(2048);
    if let Some(Value::Object(meta)) = content.get("meta") {
        for (key, value) in meta.iter().filter(|(k, _)| !SERVER_META.contains(&k.as_str())) {
            member(&mut tail, key, value)?;
        }
    }
    tail.push(b'}');
    for (key, value) in content.iter().filter(|(k, _)| !["resourceType", "id", "meta"].contains(&k.as_str())) {
        member(&mut tail, key, value)?;
    }
    tail.push(b'}');
    let tail = String::from_utf8(tail).map_err(|e| Fault::internal("serde_json wrote invalid UTF-8", e))?;
    Ok((head, tail))
}

fn member(out: &mut Vec<u8>, key: &str, value: &Value) -> Result<(), Fault> {
    out.push(b',');
    let written = serde_json::to_writer(&mut *out, key).and_then(|()| {
        out.push(b':');
        serde_json::to_writer(&mut *out, value)
    });
    written.map_err(|e| Fault::internal("failed to write a resource", e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::fhir::Instant;
    use crate::format::{Limits, json};
    use std::sync::Arc;

    #[test]
    fn the_servers_parts_come_first_and_the_rest_keeps_order_and_digits() {
        let sent = r#"{"resourceType":"Observation", "status":"final", "id":"old",
            "meta":{"versionId":"9","profile":["http://p"],"lastUpdated":"2000-01-01T00:00:00Z"},
            "code":{"text":"\u00e9"}, "valueQuantity":{"unit":"x","value":1.50},
            "referenceRange":[{"low":{"value":1E2}}]}"#;
        let catalog = Arc::new(Catalog::load().unwrap());
        let registry = Registry::new(catalog.clone(), "http://here/fhir");
        let value = json::read(sent.as_bytes(), &Limits::default()).unwrap();
        let valid = Valid::check(&catalog, value).unwrap();
        let prepared = prepare(&registry, valid, &ResourceId::parse("new").unwrap()).unwrap();
        // Escapes are undone and an exponent has its sign; everything else is as it was sent.
        assert_eq!(
            prepared.text(2, Instant(0)),
            r#"{"resourceType":"Observation","id":"new","meta":{"versionId":"2","lastUpdated":"1970-01-01T00:00:00.000Z","profile":["http://p"]},"status":"final","code":{"text":"é"},"valueQuantity":{"unit":"x","value":1.50},"referenceRange":[{"low":{"value":1e+2}}]}"#
        );
    }
}
