//! The least and greatest value that a number, date or time as written can mean.
//!
//! FHIRPath <http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time>, also in R5 and
//! SQL on FHIR. `1.587` means 1.5865 to 1.5875; `2014` means 2014-01-01 to 2014-12-31.

use super::super::civil::days_in_month;
use super::super::error::FhirpathError;
use super::super::item::Item;
use super::super::quantity::Quantity;
use super::super::temporal::{Precision, Temporal, TemporalKind};
use super::Invocation;
use rust_decimal::{Decimal, RoundingStrategy};

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

/// Most digits after the point that a decimal has here.
const DIGITS_MAX: i64 = 28;

pub(super) fn low<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boundary(call, false)
}

pub(super) fn high<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boundary(call, true)
}

fn boundary<'a>(mut call: Invocation<'_, 'a>, high: bool) -> One<'a> {
    let digits = call.argument_integer(0)?;
    let Some(item) = call.input_value()? else {
        return Ok(None);
    };
    let label = item.type_label();
    match item.system() {
        Some(Item::Integer(i) | Item::Long(i)) => Ok(decimal(i.into(), digits, high).map(Item::Decimal)),
        Some(Item::Decimal(d)) => Ok(decimal(d, digits, high).map(Item::Decimal)),
        Some(Item::Quantity(q)) => {
            Ok(decimal(q.value, digits, high).map(|value| Item::Quantity(Quantity { value, unit: q.unit })))
        }
        Some(Item::Temporal(t)) => Ok(temporal(&t, digits, high).map(Item::Temporal)),
        _ => Err(call.error(format!("{label} has no boundaries"))),
    }
}

/// Half a step of the last digit written, then cut to the digits asked for (8 by default), outwards.
fn decimal(value: Decimal, digits: Option<i64>, high: bool) -> Option<Decimal> {
    let digits = digits.unwrap_or(8);
    if !(0..=DIGITS_MAX).contains(&digits) || value.scale() >= 28 {
        return None;
    }
    let half = Decimal::new(5, value.scale() + 1);
    let bound = if high { value.checked_add(half)? } else { value.checked_sub(half)? };
    let outwards = if high { RoundingStrategy::ToPositiveInfinity } else { RoundingStrategy::ToNegativeInfinity };
    let mut out = bound.round_dp_with_strategy(digits as u32, outwards);
    out.rescale(digits as u32);
    (i64::from(out.scale()) == digits).then_some(out)
}

/// Digits are counted as written: 4 a year, 6 a month, 8 a day; of a time 2, 4, 6 and 9, after a date 17 for all.
fn temporal(value: &Temporal, digits: Option<i64>, high: bool) -> Option<Temporal> {
    let is_time = value.kind == TemporalKind::Time;
    let digits = digits.unwrap_or(match value.kind {
        TemporalKind::Date => 8,
        TemporalKind::DateTime => 17,
        TemporalKind::Time => 9,
    });
    let digits = if is_time { digits + 8 } else { digits };
    let wanted = match digits {
        4 if !is_time => Precision::Year,
        6 if !is_time => Precision::Month,
        8 if !is_time => Precision::Day,
        10 => Precision::Hour,
        12 => Precision::Minute,
        14 | 17 => Precision::Second,
        _ => return None,
    };
    let mut out = *value;
    if high && !is_time {
        out.month = if value.precision < Precision::Month { 12 } else { value.month };
        out.day = if value.precision < Precision::Day { days_in_month(out.year, out.month) } else { value.day };
    }
    if high {
        out.hour = if value.precision < Precision::Hour { 23 } else { value.hour };
        out.minute = if value.precision < Precision::Minute { 59 } else { value.minute };
        out.second = if value.precision < Precision::Second { 59 } else { value.second };
        if value.precision < Precision::Second || value.digits < 3 {
            let filled = 10_u32.pow(9 - u32::from(value.digits)) - 1_000_000;
            out.nanos = value.nanos + filled;
        }
    }
    out.precision = wanted;
    out.digits = if digits == 17 { 3 } else { 0 };
    if wanted >= Precision::Hour && !is_time {
        out.kind = TemporalKind::DateTime;
        // Without a zone the moment may be as early as in the east (+14:00) or as late as in the west (-12:00).
        out.offset = value.offset.or(Some(if high { -12 * 60 } else { 14 * 60 }));
    } else if wanted <= Precision::Day {
        out.offset = None;
    }
    Some(out)
}

/// How many digits were written: of a decimal those after the point, of dates and times all of them.
pub(super) fn precision<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some(item) = call.input_value()? else {
        return Ok(None);
    };
    let label = item.type_label();
    let digits = match item.system() {
        Some(Item::Decimal(d)) => i64::from(d.scale()),
        Some(Item::Integer(_) | Item::Long(_)) => 0,
        Some(Item::Temporal(t)) => {
            let before = [4, 6, 8, 10, 12, 14][t.precision as usize];
            before + i64::from(t.digits) - if t.kind == TemporalKind::Time { 8 } else { 0 }
        }
        _ => return Err(call.error(format!("{label} has no precision"))),
    };
    Ok(Some(Item::Integer(digits)))
}
