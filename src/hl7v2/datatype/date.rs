//! DT, DTM, TS, TM, DR: points in time in the precision in which they are said.
//!
//! HL7 v2.5 chapter 2.A.21, 2.A.22; v2-to-FHIR, DTM\[dateTime\]. `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]`; a time without an
//! offset has that of MSH-7, else the zone of the feed. What is said of an hour is said with zero minutes, for R4 has no hour
//! without them; so with seconds.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, civil};
use serde_json::{Map, Value};

/// Digits of a fraction of a second that are kept.
const FRACTION_MAX: usize = 9;

/// What a DTM says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Moment<'t> {
    year: &'t str,
    month: Option<&'t str>,
    day: Option<&'t str>,
    /// What it does not say of minutes and seconds is zero.
    time: Option<Time<'t>>,
    /// In minutes.
    offset: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Time<'t> {
    hour: &'t str,
    minute: &'t str,
    second: &'t str,
    /// Without the point.
    fraction: &'t str,
}

/// DT, DTM, TS → date: what is more exact than a day is cut off.
pub fn date(ctx: &Ctx, part: Part) -> Option<String> {
    read(ctx, part, |moment| Some(moment.date()))
}

/// DT, DTM, TS → dateTime, in the precision that is there; with a zone where there is a time.
pub fn date_time(ctx: &Ctx, part: Part) -> Option<String> {
    let zone = zone(ctx);
    read(ctx, part, |moment| Some(moment.date_time(&zone)))
}

/// DTM, TS → instant; none for what is less exact than an hour.
pub fn instant(ctx: &Ctx, part: Part) -> Option<String> {
    let zone = zone(ctx);
    read(ctx, part, |moment| moment.time.is_some().then(|| moment.date_time(&zone)))
}

/// TM → time. An offset is left out, for R4 has none here; minutes and seconds that are not said are zero.
pub fn time(ctx: &Ctx, part: Part) -> Option<String> {
    let text = part.text()?;
    let bare: String = text.chars().filter(|c| *c != ':').collect();
    let time = split_offset(&bare).and_then(|(digits, _)| Time::read(digits));
    if time.is_none() {
        ctx.warn(Code::DataType, part.at, "is no time of day of the form HH[MM[SS]]");
    }
    time.map(|time| time.text())
}

/// Returns the time of day of a DTM; nothing where it has none.
pub fn time_of(ctx: &Ctx, part: Part) -> Option<String> {
    read(ctx, part, |moment| moment.time.as_ref().map(Time::text))
}

/// DR → Period.
pub fn period(ctx: &Ctx, part: Part) -> Option<Value> {
    period_of(ctx, part.part(1), part.part(2))
}

/// Two DTMs → Period.
pub fn period_of(ctx: &Ctx, start: Part, end: Part) -> Option<Value> {
    let mut period = Map::new();
    for (name, part) in [("start", start), ("end", end)] {
        if let Some(time) = date_time(ctx, part) {
            period.insert(name.into(), time.into());
        }
    }
    (!period.is_empty()).then_some(Value::Object(period))
}

/// Returns the zone of times that say none: the offset of MSH-7, else that of the feed.
fn zone(ctx: &Ctx) -> TimeZone {
    let sent = ctx.message.header().field(7).text();
    let offset = sent.and_then(|text| split_offset(&text).and_then(|(_, offset)| offset));
    match offset.and_then(|minutes| Offset::from_seconds(minutes * 60).ok()) {
        Some(offset) => offset.to_time_zone(),
        None => ctx.rules.zone.clone(),
    }
}

fn read<T>(ctx: &Ctx, part: Part, make: impl Fn(&Moment) -> Option<T>) -> Option<T> {
    let text = part.text()?;
    // TS.2 of v2.3 to v2.5: how exact it is meant.
    let degree = part.part(2).text().unwrap_or_default();
    let plain = without_punctuation(&text);
    let made = Moment::read(&plain).and_then(|moment| make(&moment.cut_to(&degree)));
    if made.is_none() {
        ctx.warn(
            Code::DataType,
            part.at,
            "is no date of the form YYYY[MM[DD[HH[MM[SS]]]]][+ZZZZ] that is exact enough",
        );
    }
    made
}

/// Returns a date of ISO 8601 as HL7 writes it; other text as it is.
fn without_punctuation(text: &str) -> String {
    let is_iso = text.is_ascii()
        && text.len() >= 7
        && text.as_bytes()[4] == b'-'
        && (text.as_bytes()).get(7).is_none_or(|b| *b == b'-');
    if !is_iso {
        return text.to_string();
    }
    let (day, rest) = text.split_at(text.len().min(10));
    let day: String = day.chars().filter(|c| *c != '-').collect();
    let rest: String = rest.chars().filter(|c| !matches!(c, 'T' | 't' | ':' | ' ')).collect();
    match rest.strip_suffix(['Z', 'z']) {
        Some(time) => format!("{day}{time}+0000"),
        None => day + &rest,
    }
}

