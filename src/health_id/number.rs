//! The number of a Health ID: 14 random digits that mean nothing, and a check digit after Verhoeff.
//!
//! J. Verhoeff, Error Detecting Decimal Codes (1969): every wrong digit and every swap of two neighbours is noticed.

use std::fmt;

/// Random digits; the check digit comes after them.
const DIGITS: u32 = 14;
const LENGTH: usize = DIGITS as usize + 1;

/// A number whose check digit is right. Whether it was ever given out, the database knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HealthId(Box<str>);

impl HealthId {
    /// Returns a new number. The first digit is never 0: spreadsheets and number fields would drop it.
    pub fn random() -> HealthId {
        use aws_lc_rs::rand::{SecureRandom, SystemRandom};
        let mut bytes = [0; 8];
        SystemRandom::new().fill(&mut bytes).expect("the system's random source is there, or nothing here can be safe");
        let least = 10_u64.pow(DIGITS - 1);
        // 2^64 is so much more than the numbers there are that none is noticeably likelier than another.
        HealthId::over(least + u64::from_le_bytes(bytes) % (9 * least))
    }

    /// Returns the number whose random digits are these.
    fn over(digits: u64) -> HealthId {
        let digits = digits.to_string();
        let check = check_digit(digits.as_bytes());
        HealthId(format!("{digits}{check}").into())
    }

    /// Reads a number as people write it, with spaces and dashes between the digits; none when it cannot be one.
    pub fn parse(text: &str) -> Option<HealthId> {
        // Nobody writes more than a mark between any two digits.
        if text.len() > 4 * LENGTH {
            return None;
        }
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}' | '\u{2009}')).collect();
        let ok = digits.len() == LENGTH && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        (ok && checksum(digits.as_bytes()) == 0).then(|| HealthId(digits.into()))
    }

    /// Returns the digits alone, as identifiers and the database have them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In groups of five, for people.
impl fmt::Display for HealthId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", &self.0[..5], &self.0[5..10], &self.0[10..])
    }
}

/// The multiplication of the dihedral group of order 10.
const PRODUCT: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

/// What a digit becomes at the first place from the right; at the second it becomes so twice, and so on.
const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

const INVERSE: [u8; 10] = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9];

/// Returns the product of digits, the last of which stands at `place` from the right.
fn product(digits: &[u8], place: usize) -> u8 {
    digits.iter().rev().enumerate().fold(0, |sum, (i, digit)| {
        let turned = (0..(i + place) % 8).fold(digit - b'0', |d, _| STEP[usize::from(d)]);
        PRODUCT[usize::from(sum)][usize::from(turned)]
    })
}

/// Returns 0 when the last digit is the right check digit.
fn checksum(digits: &[u8]) -> u8 {
    product(digits, 0)
}

fn check_digit(digits: &[u8]) -> u8 {
    INVERSE[usize::from(product(digits, 1))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_the_published_examples() {
        for (digits, check) in [("236", 3), ("12345", 1), ("142857", 0), ("123456789012", 0)] {
            assert_eq!(check_digit(digits.as_bytes()), check, "{digits}");
            assert_eq!(checksum(format!("{digits}{check}").as_bytes()), 0, "{digits}");
        }
    }

    #[test]
    fn every_wrong_digit_and_every_swap_of_neighbours_is_noticed() {
        for _ in 0..300 {
            let number = HealthId::random();
            let digits = number.as_str().as_bytes();
            assert_eq!(checksum(digits), 0);
            for place in 0..LENGTH {
                for digit in b'0'..=b'9' {
                    let mut wrong = digits.to_vec();
                    wrong[place] = digit;
                    assert_eq!(checksum(&wrong) == 0, digit == digits[place], "{number}: place {place}");
                }
                if place > 0 && digits[place - 1] != digits[place] {
                    let mut wrong = digits.to_vec();
                    wrong.swap(place - 1, place);
                    assert_ne!(checksum(&wrong), 0, "{number}: places {} and {place}", place - 1);
                }
            }
        }
    }

    #[test]
    fn a_number_is_read_as_people_write_it() {
        let number = HealthId::over(12_345_678_901_234);
        let plain = number.as_str();
        let dashed = number.to_string().replace(' ', "-");
        for text in [plain, &number.to_string(), &dashed, &format!(" {plain} ")] {
            assert_eq!(HealthId::parse(text).as_ref(), Some(&number), "{text}");
        }
        let long = format!("{plain}{}", " ".repeat(100));
        let zero = format!("0{}", &plain[1..]);
        for text in ["", "123", &plain[1..], &format!("{plain}0"), "12345678901234x", "١٢٣٤٥٦٧٨٩٠١٢٣٤٥", &long, &zero]
        {
            assert_eq!(HealthId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_random_and_never_begin_with_0() {
        let numbers: std::collections::HashSet<String> = (0..5000).map(|_| HealthId::random().0.into()).collect();
        assert_eq!(numbers.len(), 5000);
        assert!(numbers.iter().all(|n| n.len() == LENGTH && !n.starts_with('0')));
    }
}
