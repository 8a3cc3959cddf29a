//! Adding a duration to a date, dateTime or time.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#datetime-arithmetic>. The result has the precision of the start; a
//! duration finer than that counts as far as it fills whole steps of it.

use super::civil::{civil_from_days, days_from_civil, days_in_month};
use super::error::FhirpathError;
use super::quantity::{Calendar, Quantity, Unit};
use super::temporal::{Precision, Temporal, TemporalKind};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const DAY_MS: i64 = 86_400_000;

/// Returns `start` plus (or minus) the duration; none when the year leaves 1 to 9999.
pub(super) fn add(start: &Temporal, duration: &Quantity<'_>, minus: bool) -> Result<Option<Temporal>, FhirpathError> {
    let unit = unit(&duration.unit)?;
    if start.kind == TemporalKind::Time && unit >= Calendar::Day {
        let name = unit.name();
        return Err(FhirpathError::evaluation(format!("a {name} cannot be added to a time of day")));
    }
    let value = if minus { -duration.value } else { duration.value };
    Ok(shift(start, value, unit))
}

/// Calendar words, and those UCUM units that are of the same length as one.
fn unit(unit: &Unit<'_>) -> Result<Calendar, FhirpathError> {
    match unit {
        Unit::Calendar(word) => Ok(*word),
        Unit::Ucum(code) => match &**code {
            "wk" => Ok(Calendar::Week),
            "d" => Ok(Calendar::Day),
            "h" => Ok(Calendar::Hour),
            "min" => Ok(Calendar::Minute),
            "s" => Ok(Calendar::Second),
            "ms" => Ok(Calendar::Millisecond),
            other => Calendar::parse(other).ok_or_else(|| {
                FhirpathError::evaluation(format!("'{other}' is not a unit that can be added to a date or time"))
            }),
        },
    }
}

fn shift(start: &Temporal, value: Decimal, unit: Calendar) -> Option<Temporal> {
    let is_time = start.kind == TemporalKind::Time;
    // Parts of a second count; of everything longer only the whole number does.
    let whole = value.trunc().to_i64()?;
    match unit {
        Calendar::Year => add_months(start, whole.checked_mul(12)?),
        Calendar::Month if start.precision == Precision::Year => add_months(start, whole / 12 * 12),
        Calendar::Month => add_months(start, whole),
        _ => {
            let ms = match unit {
                Calendar::Week => whole.checked_mul(7 * DAY_MS)?,
                Calendar::Day => whole.checked_mul(DAY_MS)?,
                Calendar::Hour => whole.checked_mul(3_600_000)?,
                Calendar::Minute => whole.checked_mul(60_000)?,
                Calendar::Second => value.checked_mul(Decimal::ONE_THOUSAND)?.trunc().to_i64()?,
                _ => whole,
            };
            match start.precision {
                Precision::Year if !is_time => add_months(start, ms / (365 * DAY_MS) * 12),
                Precision::Month if !is_time => add_months(start, ms / (30 * DAY_MS)),
                Precision::Day if !is_time => add_ms(start, ms / DAY_MS * DAY_MS),
                Precision::Hour => add_ms(start, ms / 3_600_000 * 3_600_000),
                Precision::Minute => add_ms(start, ms / 60_000 * 60_000),
                _ => add_ms(start, ms),
            }
        }
    }
}

/// The last day of a shorter month takes the place of a day that it does not have.
fn add_months(start: &Temporal, months: i64) -> Option<Temporal> {
    let total = (i64::from(start.year) * 12 + i64::from(start.month) - 1).checked_add(months)?;
    let year = i16::try_from(total.div_euclid(12)).ok().filter(|y| (1..=9999).contains(y))?;
    let month = total.rem_euclid(12) as u8 + 1;
    Some(Temporal { year, month, day: start.day.min(days_in_month(year, month)), ..*start })
}

/// A time of day goes round at midnight.
fn add_ms(start: &Temporal, ms: i64) -> Option<Temporal> {
    let clock = i64::from(start.hour) * 3_600_000 + i64::from(start.minute) * 60_000 + i64::from(start.second) * 1000;
    let clock = clock.checked_add(i64::from(start.nanos / 1_000_000))?.checked_add(ms)?;
    let (days, rest) = (clock.div_euclid(DAY_MS), clock.rem_euclid(DAY_MS));
    let mut out = *start;
    if start.kind != TemporalKind::Time {
        let day = days_from_civil(start.year, start.month, start.day).checked_add(days)?;
        let in_range = (days_from_civil(1, 1, 1)..=days_from_civil(9999, 12, 31)).contains(&day);
        (out.year, out.month, out.day) = in_range.then(|| civil_from_days(day))?;
    }
    out.hour = (rest / 3_600_000) as u8;
    out.minute = (rest / 60_000 % 60) as u8;
    out.second = (rest / 1000 % 60) as u8;
    out.nanos = (rest % 1000) as u32 * 1_000_000 + start.nanos % 1_000_000;
    if out.nanos > 0 {
        out.digits = out.digits.max(3);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_move_dates() {
        let cases = [
            ("2012-01-31", "1 month", "2012-02-29"),
            ("1973-12-25", "7.7 days", "1974-01-01"),
            ("2014", "24 months", "2016"),
            ("2014", "23 months", "2015"),
            ("2016-02-28", "-1 year", "2015-02-28"),
            ("2016-02-29", "1 year", "2017-02-28"),
            ("2014-03", "59 days", "2014-04"),
            ("1973-12-25T23:59:59.000+10:00", "1.5 seconds", "1973-12-26T00:00:00.500+10:00"),
            ("1973-12-25T00:00:00Z", "10 milliseconds", "1973-12-25T00:00:00.010Z"),
            ("1973-12-25", "25 hours", "1973-12-26"),
        ];
        for (start, duration, end) in cases {
            let t = Temporal::date_or_date_time(start).unwrap();
            let q = Quantity::parse(duration).unwrap();
            assert_eq!(add(&t, &q, false).unwrap().unwrap().to_string(), end, "{start} + {duration}");
        }
    }

    #[test]
    fn a_time_goes_round_and_a_year_ends() {
        let hour = Quantity::parse("2 hours").unwrap();
        let late = Temporal::time("23:30").unwrap();
        assert_eq!(add(&late, &hour, false).unwrap().unwrap().to_string(), "01:30");
        assert!(add(&late, &Quantity::parse("1 day").unwrap(), false).is_err());
        let last = Temporal::date_or_date_time("9999-12-31").unwrap();
        assert_eq!(add(&last, &Quantity::parse("1 day").unwrap(), false).unwrap(), None);
        assert!(add(&last, &Quantity::parse("1 'mo'").unwrap(), false).is_err());
    }
}
