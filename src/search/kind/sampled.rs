//! SampledData as a quantity: the stretch from the least to the greatest sample.
//!
//! R4 <https://hl7.org/fhir/R4/datatypes.html#SampledData>. So "greater than" finds a series with a sample above, and
//! "equals" one that never leaves the value. `L` and `U`, below and above what can be measured, make an end open.

use super::{number, quantity, text};
use crate::search::column::Column;
use crate::search::decimal::Decimal;
use crate::search::sink::Sink;
use crate::ucum::Scaled;
use serde_json::Value;

pub fn data(sink: &mut Sink, column: &Column, value: &Value) {
    let (Some(origin), Some(samples)) = (value.get("origin"), text(value, "data")) else {
        return;
    };
    let Some(zero) = origin.get("value").and_then(number::scaled) else {
        return;
    };
    let factor = value.get("factor").and_then(number::scaled).unwrap_or(Scaled::new(1, 0));
    let Some(seen) = Seen::of(samples) else {
        return;
    };
    let sample = |least_or_greatest: Option<Scaled>| least_or_greatest.map(|raw| raw.times(factor).plus(zero));
    let (mut lo, mut hi) = (sample(seen.least), sample(seen.greatest));
    if factor.mantissa() < 0 {
        (lo, hi) = (hi, lo);
    }
    let (lo, hi) = (lo.filter(|_| !seen.below), hi.filter(|_| !seen.above));
    if lo.is_some() || hi.is_some() {
        quantity::add(sink, column, origin, lo, hi);
    }
}

/// What there is among the samples.
struct Seen {
    least: Option<Scaled>,
    greatest: Option<Scaled>,
    below: bool,
    above: bool,
}

impl Seen {
    /// Returns none for a text that is not one of samples.
    fn of(samples: &str) -> Option<Seen> {
        let mut seen = Seen { least: None, greatest: None, below: false, above: false };
        let mut ends: Option<[(f64, &str); 2]> = None;
        for sample in samples.split_ascii_whitespace() {
            match sample {
                "L" => seen.below = true,
                "U" => seen.above = true,
                "E" => {}
                // Series are long: the two that matter are found roughly and then read exactly.
                number => {
                    let rough: f64 = number.parse().ok()?;
                    let [least, greatest] = ends.get_or_insert([(rough, number); 2]);
                    if rough < least.0 {
                        *least = (rough, number);
                    }
                    if rough > greatest.0 {
                        *greatest = (rough, number);
                    }
                }
            }
        }
        if let Some([least, greatest]) = ends {
            let exact = |(_, text): (f64, &str)| Decimal::parse(text).map(|number| number.scaled());
            (seen.least, seen.greatest) = (exact(least), exact(greatest));
        }
        Some(seen)
    }
}
