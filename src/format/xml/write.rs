//! From a JSON value to FHIR XML, elements in the order of their definition.
//!
//! R4 <https://hl7.org/fhir/R4/xml.html>. What cannot be said in XML (an unknown element, a control character, a
//! narrative that is no XHTML) is a fault of kind `NotAcceptable`: the resource can still be had as JSON.

use serde_json::{Map, Value};

use super::path::Path;
use super::{FHIR, illegal_at, xhtml};
use crate::catalog::{Catalog, Field, Primitive, TypeDef, TypeId, TypeKind};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

/// A narrative nests deeper than a resource, and was checked when it came in.
const DIV_DEPTH_MAX: usize = 1_000;

/// Returns a resource as a document in FHIR XML: on one line, or indented by two spaces.
pub fn write(catalog: &Catalog, resource: &Value, pretty: bool) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer { catalog, pretty, level: 0, out: Vec::with_capacity(4096) };
    writer.put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writer.resource(resource, None)?;
    if pretty {
        writer.put("\n");
    }
    Ok(writer.out)
}

struct Writer<'c> {
    catalog: &'c Catalog,
    pretty: bool,
    level: usize,
    out: Vec<u8>,
}

/// One element of an object: both its JSON keys, `name` and `_name`.
struct Member<'a> {
    field: &'a Field,
    ty: TypeId,
    key: &'a str,
    value: Option<&'a Value>,
    sibling: Option<&'a Value>,
}

impl<'c> Writer<'c> {
    fn resource(&mut self, resource: &Value, holder: Option<&Path>) -> Result<(), Fault> {
        let name = resource.get("resourceType").and_then(Value::as_str).unwrap_or("Resource");
        let root = Path::root(name);
        let path = holder.unwrap_or(&root);
        let (Some(object), Some(resource_type)) = (resource.as_object(), ResourceType::parse(name)) else {
            return Err(refusal(path, "this is not a resource of R4"));
        };
        let def = self.catalog.ty(self.catalog.resource(resource_type));
        self.element(resource_type.name(), def, None, Some(object), path)
    }

