//! Numbers: rounding, powers, logarithms, and totals of a collection.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#math>. What is not defined (the root of a negative number) is empty.

use super::super::arithmetic;
use super::super::ast::Op;
use super::super::compare;
use super::super::error::FhirpathError;
use super::super::item::Item;
use super::super::quantity::Quantity;
use super::super::units;
use super::conversion::whole;
use super::{Invocation, boolean, number};
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use rust_decimal::{Decimal, RoundingStrategy};

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

/// Returns the system value of the one item of the input, which must be a number or a quantity.
fn numeric<'a>(call: &mut Invocation<'_, 'a>) -> Result<Option<Item<'a>>, FhirpathError> {
    let Some(item) = call.input_value()? else {
        return Ok(None);
    };
    let label = item.type_label();
    match item.system() {
        Some(value @ (Item::Integer(_) | Item::Long(_) | Item::Decimal(_) | Item::Quantity(_))) => Ok(Some(value)),
        _ => Err(call.error(format!("a number is expected, not {label}"))),
    }
}

fn decimal(call: &mut Invocation<'_, '_>) -> Result<Option<Decimal>, FhirpathError> {
    Ok(numeric(call)?.and_then(|item| match item {
        Item::Quantity(q) => Some(q.value),
        other => other.as_decimal(),
    }))
}

pub(super) fn abs<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    Ok(numeric(&mut call)?.and_then(|item| match item {
        Item::Integer(i) => i.checked_abs().map(Item::Integer),
        Item::Long(i) => i.checked_abs().map(Item::Long),
        Item::Quantity(q) => Some(Item::Quantity(Quantity { value: q.value.abs(), unit: q.unit })),
        other => other.as_decimal().map(|d| Item::Decimal(d.abs())),
    }))
}

/// A number becomes an Integer, a quantity keeps its unit.
fn rounded<'a>(mut call: Invocation<'_, 'a>, round: impl Fn(Decimal) -> Decimal) -> One<'a> {
    Ok(numeric(&mut call)?.and_then(|item| match item {
        Item::Quantity(q) => Some(Item::Quantity(Quantity { value: round(q.value), unit: q.unit })),
        other => other.as_decimal().and_then(|d| whole(round(d))),
    }))
}

pub(super) fn ceiling<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    rounded(call, |d| d.ceil())
}

pub(super) fn floor<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    rounded(call, |d| d.floor())
}

pub(super) fn truncate<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    rounded(call, |d| d.trunc())
}

/// Halves go away from zero.
pub(super) fn round<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let digits = call.argument_integer(0)?.unwrap_or(0);
    let digits = u32::try_from(digits).map_err(|_| call.error("the digits cannot be fewer than 0"))?;
    let round = |d: Decimal| d.round_dp_with_strategy(digits.min(28), RoundingStrategy::MidpointAwayFromZero);
    Ok(numeric(&mut call)?.and_then(|item| match item {
        Item::Quantity(q) => Some(Item::Quantity(Quantity { value: round(q.value), unit: q.unit })),
        other => other.as_decimal().map(|d| Item::Decimal(round(d))),
    }))
}

/// Binary fractions show beyond 15 digits; that many are right.
fn from_f64(value: f64) -> Option<Decimal> {
    Decimal::from_f64(value).filter(|_| value.is_finite()).map(|d| d.normalize())
}

fn with_f64<'a>(mut call: Invocation<'_, 'a>, function: impl Fn(f64) -> f64) -> One<'a> {
    number(decimal(&mut call)?.and_then(|d| d.to_f64()).and_then(|x| from_f64(function(x))))
}

pub(super) fn exp<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    with_f64(call, f64::exp)
}

pub(super) fn ln<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    with_f64(call, f64::ln)
}

pub(super) fn sqrt<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    with_f64(call, f64::sqrt)
}

pub(super) fn log<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some(base) = call.argument_one(0)?.and_then(|b| b.as_decimal()).and_then(|b| b.to_f64()) else {
        return Ok(None);
    };
    // Dividing logarithms leaves 2.9999999999999996 for the logarithm of 1000; the special cases are exact.
    with_f64(call, |x| match base {
        2.0 => x.log2(),
        10.0 => x.log10(),
        _ => x.ln() / base.ln(),
    })
}

/// Whole exponents are computed exactly, as long as the result has at most 28 digits.
pub(super) fn power<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let exponent = call.argument_one(0)?;
    let Some(value) = numeric(&mut call)? else {
        return Ok(None);
    };
    let (Some(base), Some(exponent)) = (value.as_decimal(), exponent.as_ref().and_then(Item::as_decimal)) else {
        return Ok(None);
    };
    let exact = exponent.is_integer().then(|| exponent.to_i64()).flatten().filter(|e| (0..=1024).contains(e));
    let result = match exact {
        Some(exponent) => (0..exponent).try_fold(Decimal::ONE, |product, _| product.checked_mul(base)),
        None => base.to_f64().zip(exponent.to_f64()).and_then(|(x, y)| from_f64(x.powf(y))),
    };
    Ok(match value {
        Item::Integer(_) | Item::Long(_) => {
            result.and_then(|d| if d.is_integer() { whole(d) } else { Some(Item::Decimal(d)) })
        }
        _ => result.map(Item::Decimal),
    })
}

pub(super) fn sum<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    total(call.input)
}

fn total<'a>(items: Vec<Item<'a>>) -> One<'a> {
    if items.iter().any(Item::is_void) {
        return Ok(None);
    }
    let mut items = items.into_iter();
    let mut total = items.next();
    for item in items {
        total = arithmetic::apply(Op::Add, total, Some(item))?;
    }
    Ok(total.and_then(|item| item.system()))
}

pub(super) fn avg<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    let count = Item::Decimal(call.input.len().into());
    arithmetic::apply(Op::Divide, total(call.input)?, Some(count))
}

pub(super) fn min<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    extreme(call, false)
}

pub(super) fn max<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    extreme(call, true)
}

fn extreme<'a>(call: Invocation<'_, 'a>, largest: bool) -> One<'a> {
    if call.input.iter().any(Item::is_void) {
        return Ok(None);
    }
    let mut items = call.input.into_iter();
    let Some(mut best) = items.next() else { return Ok(None) };
    for item in items {
        let Some(ordering) = compare::order(&item, &best)? else {
            return Ok(None);
        };
        if ordering.is_ne() && ordering.is_gt() == largest {
            best = item;
        }
    }
    Ok(best.system())
}

/// Whether two quantities measure the same.
pub(super) fn comparable<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let other = call.argument_one(0)?.and_then(|item| item.system());
    let own = call.input_value()?.and_then(|item| item.system());
    match (own, other) {
        (Some(Item::Quantity(a)), Some(Item::Quantity(b))) => boolean(units::comparable(&a.unit, &b.unit)),
        _ => Ok(None),
    }
}
