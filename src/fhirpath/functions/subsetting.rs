//! Parts of a collection.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#subsetting>.

use super::super::equality;
use super::super::error::FhirpathError;
use super::super::item::Item;
use super::Invocation;

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;
type Done = Result<(), FhirpathError>;

pub(super) fn single<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    call.input_one()
}

pub(super) fn first<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    Ok(call.input.into_iter().next())
}

pub(super) fn last<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    Ok(call.input.pop())
}

pub(super) fn tail<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    out.extend(call.input.into_iter().skip(1));
    Ok(())
}

pub(super) fn skip<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let count = count(&mut call)?;
    out.extend(call.input.into_iter().skip(count));
    Ok(())
}

pub(super) fn take<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let count = count(&mut call)?;
    out.extend(call.input.into_iter().take(count));
    Ok(())
}

/// A number below zero counts as zero.
fn count(call: &mut Invocation<'_, '_>) -> Result<usize, FhirpathError> {
    let count = call.argument_integer(0)?;
    let count = count.ok_or_else(|| call.error("a number is expected, the argument is empty"))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

pub(super) fn intersect<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let other = call.argument(0)?;
    let mut both = Vec::new();
    for item in call.input {
        if equality::contains(call.evaluator, &other, &item)? {
            both.push(item);
        }
    }
    equality::push_distinct(call.evaluator, both, out)
}

pub(super) fn exclude<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let other = call.argument(0)?;
    for item in call.input {
        if !equality::contains(call.evaluator, &other, &item)? {
            out.push(item);
        }
    }
    Ok(())
}
