//! Unit codes of UCUM, read into base units.
//!
//! <https://ucum.org/ucum>: metric prefixes, products, quotients, powers, annotations and the units of everyday
//! results. Units on scales of their own, such as `Cel` and `[pH]`, are not here.

use rust_decimal::Decimal;

/// Exponents of metre, second, gram, radian, kelvin, coulomb, candela, mole, calendar month.
pub(super) type Dimension = [i8; 9];

const NONE: Dimension = [0; 9];
const LENGTH: Dimension = [1, 0, 0, 0, 0, 0, 0, 0, 0];
pub(super) const TIME: Dimension = [0, 1, 0, 0, 0, 0, 0, 0, 0];
const MASS: Dimension = [0, 0, 1, 0, 0, 0, 0, 0, 0];
const ANGLE: Dimension = [0, 0, 0, 1, 0, 0, 0, 0, 0];
const KELVIN: Dimension = [0, 0, 0, 0, 1, 0, 0, 0, 0];
const CHARGE: Dimension = [0, 0, 0, 0, 0, 1, 0, 0, 0];
const LIGHT: Dimension = [0, 0, 0, 0, 0, 0, 1, 0, 0];
const AMOUNT: Dimension = [0, 0, 0, 0, 0, 0, 0, 1, 0];
pub(super) const MONTH: Dimension = [0, 0, 0, 0, 0, 0, 0, 0, 1];
const VOLUME: Dimension = [3, 0, 0, 0, 0, 0, 0, 0, 0];
const PRESSURE: Dimension = [-1, -2, 1, 0, 0, 0, 0, 0, 0];
const ENERGY: Dimension = [2, -2, 1, 0, 0, 0, 0, 0, 0];
const FORCE: Dimension = [1, -2, 1, 0, 0, 0, 0, 0, 0];
const POWER: Dimension = [2, -3, 1, 0, 0, 0, 0, 0, 0];
const FREQUENCY: Dimension = [0, -1, 0, 0, 0, 0, 0, 0, 0];

/// Code, factor to the base units, dimension, whether prefixes apply.
#[rustfmt::skip]
const UNITS: [(&str, &str, Dimension, bool); 62] = [
    ("1", "1", NONE, false), ("%", "0.01", NONE, false), ("[ppth]", "0.001", NONE, false),
    ("[ppm]", "0.000001", NONE, false), ("[ppb]", "0.000000001", NONE, false), ("10*", "10", NONE, false),
    ("10^", "10", NONE, false), ("[pi]", "3.1415926535897932384626433833", NONE, false),
    ("m", "1", LENGTH, true), ("s", "1", TIME, true), ("g", "1", MASS, true), ("rad", "1", ANGLE, true),
    ("K", "1", KELVIN, true), ("C", "1", CHARGE, true), ("cd", "1", LIGHT, true), ("mol", "1", AMOUNT, true),
    ("min", "60", TIME, false), ("h", "3600", TIME, false), ("d", "86400", TIME, false),
    ("wk", "604800", TIME, false), ("mo", "2629800", TIME, false), ("a", "31557600", TIME, false),
    ("mo_j", "2629800", TIME, false), ("a_j", "31557600", TIME, false), ("mo_g", "2629746", TIME, false),
    ("a_g", "31556952", TIME, false), ("a_t", "31556925.216", TIME, false),
    ("L", "0.001", VOLUME, true), ("l", "0.001", VOLUME, true), ("t", "1000000", MASS, true),
    ("u", "0.0000000000000000000000016605", MASS, true),
    ("Hz", "1", FREQUENCY, true), ("N", "1000", FORCE, true), ("Pa", "1000", PRESSURE, true),
    ("J", "1000", ENERGY, true), ("W", "1000", POWER, true), ("bar", "100000000", PRESSURE, true),
    ("cal", "4184", ENERGY, true), ("[Cal]", "4184000", ENERGY, false),
    ("m[Hg]", "133322000", PRESSURE, true), ("m[H2O]", "9806650", PRESSURE, true),
    ("atm", "101325000", PRESSURE, false), ("[psi]", "6894757.293168361", PRESSURE, false),
    ("deg", "0.0174532925199432957692369077", ANGLE, false), ("eq", "1", AMOUNT, true), ("osm", "1", AMOUNT, true),
    ("kat", "1", [0, -1, 0, 0, 0, 0, 0, 1, 0], true),
    ("U", "0.0000000166666666666666666667", [0, -1, 0, 0, 0, 0, 0, 1, 0], true),
    ("[in_i]", "0.0254", LENGTH, false), ("[ft_i]", "0.3048", LENGTH, false), ("[yd_i]", "0.9144", LENGTH, false),
    ("[mi_i]", "1609.344", LENGTH, false), ("[in_us]", "0.0254000508001016", LENGTH, false),
    ("[lb_av]", "453.59237", MASS, false), ("[oz_av]", "28.349523125", MASS, false),
    ("[gr]", "0.06479891", MASS, false), ("[stone_av]", "6350.29318", MASS, false),
    ("[gal_us]", "0.003785411784", VOLUME, false), ("[qt_us]", "0.000946352946", VOLUME, false),
    ("[pt_us]", "0.000473176473", VOLUME, false), ("[foz_us]", "0.0000295735295625", VOLUME, false),
    ("[cup_us]", "0.0002365882365", VOLUME, false),
];

