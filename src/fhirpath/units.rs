//! Comparing and converting quantities.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#quantity-equality>. A unit whose code is not known is comparable with
//! itself alone.

use super::equality::equivalent_numbers;
use super::quantity::{Calendar, Quantity, Unit};
use crate::ucum::{self, Dimension, Scaled};
use rust_decimal::Decimal;
use std::cmp::Ordering;

/// A unit in base units.
#[derive(Clone, Copy, PartialEq)]
struct Base {
    factor: Decimal,
    measures: Measures,
}

#[derive(Clone, Copy, PartialEq)]
enum Measures {
    /// Months of the calendar, which have no fixed length.
    Months,
    Ucum(Dimension),
}

const TIME: Measures = Measures::Ucum(Dimension { exponents: [0, 1, 0, 0, 0, 0, 0, 0], arbitrary: None });

/// Returns whether two quantities are equal; none between a calendar year or month and a span of fixed length.
pub(super) fn equal(a: &Quantity<'_>, b: &Quantity<'_>) -> Option<bool> {
    if a.unit == b.unit {
        return Some(a.value == b.value);
    }
    if is_calendar_against_fixed(a, b) {
        return None;
    }
    Some(order(a, b) == Some(Ordering::Equal))
}

/// Returns whether two quantities are equivalent; a calendar year is equivalent to UCUM's mean year.
pub(super) fn equivalent(a: &Quantity<'_>, b: &Quantity<'_>) -> bool {
    if a.unit == b.unit {
        return equivalent_numbers(a.value, b.value);
    }
    match in_base(&as_mean(a), &as_mean(b)) {
        Some((a, b)) => equivalent_numbers(a, b),
        None => false,
    }
}

/// Returns the order of two quantities; none when their units do not compare.
pub(super) fn order(a: &Quantity<'_>, b: &Quantity<'_>) -> Option<Ordering> {
    if a.unit == b.unit {
        return Some(a.value.cmp(&b.value));
    }
    in_base(a, b).map(|(a, b)| a.cmp(&b))
}

/// Returns both values in the same base units; none when the units are of different dimensions or not known.
fn in_base(a: &Quantity<'_>, b: &Quantity<'_>) -> Option<(Decimal, Decimal)> {
    let (x, y) = (base(&a.unit)?, base(&b.unit)?);
    if x.measures != y.measures {
        return None;
    }
    Some((a.value.checked_mul(x.factor)?, b.value.checked_mul(y.factor)?))
}

/// Returns whether the units measure the same.
pub(super) fn comparable(a: &Unit<'_>, b: &Unit<'_>) -> bool {
    a == b || matches!((base(a), base(b)), (Some(a), Some(b)) if a.measures == b.measures)
}

/// Returns whether a unit is smaller than another of the same dimension.
pub(super) fn is_finer(a: &Unit<'_>, b: &Unit<'_>) -> bool {
    matches!((base(a), base(b)), (Some(a), Some(b)) if a.measures == b.measures && a.factor < b.factor)
}

/// Returns the value of a quantity in another unit; a calendar month counts 30 days then, a year 365.
pub(super) fn convert(quantity: &Quantity<'_>, unit: &Unit<'_>) -> Option<Decimal> {
    if quantity.unit == *unit {
        return Some(quantity.value);
    }
    let (mut from, to) = (base(&quantity.unit)?, base(unit)?);
    let days = match quantity.unit {
        Unit::Calendar(Calendar::Year) => Some(365),
        Unit::Calendar(Calendar::Month) => Some(30),
        _ => None,
    };
    if let (Some(days), Unit::Calendar(_), TIME) = (days, unit, to.measures) {
        from = Base { factor: Decimal::from(days * 86_400), measures: TIME };
    }
    if from.measures != to.measures {
        return None;
    }
    quantity.value.checked_mul(from.factor)?.checked_div(to.factor).map(|d| d.normalize())
}

fn is_calendar_against_fixed(a: &Quantity<'_>, b: &Quantity<'_>) -> bool {
    let measures = |q: &Quantity<'_>| base(&q.unit).map(|b| b.measures);
    matches!((measures(a), measures(b)), (Some(Measures::Months), Some(TIME)) | (Some(TIME), Some(Measures::Months)))
}

