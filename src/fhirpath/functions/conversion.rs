//! Conversions between the system types, and `iif`.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#conversion>. What does not convert is empty, never an error.

use super::super::error::FhirpathError;
use super::super::evaluator::Scope;
use super::super::item::{Item, truth};
use super::super::quantity::{Quantity, Unit, is_decimal};
use super::super::temporal::{Precision, Temporal, TemporalKind};
use super::super::units;
use super::{Invocation, boolean};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

/// Only the branch that is taken is evaluated. The input, when there is one item, is `$this`.
pub(super) fn iif<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
    if call.input.len() > 1 {
        return Err(call.error(format!("one item is expected, here are {}", call.input.len())));
    }
    let input = std::mem::take(&mut call.input);
    let scope = Scope { this: &input, ..call.scope };
    let args = &call.call.args;
    let criterion = call.evaluator.collect(&args[0], scope)?;
    if call.evaluator.ctx.strict && criterion.iter().any(|c| c.as_bool().is_none()) {
        return Err(call.error("the criterion must be a Boolean"));
    }
    let branch = if truth(&criterion)? == Some(true) { args.get(1) } else { args.get(2) };
    branch.map_or(Ok(()), |ast| call.evaluator.eval(ast, scope, out))
}

/// Applies a conversion to the one item of the input.
fn convert<'a>(mut call: Invocation<'_, 'a>, to: impl Fn(&Item<'a>) -> Option<Item<'a>>) -> One<'a> {
    let item = call.input_value()?.and_then(|item| item.system());
    Ok(item.and_then(|item| to(&item)))
}

fn converts<'a>(mut call: Invocation<'_, 'a>, to: impl Fn(&Item<'a>) -> Option<Item<'a>>) -> One<'a> {
    match call.input_value()? {
        Some(item) => boolean(item.system().is_some_and(|item| to(&item).is_some())),
        None => Ok(None),
    }
}

fn as_boolean<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let word = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
        "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
        _ => None,
    };
    let value = match item {
        Item::Boolean(b) => Some(*b),
        Item::String(text) => word(text),
        other => {
            let number = other.as_decimal()?;
            (number == Decimal::ONE || number == Decimal::ZERO).then_some(number == Decimal::ONE)
        }
    };
    value.map(Item::Boolean)
}

fn as_long(item: &Item<'_>) -> Option<i64> {
    match item {
        Item::Integer(i) | Item::Long(i) => Some(*i),
        Item::Boolean(b) => Some((*b).into()),
        Item::String(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            if all_digits { text.parse().ok() } else { None }
        }
        _ => None,
    }
}

fn as_integer<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    as_long(item).filter(|i| i32::try_from(*i).is_ok()).map(Item::Integer)
}

fn as_decimal<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Boolean(b) => Decimal::from(i64::from(*b)),
        Item::String(text) => {
            let text = text.strip_prefix('+').unwrap_or(text);
            if is_decimal(text) {
                Decimal::from_str_exact(text).ok()?
            } else {
                return None;
            }
        }
        other => other.as_decimal()?,
    };
    Some(Item::Decimal(value))
}

/// Returns the text of a system value.
pub(super) fn text<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    Some(match item {
        Item::String(s) => Item::String(s.clone()),
        Item::Boolean(b) => Item::String(b.to_string().into()),
        Item::Integer(i) | Item::Long(i) => Item::String(i.to_string().into()),
        Item::Decimal(d) => Item::String(d.to_string().into()),
        Item::Temporal(t) => Item::String(t.to_string().into()),
        Item::Quantity(q) => Item::String(q.to_string().into()),
        Item::Node(_) | Item::TypeInfo { .. } => return None,
    })
}

/// A dateTime becomes its date.
fn as_date<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Temporal(t) => *t,
        Item::String(text) => Temporal::date_or_date_time(text)?,
        _ => return None,
    };
    let date = Temporal {
        kind: TemporalKind::Date,
        precision: value.precision.min(Precision::Day),
        year: value.year,
        month: value.month,
        day: value.day,
        ..Temporal::EMPTY
    };
    (value.kind != TemporalKind::Time).then_some(Item::Temporal(date))
}

/// A date becomes a dateTime of the same precision.
fn as_date_time<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Temporal(t) => *t,
        Item::String(text) => Temporal::date_or_date_time(text)?,
        _ => return None,
    };
    let is_date = value.kind != TemporalKind::Time;
    is_date.then_some(Item::Temporal(Temporal { kind: TemporalKind::DateTime, ..value }))
}

fn as_time<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    match item {
        Item::Temporal(t) if t.kind == TemporalKind::Time => Some(Item::Temporal(*t)),
        Item::String(text) => Temporal::time(text.strip_prefix('T').unwrap_or(text)).map(Item::Temporal),
        _ => None,
    }
}

fn as_quantity<'a>(item: &Item<'a>) -> Option<Quantity<'a>> {
    match item {
        Item::Quantity(q) => Some(q.clone()),
        Item::Boolean(b) => Some(Quantity::plain(i64::from(*b).into())),
        Item::String(text) => Quantity::parse(text),
        other => other.as_decimal().map(Quantity::plain),
    }
}

pub(super) fn to_boolean<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, as_boolean)
}

pub(super) fn converts_to_boolean<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, as_boolean)
}

pub(super) fn to_integer<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, as_integer)
}

pub(super) fn converts_to_integer<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, as_integer)
}

pub(super) fn to_long<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, |item| as_long(item).map(Item::Long))
}

pub(super) fn converts_to_long<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, |item| as_long(item).map(Item::Long))
}

pub(super) fn to_decimal<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, as_decimal)
}

pub(super) fn converts_to_decimal<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, as_decimal)
}

pub(super) fn to_string<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, text)
}

pub(super) fn converts_to_string<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, text)
}

pub(super) fn to_date<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, as_date)
}

pub(super) fn converts_to_date<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, as_date)
}

pub(super) fn to_date_time<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, as_date_time)
}

pub(super) fn converts_to_date_time<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, as_date_time)
}

pub(super) fn to_time<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    convert(call, as_time)
}

pub(super) fn converts_to_time<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    converts(call, as_time)
}

pub(super) fn to_quantity<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let unit = call.argument_text(0)?.map(|u| unit(&u));
    let item = call.input_value()?.and_then(|item| item.system());
    let quantity = item.as_ref().and_then(as_quantity);
    Ok(match (quantity, unit) {
        (Some(quantity), None) => Some(Item::Quantity(quantity)),
        (Some(quantity), Some(unit)) => {
            units::convert(&quantity, &unit).map(|value| Item::Quantity(Quantity { value, unit }))
        }
        (None, _) => None,
    })
}

pub(super) fn converts_to_quantity<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    if call.input.is_empty() {
        return Ok(None);
    }
    boolean(to_quantity(call)?.is_some())
}

fn unit(text: &str) -> Unit<'static> {
    let code = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(text);
    Unit::calendar(text).unwrap_or_else(|| Unit::ucum(code.to_string()))
}

/// Returns the whole part of a decimal as an Integer, where one holds it.
pub(super) fn whole<'a>(value: Decimal) -> Option<Item<'a>> {
    value.to_i64().map(Item::Integer)
}