/// Cuts an offset off; none where it is written wrong.
fn split_offset(text: &str) -> Option<(&str, Option<i32>)> {
    let Some(at) = text.find(['+', '-']) else { return Some((text.trim_end(), None)) };
    let (digits, offset) = text.split_at(at);
    let (sign, offset) = offset.split_at(1);
    let offset = offset.trim();
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten();
    let (hours, minutes) = match offset.len() {
        2 => (number(offset)?, 0),
        4 => (number(offset.get(..2)?)?, number(offset.get(2..)?)?),
        _ => return None,
    };
    if hours > 14 || minutes > 59 {
        return None;
    }
    let total = hours * 60 + minutes;
    Some((digits.trim_end(), Some(if sign == "-" { -total } else { total })))
}

/// Takes so many digits off the front.
fn take<'t>(text: &mut &'t str, count: usize) -> Option<&'t str> {
    let (digits, rest) = text.split_at_checked(count)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    *text = rest;
    Some(digits)
}

impl<'t> Moment<'t> {
    fn read(text: &'t str) -> Option<Moment<'t>> {
        let (mut rest, offset) = split_offset(text)?;
        let year = take(&mut rest, 4)?;
        let mut moment = Moment { year, month: None, day: None, time: None, offset };
        if !rest.is_empty() {
            moment.month = Some(take(&mut rest, 2)?);
        }
        if !rest.is_empty() {
            moment.day = Some(take(&mut rest, 2)?);
        }
        if !rest.is_empty() {
            moment.time = Some(Time::read(rest)?);
        }
        moment.civil_date().is_some().then_some(moment)
    }

    fn civil_date(&self) -> Option<civil::Date> {
        let small = |text: Option<&str>| text.unwrap_or("1").parse::<i8>().ok();
        let year = self.year.parse::<i16>().ok().filter(|year| *year > 0)?;
        civil::Date::new(year, small(self.month)?, small(self.day)?).ok()
    }

    /// Drops what TS.2 says is not meant.
    fn cut_to(mut self, degree: &str) -> Moment<'t> {
        if matches!(degree, "Y" | "L" | "D") {
            self.time = None;
        }
        if matches!(degree, "Y" | "L") {
            self.day = None;
        }
        if degree == "Y" {
            self.month = None;
        }
        self
    }

    fn date(&self) -> String {
        [Some(self.year), self.month, self.day].into_iter().flatten().collect::<Vec<_>>().join("-")
    }

    fn date_time(&self, zone: &TimeZone) -> String {
        let date = self.date();
        let Some(time) = &self.time else { return date };
        let offset = self.offset.unwrap_or_else(|| self.offset_in(zone, time));
        format!("{date}T{}{}", time.text(), offset_text(offset))
    }

    /// Returns the offset of the local time, in minutes.
    fn offset_in(&self, zone: &TimeZone, time: &Time) -> i32 {
        let (hour, minute, second) = time.numbers();
        let local = self
            .civil_date()
            .and_then(|date| Some(date.to_datetime(civil::Time::new(hour, minute, second.min(59), 0).ok()?)));
        let Some(local) = local else { return 0 };
        let offset = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            // A time that the clocks jumped over is one of the new offset; of one that came twice the first is meant.
            AmbiguousOffset::Gap { after, .. } => after,
            AmbiguousOffset::Fold { before, .. } => before,
        };
        offset.seconds() / 60
    }
}

