//! The order of dates and times, as far as their precision tells it.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#datetime-equality>, <http://hl7.org/fhirpath/N1/#comparison>.

use super::super::civil::{civil_from_days, days_from_civil};
use super::{Precision, Temporal, TemporalKind};
use std::cmp::Ordering;

impl Temporal {
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
        Temporal { year, month, day, hour: (rest / 60) as u8, minute: (rest % 60) as u8, offset: Some(0), ..*self }
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

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn comparison_ends_where_precision_does() {
        let cases = [
            ("2012", "2013-01", Some(Ordering::Less)),
            ("2012", "2012-01", None),
            ("2012-04-15T15:00:00Z", "2012-04-15T10:00:00-05:00", Some(Ordering::Equal)),
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
}
