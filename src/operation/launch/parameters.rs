//! The parameters of `$launch`.

use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use serde_json::{Map, Value};

/// Items of `fhirContext` at most: they travel in the response of the token.
const ITEMS_MAX: usize = 50;
const TEXT_MAX: usize = 1_000;

/// What is asked for.
#[derive(Debug, Default)]
pub struct Asked {
    pub client: String,
    pub user: Option<String>,
    pub patient: Option<Target>,
    pub encounter: Option<Target>,
    pub fhir_context: Vec<Item>,
    pub intent: Option<String>,
    pub need_patient_banner: Option<bool>,
}

/// A resource that is named, and where.
#[derive(Debug, Clone)]
pub struct Target {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub at: String,
}

/// One item of `fhirContext`. SMART App Launch 2.2, fhirContext.
#[derive(Debug, Default)]
pub struct Item {
    pub reference: Option<Target>,
    canonical: Option<String>,
    identifier: Option<Value>,
    type_: Option<String>,
    role: Option<String>,
}

impl Item {
    /// Returns the item as it goes to the app.
    pub fn json(&self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(name.to_string(), value);
            }
        };
        let reference = self.reference.as_ref().map(|it| format!("{}/{}", it.resource_type, it.id).into());
        put("reference", reference);
        put("canonical", self.canonical.clone().map(Into::into));
        put("identifier", self.identifier.clone());
        put("type", self.type_.clone().map(Into::into));
        put("role", self.role.clone().map(Into::into));
        Value::Object(out)
    }
}

/// Returns what a Parameters resource asks.
pub fn read(parameters: &Value) -> Result<Asked, Fault> {
    if parameters["resourceType"] != "Parameters" {
        return Err(Fault::at(Kind::Invalid, "resourceType", "$launch takes a Parameters resource"));
    }
    let mut asked = Asked::default();
    let mut known: Vec<&str> = Vec::new();
    for (i, parameter) in parameters["parameter"].as_array().into_iter().flatten().enumerate() {
        let at = format!("Parameters.parameter[{i}]");
        let name = parameter["name"].as_str().unwrap_or("");
        if name != "fhirContext" && known.contains(&name) {
            return Err(Fault::at(Kind::Invalid, at, format!("'{name}' may be there once")));
        }
        known.push(name);
        match name {
            "client" => asked.client = text(parameter, &at)?,
            "user" => asked.user = Some(text(parameter, &at)?),
            "intent" => asked.intent = Some(text(parameter, &at)?),
            "patient" => asked.patient = Some(target(parameter, &at, Some(ResourceType::PATIENT))?),
            "encounter" => asked.encounter = Some(target(parameter, &at, Some(ResourceType::ENCOUNTER))?),
            "need_patient_banner" => {
                let value = parameter["valueBoolean"].as_bool();
                let wrong = || Fault::at(Kind::Value, at.clone(), "'need_patient_banner' wants a valueBoolean");
                asked.need_patient_banner = Some(value.ok_or_else(wrong)?);
            }
            "fhirContext" if asked.fhir_context.len() < ITEMS_MAX => asked.fhir_context.push(item(parameter, &at)?),
            "fhirContext" => return Err(Fault::at(Kind::TooCostly, at, format!("{ITEMS_MAX} items are the most"))),
            _ => {
                let text = "$launch takes client, user, patient, encounter, fhirContext, intent, need_patient_banner";
                return Err(Fault::at(Kind::Invalid, at, text));
            }
        }
    }
    if asked.client.is_empty() {
        return Err(Fault::at(Kind::Required, "Parameters.parameter", "'client' is missing: the id of the app"));
    }
    Ok(asked)
}

/// Returns the one string of a parameter, whatever kind of string it is.
fn text(parameter: &Value, at: &str) -> Result<String, Fault> {
    let kinds = ["valueString", "valueId", "valueCode", "valueUri", "valueUrl", "valueCanonical"];
    let value = kinds.iter().find_map(|kind| parameter[*kind].as_str());
    let fits = |text: &&str| !text.is_empty() && text.len() <= TEXT_MAX && !text.chars().any(char::is_control);
    let wrong = || Fault::at(Kind::Value, at, format!("wants a valueString of at most {TEXT_MAX} bytes"));
    value.filter(fits).map(str::to_string).ok_or_else(wrong)
}

