//! JSON Patch on resources.
//!
//! RFC 6902 <https://www.rfc-editor.org/rfc/rfc6902>, R4 <https://hl7.org/fhir/R4/http.html#patch>. Written here and
//! not taken from a crate for three reasons: the order of keys stays, `test` compares numbers by their value
//! (RFC 6902 4.6: `1.5` equals `1.50`), and what `copy` can grow is limited.

#[cfg(test)]
mod tests;

use crate::fault::{Fault, Kind};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Most operations in one patch.
pub const OPERATIONS_MAX: usize = 1_000;
/// Most values that the operations of one patch may add together, each member and item counted.
pub const ADDED_MAX: usize = 200_000;
/// Deepest nesting of the result.
pub const DEPTH_MAX: usize = 64;

/// Applies a patch; on a fault `doc` is as it was before.
///
/// A patch that is not one is [`Kind::Structure`]; one that does not fit the document, or whose `test` fails, is
/// [`Kind::BusinessRule`]. The message names the operation by its index.
pub fn apply(doc: &mut Value, patch: &Value) -> Result<(), Fault> {
    let Some(operations) = patch.as_array() else {
        return Err(Fault::new(Kind::Structure, "a JSON Patch is an array of operations"));
    };
    if operations.len() > OPERATIONS_MAX {
        let message = format!("the patch has {} operations, {OPERATIONS_MAX} is the most", operations.len());
        return Err(Fault::new(Kind::TooCostly, message));
    }
    let mut patched = doc.clone();
    let mut added = 0;
    for (i, operation) in operations.iter().enumerate() {
        let done = Operation::read(operation).and_then(|op| op.run(&mut patched, &mut added));
        done.map_err(|(kind, why)| Fault::new(kind, format!("JSON Patch, operation {i}: {why}")))?;
    }
    *doc = patched;
    Ok(())
}

type Refusal = (Kind, String);

fn malformed(why: impl Into<String>) -> Refusal {
    (Kind::Structure, why.into())
}

fn misfit(why: impl Into<String>) -> Refusal {
    (Kind::BusinessRule, why.into())
}

enum Operation<'p> {
    Add(&'p str, &'p Value),
    Remove(&'p str),
    Replace(&'p str, &'p Value),
    Move(&'p str, &'p str),
    Copy(&'p str, &'p str),
    Test(&'p str, &'p Value),
}

impl<'p> Operation<'p> {
    fn read(operation: &'p Value) -> Result<Operation<'p>, Refusal> {
        let Some(members) = operation.as_object() else {
            return Err(malformed("it is not an object"));
        };
        let text = |name: &str| match members.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(malformed(format!("'{name}' is not a string"))),
            None => Err(malformed(format!("'{name}' is missing"))),
        };
        let value = || members.get("value").ok_or_else(|| malformed("'value' is missing"));
        let path = || text("path").and_then(|path| pointer(path, "path"));
        let from = || text("from").and_then(|from| pointer(from, "from"));
        Ok(match text("op")? {
            "add" => Operation::Add(path()?, value()?),
            "remove" => Operation::Remove(path()?),
            "replace" => Operation::Replace(path()?, value()?),
            "move" => Operation::Move(from()?, path()?),
            "copy" => Operation::Copy(from()?, path()?),
            "test" => Operation::Test(path()?, value()?),
            other => {
                return Err(malformed(format!(
                    "the op '{other}' is not one of add, remove, replace, move, copy, test"
                )));
            }
        })
    }

    fn run(&self, doc: &mut Value, added: &mut usize) -> Result<(), Refusal> {
        match *self {
            Operation::Add(path, value) => {
                check_growth(path, value, added)?;
                add(doc, path, value.clone())
            }
            Operation::Remove(path) => remove(doc, path).map(|_| ()),
            Operation::Replace(path, value) => {
                check_growth(path, value, added)?;
                *find_mut(doc, path)? = value.clone();
                Ok(())
            }
            Operation::Move(from, path) if from == path => find(doc, from).map(|_| ()),
            Operation::Move(from, path) => {
                if path.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
                    return Err(misfit(format!("'{from}' cannot be moved into itself")));
                }
                let value = remove(doc, from)?;
                check_depth(path, &value)?;
                add(doc, path, value)
            }
            Operation::Copy(from, path) => {
                let value = find(doc, from)?.clone();
                check_growth(path, &value, added)?;
                add(doc, path, value)
            }
            Operation::Test(path, expected) => {
                if same(find(doc, path)?, expected) {
                    return Ok(());
                }
                Err(misfit(format!("the test failed: '{path}' has another value")))
            }
        }
    }
}

