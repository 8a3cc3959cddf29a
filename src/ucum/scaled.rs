//! Decimals that are reckoned with: a whole number and a power of ten.

/// `mantissa * 10^exponent`, without zeros at the end of the mantissa; zero has the exponent 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaled {
    mantissa: i128,
    exponent: i32,
}

/// Most digits that are read and kept; sums and halves of such numbers fit the mantissa.
pub const DIGITS_MAX: usize = 36;

impl Scaled {
    pub const ZERO: Scaled = Scaled { mantissa: 0, exponent: 0 };

    pub fn new(mantissa: i128, exponent: i32) -> Scaled {
        let (mut mantissa, mut exponent) = (mantissa, exponent);
        if mantissa == 0 {
            return Scaled::ZERO;
        }
        // Nearly all numbers fit 64 bits, which are divided much faster.
        while let Ok(short) = i64::try_from(mantissa) {
            if short % 10 != 0 {
                return Scaled { mantissa, exponent };
            }
            (mantissa, exponent) = (i128::from(short / 10), exponent + 1);
        }
        while mantissa % 10 == 0 {
            (mantissa, exponent) = (mantissa / 10, exponent + 1);
        }
        Scaled { mantissa, exponent }
    }

    /// Returns the number that the digits mean, cut off after [`DIGITS_MAX`] of them; none for other text than digits.
    pub fn from_digits(negative: bool, digits: &str, exponent: i32) -> Option<Scaled> {
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        let kept = digits.get(..DIGITS_MAX).unwrap_or(digits);
        let mantissa = kept.bytes().fold(0, |sum: i128, digit| sum * 10 + i128::from(digit - b'0'));
        let dropped = i32::try_from(digits.len() - kept.len()).ok()?;
        Some(Scaled::new(if negative { -mantissa } else { mantissa }, exponent.checked_add(dropped)?))
    }

    /// Returns the number of a text such as `9.80665` or `1e-24`.
    pub fn parse(text: &str) -> Option<Scaled> {
        let (number, power) = text.split_once('e').unwrap_or((text, "0"));
        let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let exponent = power.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Scaled::from_digits(negative, &[whole, fraction].concat(), exponent)
    }

    pub fn mantissa(self) -> i128 {
        self.mantissa
    }

    pub fn exponent(self) -> i32 {
        self.exponent
    }

    /// Returns the sum; digits far below the last of the greater number are cut off.
    pub fn plus(self, other: Scaled) -> Scaled {
        if other.mantissa == 0 {
            return self;
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let (mut mantissa, mut exponent) = (high.mantissa, high.exponent);
        while exponent > low.exponent && mantissa.unsigned_abs() < MANTISSA_MAX / 10 {
            (mantissa, exponent) = (mantissa * 10, exponent - 1);
        }
        let gap = exponent.abs_diff(low.exponent);
        let rest = 10i128.checked_pow(gap).map_or(0, |power| low.mantissa / power);
        Scaled::new(mantissa + rest, exponent)
    }

    pub fn minus(self, other: Scaled) -> Scaled {
        self.plus(Scaled { mantissa: -other.mantissa, ..other })
    }

    /// Returns the product; digits that do not fit are cut off.
    pub fn times(self, other: Scaled) -> Scaled {
        let (mut a, mut b) = (self, other);
        loop {
            if let Some(product) = a.mantissa.checked_mul(b.mantissa) {
                return Scaled::new(product, a.exponent.saturating_add(b.exponent));
            }
            let longer = if a.mantissa.unsigned_abs() > b.mantissa.unsigned_abs() { &mut a } else { &mut b };
            *longer = Scaled { mantissa: longer.mantissa / 10, exponent: longer.exponent + 1 };
        }
    }

    /// Returns the greatest whole number that is not above this one, kept within `i64`.
    pub fn floor(self) -> i64 {
        let power = 10i128.checked_pow(self.exponent.unsigned_abs());
        let whole = match (power, self.exponent < 0) {
            (Some(power), true) => self.mantissa.div_euclid(power),
            (None, true) => self.mantissa.signum().min(0),
            (Some(power), false) => self.mantissa.saturating_mul(power),
            (None, false) => {
                if self.mantissa < 0 {
                    i128::MIN
                } else {
                    i128::MAX
                }
            }
        };
        whole.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// Returns the text that PostgreSQL reads; equal numbers have equal texts.
    pub fn text(self) -> String {
        match self.exponent {
            0 => self.mantissa.to_string(),
            e => format!("{}e{e}", self.mantissa),
        }
    }
}

/// Leaves room for one more sum.
const MANTISSA_MAX: u128 = i128::MAX as u128 / 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Scaled {
        Scaled::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_reckoned_with_exactly() {
        assert_eq!(n("36.6").plus(n("273.15")).text(), "30975e-2");
        assert_eq!(n("5.4").minus(n("0.05")).text(), "535e-2");
        assert_eq!(n("-0.5").plus(n("0.5")), Scaled::ZERO);
        assert_eq!(n("1e300").plus(n("1")).text(), "1e300");
        assert_eq!(n("-1e-300").plus(n("7")).text(), "7");
        assert_eq!(n("1.5").times(n("-20")).text(), "-3e1");
        assert_eq!(n("0").plus(n("3.25")).text(), "325e-2");
        assert_eq!(n(&"12".repeat(18)).times(n(&"3".repeat(36))).text().get(..18), Some("404040404040404040"));
    }

    #[test]
    fn a_number_has_a_whole_number_below_it() {
        for (text, floor) in [("5", 5), ("5.9", 5), ("-5.1", -6), ("-5", -5), ("0", 0), ("1e-300", 0), ("-1e-300", -1)]
        {
            assert_eq!(n(text).floor(), floor, "{text}");
        }
        assert_eq!((n("1e300").floor(), n("-1e30").floor()), (i64::MAX, i64::MIN));
    }

    #[test]
    fn what_is_no_number_is_not_read() {
        for text in ["", "x", "1e", "1.2.3", "--1", "1e99999999999"] {
            assert_eq!(Scaled::parse(text), None, "{text}");
        }
    }
}
