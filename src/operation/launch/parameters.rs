//! The parameters of `$launch`.

use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::operation::parameters::{Parameters, Target, required};
use serde_json::{Map, Value};

/// Items of `fhirContext` at most: they travel in the response of the token.
const ITEMS_MAX: usize = 50;
const TEXT_MAX: usize = 1_000;
pub const NAMES: &[&str] = &["client", "user", "patient", "encounter", "fhirContext", "intent", "need_patient_banner"];
const PARTS: &[&str] = &["reference", "canonical", "identifier", "type", "role"];

/// What is asked for.
#[derive(Debug)]
pub struct Asked {
    pub client: String,
    pub user: Option<String>,
    pub patient: Option<Target>,
    pub encounter: Option<Target>,
    pub fhir_context: Vec<Item>,
    pub intent: Option<String>,
    pub need_patient_banner: Option<bool>,
}

/// One item of `fhirContext`. SMART App Launch 2.2, fhirContext.
#[derive(Debug)]
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

/// Returns what the parameters ask.
pub fn asked(parameters: &Parameters) -> Result<Asked, Fault> {
    let items = parameters.parts("fhirContext", PARTS)?;
    if items.len() > ITEMS_MAX {
        let text = format!("there are more than {ITEMS_MAX} parameters 'fhirContext'");
        return Err(Fault::at(Kind::TooCostly, parameters.path(), text));
    }
    Ok(Asked {
        client: short(parameters, "client")?.ok_or_else(|| required("client"))?,
        user: short(parameters, "user")?,
        patient: parameters.target("patient", Some(ResourceType::PATIENT))?,
        encounter: parameters.target("encounter", Some(ResourceType::ENCOUNTER))?,
        fhir_context: items.iter().map(item).collect::<Result<_, _>>()?,
        intent: short(parameters, "intent")?,
        need_patient_banner: parameters.boolean("need_patient_banner")?,
    })
}

/// Returns a text that is short enough to be kept and handed on.
fn short(parameters: &Parameters, name: &str) -> Result<Option<String>, Fault> {
    let Some(text) = parameters.text(name)? else { return Ok(None) };
    if text.is_empty() || text.len() > TEXT_MAX || text.chars().any(char::is_control) {
        let text = format!("the parameter '{name}' is a text of at most {TEXT_MAX} bytes");
        return Err(Fault::at(Kind::Value, parameters.path(), text));
    }
    Ok(Some(text.to_string()))
}

fn item(parts: &Parameters) -> Result<Item, Fault> {
    let item = Item {
        reference: parts.target("reference", None)?,
        canonical: short(parts, "canonical")?,
        identifier: parts.identifier("identifier")?.cloned(),
        type_: short(parts, "type")?,
        role: short(parts, "role")?,
    };
    if item.reference.is_none() && item.canonical.is_none() && item.identifier.is_none() {
        let text = "an item needs a reference, a canonical or an identifier";
        return Err(Fault::at(Kind::Required, parts.path(), text));
    }
    let role = item.role.as_deref().unwrap_or("launch");
    let is_of_ehr = item
        .reference
        .as_ref()
        .is_some_and(|it| matches!(it.resource_type, ResourceType::PATIENT | ResourceType::ENCOUNTER));
    if is_of_ehr && role == "launch" {
        let text = "Patient and Encounter have parameters of their own; here they need a role other than 'launch'";
        return Err(Fault::at(Kind::BusinessRule, parts.path(), text));
    }
    if role != "launch" && url::Url::parse(role).is_err() {
        return Err(Fault::at(Kind::Value, parts.path(), "a role is 'launch' or an absolute URI"));
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use serde_json::json;

    #[test]
    fn parameters_say_what_the_ehr_shows() {
        let catalog = Catalog::load().unwrap();
        let read = |sent: Value| asked(&Parameters::of(&catalog, "https://here.example/fhir", sent, NAMES)?);
        let client = json!({"name": "client", "valueString": "app"});
        let context = |part: Value| json!({"name": "fhirContext", "part": part});
        let reference = |to: &str| json!({"reference": to});
        for (more, want) in [
            (vec![], None),
            (vec![json!({"name": "patient", "valueReference": reference("Patient/a")})], None),
            (
                vec![json!({"name": "patient", "valueReference": reference("Practitioner/a")})],
                Some("reference to a Patient"),
            ),
            (
                vec![json!({"name": "patient", "valueReference": reference("https://x.example/fhir/Patient/a")})],
                Some("reference to a Patient"),
            ),
            (vec![json!({"name": "patient", "valueString": "a"})], Some("valueReference")),
            (vec![client.clone()], Some("twice")),
            (vec![json!({"name": "intent", "valueString": "a\u{1}"})], Some("parameter[1].value: must be")),
            (vec![json!({"name": "need_patient_banner", "valueString": "true"})], Some("valueBoolean")),
            (vec![json!({"name": "other"})], Some("there is no parameter")),
            (vec![context(json!([{"name": "reference", "valueReference": reference("ImagingStudy/i")}]))], None),
            (vec![context(json!([{"name": "canonical", "valueCanonical": "http://x.example/q"}]))], None),
            (vec![context(json!([]))], Some("empty array")),
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
            let got = read(sent.clone()).err().map(|fault| fault.to_string());
            assert_eq!(got.is_some(), want.is_some(), "{sent}: {got:?}");
            let got = got.unwrap_or_default();
            assert!(got.contains(want.unwrap_or("")), "{sent}: {got}");
        }
        assert!(read(json!({"resourceType": "Parameters"})).is_err());
        assert!(read(json!({"resourceType": "Patient"})).is_err());
    }
}
