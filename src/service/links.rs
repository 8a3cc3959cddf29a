//! Links between the entries of a transaction: what they point to gets its id only now.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#trules>: references, elements of type uri, url, oid and uuid, and `href` and `src`
//! in narrative are rewritten wherever they name the `fullUrl` of an entry. Canonicals and plain strings are not.

use crate::catalog::{Catalog, Primitive, TypeId, TypeKind};
use crate::fhir::ResourceType;
use crate::fhir::reference::Literal;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// From what a link says to what it must say: `urn:uuid:…` or an absolute URL to `Type/id`, a conditional reference to what it found.
#[derive(Debug, Default)]
pub struct Links(HashMap<String, String>);

impl Links {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, link: &str) -> bool {
        self.0.contains_key(link)
    }

    pub fn insert(&mut self, link: String, target: String) {
        self.0.insert(link, target);
    }

    /// Adds an entry. A reference beside it may name it by its full URL, or, where that is RESTful, relative to its base.
    pub fn add_entry(&mut self, full_url: &str, t: ResourceType, id: &str) {
        let target = format!("{t}/{id}");
        if let Some(literal) = Literal::parse(full_url) {
            let relative = format!("{}/{}", literal.resource_type, literal.id);
            if relative != target {
                self.0.insert(relative, target.clone());
            }
        }
        self.0.insert(full_url.to_string(), target);
    }

    /// Returns what a link becomes; a fragment stays with it.
    fn target(&self, link: &str) -> Option<String> {
        if let Some(target) = self.0.get(link) {
            return Some(target.clone());
        }
        let (whole, fragment) = link.split_once('#')?;
        self.0.get(whole).map(|target| format!("{target}#{fragment}"))
    }

    /// Rewrites every link in a resource.
    pub fn rewrite(&self, catalog: &Catalog, resource: &mut Value) {
        if self.is_empty() {
            return;
        }
        let ty = resource.get("resourceType").and_then(Value::as_str).and_then(|name| catalog.type_id(name));
        if let (Some(ty), Value::Object(object)) = (ty, resource) {
            self.object(catalog, ty, object);
        }
    }

    fn object(&self, catalog: &Catalog, ty: TypeId, object: &mut Map<String, Value>) {
        let def = catalog.ty(ty);
        let is_reference = &*def.name == "Reference";
        for (key, value) in object.iter_mut() {
            if is_reference && key == "reference" {
                self.string(value);
            } else if let Some((_, ty)) = def.lookup(key) {
                self.value(catalog, ty, value);
            }
        }
    }

    fn value(&self, catalog: &Catalog, ty: TypeId, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(catalog, ty, item)),
            Value::Object(object) => {
                // Contained resources and entries name their own type.
                let own = object.get("resourceType").and_then(Value::as_str).and_then(|name| catalog.type_id(name));
                self.object(catalog, own.unwrap_or(ty), object);
            }
            Value::String(_) => match catalog.ty(ty).kind {
                TypeKind::Primitive(Primitive::Uri | Primitive::Url | Primitive::Oid | Primitive::Uuid) => {
                    self.string(value);
                }
                TypeKind::Primitive(Primitive::Xhtml) => self.narrative(value),
                _ => {}
            },
            _ => {}
        }
    }

    fn string(&self, value: &mut Value) {
        if let Value::String(text) = value
            && let Some(target) = self.target(text)
        {
            *text = target;
        }
    }

    /// Rewrites the links of `<a href="">` and `<img src="">`.
    fn narrative(&self, value: &mut Value) {
        let Value::String(div) = value else { return };
        let mut out = String::new();
        let mut rest = div.as_str();
        while let Some((before, quote, link, after)) = next_link(rest) {
            out.push_str(before);
            out.push_str(&self.target(link).unwrap_or_else(|| link.to_string()));
            out.push(quote);
            rest = after;
        }
        if !out.is_empty() {
            out.push_str(rest);
            *div = out;
        }
    }
}

/// Returns the text up to and with the quote that opens a link, the quote, the link, and what follows the closing quote.
fn next_link(text: &str) -> Option<(&str, char, &str, &str)> {
    let mut from = 0;
    loop {
        let found =
            [" href=", " src="].iter().filter_map(|a| text[from..].find(a).map(|i| from + i + a.len())).min()?;
        let quote = text[found..].chars().next()?;
        if quote == '"' || quote == '\'' {
            let start = found + 1;
            let end = start + text[start..].find(quote)?;
            return Some((&text[..start], quote, &text[start..end], &text[end + 1..]));
        }
        from = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn links_are_rewritten_where_the_specification_says_and_nowhere_else() {
        let catalog = Catalog::load().unwrap();
        let mut links = Links::default();
        links.add_entry("urn:uuid:1", ResourceType::PATIENT, "p");
        links.add_entry("http://other/fhir/Patient/7", ResourceType::PATIENT, "q");
        let mut resource = json!({
            "resourceType": "DocumentReference",
            "text": {"status": "generated", "div": "<div><a href=\"urn:uuid:1\">x</a><img src='urn:uuid:1#a'/><a href=\"z\"/></div>"},
            "identifier": [{"system": "urn:uuid:1", "value": "urn:uuid:1"}],
            "subject": {"reference": "urn:uuid:1", "display": "urn:uuid:1"},
            "author": [{"reference": "Patient/7"}, {"reference": "urn:uuid:2"}, {"reference": "http://other/fhir/Patient/7"}],
            "content": [{"attachment": {"url": "urn:uuid:1"}}],
            "contained": [{"resourceType": "Patient", "link": [{"other": {"reference": "urn:uuid:1"}}]}],
            "extension": [{"url": "http://x", "valueUri": "urn:uuid:1"}, {"url": "http://y", "valueCanonical": "urn:uuid:1"}],
        });
        links.rewrite(&catalog, &mut resource);
        assert_eq!(
            resource,
            json!({
                "resourceType": "DocumentReference",
                "text": {"status": "generated", "div": "<div><a href=\"Patient/p\">x</a><img src='Patient/p#a'/><a href=\"z\"/></div>"},
                "identifier": [{"system": "Patient/p", "value": "urn:uuid:1"}],
                "subject": {"reference": "Patient/p", "display": "urn:uuid:1"},
                "author": [{"reference": "Patient/q"}, {"reference": "urn:uuid:2"}, {"reference": "Patient/q"}],
                "content": [{"attachment": {"url": "Patient/p"}}],
                "contained": [{"resourceType": "Patient", "link": [{"other": {"reference": "Patient/p"}}]}],
                "extension": [{"url": "http://x", "valueUri": "Patient/p"}, {"url": "http://y", "valueCanonical": "urn:uuid:1"}],
            })
        );
    }
}
