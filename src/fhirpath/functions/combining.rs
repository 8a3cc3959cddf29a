//! Two collections become one.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#combining>.

use super::super::equality;
use super::super::error::FhirpathError;
use super::super::item::Item;
use super::Invocation;

type Done = Result<(), FhirpathError>;

pub(super) fn union<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let other = call.argument(0)?;
    call.input.extend(other);
    equality::push_distinct(call.evaluator, call.input, out)
}

pub(super) fn combine<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let other = call.argument(0)?;
    call.evaluator.spend(call.input.len() + other.len())?;
    out.extend(call.input);
    out.extend(other);
    Ok(())
}

/// The first argument that is not empty.
pub(super) fn coalesce<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    for i in 0..call.call.args.len() {
        let items = call.argument(i)?;
        if !items.is_empty() {
            out.extend(items);
            return Ok(());
        }
    }
    Ok(())
}
