//! Unit codes of UCUM and exact conversion between them.
//!
//! <https://ucum.org/ucum>: metric prefixes, products, quotients, powers, annotations, the units of everyday results,
//! and of the scales with an origin of their own the two of temperature. Units on logarithmic scales (`[pH]`, `B`) are
//! not here: they convert to nothing else.

mod parse;
mod ratio;
mod scaled;
#[cfg(test)]
mod suite_tests;
mod table;

pub use parse::parse;
pub use ratio::Ratio;
pub use scaled::Scaled;

/// The system that FHIR knows the codes by.
pub const SYSTEM: &str = "http://unitsofmeasure.org";

/// What a unit measures: exponents of metre, second, gram, radian, kelvin, coulomb, candela and mole, and of at most one
/// arbitrary unit such as `[iU]`, which converts to itself alone.
///
/// UCUM calls the mole a mere number; a mole is kept apart from it here, for nobody looks for `6.0221367 10*23`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dimension {
    pub exponents: [i8; 8],
    pub arbitrary: Option<(&'static str, i8)>,
}

/// A unit in base units: a value `x` in it is `(x + origin) * factor` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    pub factor: Ratio,
    /// Other than zero for scales such as `Cel` alone.
    pub origin: Scaled,
    pub dimension: Dimension,
}

impl Unit {
    /// Returns a value of this unit in base units, exact to 30 digits and cut off there.
    ///
    /// Equal quantities give equal values, and the order of quantities is kept, whatever their units are.
    pub fn to_base(&self, value: Scaled) -> Scaled {
        self.factor.of(value.plus(self.origin))
    }

    fn of_factor(factor: Ratio) -> Unit {
        Unit { factor, origin: Scaled::ZERO, dimension: Dimension::default() }
    }

    /// Returns the product with the power of another unit; none when it is too large to be a unit, or made of two
    /// arbitrary units.
    fn times(self, other: Unit, power: i8) -> Option<Unit> {
        let mut out = Unit { factor: self.factor.times(other.factor.power(power)?)?, ..self };
        for (own, more) in out.dimension.exponents.iter_mut().zip(other.dimension.exponents) {
            *own = own.checked_add(more.checked_mul(power)?)?;
        }
        let more = other.dimension.arbitrary.map(|(name, exponent)| Some((name, exponent.checked_mul(power)?)));
        out.dimension.arbitrary = match (self.dimension.arbitrary, more) {
            (own, None) => own,
            (None, Some(more)) => Some(more?),
            (Some((own, exponent)), Some(more)) => {
                let (name, more) = more?;
                (name == own).then_some(())?;
                Some((name, exponent.checked_add(more)?)).filter(|(_, exponent)| *exponent != 0)
            }
        };
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str, code: &str) -> Option<(String, Dimension)> {
        let unit = parse(code)?;
        Some((unit.to_base(Scaled::parse(text).unwrap()).text(), unit.dimension))
    }

    #[test]
    fn equal_quantities_have_one_value_in_base_units() {
        for (one, other) in [
            (("5.4", "mg"), ("0.0054", "g")),
            (("120", "mm[Hg]"), ("15.99864", "kPa")),
            (("37", "Cel"), ("310.15", "K")),
            (("98.6", "[degF]"), ("37", "Cel")),
            (("-40", "[degF]"), ("-40", "Cel")),
            (("60", "/min"), ("1", "Hz")),
            (("5", "/min"), ("300", "/h")),
            (("5", "10*3/uL"), ("5", "10*9/L")),
            (("1", "mmol/L"), ("1", "umol/mL")),
            (("90", "mg/dL"), ("0.9", "g/L")),
            (("2", "[iU]/mL"), ("2", "k[iU]/L")),
            (("1", "[IU]/L"), ("1", "[iU]/L")),
            (("5", "%"), ("0.05", "1")),
            (("7", "{score}"), ("7", "1")),
            (("1", "mmol{x}/L"), ("1", "mmol/L")),
            (("1", "[lb_av]"), ("0.45359237", "kg")),
            (("7", "[in_i]"), ("17.78", "cm")),
            (("100", "U/L"), ("100", "umol/min/L")),
            (("24", "kg/m2"), ("24000", "g/m2")),
            (("1", "meq/L"), ("1", "mmol/L")),
            (("2", "a"), ("24", "mo")),
            (("1", "ug/kg/min"), ("60", "ug/(kg.h)")),
            (("0", "mg"), ("0", "kg")),
        ] {
            let (a, b) = (base(one.0, one.1), base(other.0, other.1));
            assert!(a.is_some() && a == b, "{one:?} {a:?}, {other:?} {b:?}");
        }
    }

    #[test]
    fn what_measures_something_else_has_another_dimension() {
        for (one, other) in [("g", "m"), ("[iU]", "U"), ("[iU]", "[arb'U]"), ("mol", "1"), ("Cel", "m"), ("[iU]", "1")]
        {
            assert_ne!(parse(one).unwrap().dimension, parse(other).unwrap().dimension, "{one} {other}");
        }
    }

    #[test]
    fn nonsense_is_not_a_unit() {
        for code in [
            "((((((((((m",
            "m99",
            "/",
            "m..s",
            "{",
            "10*99",
            "",
            "m/",
            "mCel/L",
            "[pH]",
            "B",
            "mgg",
            "12h",
            "g/12h",
            "iU",
            "[iU].[arb'U]",
            "Cel2",
            "Cel/m",
            "m}",
            "{a",
            "rad2{錠}",
            "{a}rad2",
            "m)",
            "()",
            "kkg",
            "mg ",
            "m-",
            "0",
            "g/0",
            "340282366920938463463374607431768211456",
        ] {
            assert_eq!(parse(code), None, "{code}");
        }
    }
}
