//! Whether there is something, how much, and how collections contain each other.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#existence>.

use super::super::equality;
use super::super::error::FhirpathError;
use super::super::item::{Item, truth};
use super::{Invocation, boolean};

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

pub(super) fn empty<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boolean(call.input.is_empty())
}

pub(super) fn exists<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    if call.arg(0).is_none() {
        return boolean(!call.input.is_empty());
    }
    for (i, item) in std::mem::take(&mut call.input).iter().enumerate() {
        if call.criterion(0, item, i)? == Some(true) {
            return boolean(true);
        }
    }
    boolean(false)
}

pub(super) fn all<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    for (i, item) in std::mem::take(&mut call.input).iter().enumerate() {
        if call.criterion(0, item, i)? != Some(true) {
            return boolean(false);
        }
    }
    boolean(true)
}

pub(super) fn all_true<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boolean(booleans(&call)?.all(|b| b))
}

pub(super) fn any_true<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boolean(booleans(&call)?.any(|b| b))
}

pub(super) fn all_false<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boolean(booleans(&call)?.all(|b| !b))
}

pub(super) fn any_false<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boolean(booleans(&call)?.any(|b| !b))
}

fn booleans(call: &Invocation<'_, '_>) -> Result<impl Iterator<Item = bool>, FhirpathError> {
    let mut values = Vec::with_capacity(call.input.len());
    for item in &call.input {
        let value = item.as_bool();
        values.push(value.ok_or_else(|| call.error(format!("{} is not a Boolean", item.type_label())))?);
    }
    Ok(values.into_iter())
}

pub(super) fn subset_of<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let other = call.argument(0)?;
    let input = std::mem::take(&mut call.input);
    is_subset(call, &input, &other)
}

pub(super) fn superset_of<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let other = call.argument(0)?;
    let input = std::mem::take(&mut call.input);
    is_subset(call, &other, &input)
}

fn is_subset<'a>(call: Invocation<'_, 'a>, small: &[Item<'a>], large: &[Item<'a>]) -> One<'a> {
    for item in small {
        if !equality::contains(call.evaluator, large, item)? {
            return boolean(false);
        }
    }
    boolean(true)
}

pub(super) fn count<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    Ok(Some(Item::Integer(call.input.len() as i64)))
}

pub(super) fn distinct<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
    equality::push_distinct(call.evaluator, call.input, out)
}

pub(super) fn is_distinct<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    let count = call.input.len();
    let mut out = Vec::new();
    equality::push_distinct(call.evaluator, call.input, &mut out)?;
    boolean(out.len() == count)
}

pub(super) fn not<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    Ok(truth(&call.input)?.map(|b| Item::Boolean(!b)))
}