fn offset_text(minutes: i32) -> String {
    if minutes == 0 {
        return "Z".to_string();
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

impl<'t> Time<'t> {
    /// Reads `HH[MM[SS[.S…]]]`.
    fn read(text: &'t str) -> Option<Time<'t>> {
        let mut rest = text;
        let hour = take(&mut rest, 2)?;
        let minute = if rest.is_empty() { "00" } else { take(&mut rest, 2)? };
        let second = if rest.is_empty() { "00" } else { take(&mut rest, 2)? };
        let fraction = match rest.strip_prefix('.') {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits,
            None if rest.is_empty() => "",
            _ => return None,
        };
        let fraction = fraction.get(..FRACTION_MAX).unwrap_or(fraction);
        let time = Time { hour, minute, second, fraction };
        let (hour, minute, second) = time.numbers();
        (hour < 24 && minute < 60 && second < 60).then_some(time)
    }

    fn numbers(&self) -> (i8, i8, i8) {
        let number = |text: &str| text.parse().unwrap_or(i8::MAX);
        (number(self.hour), number(self.minute), number(self.second))
    }

    fn text(&self) -> String {
        let point = if self.fraction.is_empty() { "" } else { "." };
        format!("{}:{}:{}{point}{}", self.hour, self.minute, self.second, self.fraction)
    }
}

/// Returns whether a FHIR dateTime is earlier than another, as far as both are exact.
pub fn is_before(one: &str, other: &str) -> bool {
    match (one.parse::<Timestamp>(), other.parse::<Timestamp>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => {
            let day = |text: &str| text.chars().take(10).collect::<String>();
            let (one, other) = (day(one), day(other));
            let exact = one.len().min(other.len());
            one.bytes().take(exact).lt(other.bytes().take(exact))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn a_date_time_keeps_its_precision() {
        check("dateTime", "1980", "\"1980\"");
        check("dateTime", "198012", "1980-12");
        check("dateTime", "19801231", "1980-12-31");
        check("dateTime", "202601020304", "2026-01-02T03:04:00+01:00");
        check("dateTime", "20260102030405", "2026-01-02T03:04:05+01:00");
        check("dateTime", "20260102030405.1234", "2026-01-02T03:04:05.1234+01:00");
        check("dateTime", "20260102030405.1234567891234", "2026-01-02T03:04:05.123456789+01:00");
        check("dateTime", "20260102030405-0530", "2026-01-02T03:04:05-05:30");
        check("dateTime", "202601020304+0000", "2026-01-02T03:04:00Z");
        check("dateTime", "2026010203", "2026-01-02T03:00:00+01:00");
        check("dateTime", "2026010203+0000", "2026-01-02T03:00:00Z");
        // An offset says nothing of a day.
        check("dateTime", "20260102+0100", "2026-01-02");
        check("dateTime", "\"\"", "-");
    }

    #[test]
    fn what_is_no_date_is_left_out_and_said() {
        for text in ["0000", "198013", "19800230", "1980123", "20260102250000", "20260102236000", "20260102030460"] {
            check("dateTime", text, "- ! ZZZ-1");
        }
        for text in ["yesterday", "2026010203040.5", "20260102030405+25", "20260102030405+9900", "20260102240000"] {
            check("dateTime", text, "- ! ZZZ-1");
        }
        // A point without digits says no fraction.
        check("dateTime", "20260102030405.+0000", "2026-01-02T03:04:05Z");
        check("dateTime", "١٩٨٠", "- ! ZZZ-1");
    }

    #[test]
    fn days_on_which_the_clocks_change() {
        // Never shown by any clock: it has the new offset. Shown twice: the first is meant.
        check("dateTime", "20260329023000", "2026-03-29T02:30:00+02:00");
        check("dateTime", "20261025023000", "2026-10-25T02:30:00+02:00");
        check("dateTime", "20260701120000", "2026-07-01T12:00:00+02:00");
    }

    #[test]
    fn iso_8601_is_understood() {
        check("dateTime", "2026-01-02", "2026-01-02");
        check("dateTime", "2026-01", "2026-01");
        check("dateTime", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z");
        check("dateTime", "2026-01-02 03:04", "2026-01-02T03:04:00+01:00");
        check("dateTime", "2026-01-02T03:04:05.5-05:00", "2026-01-02T03:04:05.5-05:00");
    }

    #[test]
    fn the_degree_of_precision_of_old_versions_is_kept_to() {
        check("dateTime", "19800101000000^Y", "\"1980\"");
        check("dateTime", "19800101000000^L", "1980-01");
        check("dateTime", "19800101000000^D", "1980-01-01");
        check("dateTime", "198001010000^M", "1980-01-01T00:00:00+01:00");
    }

    #[test]
    fn dates_instants_times_and_periods() {
        check("date", "20260102030405-0500", "2026-01-02");
        check("date", "2026", "\"2026\"");
        check("date", "x", "- ! ZZZ-1");
        check("instant", "20260102030405", "2026-01-02T03:04:05+01:00");
        check("instant", "202601020304", "2026-01-02T03:04:00+01:00");
        check("instant", "20260102", "- ! ZZZ-1");
        check("instant", "2026010203", "2026-01-02T03:00:00+01:00");
        check("time", "0304", "03:04:00");
        check("time", "030405.5+0100", "03:04:05.5");
        check("time", "03:04", "03:04:00");
        check("time", "03", "03:00:00");
        check("time", "0", "- ! ZZZ-1");
        check("time", "2500", "- ! ZZZ-1");
        check("period", "20260101^202601020304", r#"{"start":"2026-01-01","end":"2026-01-02T03:04:00+01:00"}"#);
        check("period", "^2026", r#"{"end":"2026"}"#);
        check("period", "^x", "- ! ZZZ-1.2");
    }
}
