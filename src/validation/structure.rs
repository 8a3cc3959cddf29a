//! Checks a resource against the base types of R4: names, JSON types, cardinalities, formats, required codes.
//!
//! R4 <https://hl7.org/fhir/R4/json.html> and <https://hl7.org/fhir/R4/validation.html>. This runs on every write, so a
//! resource that is right costs no allocation besides one stack.

use serde_json::{Map, Value};

use super::path::Path;
use crate::catalog::{Catalog, TypeDef, TypeKind};
use crate::fault::{Issue, Kind};
use crate::fhir::ResourceType;

/// Issues beyond these are not listed; a last issue says so.
pub const ISSUES_MAX: usize = 100;
/// Names and indexes from the root down; real resources stay below 40.
const DEPTH_MAX: usize = 256;

/// Returns the type of a resource that is sound, or everything that is wrong with it, each with its element.
///
/// Resources inside it (contained, Bundle entries, Parameters) are checked too. References are looked at, not followed;
/// invariants other than those of the JSON form, of Extension and of contained resources are not checked.
pub fn check(catalog: &Catalog, resource: &Value) -> Result<ResourceType, Vec<Issue>> {
    let mut check = Check { catalog, path: Path::default(), issues: Vec::new(), contained: false };
    match check.resource(resource) {
        Some(resource_type) if check.issues.is_empty() => Ok(resource_type),
        _ => Err(check.issues),
    }
}

pub(super) struct Check<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) path: Path<'a>,
    issues: Vec<Issue>,
    /// Whether the resource at hand is contained in another.
    pub(super) contained: bool,
}

impl<'a> Check<'a> {
    pub(super) fn resource(&mut self, value: &'a Value) -> Option<ResourceType> {
        let Value::Object(map) = value else {
            self.report(Kind::Structure, format!("a resource must be a JSON object, not {}", json_type(value)));
            return None;
        };
        let resource_type = self.resource_type(map)?;
        let ty = self.catalog.ty(self.catalog.resource(resource_type));
        let is_root = self.path.len() == 0;
        if is_root {
            self.path.push_name(&ty.name);
        }
        self.object(ty, map);
        if is_root {
            self.path.pop();
        }
        Some(resource_type)
    }

    fn resource_type(&mut self, map: &Map<String, Value>) -> Option<ResourceType> {
        match map.get("resourceType") {
            Some(Value::String(name)) => {
                let resource_type = ResourceType::parse(name);
                if resource_type.is_none() {
                    self.report(Kind::Value, format!("'{}' is not a resource type of R4", excerpt(name)));
                }
                resource_type
            }
            Some(other) => {
                self.report(Kind::Structure, format!("resourceType must be a string, not {}", json_type(other)));
                None
            }
            None => {
                self.report(Kind::Required, "resourceType is missing; it says what the resource is");
                None
            }
        }
    }

    pub(super) fn object(&mut self, ty: &'a TypeDef, map: &'a Map<String, Value>) {
        if self.path.len() > DEPTH_MAX {
            return self.report(Kind::Structure, format!("is nested deeper than {DEPTH_MAX} levels"));
        }
        if map.is_empty() {
            return self.report(Kind::Structure, "is an empty object: leave out what has no value");
        }
        let has_siblings = map.keys().any(|key| key.starts_with('_'));
        let mut seen = 0_u64;
        for (key, value) in map {
            if self.issues.len() > ISSUES_MAX {
                return;
            }
            let (name, value, sibling) = match key.strip_prefix('_') {
                // Checked together with its value.
                Some(name) if map.contains_key(name) => continue,
                Some(name) => (name, None, Some(value)),
                None if has_siblings => (&key[..], Some(value), sibling_of(map, key)),
                None => (&key[..], Some(value), None),
            };
            let Some((field, field_type)) = ty.lookup_key(name) else {
                self.unknown(ty, key, sibling.is_some());
                continue;
            };
            self.path.push_name(&field.name);
            let bit = 1 << field.index;
            if seen & bit != 0 {
                self.report(Kind::Structure, format!("has several values: {}[x] may have one type only", field.name));
            }
            seen |= bit;
            self.element(field, field_type, value, sibling);
            self.path.pop();
        }
        self.missing(ty, seen);
    }

    fn unknown(&mut self, ty: &TypeDef, key: &'a str, has_sibling: bool) {
        if ty.kind == TypeKind::Resource && key == "resourceType" {
            if has_sibling {
                self.report(Kind::Structure, "resourceType is not an element, so it has no sibling with an underscore");
            }
            return;
        }
        let named = match ty.kind {
            TypeKind::Primitive(_) => "the sibling of a primitive, which holds id and extension only,",
            _ => &ty.name,
        };
        let text = match ty.fields.iter().find(|field| field.choice && *field.name == *key) {
            Some(field) => format!("{named} has no element '{key}': name its type, as in {}", field.types[0].json_key),
            None => format!("{named} has no element '{}'", excerpt(key)),
        };
        // Only a plain name can stand in a path; another is named in the text alone.
        let length_ok = (1..=EXCERPT_BYTES_MAX).contains(&key.len());
        if length_ok && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            self.path.push_name(key);
            self.report(Kind::Structure, text);
            self.path.pop();
        } else {
            self.report(Kind::Structure, text);
        }
    }

    fn missing(&mut self, ty: &'a TypeDef, seen: u64) {
        let mut missing = ty.required & !seen;
        while missing != 0 {
            let field = &ty.fields[missing.trailing_zeros() as usize];
            missing &= missing - 1;
            self.path.push_name(&field.name);
            self.report(Kind::Required, format!("is missing; {} needs it", ty.name));
            self.path.pop();
        }
    }

    pub(super) fn report(&mut self, kind: Kind, text: impl Into<String>) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(Issue { kind, diagnostics: text.into(), expression: self.path.expression() });
        } else if self.issues.len() == ISSUES_MAX {
            let text = format!("more is wrong; only the first {ISSUES_MAX} issues are listed");
            self.issues.push(Issue::new(kind, text));
        }
    }
}

/// Siblings are rare, so that only an object that has some pays for building the key.
fn sibling_of<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(&format!("_{key}"))
}

pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null, which stands only in arrays of primitives",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

const EXCERPT_BYTES_MAX: usize = 64;

/// Returns as much of a text as a message shows.
pub(super) fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(EXCERPT_BYTES_MAX)]
}
