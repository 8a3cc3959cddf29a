//! From a resource to its text document.
//!
//! What people read goes in: strings, markdown, the narrative, and the codes of codings (`E11.9`). Ids, URLs, references, other
//! codes, numbers, dates and base64 stay out. What each element is, the definitions say.

use super::narrative;
use crate::catalog::{Catalog, Primitive, TypeId, TypeKind};
use crate::fhir::ResourceType;
use crate::search::{Registry, text};
use serde_json::{Map, Value};

/// What stands in the index of one resource.
#[derive(Debug, Default)]
pub struct Texts {
    pub content: Vec<String>,
    pub narrative: String,
    /// Key of the column and folded text.
    pub displays: Vec<(i64, String)>,
}

/// Returns the texts of a resource.
pub fn texts(registry: &Registry, t: ResourceType, resource: &Value) -> Texts {
    Texts {
        content: content(&registry.catalog, t, resource),
        narrative: narrative_of(resource),
        displays: text::displays(registry, t, resource),
    }
}

/// Returns everything in a resource that people read.
pub fn content(catalog: &Catalog, t: ResourceType, resource: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(catalog, catalog.resource(t), resource, &mut found);
    found
}

fn narrative_of(resource: &Value) -> String {
    resource.pointer("/text/div").and_then(Value::as_str).map(narrative::plain).unwrap_or_default()
}

fn walk(catalog: &Catalog, id: TypeId, value: &Value, found: &mut Vec<String>) {
    let def = catalog.ty(id);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(catalog, id, item, found)),
        Value::String(text) => match def.kind {
            TypeKind::Primitive(Primitive::String | Primitive::Markdown) => found.push(text.clone()),
            TypeKind::Primitive(Primitive::Xhtml) => found.push(narrative::plain(text)),
            _ => {}
        },
        Value::Object(members) => {
            let inner = match def.kind {
                // A contained resource, or one in a Bundle, says itself what it is.
                TypeKind::Resource if def.r#abstract => own_type(catalog, members),
                _ => Some(id),
            };
            inner.into_iter().for_each(|id| object(catalog, id, members, found));
        }
        _ => {}
    }
}

fn own_type(catalog: &Catalog, members: &Map<String, Value>) -> Option<TypeId> {
    let name = members.get("resourceType")?.as_str()?;
    ResourceType::parse(name).map(|t| catalog.resource(t))
}

fn object(catalog: &Catalog, id: TypeId, members: &Map<String, Value>, found: &mut Vec<String>) {
    let def = catalog.ty(id);
    for (key, value) in members {
        match (&*def.name, key.as_str()) {
            (_, "id" | "resourceType") | ("Reference", "reference") => {}
            ("Coding", "code") => found.extend(value.as_str().map(str::to_string)),
            _ => {
                if let Some((_, ty)) = def.lookup(key.strip_prefix('_').unwrap_or(key)) {
                    walk(catalog, ty, value, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::{REGISTRY, resource_type};
    use serde_json::json;

    #[test]
    fn what_people_read_goes_in_and_the_rest_stays_out() {
        let condition = json!({
            "resourceType": "Condition",
            "id": "secret-id",
            "meta": {"versionId": "9", "profile": ["http://profile.example"]},
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Told by <b>Eva</b></div>"},
            "contained": [{"resourceType": "Patient", "id": "p", "name": [{"family": "Ås"}]}],
            "extension": [{"url": "http://extension.example", "valueString": "extended"}],
            "code": {"coding": [{"system": "http://icd.example", "code": "E11.9", "display": "Diabetes"}], "text": "Sugar"},
            "subject": {"reference": "Patient/secret", "display": "Mr X"},
            "recordedDate": "2020-01-01",
            "_recordedDate": {"extension": [{"url": "http://x.example", "valueMarkdown": "about"}]},
            "note": [{"text": "first"}, {"text": "second"}]
        });
        let texts = texts(&REGISTRY, resource_type("Condition"), &condition);
        let expected =
            ["Told by Eva", "Ås", "extended", "E11.9", "Diabetes", "Sugar", "Mr X", "about", "first", "second"];
        let content: Vec<&str> = texts.content.iter().map(|text| text.trim()).collect();
        assert_eq!(content, expected);
        assert_eq!(texts.narrative.trim(), "Told by Eva");
        let displays: Vec<&str> = texts.displays.iter().map(|(_, text)| text.as_str()).collect();
        assert!(displays.contains(&"diabetes") && displays.contains(&"sugar"), "{displays:?}");
    }

    #[test]
    fn base64_stays_out_and_odd_content_does_no_harm() {
        let binary = json!({"resourceType": "Binary", "contentType": "text/plain", "data": "aGVsbG8="});
        assert!(content(&REGISTRY.catalog, resource_type("Binary"), &binary).is_empty());
        for odd in [json!(null), json!([]), json!({"name": 1, "text": [], "contained": ["x", {"resourceType": 5}]})] {
            assert!(content(&REGISTRY.catalog, resource_type("Patient"), &odd).is_empty(), "{odd}");
        }
    }
}
