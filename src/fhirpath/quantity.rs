//! Quantities: a decimal and a unit, UCUM or a word of the calendar.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#quantity>; the mapping of FHIR's Quantity:
//! R4 <https://hl7.org/fhir/R4/fhirpath.html#quantity>.

use super::item::decimal;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity<'a> {
    pub value: Decimal,
    pub unit: Unit<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit<'a> {
    /// `4 days`
    Calendar(Calendar),
    /// `4 'mg'`
    Ucum(Cow<'a, str>),
}

/// A calendar duration, in rising length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Calendar {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Calendar {
    /// Returns the duration of a word, singular or plural.
    pub fn parse(word: &str) -> Option<Calendar> {
        Some(match word.strip_suffix('s').unwrap_or(word) {
            "year" => Calendar::Year,
            "month" => Calendar::Month,
            "week" => Calendar::Week,
            "day" => Calendar::Day,
            "hour" => Calendar::Hour,
            "minute" => Calendar::Minute,
            "second" => Calendar::Second,
            "millisecond" => Calendar::Millisecond,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Calendar::Year => "year",
            Calendar::Month => "month",
            Calendar::Week => "week",
            Calendar::Day => "day",
            Calendar::Hour => "hour",
            Calendar::Minute => "minute",
            Calendar::Second => "second",
            Calendar::Millisecond => "millisecond",
        }
    }

    /// Returns the UCUM unit of the same length; years and months have none, because theirs are means.
    pub fn ucum(self) -> Option<&'static str> {
        match self {
            Calendar::Year | Calendar::Month => None,
            Calendar::Week => Some("wk"),
            Calendar::Day => Some("d"),
            Calendar::Hour => Some("h"),
            Calendar::Minute => Some("min"),
            Calendar::Second => Some("s"),
            Calendar::Millisecond => Some("ms"),
        }
    }
}

impl<'a> Unit<'a> {
    pub fn ucum(code: impl Into<Cow<'a, str>>) -> Unit<'a> {
        Unit::Ucum(code.into())
    }

    pub fn calendar(word: &str) -> Option<Unit<'a>> {
        Calendar::parse(word).map(Unit::Calendar)
    }

    /// Returns the unit with a text of its own.
    pub(super) fn to_owned(&self) -> Unit<'static> {
        match self {
            Unit::Ucum(code) => Unit::Ucum(Cow::Owned(code.to_string())),
            Unit::Calendar(word) => Unit::Calendar(*word),
        }
    }
}

impl<'a> Quantity<'a> {
    /// Returns the quantity of a FHIR Quantity; none without a value, or with a comparator.
    pub(super) fn from_fhir(object: &'a Map<String, Value>) -> Option<Quantity<'a>> {
        let Some(Value::Number(value)) = object.get("value") else {
            return None;
        };
        if object.contains_key("comparator") {
            return None;
        }
        let text = |key| object.get(key).and_then(Value::as_str);
        let is_ucum = text("system") == Some("http://unitsofmeasure.org");
        let code = if is_ucum { text("code") } else { text("unit").or(text("code")) };
        Some(Quantity { value: decimal(value.as_str())?, unit: Unit::ucum(code.unwrap_or("1")) })
    }

    /// Returns the quantity of a plain number.
    pub(super) fn plain(value: Decimal) -> Quantity<'static> {
        Quantity { value, unit: Unit::ucum("1") }
    }

    pub(super) fn borrow(&'a self) -> Quantity<'a> {
        let unit = match &self.unit {
            Unit::Ucum(code) => Unit::Ucum(Cow::Borrowed(code)),
            Unit::Calendar(word) => Unit::Calendar(*word),
        };
        Quantity { value: self.value, unit }
    }

    /// Reads `4 days`, `4 'mg'`, `4`.
    pub fn parse(text: &str) -> Option<Quantity<'static>> {
        let text = text.trim();
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        let (number, rest) = text.split_at(text.len() - digits.len() + end);
        let number = number.strip_prefix('+').unwrap_or(number);
        if !is_decimal(number) {
            return None;
        }
        let value = Decimal::from_str_exact(number).ok()?;
        let unit = rest.trim_start();
        if unit.is_empty() {
            return Some(Quantity { value, unit: Unit::ucum("1") });
        }
        let unit = match unit.strip_prefix('\'').and_then(|u| u.strip_suffix('\'')) {
            Some(code) if !code.is_empty() && !code.contains('\'') => Unit::ucum(code.to_string()),
            Some(_) => return None,
            None if rest.starts_with(char::is_whitespace) => Unit::calendar(unit)?,
            None => return None,
        };
        Some(Quantity { value, unit })
    }
}

impl fmt::Display for Unit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unit::Calendar(word) => f.write_str(word.name()),
            Unit::Ucum(code) => f.write_str(code),
        }
    }
}

/// Returns whether the text is digits with an optional sign and an optional fraction.
pub(super) fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction)
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Calendar(word) if self.value.abs() == Decimal::ONE => write!(f, "{} {}", self.value, word.name()),
            Unit::Calendar(word) => write!(f, "{} {}s", self.value, word.name()),
            Unit::Ucum(code) => write!(f, "{} '{code}'", self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_quantities() {
        for (text, shown) in [
            ("4 days", Some("4 days")),
            ("1 day", Some("1 day")),
            ("-1.50 'mg'", Some("-1.50 'mg'")),
            ("+2", Some("2 '1'")),
            ("4 mg", None),
            ("4days", None),
            ("'mg'", None),
            ("1 ''", None),
            ("1. 'mg'", None),
            ("", None),
        ] {
            assert_eq!(Quantity::parse(text).map(|q| q.to_string()).as_deref(), shown, "{text}");
        }
    }
}
