//! Dates as stretches of time: from the first to the last microsecond that the text can mean.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#date>: "2013-01" is the whole of January. A time without a zone is UTC.

use jiff::Timestamp;
use jiff::civil::Date;

pub const SECOND_US: i64 = 1_000_000;
pub const DAY_US: i64 = 86_400 * SECOND_US;

/// The open ends of a period. Well inside i64, so that widths and margins cannot overflow.
pub const BEGINNING: i64 = -(1 << 60);
pub const END: i64 = 1 << 60;

/// A closed stretch of time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    pub lo: i64,
    pub hi: i64,
}

/// The longest periods of the length classes; the last class has no limit.
///
/// The index sorts by the first moment. Knowing that a class has no longer periods bounds the search for those
/// that reach into a stretch of time from both sides.
pub const CLASS_LENGTH_MAX: [i64; 4] = [DAY_US, 32 * DAY_US, 400 * DAY_US, 1 << 61];

/// Returns the length class of a period.
pub fn class(period: Period) -> usize {
    let length = period.hi - period.lo;
    CLASS_LENGTH_MAX.iter().position(|max| length <= *max).unwrap_or(CLASS_LENGTH_MAX.len() - 1)
}

/// Returns the stretch that a date, dateTime or instant means; none when the text is not one.
///
/// Takes what a query may say as well: hours and minutes without seconds, and `24:00` never.
pub fn parse(text: &str) -> Option<Period> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let (first, last) = days(date)?;
    let Some(time) = time else {
        return Some(Period { lo: start_of(first)?, hi: start_of(last)? + DAY_US - 1 });
    };
    (date.len() == 10).then_some(())?;
    let (clock, offset) = split_zone(time)?;
    let (from, width) = clock_us(clock)?;
    let lo = start_of(first)? + from - offset;
    Some(Period { lo, hi: lo + width - 1 })
}

/// Returns the first and last day of `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
fn days(text: &str) -> Option<(Date, Date)> {
    let bytes = text.as_bytes();
    let year = i16::try_from(number(bytes.get(..4)?)?).ok()?;
    let month = match bytes.get(4) {
        None => return Some((Date::new(year, 1, 1).ok()?, Date::new(year, 12, 31).ok()?)),
        Some(b'-') => i8::try_from(number(bytes.get(5..7)?)?).ok()?,
        Some(_) => return None,
    };
    let first = Date::new(year, month, 1).ok()?;
    match bytes.get(7) {
        None => Some((first, first.last_of_month())),
        Some(b'-') if bytes.len() == 10 => {
            let day = Date::new(year, month, i8::try_from(number(&bytes[8..])?).ok()?).ok()?;
            Some((day, day))
        }
        Some(_) => None,
    }
}

fn start_of(date: Date) -> Option<i64> {
    // Days since 1970 by the civil calendar, without a time zone lookup.
    let days = date.duration_since(Date::constant(1970, 1, 1)).as_secs() / 86_400;
    days.checked_mul(DAY_US)
}

/// Returns the microseconds after midnight of `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff`, and how long it lasts.
fn clock_us(text: &str) -> Option<(i64, i64)> {
    let bytes = text.as_bytes();
    let hour = number(bytes.get(..2)?)?;
    let minute = (bytes.get(2)? == &b':').then(|| number(bytes.get(3..5)?))??;
    if hour > 23 || minute > 59 {
        return None;
    }
    let from = (hour * 60 + minute) * 60 * SECOND_US;
    if bytes.len() == 5 {
        return Some((from, 60 * SECOND_US));
    }
    let second = (bytes.get(5)? == &b':').then(|| number(bytes.get(6..8)?))??;
    if second > 60 {
        return None;
    }
    // A leap second is the last second of its minute, as long clocks without one show it.
    let from = from + second.min(59) * SECOND_US;
    match bytes.get(8) {
        None => Some((from, SECOND_US)),
        Some(b'.') => {
            let digits = &bytes[9..];
            if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            // Below a microsecond nothing is kept.
            let kept = &digits[..digits.len().min(6)];
            let unit = 10_i64.pow(6 - kept.len() as u32);
            Some((from + number(kept)? * unit, unit))
        }
        Some(_) => None,
    }
}

/// Returns the clock and the offset of the zone in microseconds.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, zone) = time.split_at(at);
    let bytes = zone.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let (hours, minutes) = (number(&bytes[1..3])?, number(&bytes[4..])?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let offset = (hours * 60 + minutes) * 60 * SECOND_US;
    Some((clock, if bytes[0] == b'-' { -offset } else { offset }))
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
}

/// Returns the present in microseconds since 1970.
pub fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let show = |us| Timestamp::from_microsecond(us).unwrap().to_string();
        parse(text).map(|p| format!("{} {}", show(p.lo), show(p.hi)))
    }

    #[test]
    fn a_text_means_a_stretch_of_time() {
        for (text, expected) in [
            ("2013", "2013-01-01T00:00:00Z 2013-12-31T23:59:59.999999Z"),
            ("2012-02", "2012-02-01T00:00:00Z 2012-02-29T23:59:59.999999Z"),
            ("2013-01-14", "2013-01-14T00:00:00Z 2013-01-14T23:59:59.999999Z"),
            ("2013-01-14T10:00", "2013-01-14T10:00:00Z 2013-01-14T10:00:59.999999Z"),
            ("2013-01-14T10:00:05Z", "2013-01-14T10:00:05Z 2013-01-14T10:00:05.999999Z"),
            ("2013-01-14T10:00:05.25Z", "2013-01-14T10:00:05.25Z 2013-01-14T10:00:05.259999Z"),
            ("2013-01-14T10:00:05.123456789Z", "2013-01-14T10:00:05.123456Z 2013-01-14T10:00:05.123456Z"),
            ("2013-01-14T01:00:00+02:00", "2013-01-13T23:00:00Z 2013-01-13T23:00:00.999999Z"),
            ("2013-01-14T23:00:00-05:30", "2013-01-15T04:30:00Z 2013-01-15T04:30:00.999999Z"),
            ("0001-01-01", "0001-01-01T00:00:00Z 0001-01-01T23:59:59.999999Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z 1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "1",
            "201",
            "20133",
            "2013-",
            "2013-1",
            "2013-13",
            "2013-00",
            "2013-02-30",
            "2013-01-1",
            "2013-01-011",
            "2013-01-01T",
            "2013-01-01T1",
            "2013-01-01T10",
            "2013-01-01T25:00",
            "2013-01-01T10:60",
            "2013-01-01T10:00:61",
            "2013-01-01T10:00:00.",
            "2013-01-01T10:00:00.x",
            "2013-01-01T10:00:00+2:00",
            "2013-01-01T10:00:00+15:00",
            "2013-01-01T10:00:00Zx",
            "2013-01T10:00",
            "2013-01-01 10:00",
            "ä013",
            "2013-01-01T10:00:0ä",
            "+013",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_class_holds_no_longer_period() {
        for (text, expected) in [("2013-01-14T10:00:05Z", 0), ("2013-01-14", 0), ("2013-01", 1), ("2013", 2)] {
            assert_eq!(class(parse(text).unwrap()), expected);
        }
        assert_eq!(class(Period { lo: BEGINNING, hi: END }), 3);
    }
}
