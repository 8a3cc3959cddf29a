//! Times to the second, and how long something lasts after them.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Returns a DTM as an R4 instant; what says a day only is none, which is noted.
pub fn instant(ctx: &Ctx, part: Part) -> Option<String> {
    let time = super::date_time(ctx, part.said()?)?;
    if stamp(&time).is_none() {
        ctx.warn(Code::DataType, part.at, "this says a day, where a time of the day is needed");
        return None;
    }
    Some(time)
}

/// Returns a time that is so many minutes later; nothing for a day or a month.
pub fn plus(time: &str, minutes: i64) -> Option<String> {
    let (stamp, offset) = stamp(time)?;
    let later = stamp.checked_add(SignedDuration::from_mins(minutes)).ok()?;
    Some(later.display_with_offset(offset).to_string())
}

/// Returns a time of day, on the day and in the zone of another time; nothing where that has no zone.
pub fn at(day: &str, time: &str) -> Option<String> {
    let (date, rest) = day.split_once('T')?;
    let zone = rest.get(rest.find(['+', '-', 'Z'])?..)?;
    Some(format!("{date}T{time}{zone}"))
}

/// Returns a time in UTC: the same for the same moment.
pub fn utc(time: &str) -> Option<String> {
    stamp(time).map(|(stamp, _)| stamp.to_string())
}

/// Returns the earliest of times; those that say a day only are none.
pub fn earliest(times: impl Iterator<Item = String>) -> Option<String> {
    times.filter_map(|time| Some((stamp(&time)?.0, time))).min().map(|(_, time)| time)
}

pub fn latest(times: impl Iterator<Item = String>) -> Option<String> {
    times.filter_map(|time| Some((stamp(&time)?.0, time))).max().map(|(_, time)| time)
}

/// Returns whether a time is not before another.
pub fn is_in_order(from: &str, to: &str) -> bool {
    stamp(from).zip(stamp(to)).is_some_and(|((from, _), (to, _))| from <= to)
}

fn stamp(time: &str) -> Option<(Timestamp, Offset)> {
    let stamp: Timestamp = time.parse().ok()?;
    let offset = match Pieces::parse(time).ok()?.offset()? {
        PiecesOffset::Numeric(numeric) => numeric.offset(),
        _ => Offset::UTC,
    };
    Some((stamp, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_of_the_day_and_zone_of_another() {
        assert_eq!(at("2021-09-24T23:30:00+02:15", "08:00:00").as_deref(), Some("2021-09-24T08:00:00+02:15"));
        assert_eq!(at("2021-09-24T23:30:00.5Z", "08:00:00").as_deref(), Some("2021-09-24T08:00:00Z"));
        assert_eq!(at("2021-09-24", "08:00:00"), None);
    }

    #[test]
    fn times_keep_their_offset() {
        let check = |time: &str, minutes, expected: Option<&str>| {
            assert_eq!(plus(time, minutes).as_deref(), expected, "{time}");
        };
        check("2021-09-24T23:30:00+02:15", 50, Some("2021-09-25T00:20:00+02:15"));
        check("2021-09-24T23:30:00Z", 50, Some("2021-09-25T00:20:00+00:00"));
        check("2021-09-24T00:00:00.5-05:00", 1, Some("2021-09-24T00:01:00.5-05:00"));
        for none in ["2021-09-24", "2021", "", "x", "2021-09-24T10:00:00"] {
            check(none, 1, None);
        }
        check("9999-12-30T00:00:00Z", i64::from(i32::MAX), None);
    }
}