/// Prefix and power of ten; `da` before `d`.
#[rustfmt::skip]
const PREFIXES: [(&str, i32); 20] = [
    ("da", 1), ("Y", 24), ("Z", 21), ("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("h", 2),
    ("d", -1), ("c", -2), ("m", -3), ("u", -6), ("n", -9), ("p", -12), ("f", -15), ("a", -18), ("z", -21), ("y", -24),
];

/// A unit in base units.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Base {
    pub factor: Decimal,
    pub dimension: Dimension,
}

/// Returns a code in base units; none for what is not known here.
pub(super) fn parse(code: &str) -> Option<Base> {
    let mut parser = Parser { rest: code, depth: 0 };
    let base = parser.term()?;
    parser.rest.is_empty().then_some(base)
}

struct Parser<'t> {
    rest: &'t str,
    depth: u8,
}

impl Parser<'_> {
    /// `a.b/c`, from left to right.
    fn term(&mut self) -> Option<Base> {
        self.depth += 1;
        if self.depth > 8 {
            return None;
        }
        let mut out = Base { factor: Decimal::ONE, dimension: NONE };
        let mut divide = self.eat('/');
        loop {
            let factor = self.component()?;
            out = combine(out, factor, if divide { -1 } else { 1 })?;
            if self.eat('.') {
                divide = false;
            } else if self.eat('/') {
                divide = true;
            } else {
                self.depth -= 1;
                return Some(out);
            }
        }
    }

    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn component(&mut self) -> Option<Base> {
        if self.eat('(') {
            let inner = self.term()?;
            return self.eat(')').then_some(inner);
        }
        if self.rest.starts_with('{') {
            self.annotation()?;
            return Some(Base { factor: Decimal::ONE, dimension: NONE });
        }
        let end = symbol_length(self.rest);
        let (symbol, rest) = self.rest.split_at(end);
        self.rest = rest;
        let (symbol, exponent) = split_exponent(symbol)?;
        let unit = atom(symbol)?;
        self.annotation()?;
        let mut out = Base { factor: Decimal::ONE, dimension: NONE };
        for _ in 0..exponent.unsigned_abs() {
            out = combine(out, unit, exponent.signum())?;
        }
        Some(out)
    }

    fn annotation(&mut self) -> Option<()> {
        if self.rest.starts_with('{') {
            self.rest = &self.rest[self.rest.find('}')? + 1..];
        }
        Some(())
    }
}

/// Returns where a symbol ends: at an operator, parenthesis or annotation outside of square brackets.
fn symbol_length(text: &str) -> usize {
    let mut in_brackets = false;
    for (i, c) in text.char_indices() {
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '.' | '/' | '(' | ')' | '{' if !in_brackets => return i,
            _ => {}
        }
    }
    text.len()
}

/// `m2` is `m` and 2, `10*-3` is `10*` and -3, `100` is a number of its own.
fn split_exponent(symbol: &str) -> Option<(&str, i8)> {
    if symbol.bytes().all(|b| b.is_ascii_digit()) {
        return Some((symbol, 1));
    }
    let digits = symbol.bytes().rev().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Some((symbol, 1));
    }
    let mut split = symbol.len() - digits;
    if symbol[..split].ends_with(['-', '+']) {
        split -= 1;
    }
    let exponent: i8 = symbol[split..].strip_prefix('+').unwrap_or(&symbol[split..]).parse().ok()?;
    (exponent.unsigned_abs() <= 24).then_some((&symbol[..split], exponent))
}

fn atom(symbol: &str) -> Option<Base> {
    if !symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Base { factor: Decimal::from_str_exact(symbol).ok()?, dimension: NONE });
    }
    if let Some((_, factor, dimension, _)) = UNITS.iter().find(|u| u.0 == symbol) {
        return Some(Base { factor: Decimal::from_str_exact(factor).ok()?, dimension: *dimension });
    }
    for (prefix, power) in PREFIXES {
        let Some(rest) = symbol.strip_prefix(prefix) else {
            continue;
        };
        let Some((_, factor, dimension, _)) = UNITS.iter().find(|u| u.3 && u.0 == rest) else {
            continue;
        };
        let ten = Decimal::from_scientific(&format!("1e{power}")).ok()?;
        let factor = Decimal::from_str_exact(factor).ok()?.checked_mul(ten)?;
        return (!factor.is_zero()).then_some(Base { factor, dimension: *dimension });
    }
    None
}

/// Multiplies (`sign` 1) or divides (`sign` -1).
fn combine(a: Base, b: Base, sign: i8) -> Option<Base> {
    let factor = if sign < 0 { a.factor.checked_div(b.factor)? } else { a.factor.checked_mul(b.factor)? };
    let mut dimension = a.dimension;
    for (own, other) in dimension.iter_mut().zip(b.dimension) {
        *own = own.checked_add(other.checked_mul(sign)?)?;
    }
    (!factor.is_zero()).then_some(Base { factor, dimension })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_not_a_unit() {
        for code in ["((((((((((m", "m99", "/", "m..s", "{", "10*99", ""] {
            assert!(parse(code).is_none(), "{code}");
        }
    }
}
