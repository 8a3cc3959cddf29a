//! The clock, `trace` and `type`.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#utility-functions>. All of one evaluation sees the same moment.

use super::super::error::FhirpathError;
use super::super::evaluator::Evaluator;
use super::super::item::Item;
use super::super::temporal::{Precision, Temporal, TemporalKind};
use super::super::types;
use super::Invocation;
use jiff::Zoned;

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

fn moment(evaluator: &mut Evaluator<'_>) -> Temporal {
    *evaluator.now.get_or_insert_with(|| {
        let now = Zoned::now();
        let milliseconds = now.millisecond();
        Temporal {
            kind: TemporalKind::DateTime,
            precision: Precision::Second,
            year: now.year(),
            month: now.month().unsigned_abs(),
            day: now.day().unsigned_abs(),
            hour: now.hour().unsigned_abs(),
            minute: now.minute().unsigned_abs(),
            second: now.second().unsigned_abs(),
            nanos: u32::from(milliseconds.unsigned_abs()) * 1_000_000,
            digits: 3,
            offset: Some((now.offset().seconds() / 60) as i16),
        }
    })
}

pub(super) fn now<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    Ok(Some(Item::Temporal(moment(call.evaluator))))
}

pub(super) fn today<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    let now = moment(call.evaluator);
    let (year, month, day) = (now.year, now.month, now.day);
    Ok(Some(Item::Temporal(Temporal { precision: Precision::Day, year, month, day, ..Temporal::EMPTY })))
}

pub(super) fn time_of_day<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    let now = moment(call.evaluator);
    let (hour, minute, second, nanos, digits) = (now.hour, now.minute, now.second, now.nanos, now.digits);
    let kind = TemporalKind::Time;
    let precision = Precision::Second;
    Ok(Some(Item::Temporal(Temporal { kind, precision, hour, minute, second, nanos, digits, ..Temporal::EMPTY })))
}

/// Shows the input, or what the second argument makes of it, and passes the input on.
pub(super) fn trace<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
    let name = call.argument_text(0)?.unwrap_or_default();
    let input = std::mem::take(&mut call.input);
    let mut shown = Vec::new();
    for (i, item) in input.iter().enumerate() {
        call.project(1, item, i, &mut shown)?;
    }
    let hooks = call.evaluator.ctx.hooks;
    hooks.trace(&name, if call.arg(1).is_some() { &shown } else { &input });
    out.extend(input);
    Ok(())
}

pub(super) fn type_<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
    out.extend(call.input.iter().map(types::type_info));
    Ok(())
}
