//! Numbers without a unit.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#number>: without a prefix the number stands for its rounding range.

use super::Emit;
use crate::fault::Fault;
use crate::search::column::Column;
use crate::search::condition::{Asked, Condition};
use crate::search::decimal::Decimal;
use crate::search::expr::{Comparison, Expr, Quantity};
use crate::search::sink::Sink;
use crate::ucum::Scaled;
use serde_json::Value;

pub const OPEN_BELOW: &str = "-infinity";
pub const OPEN_ABOVE: &str = "infinity";

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "decimal" | "integer" | "positiveInt" | "unsignedInt" => plain,
        "Range" => range,
        _ => return None,
    })
}

fn plain(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(text) = decimal(value) {
        sink.quantity(column, column.key, &text, &text);
    }
}

fn range(sink: &mut Sink, column: &Column, value: &Value) {
    let (low, high) = (end(value, "low"), end(value, "high"));
    if low.is_some() || high.is_some() {
        sink.quantity(column, column.key, low.as_deref().unwrap_or(OPEN_BELOW), high.as_deref().unwrap_or(OPEN_ABOVE));
    }
}

/// Returns the value of one end of a Range.
fn end(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.get("value").and_then(decimal)
}

/// Returns a JSON number to reckon with.
pub fn scaled(value: &Value) -> Option<Scaled> {
    match value {
        Value::Number(number) => Some(Decimal::parse(number.as_str())?.scaled()),
        _ => None,
    }
}

/// Returns a JSON number in the form that equal numbers share.
pub fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(Decimal::parse(number.as_str())?.text()),
        _ => None,
    }
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let whole = condition.text()?;
    let (comparison, number) = read(condition, &whole)?;
    Ok(Expr::or(asked.columns().map(|(column, _)| test(column, column.key, comparison, &number))))
}

/// Returns the prefix and the number of a value such as `le0.8`.
pub fn read(condition: &Condition, text: &str) -> Result<(Comparison, Decimal), Fault> {
    let (comparison, rest) = Comparison::split(text);
    match Decimal::parse(rest) {
        Some(number) => Ok((comparison, number)),
        None => Err(condition.invalid("is not a number such as 100, le5.40 or 1e-3")),
    }
}

/// Returns the test of the numbers under `key`, which is of `column` or of one unit in it.
pub fn test(column: &Column, key: i64, comparison: Comparison, number: &Decimal) -> Expr {
    let margin = if comparison == Comparison::Ap { number.tenth() } else { number.margin() };
    Expr::Quantity(Quantity { key, comparison, value: number.text(), margin, single: column.single })
}
