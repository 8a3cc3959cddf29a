//! From FHIR XML to a JSON value, in one pass.
//!
//! R4 <https://hl7.org/fhir/R4/xml.html> read by the rules of <https://hl7.org/fhir/R4/json.html>.

mod run;
mod scan;

use serde_json::{Map, Number, Value};

use self::run::{Node, Run};
use self::scan::{Scan, Space, Tag};
use super::path::Path;
use super::xhtml;
use crate::catalog::{Catalog, Field, Primitive, TypeDef, TypeId, TypeKind};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::format::Limits;

/// Returns the resource that `bytes` hold as FHIR XML, in the form that JSON gives it.
pub fn read(catalog: &Catalog, bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let mut reader = Reader { catalog, limits, scan: Scan::new(bytes)? };
    let Some(root) = reader.scan.next(None)? else {
        return Err(Fault::new(Kind::Malformed, "the body holds no XML element"));
    };
    let resource = reader.resource(&root, None)?;
    match reader.scan.next(None)? {
        None => Ok(resource),
        Some(_) => Err(Fault::new(Kind::Malformed, reader.scan.placed("a second root element follows the first"))),
    }
}

struct Reader<'i, 'c> {
    catalog: &'c Catalog,
    limits: &'c Limits,
    scan: Scan<'i>,
}

impl<'i, 'c> Reader<'i, 'c> {
    /// Reads a resource, of which the start tag is read; `holder` is the element that contains it.
    fn resource(&mut self, tag: &Tag, holder: Option<&Path>) -> Result<Value, Fault> {
        let name = tag.name();
        let known = ResourceType::parse(name);
        let root = Path::root(known.map_or("Resource", ResourceType::name));
        let path = holder.unwrap_or(&root);
        self.expect_space(tag, Space::Fhir, path)?;
        let Some(resource_type) = known else {
            return Err(self.scan.fault(Kind::Structure, path, format!("`{name}` is not a resource type of R4")));
        };
        let def = self.catalog.ty(self.catalog.resource(resource_type));
        let mut object = Map::new();
        object.insert("resourceType".to_string(), Value::String(name.to_string()));
        self.attributes(tag, def, path, &mut object)?;
        self.children(def, path, &mut object)?;
        Ok(Value::Object(object))
    }

    /// Reads what stands between a start tag and its end tag into `object`.
    fn children(&mut self, def: &'c TypeDef, path: &Path, object: &mut Map<String, Value>) -> Result<(), Fault> {
        let mut run: Option<Run<'c>> = None;
        while let Some(tag) = self.scan.next(Some(path))? {
            let name = tag.name();
            let Some((field, ty)) = def.lookup_key(name).filter(|(field, _)| !field.xml_attribute) else {
                return Err(self.unknown_element(def, path, name));
            };
            if let Some(run) = &run {
                self.check_order(run, field, name, path)?;
            }
            let current = match run.take() {
                Some(run) if run.field.index == field.index => run,
                Some(done) => {
                    done.finish(object);
                    Run::new(field, &ty.json_key)
                }
                None => Run::new(field, &ty.json_key),
            };
            let child = path.child(&field.name, field.array.then_some(current.count()));
            let node = self.node(&tag, ty.ty, &child)?;
            run = Some(current.with(node));
        }
        if let Some(run) = run {
            run.finish(object);
        }
        Ok(())
    }

    fn node(&mut self, tag: &Tag, ty: TypeId, path: &Path) -> Result<Node, Fault> {
        if path.depth() > self.limits.depth_max {
            let text = format!("nested more than {} elements deep", self.limits.depth_max);
            return Err(self.scan.fault(Kind::TooLarge, path, text));
        }
        let def = self.catalog.ty(ty);
        if def.kind == TypeKind::Primitive(Primitive::Xhtml) {
            self.expect_space(tag, Space::Xhtml, path)?;
            let text = self.scan.element_text(tag, path)?;
            let div = xhtml::div(text, tag.prefix(), self.limits.depth_max);
            let div = div.map_err(|what| self.scan.fault(Kind::Value, path, format!("not XHTML: {what}")))?;
            return Ok(Node { value: Value::String(div), sibling: None });
        }
        self.expect_space(tag, Space::Fhir, path)?;
        match def.kind {
            TypeKind::Primitive(primitive) => self.primitive(tag, def, primitive, path),
            TypeKind::Resource => self.held_resource(tag, def, path),
            TypeKind::Complex | TypeKind::Backbone => {
                let mut object = Map::new();
                self.attributes(tag, def, path, &mut object)?;
                self.children(def, path, &mut object)?;
                // R4 ele-1: an id alone is no content.
                if object.keys().all(|key| key == "id") {
                    return Err(self.scan.fault(Kind::Structure, path, "the element is empty"));
                }
                Ok(Node { value: Value::Object(object), sibling: None })
            }
        }
    }

