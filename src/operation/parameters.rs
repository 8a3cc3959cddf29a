//! The Parameters resource that an operation takes.
//!
//! R4 <https://hl7.org/fhir/R4/parameters.html>. Whatever is wrong is told with the name of the parameter.

use crate::catalog::Catalog;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::{Context, body};
use crate::rest::Body;
use crate::validation::Valid;
use serde_json::{Map, Value};

/// A resource and the path to it.
pub type Resource<'a> = (String, &'a Map<String, Value>);

/// A resource that a Reference names, and the path to that.
#[derive(Debug, Clone)]
pub struct Target {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub at: String,
}

/// The parameters of a call, or the parts of one of them.
pub struct Parameters {
    list: Vec<Value>,
    /// The path to the list: `Parameters.parameter`, `Parameters.parameter[2].part`.
    at: String,
    base_url: String,
}

impl Parameters {
    /// Reads the parameters of a call, which may have those that are named.
    pub fn read(ctx: &Context, body: Body, known: &[&str]) -> Result<Parameters, Fault> {
        Parameters::of(ctx.catalog(), &ctx.settings.base_url, body::read(ctx.catalog(), ctx.settings, body)?, known)
    }

    /// The same where a call needs none and may come without a body.
    pub fn read_or_none(ctx: &Context, body: Body, known: &[&str]) -> Result<Parameters, Fault> {
        match body {
            Body::None => Parameters::listed(None, "Parameters.parameter".into(), &ctx.settings.base_url, known),
            Body::Json(bytes) if bytes.is_empty() => Parameters::read_or_none(ctx, Body::None, known),
            body => Parameters::read(ctx, body, known),
        }
    }

    /// The same of a resource that was read already.
    pub fn of(catalog: &Catalog, base_url: &str, mut value: Value, known: &[&str]) -> Result<Parameters, Fault> {
        if value.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
            return Err(Fault::at(Kind::Invalid, "resourceType", "the operation takes Parameters"));
        }
        Valid::check(catalog, value.clone())?;
        Parameters::listed(value.get_mut("parameter").map(Value::take), "Parameters.parameter".into(), base_url, known)
    }

    fn listed(list: Option<Value>, at: String, base_url: &str, known: &[&str]) -> Result<Parameters, Fault> {
        let list = match list {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        for (i, part) in list.iter().enumerate() {
            let name = name(part);
            if !known.contains(&name) {
                let name: String = name.chars().take(64).collect();
                let text = format!("there is no parameter '{name}' here; there are {}", known.join(", "));
                return Err(Fault::at(Kind::NotSupported, format!("{at}[{i}].name"), text));
            }
        }
        Ok(Parameters { list, at, base_url: base_url.to_string() })
    }

    /// Returns the path to this list.
    pub fn path(&self) -> &str {
        &self.at
    }

    /// Returns the parts of every parameter of this name, which may have those that are named.
    pub fn parts(&self, name: &str, known: &[&str]) -> Result<Vec<Parameters>, Fault> {
        let parts = self.all(name).map(|(path, part)| {
            Parameters::listed(part.get("part").cloned(), format!("{path}.part"), &self.base_url, known)
        });
        parts.collect()
    }

    fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = (String, &'a Value)> {
        let named = self.list.iter().enumerate().filter(move |(_, part)| name(part) == wanted);
        named.map(move |(i, part)| (format!("{}[{i}]", self.at), part))
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

    /// Returns the value of a parameter in the element `key` (`valuePeriod`), and the path to it.
    pub fn value<'a>(&'a self, name: &'a str, key: &str) -> Result<Option<(String, &'a Value)>, Fault> {
        let Some((path, part)) = self.one(name)? else { return Ok(None) };
        match part.get(key) {
            Some(value) => Ok(Some((format!("{path}.{key}"), value))),
            None => Err(Fault::at(Kind::Invalid, path, format!("the parameter '{name}' must have a {key}"))),
        }
    }

    /// Returns the value of every parameter of this name, which each must have as this kind (`valueCoding`), and the paths to them.
    pub fn values<'a>(&'a self, name: &'a str, key: &str) -> Result<Vec<(String, &'a Value)>, Fault> {
        let values = self.all(name).map(|(path, part)| match part.get(key) {
            Some(value) => Ok((format!("{path}.{key}"), value)),
            None => Err(Fault::at(Kind::Invalid, path, format!("the parameter '{name}' must have a {key}"))),
        });
        values.collect()
    }

    /// Returns the value of a parameter that may be there once, as this kind, and the path to it.
    pub fn single<'a>(&'a self, name: &'a str, key: &str) -> Result<Option<(String, &'a Value)>, Fault> {
        self.value(name, key)
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        Ok(self.value(name, "valueBoolean")?.and_then(|(_, value)| value.as_bool()))
    }

    /// Returns a whole number from 1 on that may be larger than an integer of R4: a decimal, or an integer.
    pub fn place(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some((path, part)) = self.one(name)? else { return Ok(None) };
        let value = part.get("valueDecimal").or_else(|| part.get("valueInteger"));
        match value.and_then(Value::as_i64).filter(|number| *number > 0) {
            Some(number) => Ok(Some(number)),
            None => {
                let text = format!("the parameter '{name}' must have a valueDecimal, a whole number from 1 on");
                Err(Fault::at(Kind::Value, path, text))
            }
        }
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
        self.one(name)?.map(|(path, part)| text_of(name, path, part)).transpose()
    }

    /// Returns the texts of every parameter of this name.
    pub fn texts<'a>(&'a self, name: &'a str) -> Result<Vec<&'a str>, Fault> {
        self.all(name).map(|(path, part)| text_of(name, path, part)).collect()
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

    /// Returns the id of the resource of a type that a Reference on this server names.
    pub fn reference(&self, name: &str, t: ResourceType) -> Result<Option<ResourceId>, Fault> {
        Ok(self.target(name, Some(t))?.map(|target| target.id))
    }

    /// Returns the resource, of this type or any, that a Reference on this server names.
    pub fn target(&self, name: &str, t: Option<ResourceType>) -> Result<Option<Target>, Fault> {
        let Some((path, value)) = self.value(name, "valueReference")? else { return Ok(None) };
        let literal = value.get("reference").and_then(Value::as_str).and_then(Literal::parse);
        let is_ours = |it: &Literal| it.version.is_none() && (it.base.is_empty() || it.base == self.base_url);
        let ours = literal.filter(|it| is_ours(it) && t.is_none_or(|t| t == it.resource_type));
        let at = format!("{path}.reference");
        match ours.and_then(|it| Some((it.resource_type, ResourceId::parse(it.id)?))) {
            Some((resource_type, id)) => Ok(Some(Target { resource_type, id, at })),
            None => {
                let what = t.map_or("resource", ResourceType::name);
                let text = format!("the parameter '{name}' must be a reference to a {what} of this server");
                Err(Fault::at(Kind::Invalid, at, text))
            }
        }
    }
}

/// Returns the value of a parameter that is some kind of text.
fn text_of<'a>(name: &str, path: String, part: &'a Value) -> Result<&'a str, Fault> {
    let found = part.as_object().into_iter().flatten().find(|(key, _)| key.starts_with("value"));
    found
        .and_then(|(_, value)| value.as_str())
        .ok_or_else(|| Fault::at(Kind::Invalid, path, format!("the parameter '{name}' must have a text as its value")))
}

fn name(part: &Value) -> &str {
    part.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Returns the refusal of a call without a parameter that it needs.
pub fn required(name: &str) -> Fault {
    Fault::at(Kind::Required, "Parameters.parameter", format!("the parameter '{name}' is required"))
}
