//! Dates: a stretch of time against a stretch of time.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#date> and, for the prefixes, <https://hl7.org/fhir/R4/search.html#prefix>.

use super::{Emit, items, text};
use crate::fault::Fault;
use crate::search::column::{Column, Role};
use crate::search::condition::{Asked, Condition};
use crate::search::expr::{Comparison, Date, DateTest, Expr};
use crate::search::period::{self, BEGINNING, END, Period};
use crate::search::sink::Sink;
use serde_json::Value;

/// Finer than this no clock is; a longer fraction is a mistake.
const FRACTION_DIGITS_MAX: usize = 9;

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "date" | "dateTime" | "instant" => moment,
        "Period" => period_value,
        "Timing" => timing,
        _ => return None,
    })
}

fn moment(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(period) = value.as_str().and_then(period::parse) {
        sink.period(column, period);
    }
}

fn period_value(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(period) = period_of(value) {
        sink.period(column, period);
    }
}

/// Returns the limits of a Period; a missing one is open. None when both are missing or one cannot be read.
fn period_of(value: &Value) -> Option<Period> {
    let (start, end) = (text(value, "start"), text(value, "end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    let lo = start.map_or(Some(BEGINNING), |s| Some(period::parse(s)?.lo))?;
    let hi = end.map_or(Some(END), |e| Some(period::parse(e)?.hi))?;
    (lo <= hi).then_some(Period { lo, hi })
}

/// Takes the outer limits alone, as R4 3.1.1.4.7 says of Timing.
fn timing(sink: &mut Sink, column: &Column, value: &Value) {
    let events = items(value, "event").iter().filter_map(|event| period::parse(event.as_str()?));
    let bounds = value.get("repeat").and_then(|r| r.get("boundsPeriod")).and_then(period_of);
    let limits = events.chain(bounds).reduce(|a, b| Period { lo: a.lo.min(b.lo), hi: a.hi.max(b.hi) });
    if let Some(limits) = limits {
        sink.period(column, limits);
    }
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    Ok(any(asked, &[test(condition)?]))
}

/// Returns the condition that a date of the parameter passes all tests.
pub fn any(asked: &Asked, tests: &[DateTest]) -> Expr {
    Expr::or(asked.columns().map(|(column, _)| {
        Expr::Date(Date {
            keys: column.narrow,
            tests: tests.to_vec(),
            single: column.single,
            principal: column.role == Some(Role::Date),
        })
    }))
}

/// Returns the test that a value such as `ge2013-01` stands for.
pub fn test(condition: &Condition) -> Result<DateTest, Fault> {
    let whole = condition.text()?;
    let (comparison, rest) = Comparison::split(&whole);
    // A `+` in a URL is a space to many clients; a zone is the only place for either.
    let rest = rest.replace(' ', "+");
    let digits = rest.split_once('.').map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    let Some(Period { lo, hi }) = period::parse(&rest).filter(|_| digits <= FRACTION_DIGITS_MAX) else {
        return Err(condition.invalid("is not a date such as 2013-01-14, ge2013-01 or lt2013-01-14T10:00:00Z"));
    };
    if comparison != Comparison::Ap {
        return Ok(DateTest { comparison, lo, hi });
    }
    // R4 3.1.1.4.5: about is a tenth of the gap between now and the date.
    let middle = lo + (hi - lo) / 2;
    let margin = (condition.now_us - middle).abs() / 10;
    Ok(DateTest { comparison, lo: lo - margin, hi: hi + margin })
}
