//! Quantities: a number and, where the query says so, a unit.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#quantity>: `number`, `number|system|code` and `number||code`, where the
//! last means the code or the text of the unit. Units of UCUM compare with one another: they are kept in base units.

use super::number::{self, OPEN_ABOVE, OPEN_BELOW};
use super::{Emit, sampled, text};
use crate::fault::Fault;
use crate::search::column::Column;
use crate::search::condition::{Asked, Condition};
use crate::search::decimal::Decimal;
use crate::search::expr::{Comparison, Expr, Missing, Quantity};
use crate::search::key::{Form, Keyer};
use crate::search::sink::Sink;
use crate::ucum::{self, Scaled, Unit};
use serde_json::Value;

const CURRENCIES: &str = "urn:iso:std:iso:4217";
/// Most digits of a number that is compared across units.
const DIGITS_MAX: usize = 28;

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "Quantity" | "Age" | "Count" | "Distance" | "Duration" | "SimpleQuantity" => quantity,
        "Money" => money,
        "Range" => range,
        "SampledData" => sampled::data,
        _ => return None,
    })
}

fn quantity(sink: &mut Sink, column: &Column, value: &Value) {
    let Some(number) = value.get("value").and_then(number::scaled) else {
        return;
    };
    // R4 2.24.0.10: the comparator says which side of the number the value lies on.
    let (lo, hi) = match text(value, "comparator") {
        Some("<" | "<=") => (None, Some(number)),
        Some(">" | ">=") => (Some(number), None),
        _ => (Some(number), Some(number)),
    };
    add(sink, column, value, lo, hi);
}

fn range(sink: &mut Sink, column: &Column, value: &Value) {
    let end = |name| value.get(name)?.get("value").and_then(number::scaled);
    let (low, high) = (end("low"), end("high"));
    if low.is_some() || high.is_some() {
        let unit = value.get(if low.is_some() { "low" } else { "high" }).unwrap_or(&Value::Null);
        add(sink, column, unit, low, high);
    }
}

fn money(sink: &mut Sink, column: &Column, value: &Value) {
    let Some(number) = value.get("value").and_then(number::decimal) else {
        return;
    };
    let ends = (number.as_str(), number.as_str());
    row(sink, column, column.key, ends);
    if let Some(currency) = text(value, "currency") {
        in_unit(sink, column, Form::Unit, CURRENCIES, currency, ends);
        in_unit(sink, column, Form::UnitText, currency, "", ends);
    }
}

/// Adds a value with the unit that `unit` says; an end that is missing is open.
pub fn add(sink: &mut Sink, column: &Column, unit: &Value, lo: Option<Scaled>, hi: Option<Scaled>) {
    let (low, high) = ends(lo, hi);
    let ends = (low.as_str(), high.as_str());
    row(sink, column, column.key, ends);
    let (system, code, name) = (text(unit, "system"), text(unit, "code"), text(unit, "unit"));
    if let Some(system) = system {
        let key = sink.keyer.term(column.key, Form::System, system, "");
        sink.present.push(key);
    }
    if let Some(code) = code {
        match ucum_unit(system.unwrap_or_default(), code) {
            Some(unit) => in_base_units(sink, column, &unit, lo, hi),
            None => in_unit(sink, column, Form::Unit, system.unwrap_or_default(), code, ends),
        }
        in_unit(sink, column, Form::UnitText, code, "", ends);
    }
    if let Some(name) = name.filter(|name| Some(*name) != code) {
        in_unit(sink, column, Form::UnitText, name, "", ends);
    }
}

fn ends(lo: Option<Scaled>, hi: Option<Scaled>) -> (String, String) {
    (lo.map_or_else(|| OPEN_BELOW.into(), Scaled::text), hi.map_or_else(|| OPEN_ABOVE.into(), Scaled::text))
}

fn ucum_unit(system: &str, code: &str) -> Option<Unit> {
    if system == ucum::SYSTEM { ucum::parse(code) } else { None }
}

/// Takes the place of the row of the unit itself, so that one row answers for every unit of its dimension.
fn in_base_units(sink: &mut Sink, column: &Column, unit: &Unit, lo: Option<Scaled>, hi: Option<Scaled>) {
    let base = |end: Option<Scaled>| end.map(|end| unit.to_base(end));
    let (low, high) = ends(base(lo), base(hi));
    let key = dimension_key(&sink.keyer, column, unit);
    row(sink, column, key, (&low, &high));
}

fn dimension_key(keyer: &Keyer, column: &Column, unit: &Unit) -> i64 {
    let exponents = unit.dimension.exponents.map(i8::cast_unsigned);
    let (name, exponent) = unit.dimension.arbitrary.unwrap_or_default();
    let arbitrary = [exponent.cast_unsigned()];
    keyer.hash(&[b"dimension", &column.key.to_le_bytes(), &exponents, name.as_bytes(), &arbitrary])
}

fn in_unit(sink: &mut Sink, column: &Column, form: Form, first: &str, second: &str, ends: (&str, &str)) {
    let key = sink.keyer.term(column.key, form, first, second);
    row(sink, column, key, ends);
}

fn row(sink: &mut Sink, column: &Column, key: i64, (lo, hi): (&str, &str)) {
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
    let unit = ucum_unit(system, code);
    if unit.is_some() && number.digits_written() > DIGITS_MAX {
        return Err(condition.invalid(&format!("has more than {DIGITS_MAX} digits, too many to compare across units")));
    }
    let keyer = &asked.registry.keyer;
    Ok(Expr::or(asked.columns().map(|(column, _)| {
        let test = |key| number::test(column, key, comparison, &number);
        match (system, code, &unit) {
            ("", "", _) => test(column.key),
            ("", code, _) => test(keyer.term(column.key, Form::UnitText, code, "")),
            // Not a form of R4, but a common one. Systems are few, so the shape of a resource tells them.
            (system, "", _) => {
                let systems = vec![keyer.term(column.key, Form::System, system, "")];
                let without = Expr::Missing(Missing { types: vec![asked.resource_type], columns: systems });
                Expr::and([test(column.key), Expr::not(without)])
            }
            (_, _, Some(unit)) => base_test(keyer, column, unit, comparison, &number),
            (system, code, None) => test(keyer.term(column.key, Form::Unit, system, code)),
        }
    })))
}

/// Returns the test in base units. What counts as equal is reckoned in the unit of the query: both of its limits are
/// converted, for on a scale with an origin of its own a width is no value.
fn base_test(keyer: &Keyer, column: &Column, unit: &Unit, comparison: Comparison, number: &Decimal) -> Expr {
    let value = number.scaled();
    let margin = if comparison == Comparison::Ap { number.tenth_scaled() } else { number.margin_scaled() };
    let (lo, hi) = (unit.to_base(value.minus(margin)), unit.to_base(value.plus(margin)));
    let half = Scaled::new(5, -1);
    let (value, margin) = match comparison {
        Comparison::Eq | Comparison::Ne | Comparison::Ap => (lo.plus(hi).times(half), hi.minus(lo).times(half)),
        _ => (unit.to_base(value), Scaled::ZERO),
    };
    Expr::Quantity(Quantity {
        key: dimension_key(keyer, column, unit),
        comparison,
        value: value.text(),
        margin: margin.text(),
        single: column.single,
    })
}
