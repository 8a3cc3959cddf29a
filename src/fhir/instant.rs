//! Moments as the server keeps them: microseconds since 1970, UTC, in whole milliseconds.
//!
//! R4 <https://hl7.org/fhir/R4/datatypes.html#instant>; HTTP dates after RFC 9110 5.6.7.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A moment in microseconds since 1970-01-01T00:00:00Z. The server's own moments are whole milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(pub i64);

pub const MILLISECOND_US: i64 = 1_000;

impl Instant {
    /// Returns the present, cut to the millisecond.
    pub fn now() -> Instant {
        let us = Timestamp::now().as_microsecond();
        Instant(us - us.rem_euclid(MILLISECOND_US))
    }

    /// Returns the moment of a FHIR instant or dateTime with a time zone; none when it is neither.
    pub fn parse(text: &str) -> Option<Instant> {
        text.parse::<Timestamp>().ok().map(|t| Instant(t.as_microsecond()))
    }

    /// Returns the moment of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse_http(text: &str) -> Option<Instant> {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Instant(zoned.timestamp().as_microsecond()))
    }

    /// Returns the HTTP date of the second that this moment lies in.
    pub fn to_http(self) -> String {
        let at = self.civil();
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let day = DAYS[at.weekday().to_monday_zero_offset() as usize];
        let month = MONTHS[at.month() as usize - 1];
        let (d, y, h, m, s) = (at.day(), at.year(), at.hour(), at.minute(), at.second());
        format!("{day}, {d:02} {month} {y:04} {h:02}:{m:02}:{s:02} GMT")
    }

    /// Returns the moment cut to the second, which is as fine as HTTP dates are.
    pub fn to_second(self) -> Instant {
        Instant(self.0 - self.0.rem_euclid(1_000_000))
    }

    fn civil(self) -> DateTime {
        let stamp = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        stamp.to_zoned(TimeZone::UTC).datetime()
    }
}

impl std::fmt::Display for Instant {
    /// Writes the FHIR instant in UTC with milliseconds: `2026-11-22T11:50:32.120Z`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = self.civil();
        write!(f, "{:04}-{:02}-{:02}T", at.year(), at.month(), at.day())?;
        write!(f, "{:02}:{:02}:{:02}.{:03}Z", at.hour(), at.minute(), at.second(), at.millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_fhir_and_http_want_them() {
        let at = Instant(784_111_777_120_000);
        assert_eq!(at.to_string(), "1994-11-06T08:49:37.120Z");
        assert_eq!(at.to_http(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(Instant::parse_http(&at.to_http()), Some(at.to_second()));
        assert_eq!(Instant::parse("1994-11-06T09:49:37.12+01:00"), Some(at));
        assert_eq!(Instant::parse("1994-11-06"), None);
    }
}
