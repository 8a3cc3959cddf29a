//! Dates, dateTimes and times with the precision they were written in.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#date>; what may be written: R4
//! <https://hl7.org/fhir/R4/datatypes.html#dateTime>.

use std::cmp::Ordering;
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
        out.offset = if zone < time.len() {
            Some(offset(&time[zone..])?)
        } else {
            None
        };
        if zone == 0 {
            return None;
        }
        out.clock(&time[..zone])?;
        Some(out)
    }

    /// Reads `14`, `14:34`, `14:34:28.123`.
    pub fn time(text: &str) -> Option<Temporal> {
        let mut out = Temporal {
            kind: TemporalKind::Time,
            ..Temporal::EMPTY
        };
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

    /// Compares as far as both are precise; none when that does not decide, or when the kinds do not compare.
    ///
    /// <http://hl7.org/fhirpath/N1/#datetime-equality>: values with offsets are compared in UTC; between one with
    /// and one without an offset the order is unknown.
    pub fn compare(&self, other: &Temporal) -> Option<Ordering> {
        let time = |t: &Temporal| t.kind == TemporalKind::Time;
        if time(self) != time(other) {
            return None;
        }
        let (a, b) = (self.in_utc(), other.in_utc());
        let both_clocks = self.precision >= Precision::Hour && other.precision >= Precision::Hour;
        if both_clocks && !time(self) && self.offset.is_some() != other.offset.is_some() {
            return compare_across_zones(&a, &b);
        }
        let precision = a.precision.min(b.precision);
        for (left, right) in a.parts(precision).zip(b.parts(precision)) {
            if left != right {
                return Some(left.cmp(&right));
            }
        }
        (a.precision == b.precision).then_some(Ordering::Equal)
    }

    fn parts(&self, precision: Precision) -> impl Iterator<Item = i64> {
        let nanos = i64::from(self.second) * 1_000_000_000 + i64::from(self.nanos);
        let all = [
            i64::from(self.year),
            i64::from(self.month),
            i64::from(self.day),
            i64::from(self.hour),
            i64::from(self.minute),
            nanos,
        ];
        all.into_iter().take(precision as usize + 1)
    }

    /// Returns the same moment at offset zero; dates and values without an offset stay.
    fn in_utc(&self) -> Temporal {
        let Some(offset) = self.offset.filter(|o| *o != 0) else {
            return *self;
        };
        let minutes = self.minutes_since_epoch() - i64::from(offset);
        let days = minutes.div_euclid(1440);
        let rest = minutes.rem_euclid(1440);
        let (year, month, day) = civil_from_days(days);
        Temporal {
            year,
            month,
            day,
            hour: (rest / 60) as u8,
            minute: (rest % 60) as u8,
            offset: Some(0),
            ..*self
        }
    }

    fn minutes_since_epoch(&self) -> i64 {
        let days = days_from_civil(self.year, self.month, self.day);
        days * 1440 + i64::from(self.hour) * 60 + i64::from(self.minute)
    }
}

/// Offsets reach from -12:00 to +14:00, so values further apart are in order whatever the missing offset is.
fn compare_across_zones(a: &Temporal, b: &Temporal) -> Option<Ordering> {
    let difference = a.minutes_since_epoch() - b.minutes_since_epoch();
    (difference.abs() > 15 * 60).then(|| difference.cmp(&0))
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
            Some(o) => write!(
                f,
                "{}{:02}:{:02}",
                if o < 0 { '-' } else { '+' },
                o.abs() / 60,
                o.abs() % 60
            ),
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

pub(super) fn days_in_month(year: i16, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns days since 1970-01-01 in the proleptic Gregorian calendar.
///
/// A year is taken to begin in March, so that the leap day is its last; 400 years are one era of 146,097 days.
pub(super) fn days_from_civil(year: i16, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Returns year, month and day of a count of days since 1970-01-01.
pub(super) fn civil_from_days(days: i64) -> (i16, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i16, month as u8, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Temporal {
        match text.strip_prefix('T') {
            Some(time) => Temporal::time(time),
            None => Temporal::date_or_date_time(text),
        }
        .unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn what_was_written_is_written_again() {
        for text in [
            "2015",
            "2015-02",
            "2015-02-04",
            "2015-02-04T14",
            "2015-02-04T14:34:28.120+10:00",
            "2015-02-04T14:34Z",
        ] {
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

    #[test]
    fn comparison_ends_where_precision_does() {
        let cases = [
            ("2012", "2013-01", Some(Ordering::Less)),
            ("2012", "2012-01", None),
            (
                "2012-04-15T15:00:00Z",
                "2012-04-15T10:00:00-05:00",
                Some(Ordering::Equal),
            ),
            ("2012-04-15T15:00:00Z", "2012-04-15T10:00:00", None),
            ("2012-04-15T15:00:00Z", "2012-04-17T10:00:00", Some(Ordering::Less)),
            ("T10:30", "T10:30:00", None),
            ("T10:30:00", "T10:30:00.0", Some(Ordering::Equal)),
            ("T10:30", "2012", None),
        ];
        for (a, b, expected) in cases {
            assert_eq!(read(a).compare(&read(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn days_count_both_ways() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (-719_162, (1, 1, 1)),
        ] {
            assert_eq!(civil_from_days(days), date);
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
        }
    }
}