    fn member(&mut self, member: &Member, path: &Path) -> Result<(), Fault> {
        let field = member.field;
        if !field.array {
            return self.item(member, member.value, member.sibling, &path.child(&field.name, None));
        }
        let [values, siblings] = [array(member.value, member, path)?, array(member.sibling, member, path)?];
        for i in 0..values.len().max(siblings.len()) {
            // Nulls only keep the two arrays in step.
            let [value, sibling] = [values, siblings].map(|array| array.get(i).filter(|item| !item.is_null()));
            self.item(member, value, sibling, &path.child(&field.name, Some(i)))?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        member: &Member,
        value: Option<&Value>,
        sibling: Option<&Value>,
        path: &Path,
    ) -> Result<(), Fault> {
        let def = self.catalog.ty(member.ty);
        match (def.kind, value, sibling) {
            (TypeKind::Primitive(Primitive::Xhtml), Some(Value::String(text)), None) => {
                let div = xhtml::div(text, None, DIV_DEPTH_MAX);
                let div = div.map_err(|what| refusal(path, &format!("not XHTML: {what}")))?;
                self.indent();
                self.put(&div);
                Ok(())
            }
            (TypeKind::Primitive(Primitive::Xhtml), ..) => Err(refusal(path, "this has to be XHTML in a string")),
            (TypeKind::Primitive(_), None, None) => Err(refusal(path, "null stands for nothing here")),
            (TypeKind::Primitive(_), value, Some(Value::Object(sibling))) => {
                self.element(member.key, def, value, Some(sibling), path)
            }
            (TypeKind::Primitive(_), value, None) => self.element(member.key, def, value, None, path),
            (TypeKind::Resource, Some(resource), None) => {
                self.indent();
                self.put(&format!("<{}>", member.key));
                self.level += 1;
                self.resource(resource, Some(path))?;
                self.close(member.key);
                Ok(())
            }
            (TypeKind::Complex | TypeKind::Backbone, Some(Value::Object(object)), None) => {
                self.element(member.key, def, None, Some(object), path)
            }
            _ => Err(refusal(path, &format!("this does not have the form of {}", def.name))),
        }
    }

    /// Writes an element: a primitive by its value and its `_name`, anything else by its object.
    fn element(
        &mut self,
        name: &str,
        def: &TypeDef,
        value: Option<&Value>,
        object: Option<&Map<String, Value>>,
        path: &Path,
    ) -> Result<(), Fault> {
        let members = match object {
            Some(object) => members(def, object, path)?,
            None => Vec::new(),
        };
        let first_element = members.partition_point(|member| member.field.xml_attribute);
        let (attributes, elements) = members.split_at(first_element);
        self.indent();
        self.put("<");
        self.put(name);
        if self.level == 0 {
            self.put(&format!(" xmlns=\"{FHIR}\""));
        }
        for attribute in attributes {
            self.attribute(attribute.key, attribute.value.unwrap_or(&Value::Null), path)?;
        }
        if let Some(value) = value {
            self.attribute("value", value, path)?;
        }
        if elements.is_empty() {
            // R4: an element is never empty; only a resource without any content is left to stand.
            if value.is_none() && def.kind != TypeKind::Resource && attributes.iter().all(|member| member.key == "id") {
                return Err(refusal(path, "the element is empty"));
            }
            self.put("/>");
            return Ok(());
        }
        self.put(">");
        self.level += 1;
        for member in elements {
            self.member(member, path)?;
        }
        self.close(name);
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &Value, path: &Path) -> Result<(), Fault> {
        let text = match value {
            Value::String(text) => text.as_str(),
            Value::Number(number) => number.as_str(),
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(refusal(path, "this has to be one value")),
        };
        if illegal_at(text).is_some() {
            return Err(refusal(path, "the text holds a control character, which XML cannot carry"));
        }
        self.put(" ");
        self.put(name);
        self.put("=\"");
        self.escaped(text);
        self.put("\"");
        Ok(())
    }

    /// Writes the text of an attribute; line breaks and tabs as references, since a reader turns bare ones to spaces.
    fn escaped(&mut self, text: &str) {
        let mut plain = 0;
        for (i, byte) in text.bytes().enumerate() {
            let reference = match byte {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                b'\n' => "&#xA;",
                b'\r' => "&#xD;",
                b'\t' => "&#x9;",
                _ => continue,
            };
            self.put(&text[plain..i]);
            self.put(reference);
            plain = i + 1;
        }
        self.put(&text[plain..]);
    }

    fn close(&mut self, name: &str) {
        self.level -= 1;
        self.indent();
        self.put("</");
        self.put(name);
        self.put(">");
    }

    fn indent(&mut self) {
        if self.pretty {
            self.put("\n");
            for _ in 0..self.level {
                self.put("  ");
            }
        }
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// Returns the elements of an object: attributes first, then in the order of the definition.
fn members<'a>(def: &'a TypeDef, object: &'a Map<String, Value>, path: &Path) -> Result<Vec<Member<'a>>, Fault> {
    let mut members: Vec<Member> = Vec::with_capacity(object.len());
    for (key, value) in object {
        if def.kind == TypeKind::Resource && key == "resourceType" {
            continue;
        }
        let (name, is_sibling) = key.strip_prefix('_').map_or((key.as_str(), false), |name| (name, true));
        let Some((field, ty)) = def.lookup_key(name) else {
            return Err(refusal(&path.child(name, None), &format!("{} has no such element", def.name)));
        };
        let known = members.iter().position(|member| member.field.index == field.index);
        let at = known.unwrap_or_else(|| {
            members.push(Member { field, ty: ty.ty, key: &ty.json_key, value: None, sibling: None });
            members.len() - 1
        });
        if members[at].key != &*ty.json_key {
            return Err(refusal(&path.child(&field.name, None), "only one value may be given"));
        }
        match is_sibling {
            true => members[at].sibling = Some(value),
            false => members[at].value = Some(value),
        }
    }
    members.sort_by_key(|member| (!member.field.xml_attribute, member.field.index));
    Ok(members)
}

fn array<'a>(value: Option<&'a Value>, member: &Member, path: &Path) -> Result<&'a [Value], Fault> {
    match value {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(refusal(&path.child(&member.field.name, None), "this has to be an array")),
    }
}

fn refusal(path: &Path, what: &str) -> Fault {
    Fault::at(Kind::NotAcceptable, path.to_string(), format!("cannot be written as XML: {what}"))
}
