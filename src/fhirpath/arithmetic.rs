//! `+ - * / div mod &` and the sign.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#math>. What overflows, and what is divided by zero, is empty.

use super::ast::Op;
use super::calendar;
use super::error::FhirpathError;
use super::item::Item;
use super::quantity::Quantity;
use super::units;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::borrow::Cow;

/// Longest text that an operator or function may build.
pub(super) const TEXT_MAX: usize = 1024 * 1024;

/// Returns the result of a binary operator of arithmetic.
pub(super) fn apply<'a>(op: Op, a: Option<Item<'a>>, b: Option<Item<'a>>) -> Result<Option<Item<'a>>, FhirpathError> {
    if op == Op::Concatenate {
        return concatenate(a, b).map(Some);
    }
    let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
    let mismatch = || {
        let (symbol, a, b) = (op.symbol(), a.type_label(), b.type_label());
        FhirpathError::evaluation(format!("'{symbol}' does not work on {a} and {b}"))
    };
    let (Some(x), Some(y)) = (a.system(), b.system()) else {
        return Err(mismatch());
    };
    match (x, y) {
        (Item::Integer(x), Item::Integer(y)) => Ok(integers(op, x, y, Item::Integer)),
        (Item::Integer(x) | Item::Long(x), Item::Integer(y) | Item::Long(y)) => Ok(integers(op, x, y, Item::Long)),
        (Item::String(x), Item::String(y)) if op == Op::Add => joined(&x, &y).map(Some),
        (Item::Temporal(t), Item::Quantity(q)) if matches!(op, Op::Add | Op::Subtract) => {
            calendar::add(&t, &q, op == Op::Subtract).map(|t| t.map(Item::Temporal))
        }
        (Item::Quantity(x), Item::Quantity(y)) => quantities(op, &x, &y).ok_or_else(mismatch),
        (Item::Quantity(x), y) if y.as_decimal().is_some() => {
            let y = Quantity::plain(y.as_decimal().unwrap_or_default());
            quantities(op, &x, &y).ok_or_else(mismatch)
        }
        (x, Item::Quantity(y)) if x.as_decimal().is_some() => {
            let x = Quantity::plain(x.as_decimal().unwrap_or_default());
            quantities(op, &x, &y).ok_or_else(mismatch)
        }
        (x, y) => match (x.as_decimal(), y.as_decimal()) {
            (Some(x), Some(y)) => Ok(decimals(op, x, y)),
            _ => Err(mismatch()),
        },
    }
}

fn concatenate<'a>(a: Option<Item<'a>>, b: Option<Item<'a>>) -> Result<Item<'a>, FhirpathError> {
    let text = |item: Option<Item<'a>>| match item {
        None => Ok(Cow::Borrowed("")),
        Some(item) => {
            let label = item.type_label();
            item.into_text().ok_or_else(|| FhirpathError::evaluation(format!("'&' joins strings, not {label}")))
        }
    };
    joined(&text(a)?, &text(b)?)
}

fn joined<'a>(a: &str, b: &str) -> Result<Item<'a>, FhirpathError> {
    check_length(a.len() + b.len())?;
    Ok(Item::String(Cow::Owned([a, b].concat())))
}

pub(super) fn check_length(length: usize) -> Result<(), FhirpathError> {
    if length > TEXT_MAX {
        return Err(FhirpathError::TooCostly(format!("a text of more than {TEXT_MAX} bytes would be built")));
    }
    Ok(())
}

fn integers<'a>(op: Op, x: i64, y: i64, wrap: fn(i64) -> Item<'a>) -> Option<Item<'a>> {
    let value = match op {
        Op::Add => x.checked_add(y),
        Op::Subtract => x.checked_sub(y),
        Op::Multiply => x.checked_mul(y),
        Op::Div => x.checked_div(y),
        Op::Mod => x.checked_rem(y),
        _ => return decimals(op, x.into(), y.into()),
    };
    let is_narrow = matches!(wrap(0), Item::Integer(_));
    value.filter(|v| !is_narrow || i32::try_from(*v).is_ok()).map(wrap)
}

fn decimals<'a>(op: Op, x: Decimal, y: Decimal) -> Option<Item<'a>> {
    if op == Op::Div {
        return x.checked_div(y).and_then(|d| d.trunc().to_i64()).map(Item::Integer);
    }
    let value = match op {
        Op::Add => x.checked_add(y),
        Op::Subtract => x.checked_sub(y),
        Op::Multiply => x.checked_mul(y),
        Op::Divide => x.checked_div(y),
        Op::Mod => x.checked_rem(y),
        _ => None,
    };
    value.map(Item::Decimal)
}

/// The outer none is an operator that quantities do not have; the inner one is an empty result.
fn quantities<'a>(op: Op, x: &Quantity<'_>, y: &Quantity<'_>) -> Option<Option<Item<'a>>> {
    let unit = match op {
        Op::Add | Op::Subtract => return Some(sum(op, x, y)),
        Op::Multiply => units::product(&x.unit, &y.unit),
        Op::Divide => units::quotient(&x.unit, &y.unit),
        _ => return None,
    };
    let value = if op == Op::Multiply { x.value.checked_mul(y.value) } else { x.value.checked_div(y.value) };
    Some(value.zip(unit).map(|(value, unit)| Item::Quantity(Quantity { value, unit })))
}

/// <http://hl7.org/fhirpath/N1/#addition>: the result has the more granular unit of both.
fn sum<'a>(op: Op, x: &Quantity<'_>, y: &Quantity<'_>) -> Option<Item<'a>> {
    let unit = if units::is_finer(&y.unit, &x.unit) { &y.unit } else { &x.unit };
    let (a, b) = (units::convert(x, unit)?, units::convert(y, unit)?);
    let value = if op == Op::Add { a.checked_add(b)? } else { a.checked_sub(b)? };
    Some(Item::Quantity(Quantity { value, unit: unit.to_owned() }))
}

pub(super) fn negate<'a>(item: Option<Item<'a>>) -> Result<Option<Item<'a>>, FhirpathError> {
    let Some(item) = item else { return Ok(None) };
    match item.system() {
        Some(Item::Integer(i)) => Ok(i.checked_neg().map(Item::Integer)),
        Some(Item::Long(i)) => Ok(i.checked_neg().map(Item::Long)),
        Some(Item::Decimal(d)) => Ok(Some(Item::Decimal(-d))),
        Some(Item::Quantity(q)) => Ok(Some(Item::Quantity(Quantity { value: -q.value, unit: q.unit }))),
        _ => Err(FhirpathError::evaluation(format!("'-' does not work on {}", item.type_label()))),
    }
}
