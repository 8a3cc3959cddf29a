//! The operations that a Parameters resource holds.

use super::{OPERATIONS_MAX, Refusal, malformed};
use crate::fault::{Fault, Kind};
use serde_json::Value;

pub(super) struct Operation<'p> {
    /// Its place among the parameters.
    pub index: usize,
    pub path: &'p str,
    pub action: Action<'p>,
}

pub(super) enum Action<'p> {
    Add { name: &'p str, value: Given<'p> },
    Insert { index: usize, value: Given<'p> },
    Delete,
    Replace { value: Given<'p> },
    Move { source: usize, destination: usize },
}

/// What a part gives: `value[x]`, a resource, or further parts.
pub(super) enum Given<'p> {
    Value {
        /// The type as keys end in it: `Quantity` of `valueQuantity`; empty for a resource.
        suffix: &'p str,
        value: Option<&'p Value>,
        /// The id and extensions of a primitive.
        sibling: Option<&'p Value>,
    },
    Parts(&'p [Value]),
}

pub(super) fn operations(parameters: &Value) -> Result<Vec<Operation<'_>>, Fault> {
    if parameters.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
        return Err(Fault::new(Kind::Structure, "a FHIRPath Patch is a Parameters resource"));
    }
    let all = match parameters.get("parameter") {
        None => return Ok(Vec::new()),
        Some(Value::Array(all)) => all,
        Some(_) => {
            return Err(Fault::at(Kind::Structure, "Parameters.parameter", "it must be an array"));
        }
    };
    if all.len() > OPERATIONS_MAX {
        let why = format!("the patch has {} operations, {OPERATIONS_MAX} is the most", all.len());
        return Err(Fault::new(Kind::TooCostly, why));
    }
    let read = |(index, parameter)| {
        operation(index, parameter)
            .map_err(|(kind, why)| Fault::at(kind, format!("Parameters.parameter[{index}]"), why))
    };
    all.iter().enumerate().map(read).collect()
}

fn operation(index: usize, parameter: &Value) -> Result<Operation<'_>, Refusal> {
    if parameter.get("name").and_then(Value::as_str) != Some("operation") {
        return Err(malformed("a patch has parameters of the name 'operation' alone"));
    }
    let parts = Parts(parameter.get("part").and_then(Value::as_array).map_or(&[], Vec::as_slice));
    let value = || given(parts.part("value")?)?.ok_or_else(|| malformed("the part 'value' has no value"));
    let action = match parts.text("type")? {
        "add" => Action::Add { name: parts.text("name")?, value: value()? },
        "insert" => Action::Insert { index: parts.index("index")?, value: value()? },
        "delete" => Action::Delete,
        "replace" => Action::Replace { value: value()? },
        "move" => Action::Move { source: parts.index("source")?, destination: parts.index("destination")? },
        other => {
            let why = format!("the type '{other}' is not one of add, insert, delete, replace, move");
            return Err(malformed(why));
        }
    };
    Ok(Operation { index, path: parts.text("path")?, action })
}

struct Parts<'p>(&'p [Value]);

impl<'p> Parts<'p> {
    fn part(&self, name: &str) -> Result<&'p Value, Refusal> {
        let mut named = self.0.iter().filter(|part| part.get("name").and_then(Value::as_str) == Some(name));
        match (named.next(), named.next()) {
            (Some(part), None) => Ok(part),
            (None, _) => Err(malformed(format!("the part '{name}' is missing"))),
            _ => Err(malformed(format!("the part '{name}' stands twice"))),
        }
    }

    /// Text of any type that is text, since clients differ between code and string.
    fn text(&self, name: &str) -> Result<&'p str, Refusal> {
        let text = match given(self.part(name)?)? {
            Some(Given::Value { value: Some(value), .. }) => value.as_str(),
            _ => None,
        };
        text.ok_or_else(|| malformed(format!("the part '{name}' has no text")))
    }

    fn index(&self, name: &str) -> Result<usize, Refusal> {
        let number = match given(self.part(name)?)? {
            Some(Given::Value { value: Some(value), .. }) => value.as_u64(),
            _ => None,
        };
        let index = number.and_then(|n| usize::try_from(n).ok());
        index.ok_or_else(|| malformed(format!("the part '{name}' is not an index: an integer from 0")))
    }
}

/// Returns what a part gives; none when it gives nothing.
pub(super) fn given(part: &Value) -> Result<Option<Given<'_>>, Refusal> {
    let Some(members) = part.as_object() else {
        return Err(malformed("a part is not an object"));
    };
    if let Some(parts) = members.get("part") {
        let parts = parts.as_array().ok_or_else(|| malformed("'part' must be an array"))?;
        return Ok(Some(Given::Parts(parts)));
    }
    if let Some(resource) = members.get("resource") {
        return Ok(Some(Given::Value { suffix: "", value: Some(resource), sibling: None }));
    }
    let mut found: Option<Given<'_>> = None;
    for (key, content) in members {
        let (plain, beside) = match key.strip_prefix('_') {
            Some(plain) => (plain, true),
            None => (key.as_str(), false),
        };
        let Some(suffix) = plain.strip_prefix("value") else {
            continue;
        };
        let (mut value, mut sibling) = match &found {
            Some(Given::Value { suffix: other, .. }) if *other != suffix => {
                return Err(malformed("a part has two values of different types"));
            }
            Some(Given::Value { value, sibling, .. }) => (*value, *sibling),
            _ => (None, None),
        };
        *if beside { &mut sibling } else { &mut value } = Some(content);
        found = Some(Given::Value { suffix, value, sibling });
    }
    Ok(found)
}
