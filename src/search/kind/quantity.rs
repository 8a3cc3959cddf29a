//! Quantities: a number and, where the query says so, a unit.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#quantity>: `number`, `number|system|code` and `number||code`, where the
//! last means the code or the text of the unit.

use super::number::{self, OPEN_ABOVE, OPEN_BELOW};
use super::{Emit, text};
use crate::fault::Fault;
use crate::search::column::Column;
use crate::search::condition::{Asked, Condition};
use crate::search::expr::{Expr, Missing};
use crate::search::key::Form;
use crate::search::sink::Sink;
use serde_json::Value;

const CURRENCIES: &str = "urn:iso:std:iso:4217";

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "Quantity" | "Age" | "Count" | "Distance" | "Duration" | "SimpleQuantity" => quantity,
        "Money" => money,
        "Range" => range,
        _ => return None,
    })
}

fn quantity(sink: &mut Sink, column: &Column, value: &Value) {
    let Some(number) = value.get("value").and_then(number::decimal) else {
        return;
    };
    // R4 2.24.0.10: the comparator says which side of the number the value lies on.
    let (lo, hi) = match text(value, "comparator") {
        Some("<" | "<=") => (OPEN_BELOW, number.as_str()),
        Some(">" | ">=") => (number.as_str(), OPEN_ABOVE),
        _ => (number.as_str(), number.as_str()),
    };
    add(sink, column, value, lo, hi);
}

fn range(sink: &mut Sink, column: &Column, value: &Value) {
    let (low, high) = (number::end(value, "low"), number::end(value, "high"));
    if let Some(unit) = low.as_ref().map_or_else(|| value.get("high").filter(|_| high.is_some()), |_| value.get("low"))
    {
        add(sink, column, unit, low.as_deref().unwrap_or(OPEN_BELOW), high.as_deref().unwrap_or(OPEN_ABOVE));
    }
}

fn money(sink: &mut Sink, column: &Column, value: &Value) {
    let Some(number) = value.get("value").and_then(number::decimal) else {
        return;
    };
    sink.quantity(column, column.key, &number, &number);
    if let Some(currency) = text(value, "currency") {
        in_unit(sink, column, Form::Unit, CURRENCIES, currency, (&number, &number));
        in_unit(sink, column, Form::UnitText, currency, "", (&number, &number));
    }
}

/// Adds a value with the units that stand in `unit`.
fn add(sink: &mut Sink, column: &Column, unit: &Value, lo: &str, hi: &str) {
    sink.quantity(column, column.key, lo, hi);
    let (code, name) = (text(unit, "code"), text(unit, "unit"));
    if let Some(system) = text(unit, "system") {
        let key = sink.keyer.term(column.key, Form::System, system, "");
        sink.present.push(key);
    }
    if let Some(code) = code {
        in_unit(sink, column, Form::Unit, text(unit, "system").unwrap_or_default(), code, (lo, hi));
        in_unit(sink, column, Form::UnitText, code, "", (lo, hi));
    }
    if let Some(name) = name.filter(|name| Some(*name) != code) {
        in_unit(sink, column, Form::UnitText, name, "", (lo, hi));
    }
}

fn in_unit(sink: &mut Sink, column: &Column, form: Form, first: &str, second: &str, (lo, hi): (&str, &str)) {
    let key = sink.keyer.term(column.key, form, first, second);
    sink.quantity(column, key, lo, hi);
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let parts = condition.parts('|')?;
    let (whole, system, code) = match &parts[..] {
        [whole] => (whole, "", ""),
        [whole, system] if !system.is_empty() => (whole, &**system, ""),
        [whole, system, code] if !code.is_empty() => (whole, &**system, &**code),
        _ => return Err(condition.invalid("does not have the form number, number|system|code or number||code")),
    };
    let (comparison, number) = number::read(condition, whole)?;
    let keyer = &asked.registry.keyer;
    Ok(Expr::or(asked.columns().map(|(column, _)| {
        let test = |key| number::test(column, key, comparison, &number);
        match (system, code) {
            ("", "") => test(column.key),
            ("", code) => test(keyer.term(column.key, Form::UnitText, code, "")),
            // Not a form of R4, but a common one. Systems are few, so the shape of a resource tells them.
            (system, "") => {
                let systems = vec![keyer.term(column.key, Form::System, system, "")];
                let without = Expr::Missing(Missing { types: vec![asked.resource_type], columns: systems });
                Expr::and([test(column.key), Expr::not(without)])
            }
            (system, code) => test(keyer.term(column.key, Form::Unit, system, code)),
        }
    })))
}