/// A pointer is empty or begins with a slash; `~` is written `~0`, `/` within a name `~1`.
fn pointer<'p>(text: &'p str, name: &str) -> Result<&'p str, Refusal> {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if escapes && (text.is_empty() || text.starts_with('/')) {
        return Ok(text);
    }
    Err(malformed(format!("'{name}' is not a JSON Pointer: '{text}'")))
}

fn check_growth(path: &str, value: &Value, added: &mut usize) -> Result<(), Refusal> {
    check_depth(path, value)?;
    *added += size(value);
    if *added > ADDED_MAX {
        return Err((Kind::TooCostly, format!("the patch adds more than {ADDED_MAX} values")));
    }
    Ok(())
}

fn check_depth(path: &str, value: &Value) -> Result<(), Refusal> {
    if path.matches('/').count() + depth(value) > DEPTH_MAX {
        return Err((Kind::TooCostly, format!("the result would be nested more than {DEPTH_MAX} deep")));
    }
    Ok(())
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn absent(path: &str) -> Refusal {
    misfit(format!("there is nothing at '{path}'"))
}

fn find<'d>(doc: &'d Value, path: &str) -> Result<&'d Value, Refusal> {
    doc.pointer(path).ok_or_else(|| absent(path))
}

fn find_mut<'d>(doc: &'d mut Value, path: &str) -> Result<&'d mut Value, Refusal> {
    doc.pointer_mut(path).ok_or_else(|| absent(path))
}

/// Returns the container that a pointer leads into, and the last name unescaped.
fn parent<'d>(doc: &'d mut Value, path: &str) -> Result<(&'d mut Value, String), Refusal> {
    let (before, last) = path.rsplit_once('/').ok_or_else(|| misfit("the whole document cannot be removed"))?;
    let last = last.replace("~1", "/").replace("~0", "~");
    Ok((find_mut(doc, before)?, last))
}

fn add(doc: &mut Value, path: &str, value: Value) -> Result<(), Refusal> {
    if path.is_empty() {
        *doc = value;
        return Ok(());
    }
    match parent(doc, path)? {
        (Value::Object(members), name) => {
            members.insert(name, value);
        }
        (Value::Array(items), name) => {
            let index = if name == "-" { items.len() } else { index(&name, items.len() + 1, path)? };
            items.insert(index, value);
        }
        _ => {
            return Err(misfit(format!("'{path}' leads into a value that is neither object nor array")));
        }
    }
    Ok(())
}

fn remove(doc: &mut Value, path: &str) -> Result<Value, Refusal> {
    match parent(doc, path)? {
        (Value::Object(members), name) => members.shift_remove(&name).ok_or_else(|| absent(path)),
        (Value::Array(items), name) => Ok(items.remove(index(&name, items.len(), path)?)),
        _ => Err(absent(path)),
    }
}

/// RFC 6901 4: digits without a leading zero.
fn index(name: &str, end: usize, path: &str) -> Result<usize, Refusal> {
    let is_number =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    let index = if is_number { name.parse().ok() } else { None };
    index.filter(|i| *i < end).ok_or_else(|| misfit(format!("'{path}': '{name}' is not an index of the array")))
}

/// RFC 6902 4.6: objects without regard to order, numbers by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || compare_numbers(a.as_str(), b.as_str()) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => same_members(a, b),
        _ => a == b,
    }
}

fn same_members(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
}

/// Compares JSON numbers of any length: equal when sign, significant digits and exponent are.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    normal(a).cmp(&normal(b))
}

/// Returns sign, significant digits and the exponent of the last of them.
fn normal(text: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let negative = mantissa.starts_with('-');
    let (whole, fraction) =
        mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa.trim_start_matches('-'), ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX / 2);
    (negative, significant.to_string(), exponent.saturating_sub(fraction.len() as i64).saturating_add(zeros as i64))
}