fn target(parameter: &Value, at: &str, wanted: Option<ResourceType>) -> Result<Target, Fault> {
    let found = parameter["valueReference"]["reference"].as_str().and_then(Literal::parse);
    let found = found.filter(|it| it.base.is_empty() && it.version.is_none());
    let found = found.filter(|it| wanted.is_none_or(|wanted| wanted == it.resource_type));
    let target = found.and_then(|it| {
        Some(Target { resource_type: it.resource_type, id: ResourceId::parse(it.id)?, at: at.to_string() })
    });
    let name = wanted.map_or("Type", ResourceType::name);
    target.ok_or_else(|| Fault::at(Kind::Value, at, format!("wants a valueReference with the reference '{name}/id'")))
}

fn item(parameter: &Value, at: &str) -> Result<Item, Fault> {
    let mut item = Item::default();
    for (i, part) in parameter["part"].as_array().into_iter().flatten().enumerate() {
        let at = format!("{at}.part[{i}]");
        match part["name"].as_str().unwrap_or("") {
            "reference" => item.reference = Some(target(part, &at, None)?),
            "canonical" => item.canonical = Some(text(part, &at)?),
            "identifier" if part["valueIdentifier"].is_object() => {
                item.identifier = Some(part["valueIdentifier"].clone())
            }
            "type" => item.type_ = Some(text(part, &at)?),
            "role" => item.role = Some(text(part, &at)?),
            _ => {
                let text = "an item has reference, canonical, identifier (valueIdentifier), type and role";
                return Err(Fault::at(Kind::Invalid, at, text));
            }
        }
    }
    if item.reference.is_none() && item.canonical.is_none() && item.identifier.is_none() {
        return Err(Fault::at(Kind::Required, at, "an item needs a reference, a canonical or an identifier"));
    }
    let role = item.role.as_deref().unwrap_or("launch");
    let is_of_ehr = item
        .reference
        .as_ref()
        .is_some_and(|it| matches!(it.resource_type, ResourceType::PATIENT | ResourceType::ENCOUNTER));
    if is_of_ehr && role == "launch" {
        let text = "Patient and Encounter have parameters of their own; here they need a role other than 'launch'";
        return Err(Fault::at(Kind::BusinessRule, at, text));
    }
    if role != "launch" && url::Url::parse(role).is_err() {
        return Err(Fault::at(Kind::Value, at, "a role is 'launch' or an absolute URI"));
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_say_what_the_ehr_shows() {
        let client = json!({"name": "client", "valueString": "app"});
        let context = |part: Value| json!({"name": "fhirContext", "part": part});
        let reference = |to: &str| json!({"reference": to});
        for (more, want) in [
            (vec![], None),
            (vec![json!({"name": "patient", "valueReference": reference("Patient/a")})], None),
            (vec![json!({"name": "patient", "valueReference": reference("Practitioner/a")})], Some("Patient/id")),
            (
                vec![json!({"name": "patient", "valueReference": reference("https://x.example/fhir/Patient/a")})],
                Some("Patient/id"),
            ),
            (vec![json!({"name": "patient", "valueString": "a"})], Some("Patient/id")),
            (vec![client.clone()], Some("once")),
            (vec![json!({"name": "intent", "valueString": ""})], Some("valueString")),
            (vec![json!({"name": "need_patient_banner", "valueString": "true"})], Some("valueBoolean")),
            (vec![json!({"name": "other"})], Some("takes")),
            (vec![context(json!([{"name": "reference", "valueReference": reference("ImagingStudy/i")}]))], None),
            (vec![context(json!([{"name": "canonical", "valueCanonical": "http://x.example/q"}]))], None),
            (vec![context(json!([]))], Some("needs a reference")),
            (
                vec![context(json!([{"name": "reference", "valueReference": reference("Patient/a")}]))],
                Some("of their own"),
            ),
            (
                vec![context(json!([
                    {"name": "reference", "valueReference": reference("Patient/a")},
                    {"name": "role", "valueUri": "https://x.example/role"},
                ]))],
                None,
            ),
            (
                vec![context(json!([
                    {"name": "canonical", "valueCanonical": "http://x.example/q"},
                    {"name": "role", "valueUri": "own"},
                ]))],
                Some("absolute URI"),
            ),
        ] {
            let parameters: Vec<Value> = std::iter::once(client.clone()).chain(more).collect();
            let sent = json!({"resourceType": "Parameters", "parameter": parameters});
            let got = read(&sent).err().map(|fault| fault.to_string());
            assert_eq!(got.is_some(), want.is_some(), "{sent}: {got:?}");
            assert!(got.unwrap_or_default().contains(want.unwrap_or("")), "{sent}");
        }
        assert!(read(&json!({"resourceType": "Parameters"})).is_err());
        assert!(read(&json!({"resourceType": "Patient"})).is_err());
    }
}
