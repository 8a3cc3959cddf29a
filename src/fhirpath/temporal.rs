//! Dates, dateTimes and times with the precision they were written in.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#date>; what may be written: R4
//! <https://hl7.org/fhir/R4/datatypes.html#dateTime>.

mod order;

use super::civil::days_in_month;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemporalKind {
    Date,
    DateTime,
    Time,
}

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    /// With or without a fraction: both are one precision when values are compared.
    Second,
}

/// A Date, DateTime or Time. What was not written is 1 for month and day and 0 for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    pub kind: TemporalKind,
    pub precision: Precision,
    pub year: i16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub nanos: u32,
    /// Digits of the fraction of a second, 0 to 9.
    pub digits: u8,
    /// Minutes east of UTC.
    pub offset: Option<i16>,
}

impl Temporal {
    pub(super) const EMPTY: Temporal = Temporal {
        kind: TemporalKind::Date,
        precision: Precision::Year,
        year: 1,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        digits: 0,
        offset: None,
    };

    /// Reads `2015`, `2015-02-04` (dates), `2015T`, `2015-02-04T14:34:28.123Z` (dateTimes).
    pub fn date_or_date_time(text: &str) -> Option<Temporal> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut out = Temporal::EMPTY;
        let mut parts = date.split('-');
        out.year = number(parts.next()?, 4)? as i16;
        if let Some(month) = parts.next() {
            out.month = number(month, 2)? as u8;
            out.precision = Precision::Month;
        }
        if let Some(day) = parts.next() {
            out.day = number(day, 2)? as u8;
            out.precision = Precision::Day;
        }
        let in_range = out.year >= 1 && (1..=12).contains(&out.month);
        if parts.next().is_some() || !in_range || out.day < 1 || out.day > days_in_month(out.year, out.month) {
            return None;
        }
        let Some(time) = time else { return Some(out) };
        out.kind = TemporalKind::DateTime;
        if time.is_empty() {
            return Some(out);
        }
        if out.precision != Precision::Day {
            return None;
        }
        let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
        out.offset = if zone < time.len() { Some(offset(&time[zone..])?) } else { None };
        if zone == 0 {
            return None;
        }
        out.clock(&time[..zone])?;
        Some(out)
    }

    /// Reads `14`, `14:34`, `14:34:28.123`.
    pub fn time(text: &str) -> Option<Temporal> {
        let mut out = Temporal { kind: TemporalKind::Time, ..Temporal::EMPTY };
        out.clock(text)?;
        Some(out)
    }

    fn clock(&mut self, text: &str) -> Option<()> {
        let mut parts = text.split(':');
        self.hour = number(parts.next()?, 2)? as u8;
        self.precision = Precision::Hour;
        if let Some(minute) = parts.next() {
            self.minute = number(minute, 2)? as u8;
            self.precision = Precision::Minute;
        }
        if let Some(second) = parts.next() {
            let (whole, fraction) = match second.split_once('.') {
                Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
                Some(_) => return None,
                None => (second, ""),
            };
            self.second = number(whole, 2)? as u8;
            self.precision = Precision::Second;
            if !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let kept = &fraction[..fraction.len().min(9)];
            self.digits = kept.len() as u8;
            self.nanos = kept.parse::<u32>().unwrap_or(0) * 10_u32.pow(9 - u32::from(self.digits));
        }
        // A leap second is allowed by R4; 24:00 is not.
        let in_range = self.hour < 24 && self.minute < 60 && self.second <= 60;
        (in_range && parts.next().is_none()).then_some(())
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            TemporalKind::Date => "Date",
            TemporalKind::DateTime => "DateTime",
            TemporalKind::Time => "Time",
        }
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", self.year)?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", self.month)?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", self.day)?;
            }
            if self.precision < Precision::Hour {
                return Ok(());
            }
            f.write_str("T")?;
        }
        write!(f, "{:02}", self.hour)?;
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", self.second)?;
        }
        if self.digits > 0 {
            let width = usize::from(self.digits);
            write!(f, ".{:0width$}", self.nanos / 10_u32.pow(9 - u32::from(self.digits)))?;
        }
        match self.offset {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(o) => write!(f, "{}{:02}:{:02}", if o < 0 { '-' } else { '+' }, o.abs() / 60, o.abs() % 60),
        }
    }
}

fn number(text: &str, width: usize) -> Option<u32> {
    let all_digits = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

/// Reads `Z`, `+10:00`, `-05:30`.
fn offset(text: &str) -> Option<i16> {
    if text == "Z" {
        return Some(0);
    }
    let (hours, minutes) = text[1..].split_once(':')?;
    let total = number(hours, 2)? * 60 + number(minutes, 2)?;
    let total = if total <= 14 * 60 { total as i16 } else { return None };
    Some(if text.starts_with('-') { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn read(text: &str) -> Temporal {
        match text.strip_prefix('T') {
            Some(time) => Temporal::time(time),
            None => Temporal::date_or_date_time(text),
        }
        .unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn what_was_written_is_written_again() {
        for text in
            ["2015", "2015-02", "2015-02-04", "2015-02-04T14", "2015-02-04T14:34:28.120+10:00", "2015-02-04T14:34Z"]
        {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read("T14:34:28.5").to_string(), "14:34:28.5");
    }

    #[test]
    fn impossible_dates_are_none() {
        for text in [
            "",
            "15",
            "2015-13",
            "2015-02-29",
            "2015-2-4",
            "2015-02T10",
            "2015-02-04T25",
            "2015-02-04T10:60",
            "2015-02-04TZ",
            "2015-02-04T10+15:00",
            "0000",
        ] {
            assert_eq!(Temporal::date_or_date_time(text), None, "{text}");
        }
    }
}
