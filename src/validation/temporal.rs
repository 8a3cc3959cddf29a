//! The text of date, dateTime, instant and time.
//!
//! R4 <https://hl7.org/fhir/R4/datatypes.html#date>. Days must exist in the calendar. Fractions of a second have at
//! most nine digits, as R5 has it, for nothing that reads them computes finer than nanoseconds.

const FRACTION_DIGITS_MAX: usize = 9;

/// Returns whether the text is `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
pub(super) fn is_date(text: &str) -> bool {
    date(text.as_bytes()).is_some_and(|(_, rest)| rest.is_empty())
}

/// Returns whether the text is a date, or a full date with a time and a timezone.
pub(super) fn is_date_time(text: &str) -> bool {
    match date(text.as_bytes()) {
        Some((_, [])) => true,
        Some((Precision::Day, [b'T', rest @ ..])) => is_zoned_time(rest),
        _ => false,
    }
}

/// Returns whether the text is a full date with a time and a timezone.
pub(super) fn is_instant(text: &str) -> bool {
    matches!(date(text.as_bytes()), Some((Precision::Day, [b'T', rest @ ..])) if is_zoned_time(rest))
}

/// Returns whether the text is `hh:mm:ss` with or without a fraction.
pub(super) fn is_time(text: &str) -> bool {
    time(text.as_bytes()).is_some_and(<[u8]>::is_empty)
}

#[derive(PartialEq)]
enum Precision {
    Year,
    Month,
    Day,
}

/// Reads as much of a date as there is.
fn date(text: &[u8]) -> Option<(Precision, &[u8])> {
    let (year, rest) = digits::<4>(text)?;
    if year == 0 {
        return None;
    }
    let [b'-', rest @ ..] = rest else {
        return Some((Precision::Year, rest));
    };
    let (month, rest) = digits::<2>(rest)?;
    if !(1..=12).contains(&month) {
        return None;
    }
    let [b'-', rest @ ..] = rest else {
        return Some((Precision::Month, rest));
    };
    let (day, rest) = digits::<2>(rest)?;
    (1..=days_in(year, month)).contains(&day).then_some((Precision::Day, rest))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_zoned_time(text: &[u8]) -> bool {
    time(text).is_some_and(is_zone)
}

/// Reads a time and returns what follows it. R4 allows second 60, for leap seconds, at any minute.
fn time(text: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = digits::<2>(text)?;
    let (minute, rest) = digits::<2>(rest.strip_prefix(b":")?)?;
    let (second, rest) = digits::<2>(rest.strip_prefix(b":")?)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let [b'.', fraction @ ..] = rest else { return Some(rest) };
    let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    (1..=FRACTION_DIGITS_MAX).contains(&length).then(|| &fraction[length..])
}

/// `Z`, or an offset of at most 14 hours.
fn is_zone(text: &[u8]) -> bool {
    let [b'+' | b'-', rest @ ..] = text else {
        return text == b"Z";
    };
    let Some((hour, rest)) = digits::<2>(rest) else {
        return false;
    };
    let Some((minute, [])) = rest.strip_prefix(b":").and_then(digits::<2>) else {
        return false;
    };
    minute <= 59 && (hour <= 13 || (hour == 14 && minute == 0))
}

/// Reads exactly `N` digits.
fn digits<const N: usize>(text: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = text.split_first_chunk::<N>()?;
    let mut number = 0;
    for byte in head {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(byte - b'0');
    }
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_of_the_calendar() {
        for text in ["2024", "2024-02", "2024-02-29", "2000-02-29", "0001-01-01"] {
            assert!(is_date(text) && is_date_time(text), "{text}");
        }
        #[rustfmt::skip]
        let bad = [
            "", "24", "0000", "2024-", "2024-00", "2024-13", "1980-13-45", "2021-02-29", "2021-02-30", "1900-02-29",
            "2024-04-31", "2024-1-1", "2024-01-1", "20240101", "2024/01/01", "2024-01-01 ", " 2024", "２０２４", "-2024",
        ];
        for text in bad {
            assert!(!is_date(text) && !is_date_time(text) && !is_instant(text), "{text}");
        }
    }

    #[test]
    fn a_time_in_a_date_time_has_seconds_and_a_zone() {
        let good = [
            "2015-02-07T13:28:17Z",
            "2015-02-07T13:28:17-05:00",
            "2016-12-31T23:59:60Z",
            "2015-02-07T13:28:17.239+02:00",
            "2015-02-07T00:00:00.123456789+14:00",
        ];
        for text in good {
            assert!(is_date_time(text) && is_instant(text) && !is_date(text), "{text}");
        }
        #[rustfmt::skip]
        let bad = [
            "2015-02-07T13:28:17", "2015-02-07T13:28Z", "2015-02-07T24:00:00Z", "2015-02-07T13:60:00Z",
            "2015-02-07T13:28:61Z", "2015-02-07T13:28:17.Z", "2015-02-07T13:28:17.1234567890Z",
            "2015-02-07T13:28:17z", "2015-02-07T13:28:17+14:30", "2015-02-07T13:28:17+15:00",
            "2015-02-07T13:28:17+0200", "2015-02T13:28:17Z", "2015-02-07 13:28:17Z", "2015-02-07T",
            "2015-02-30T13:28:17Z", "2015-02-07T13:28:17Z ",
        ];
        for text in bad {
            assert!(!is_date_time(text) && !is_instant(text), "{text}");
        }
    }

    #[test]
    fn a_time_alone_has_no_zone() {
        for text in ["00:00:00", "23:59:60", "13:28:17.5"] {
            assert!(is_time(text), "{text}");
        }
        for text in ["", "13:28", "24:00:00", "13:28:17Z", "13:28:17.", "1:28:17"] {
            assert!(!is_time(text), "{text}");
        }
    }
}