    fn primitive(&mut self, tag: &Tag, def: &'c TypeDef, kind: Primitive, path: &Path) -> Result<Node, Fault> {
        let mut sibling = Map::new();
        let value = match self.attributes(tag, def, path, &mut sibling)? {
            Some(text) => self.json_value(text, kind, path)?,
            None => Value::Null,
        };
        self.children(def, path, &mut sibling)?;
        if value.is_null() && sibling.keys().all(|key| key == "id") {
            return Err(self.scan.fault(Kind::Structure, path, "the element has neither a value nor an extension"));
        }
        Ok(Node { value, sibling: (!sibling.is_empty()).then_some(Value::Object(sibling)) })
    }

    /// Returns the text as the JSON type of its datatype; whether it is a good date or code is not asked here.
    fn json_value(&self, text: String, kind: Primitive, path: &Path) -> Result<Value, Fault> {
        let wrong = |wanted: &str| {
            let shown: String = text.chars().take(40).collect();
            self.scan.fault(Kind::Value, path, format!("{shown:?} is not {wanted}"))
        };
        match kind {
            Primitive::Boolean => match &*text {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(wrong("true or false")),
            },
            Primitive::Decimal if text.len() <= self.limits.number_chars_max => {
                text.parse::<Number>().map(Value::Number).map_err(|_| wrong("a decimal"))
            }
            Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => {
                // R4 allows a plus sign here, and JSON has none.
                let digits = text.strip_prefix('+').filter(|rest| !rest.starts_with('-')).unwrap_or(&text);
                digits.parse::<i64>().map_err(|_| wrong("an integer"))?;
                digits.parse::<Number>().map(Value::Number).map_err(|_| wrong("an integer"))
            }
            Primitive::Decimal => Err(wrong("a decimal of tolerable length")),
            _ => Ok(Value::String(text)),
        }
    }

    /// Reads `contained`, `entry.resource` and their like: an element around exactly one resource.
    fn held_resource(&mut self, tag: &Tag, def: &TypeDef, path: &Path) -> Result<Node, Fault> {
        self.attributes(tag, def, path, &mut Map::new())?;
        let Some(inner) = self.scan.next(Some(path))? else {
            return Err(self.scan.fault(Kind::Structure, path, "the element holds no resource"));
        };
        let value = self.resource(&inner, Some(path))?;
        match self.scan.next(Some(path))? {
            None => Ok(Node { value, sibling: None }),
            Some(_) => Err(self.scan.fault(Kind::Structure, path, "the element holds more than one resource")),
        }
    }

    /// Reads the attributes that the definition knows into `object`, and returns `value` apart.
    fn attributes(
        &self,
        tag: &Tag,
        def: &TypeDef,
        path: &Path,
        object: &mut Map<String, Value>,
    ) -> Result<Option<String>, Fault> {
        let mut value = None;
        for attribute in tag.attributes() {
            let (name, text) = self.scan.attribute(attribute, path)?;
            let is_resource = def.kind == TypeKind::Resource;
            match def.lookup(name) {
                _ if name == "xmlns" || name.starts_with("xmlns:") => {}
                _ if is_resource && name.ends_with(":schemaLocation") => {}
                _ if text.trim().is_empty() => {
                    return Err(self.scan.fault(Kind::Value, path, format!("the attribute `{name}` is empty")));
                }
                _ if name == "value" && matches!(def.kind, TypeKind::Primitive(_)) => value = Some(text.into_owned()),
                Some((field, _)) if field.xml_attribute => {
                    object.insert(name.to_string(), Value::String(text.into_owned()));
                }
                _ => {
                    let hint = if is_resource && name == "id" { "; the id of a resource is an element" } else { "" };
                    let text = format!("the attribute `{name}` does not belong here{hint}");
                    return Err(self.scan.fault(Kind::Structure, path, text));
                }
            }
        }
        Ok(value)
    }

    /// Refuses an element that comes after one that has to follow it, or a second time where one may stand.
    fn check_order(&self, before: &Run, field: &Field, name: &str, path: &Path) -> Result<(), Fault> {
        let child = path.child(&field.name, None);
        if field.index < before.field.index {
            let text = format!("`{name}` stands after `{}`, and has to come before it", before.key);
            return Err(self.scan.fault(Kind::Structure, &child, text));
        }
        if field.index == before.field.index && !field.array {
            let text = match name == before.key {
                true => format!("`{name}` appears twice"),
                false => format!("both `{}` and `{name}` are given, and only one may be", before.key),
            };
            return Err(self.scan.fault(Kind::Structure, &child, text));
        }
        Ok(())
    }

    fn unknown_element(&self, def: &TypeDef, path: &Path, name: &str) -> Fault {
        if def.lookup(name).is_some_and(|(field, _)| field.xml_attribute) {
            return self.scan.fault(Kind::Structure, path, format!("`{name}` is an attribute here, not an element"));
        }
        let shown: String = name.chars().take(64).collect();
        self.scan.fault(Kind::Structure, &path.child(&shown, None), format!("{} has no element `{shown}`", def.name))
    }

    fn expect_space(&self, tag: &Tag, space: Space, path: &Path) -> Result<(), Fault> {
        if tag.space == space {
            return Ok(());
        }
        let text = format!("`{}` is not in the namespace {}", tag.name(), space.uri());
        Err(self.scan.fault(Kind::Structure, path, text))
    }
}
