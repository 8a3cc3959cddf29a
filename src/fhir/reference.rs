//! Literal references: relative, absolute, versioned.
//!
//! R4 <https://hl7.org/fhir/R4/references.html#literal>.

use super::{ResourceId, ResourceType};
use serde_json::Value;

/// `[base/]Type/id[/_history/version]`, taken apart. `base` is empty for a relative reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal<'a> {
    pub base: &'a str,
    pub resource_type: ResourceType,
    pub id: &'a str,
    pub version: Option<&'a str>,
}

impl<'a> Literal<'a> {
    /// Returns the parts of a RESTful reference; none for fragments, urns, canonicals and other URLs.
    pub fn parse(text: &'a str) -> Option<Literal<'a>> {
        let (path, version) = match text.split_once("/_history/") {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let (rest, id) = path.rsplit_once('/')?;
        let (base, name) = match rest.rsplit_once('/') {
            Some((base, name)) => (base, name),
            None => ("", rest),
        };
        let resource_type = ResourceType::parse(name)?;
        ResourceId::parse(id)?;
        if !base.is_empty() && !base.contains("://") {
            return None;
        }
        if version.is_some_and(|v| ResourceId::parse(v).is_none()) {
            return None;
        }
        Some(Literal { base, resource_type, id, version })
    }
}

/// Collects the conditional references of a resource: `Practitioner?identifier=…`.
pub fn conditional_references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| conditional_references(item, found)),
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "reference" && is_conditional(text) => found.push(text),
                    _ => conditional_references(value, found),
                }
            }
        }
        _ => {}
    }
}

/// Returns the first conditional reference of a resource and the path to it, which begins with a dot.
pub fn conditional_reference(value: &Value) -> Option<(String, &str)> {
    match value {
        Value::Array(items) => items.iter().enumerate().find_map(|(i, item)| {
            let (path, text) = conditional_reference(item)?;
            Some((format!("[{i}]{path}"), text))
        }),
        Value::Object(object) => object.iter().find_map(|(key, value)| match value {
            Value::String(text) if key == "reference" && is_conditional(text) => {
                Some((".reference".into(), text.as_str()))
            }
            _ => {
                let (path, text) = conditional_reference(value)?;
                Some((format!(".{key}{path}"), text))
            }
        }),
        _ => None,
    }
}

fn is_conditional(text: &str) -> bool {
    text.split_once('?').is_some_and(|(name, _)| ResourceType::parse(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_is_taken_apart_from_its_end() {
        let l = Literal::parse("http://a.example/fhir/Patient/1/_history/2").unwrap();
        assert_eq!(
            (l.base, l.resource_type.name(), l.id, l.version),
            ("http://a.example/fhir", "Patient", "1", Some("2"))
        );
        assert_eq!(Literal::parse("Patient/1").unwrap().base, "");
        for no in ["#p", "urn:uuid:1", "Patient", "Nope/1", "x/Patient/1", "Patient/a b", "Patient/1/_history/ "] {
            assert_eq!(Literal::parse(no), None, "{no}");
        }
    }

    #[test]
    fn conditional_references_are_found_at_any_depth() {
        let value = json!({"a": [{"reference": "Patient?identifier=x"}, {"b": {"reference": "Nope?x"}}], "reference": "Patient/1"});
        let mut found = Vec::new();
        conditional_references(&value, &mut found);
        assert_eq!(found, ["Patient?identifier=x"]);
        assert_eq!(conditional_reference(&value), Some((".a[0].reference".into(), "Patient?identifier=x")));
    }
}
