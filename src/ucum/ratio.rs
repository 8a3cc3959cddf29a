//! Factors between units: fractions, for a minute is 60 seconds and a second no decimal of a minute.

use super::scaled::Scaled;

/// `numerator / denominator * 10^exponent`, in lowest terms; always above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    numerator: u128,
    denominator: u128,
    exponent: i32,
}

/// Digits of a result; more are cut off, which keeps the order of results.
const DIGITS: u32 = 30;
/// Powers of ten beyond are no units.
const EXPONENT_MAX: i32 = 200;

impl Ratio {
    pub const ONE: Ratio = Ratio { numerator: 1, denominator: 1, exponent: 0 };

    /// Returns the ratio of a number above zero.
    pub fn new(number: Scaled) -> Option<Ratio> {
        let numerator = u128::try_from(number.mantissa()).ok()?;
        Ratio { numerator, denominator: 1, exponent: number.exponent() }.reduced()
    }

    pub fn ten(exponent: i32) -> Ratio {
        Ratio { exponent, ..Ratio::ONE }
    }

    pub fn times(self, other: Ratio) -> Option<Ratio> {
        let (a, b) = (gcd(self.numerator, other.denominator), gcd(other.numerator, self.denominator));
        Ratio {
            numerator: (self.numerator / a).checked_mul(other.numerator / b)?,
            denominator: (self.denominator / b).checked_mul(other.denominator / a)?,
            exponent: self.exponent.checked_add(other.exponent)?,
        }
        .reduced()
    }

    /// Returns a power; a negative one is the reciprocal of the power.
    pub fn power(self, power: i8) -> Option<Ratio> {
        let mut out = Ratio::ONE;
        for _ in 0..power.unsigned_abs() {
            out = out.times(self)?;
        }
        if power < 0 {
            out = Ratio { numerator: out.denominator, denominator: out.numerator, exponent: -out.exponent };
        }
        Some(out)
    }

    fn reduced(mut self) -> Option<Ratio> {
        if self.numerator == 0 {
            return None;
        }
        let common = gcd(self.numerator, self.denominator);
        (self.numerator, self.denominator) = (self.numerator / common, self.denominator / common);
        while self.numerator.is_multiple_of(10) {
            (self.numerator, self.exponent) = (self.numerator / 10, self.exponent + 1);
        }
        while self.denominator.is_multiple_of(10) {
            (self.denominator, self.exponent) = (self.denominator / 10, self.exponent - 1);
        }
        (self.exponent.abs() <= EXPONENT_MAX).then_some(self)
    }

    /// Returns the value times the ratio.
    pub fn of(self, value: Scaled) -> Scaled {
        let (mut magnitude, mut exponent) = (value.mantissa().unsigned_abs(), value.exponent() + self.exponent);
        let product = loop {
            match magnitude.checked_mul(self.numerator) {
                Some(product) => break product,
                None => (magnitude, exponent) = (magnitude / 10, exponent + 1),
            }
        };
        // Most factors are powers of ten or decimals, and long division of 128 bits is slow.
        let (mut whole, mut rest) = match self.denominator {
            1 => (product, 0),
            denominator => (product / denominator, product % denominator),
        };
        let digits_end = 10u128.pow(DIGITS);
        // Long division, a digit a turn.
        while rest > 0 && whole < digits_end {
            let Some(next) = rest.checked_mul(10) else { break };
            (whole, rest) = (whole * 10 + next / self.denominator, next % self.denominator);
            exponent -= 1;
        }
        while whole >= digits_end {
            (whole, exponent) = (whole / 10, exponent + 1);
        }
        let whole = whole as i128;
        Scaled::new(if value.mantissa() < 0 { -whole } else { whole }, exponent)
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    if a == 1 || b == 1 {
        return 1;
    }
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(text: &str) -> Ratio {
        Ratio::new(Scaled::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn division_is_exact_or_cut_off_after_thirty_digits() {
        let sixtieth = ratio("60").power(-1).unwrap();
        assert_eq!(sixtieth.of(Scaled::new(60, 0)).text(), "1");
        assert_eq!(sixtieth.of(Scaled::new(-45, -1)).text(), "-75e-3");
        assert_eq!(sixtieth.of(Scaled::new(1, 0)).text(), "166666666666666666666666666666e-31");
        assert_eq!(ratio("1e3").times(ratio("0.001")), Some(Ratio::ONE));
        assert_eq!(ratio("60").times(sixtieth), Some(Ratio::ONE));
        assert_eq!(Ratio::new(Scaled::ZERO), None);
        assert_eq!(ratio("7919").power(40), None, "too large");
    }
}
