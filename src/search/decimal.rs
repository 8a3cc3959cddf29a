//! Decimals as text: one form for equal numbers, and the precision that a query implies.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#number>. PostgreSQL compares them as `numeric`; nothing is rounded here.

use crate::ucum::Scaled;

/// Largest power of ten that is indexed or searched for, either way; PostgreSQL's own limit is far above.
const EXPONENT_MAX: i32 = 300;
/// Most digits that are read.
const DIGITS_MAX: usize = 100;

/// A decimal: sign, digits without zeros at either end, and the power of ten of the last digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: String,
    exponent: i32,
    /// The power of ten of half the last digit as it was written.
    margin_exponent: i32,
}

impl Decimal {
    /// Returns the number; none when the text is not one or beyond the limits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, power) = match rest.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, Some(parse_exponent(power)?)),
            None => (rest, None),
        };
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !fraction.is_none_or(all_digits) || mantissa.len() > DIGITS_MAX {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let last = power.unwrap_or(0) - fraction.len() as i32;
        let written = [whole, fraction].concat();
        let digits = written.trim_start_matches('0').trim_end_matches('0');
        let zeros = written.len() - written.trim_end_matches('0').len();
        // R4 3.1.1.4.6: 100 means [99.5, 100.5), and 1e2 means [95, 105), which is one digit finer than it looks.
        let margin_exponent = last - 1 - i32::from(power.is_some());
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits: "0".into(), exponent: 0, margin_exponent });
        }
        Some(Decimal { negative, digits: digits.into(), exponent: last + zeros as i32, margin_exponent })
    }

    /// Returns the text that PostgreSQL reads; equal numbers have equal texts.
    pub fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        match self.exponent {
            0 => format!("{sign}{}", self.digits),
            e => format!("{sign}{}e{e}", self.digits),
        }
    }

    /// Returns half of the last digit that was written.
    pub fn margin(&self) -> String {
        format!("5e{}", self.margin_exponent)
    }

    /// Returns a tenth of the number, which is how far "about" reaches.
    pub fn tenth(&self) -> String {
        format!("{}e{}", self.digits, self.exponent - 1)
    }

    /// Returns the number to reckon with, cut off where it has very many digits.
    pub fn scaled(&self) -> Scaled {
        Scaled::from_digits(self.negative, &self.digits, self.exponent).unwrap_or(Scaled::ZERO)
    }

    /// Returns half of the last digit that was written, to reckon with.
    pub fn margin_scaled(&self) -> Scaled {
        Scaled::new(5, self.margin_exponent)
    }

    /// Returns a tenth of the number without its sign, to reckon with.
    pub fn tenth_scaled(&self) -> Scaled {
        Scaled::from_digits(false, &self.digits, self.exponent - 1).unwrap_or(Scaled::ZERO)
    }

    /// Returns how many digits the number has down to half of the last one that was written.
    pub fn digits_written(&self) -> usize {
        let below = usize::try_from(self.exponent - self.margin_exponent).unwrap_or(0);
        self.digits.len() + below
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|e: &i32| e.abs() <= EXPONENT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_text_and_keep_their_precision() {
        for (text, canonical, margin, tenth) in [
            ("100", "1e2", "5e-1", "1e1"),
            ("100.00", "1e2", "5e-3", "1e1"),
            ("1e2", "1e2", "5e0", "1e1"),
            ("5.4", "54e-1", "5e-2", "54e-2"),
            ("-5.40", "-54e-1", "5e-3", "54e-2"),
            ("0.00", "0", "5e-3", "0e-1"),
            ("-0", "0", "5e-1", "0e-1"),
            ("2e-3", "2e-3", "5e-5", "2e-4"),
            ("007", "7", "5e-1", "7e-1"),
            ("+1.5E+2", "15e1", "5e-1", "15e0"),
        ] {
            let d = Decimal::parse(text).unwrap();
            assert_eq!(
                (d.text().as_str(), d.margin().as_str(), d.tenth().as_str()),
                (canonical, margin, tenth),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "-", ".", "1.", ".5", "1e", "e1", "1e+", "1.2.3", "0x1", "1e301", "1e99999", "NaN", "1 ", "--1", "1,5"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(101)), None);
    }
}
