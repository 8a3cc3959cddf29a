//! The Parameters resource that an operation takes.
//!
//! R4 <https://hl7.org/fhir/R4/parameters.html>. Whatever is wrong is told with the name of the parameter.

use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::{Context, body};
use crate::rest::Body;
use crate::validation::Valid;
use serde_json::{Map, Value};

/// A resource and the path to it.
pub type Resource<'a> = (String, &'a Map<String, Value>);

pub struct Parameters {
    list: Vec<Value>,
    base_url: String,
}

impl Parameters {
    /// Reads the parameters of a call, which may have those that are named.
    pub fn read(ctx: &Context, body: Body, known: &[&str]) -> Result<Parameters, Fault> {
        let mut value = body::read(ctx.catalog(), ctx.settings, body)?;
        if value.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
            return Err(Fault::at(Kind::Invalid, "resourceType", "the operation takes Parameters"));
        }
        Valid::check(ctx.catalog(), value.clone())?;
        let list = match value.get_mut("parameter").map(Value::take) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        for (i, part) in list.iter().enumerate() {
            let name = name(part);
            if !known.contains(&name) {
                let name: String = name.chars().take(64).collect();
                let text = format!("there is no parameter '{name}' here; there are {}", known.join(", "));
                return Err(Fault::at(Kind::NotSupported, format!("Parameters.parameter[{i}].name"), text));
            }
        }
        Ok(Parameters { list, base_url: ctx.settings.base_url.clone() })
    }

    fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = (String, &'a Value)> {
        let named = self.list.iter().enumerate().filter(move |(_, part)| name(part) == wanted);
        named.map(|(i, part)| (format!("Parameters.parameter[{i}]"), part))
    }

    /// Returns a parameter that may be there once, and the path to it.
    fn one<'a>(&'a self, name: &'a str) -> Result<Option<(String, &'a Value)>, Fault> {
        let mut all = self.all(name);
        let first = all.next();
        match all.next() {
            Some((path, _)) => Err(Fault::at(Kind::Invalid, path, format!("the parameter '{name}' is there twice"))),
            None => Ok(first),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    fn value<'a>(&'a self, name: &'a str, key: &str) -> Result<Option<(String, &'a Value)>, Fault> {
        let Some((path, part)) = self.one(name)? else { return Ok(None) };
        match part.get(key) {
            Some(value) => Ok(Some((format!("{path}.{key}"), value))),
            None => Err(Fault::at(Kind::Invalid, path, format!("the parameter '{name}' must have a {key}"))),
        }
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        Ok(self.value(name, "valueBoolean")?.and_then(|(_, value)| value.as_bool()))
    }

    /// Returns a whole number from 1 on.
    pub fn count(&self, name: &str) -> Result<Option<usize>, Fault> {
        let Some((path, value)) = self.value(name, "valueInteger")? else { return Ok(None) };
        match value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0) {
            Some(count) => Ok(Some(count)),
            None => Err(Fault::at(Kind::Invalid, path, format!("the parameter '{name}' is a number from 1 on"))),
        }
    }

    /// Returns a text, whatever kind of text it was sent as.
    pub fn text<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, Fault> {
        let Some((path, part)) = self.one(name)? else { return Ok(None) };
        let found = part.as_object().into_iter().flatten().find(|(key, _)| key.starts_with("value"));
        match found.and_then(|(_, value)| value.as_str()) {
            Some(text) => Ok(Some(text)),
            None => {
                Err(Fault::at(Kind::Invalid, path, format!("the parameter '{name}' must have a text as its value")))
            }
        }
    }

    pub fn identifier<'a>(&'a self, name: &'a str) -> Result<Option<&'a Value>, Fault> {
        Ok(self.value(name, "valueIdentifier")?.map(|(_, value)| value))
    }

    /// Returns the system and value of every identifier of this name.
    pub fn identifiers<'a>(&'a self, name: &'a str) -> Result<Vec<(&'a str, &'a str)>, Fault> {
        self.all(name)
            .map(|(path, part)| {
                let text = |pointer: &str| part.pointer(pointer).and_then(Value::as_str);
                text("/valueIdentifier/system").zip(text("/valueIdentifier/value")).ok_or_else(|| {
                    let text = format!("the parameter '{name}' must have a valueIdentifier with system and value");
                    Fault::at(Kind::Required, path, text)
                })
            })
            .collect()
    }

    /// Returns the resource of a parameter, and the path to it; it was checked with the Parameters.
    pub fn resource<'a>(&'a self, name: &'a str) -> Result<Option<Resource<'a>>, Fault> {
        let Some((path, part)) = self.one(name)? else { return Ok(None) };
        Ok(part.get("resource").and_then(Value::as_object).map(|resource| (format!("{path}.resource"), resource)))
    }

    /// Returns the id of the resource that a Reference on this server names.
    pub fn reference(&self, name: &str, t: ResourceType) -> Result<Option<ResourceId>, Fault> {
        let Some((path, value)) = self.value(name, "valueReference")? else { return Ok(None) };
        let literal = value.get("reference").and_then(Value::as_str).and_then(Literal::parse);
        let ours = literal.filter(|it| it.resource_type == t && (it.base.is_empty() || it.base == self.base_url));
        match ours.and_then(|it| ResourceId::parse(it.id)) {
            Some(id) => Ok(Some(id)),
            None => Err(Fault::at(
                Kind::Invalid,
                format!("{path}.reference"),
                format!("the parameter '{name}' must be a reference to a {t} of this server"),
            )),
        }
    }
}

fn name(part: &Value) -> &str {
    part.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Returns the refusal of a call without a parameter that it needs.
pub fn required(name: &str) -> Fault {
    Fault::at(Kind::Required, "Parameters.parameter", format!("the parameter '{name}' is required"))
}
