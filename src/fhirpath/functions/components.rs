//! Parts of dates and times; what was not written is empty.
//!
//! FHIRPath 3 ballot <http://hl7.org/fhirpath/#extract-datetime-components>.

use super::super::error::FhirpathError;
use super::super::item::Item;
use super::super::temporal::{Precision, Temporal, TemporalKind};
use super::{Invocation, number};
use rust_decimal::Decimal;

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

/// Text that is a date or dateTime counts as one; other types have no parts.
fn temporal(call: &mut Invocation<'_, '_>) -> Result<Option<Temporal>, FhirpathError> {
    let item = call.input_value()?.and_then(|item| item.system());
    Ok(match item {
        Some(Item::Temporal(t)) => Some(t),
        Some(Item::String(text)) => Temporal::date_or_date_time(&text),
        _ => None,
    })
}

/// A time of day has no year, and a date no hour.
fn part<'a>(mut call: Invocation<'_, 'a>, least: Precision, of: impl Fn(&Temporal) -> i64) -> One<'a> {
    let on_calendar = least <= Precision::Day;
    let value = temporal(&mut call)?.filter(|t| (!on_calendar || t.kind != TemporalKind::Time) && t.precision >= least);
    Ok(value.map(|t| Item::Integer(of(&t))))
}

pub(super) fn year<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    part(call, Precision::Year, |t| t.year.into())
}

pub(super) fn month<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    part(call, Precision::Month, |t| t.month.into())
}

pub(super) fn day<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    part(call, Precision::Day, |t| t.day.into())
}

pub(super) fn hour<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    part(call, Precision::Hour, |t| t.hour.into())
}

pub(super) fn minute<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    part(call, Precision::Minute, |t| t.minute.into())
}

pub(super) fn second<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    part(call, Precision::Second, |t| t.second.into())
}

pub(super) fn millisecond<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let value = temporal(&mut call)?.filter(|t| t.digits > 0);
    Ok(value.map(|t| Item::Integer(i64::from(t.nanos / 1_000_000))))
}

/// In hours, east of UTC positive.
pub(super) fn timezone_offset<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let minutes = temporal(&mut call)?.and_then(|t| t.offset);
    number(minutes.map(|m| (Decimal::from(m) / Decimal::from(60)).normalize()))
}

pub(super) fn date<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let value = temporal(&mut call)?.filter(|t| t.kind != TemporalKind::Time);
    Ok(value.map(|t| {
        let precision = t.precision.min(Precision::Day);
        Item::Temporal(Temporal { precision, year: t.year, month: t.month, day: t.day, ..Temporal::EMPTY })
    }))
}

pub(super) fn time<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let value = temporal(&mut call)?.filter(|t| t.kind == TemporalKind::DateTime && t.precision >= Precision::Hour);
    Ok(value.map(|t| {
        let empty = Temporal::EMPTY;
        let (year, month, day) = (empty.year, empty.month, empty.day);
        Item::Temporal(Temporal { kind: TemporalKind::Time, year, month, day, offset: None, ..t })
    }))
}
