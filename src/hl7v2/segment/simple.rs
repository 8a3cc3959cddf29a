//! Amounts of medicines → SimpleQuantity: a number and its units, without a comparator.

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype::{self, quantity::Unit};
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use serde_json::Value;

/// Returns a number and a CWE that says its units; nothing where the number says nothing.
pub fn quantity(ctx: &Ctx, number: Part, units: Part) -> Option<Value> {
    let mut quantity = datatype::quantity_of(ctx, number, Some(units))?;
    // R4 sqty-1.
    if quantity.as_object_mut()?.remove("comparator").is_some() {
        ctx.warn(Code::DataType, number.at, "less or more than an amount is no amount; it was left out");
        return None;
    }
    Some(quantity)
}

/// Returns a CQ.
pub fn composite(ctx: &Ctx, part: Part) -> Option<Value> {
    quantity(ctx, part.part(1), part.part(2))
}

/// Returns a number of units of time.
pub fn of_time(number: impl Into<Value>, unit: &str) -> Value {
    Unit::ucum(unit, unit).quantity(number.into(), None)
}

/// Returns a number without units.
pub fn count(number: impl Into<Value>) -> Value {
    Unit::default().quantity(number.into(), None)
}