fn as_mean<'a>(quantity: &'a Quantity<'a>) -> Quantity<'a> {
    let unit = match &quantity.unit {
        Unit::Calendar(Calendar::Year) => Unit::ucum("a"),
        Unit::Calendar(Calendar::Month) => Unit::ucum("mo"),
        _ => return quantity.borrow(),
    };
    Quantity { value: quantity.value, unit }
}

fn base(unit: &Unit<'_>) -> Option<Base> {
    match unit {
        Unit::Calendar(Calendar::Year) => Some(Base { factor: Decimal::from(12), measures: Measures::Months }),
        Unit::Calendar(Calendar::Month) => Some(Base { factor: Decimal::ONE, measures: Measures::Months }),
        Unit::Calendar(word) => ucum_base(word.ucum()?),
        Unit::Ucum(code) => ucum_base(code),
    }
}

/// Returns a code in base units; none for scales with an origin of their own, whose values cannot be multiplied.
fn ucum_base(code: &str) -> Option<Base> {
    let unit = ucum::parse(code).filter(|unit| unit.origin == Scaled::ZERO)?;
    let factor = decimal(unit.factor.of(Scaled::new(1, 0)))?;
    (!factor.is_zero()).then_some(Base { factor, measures: Measures::Ucum(unit.dimension) })
}

/// Returns the number with as many digits as a decimal of FHIRPath has.
fn decimal(number: Scaled) -> Option<Decimal> {
    const DIGITS_END: i128 = 10i128.pow(28);
    let (mut mantissa, mut exponent) = (number.mantissa(), number.exponent());
    while exponent < -28 || mantissa.abs() >= DIGITS_END {
        (mantissa, exponent) = (mantissa / 10, exponent + 1);
    }
    while exponent > 0 && mantissa.abs() < DIGITS_END {
        (mantissa, exponent) = (mantissa * 10, exponent - 1);
    }
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(-exponent).ok()?).ok()
}

/// Returns the unit of a product.
pub(super) fn product(a: &Unit<'_>, b: &Unit<'_>) -> Option<Unit<'static>> {
    match (a, b) {
        (one, other) | (other, one) if is_one(one) => Some(other.to_owned()),
        _ => Some(Unit::ucum(format!("{}.{}", code(a)?, grouped(code(b)?)))),
    }
}

fn is_one(unit: &Unit<'_>) -> bool {
    matches!(unit, Unit::Ucum(code) if code == "1")
}

/// Returns the unit of a quotient.
pub(super) fn quotient(a: &Unit<'_>, b: &Unit<'_>) -> Option<Unit<'static>> {
    if is_one(b) {
        return Some(a.to_owned());
    }
    let (a, b) = (code(a)?, code(b)?);
    Some(Unit::ucum(if a == b { "1".to_string() } else { format!("{a}/{}", grouped(b)) }))
}

fn code<'u>(unit: &'u Unit<'_>) -> Option<&'u str> {
    match unit {
        Unit::Ucum(code) => Some(code),
        Unit::Calendar(word) => word.ucum(),
    }
}

fn grouped(code: &str) -> String {
    if code.contains(['.', '/']) { format!("({code})") } else { code.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity<'static> {
        Quantity::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn quantities_compare_across_units() {
        let cases = [
            ("4 'g'", "4000 'mg'", Some(true)),
            ("4 'g'", "4040 'mg'", Some(false)),
            ("7 days", "1 'wk'", Some(true)),
            ("1 year", "1 'a'", None),
            ("1 year", "12 months", Some(true)),
            ("1 'g'", "1 'm'", Some(false)),
            ("1 'm3'", "1000 'L'", Some(true)),
            ("90 'mm[Hg]'", "9 'cm[Hg]'", Some(true)),
            ("1 'kg.m/s2'", "1 'N'", Some(true)),
            ("1 '[iU]'", "1 '[iU]'", Some(true)),
            ("1 '[iU]'", "1 'U'", Some(false)),
            ("5 '10*3/uL'", "5 '10*9/L'", Some(true)),
            ("1 'mol{x}/L'", "1000 'mmol/L'", Some(true)),
        ];
        for (a, b, expected) in cases {
            assert_eq!(equal(&q(a), &q(b)), expected, "{a} {b}");
        }
    }
}
