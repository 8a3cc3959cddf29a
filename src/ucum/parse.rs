//! The grammar of unit codes: terms, powers, parentheses, annotations.

use super::table::{self, Known};
use super::{Ratio, Scaled, Unit};

/// No unit of use is longer.
const CODE_BYTES_MAX: usize = 200;
const DEPTH_MAX: u8 = 8;
const POWER_MAX: u8 = 24;
const NUMBER_DIGITS_MAX: usize = 18;

/// Returns a code in base units; none for what is not known here.
pub fn parse(code: &str) -> Option<Unit> {
    if code.len() > CODE_BYTES_MAX || !code.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    table::scale(code).or_else(|| read(table::known(), code))
}

/// Returns a code in base units by the units that are known so far.
pub(super) fn read(known: &Known, code: &str) -> Option<Unit> {
    let mut parser = Parser { known, rest: code, depth: 0 };
    let unit = parser.term()?;
    parser.rest.is_empty().then_some(unit)
}

struct Parser<'t> {
    known: &'t Known,
    rest: &'t str,
    depth: u8,
}

impl Parser<'_> {
    /// `a.b/c`, from left to right.
    fn term(&mut self) -> Option<Unit> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let mut out = Unit::of_factor(Ratio::ONE);
        let mut divide = self.eat('/');
        loop {
            let (unit, power) = self.component()?;
            out = out.times(unit, if divide { -power } else { power })?;
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

    fn component(&mut self) -> Option<(Unit, i8)> {
        if self.eat('(') {
            let inner = self.term()?;
            return self.eat(')').then_some((inner, 1));
        }
        if self.annotation()? {
            // An annotation alone stands for the number one.
            let ends = self.rest.is_empty() || self.rest.starts_with(['.', '/', ')']);
            return ends.then_some((Unit::of_factor(Ratio::ONE), 1));
        }
        let (symbol, rest) = self.rest.split_at(symbol_length(self.rest));
        self.rest = rest;
        let (symbol, power) = split_power(symbol)?;
        let unit = self.atom(symbol)?;
        self.annotation()?;
        Some((unit, power))
    }

    /// Takes an annotation and returns whether there was one; none when it does not end.
    fn annotation(&mut self) -> Option<bool> {
        let Some(inner) = self.rest.strip_prefix('{') else {
            return Some(false);
        };
        self.rest = &inner[inner.find('}')? + 1..];
        Some(true)
    }

    fn atom(&self, symbol: &str) -> Option<Unit> {
        if !symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_digit()) {
            // Longer numbers would be cut off.
            let number = Scaled::from_digits(false, symbol, 0).filter(|_| symbol.len() <= NUMBER_DIGITS_MAX)?;
            return Ratio::new(number).map(Unit::of_factor);
        }
        self.known.unit(symbol)
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
fn split_power(symbol: &str) -> Option<(&str, i8)> {
    let head = symbol.trim_end_matches(|c: char| c.is_ascii_digit());
    if head.is_empty() || head.len() == symbol.len() {
        return Some((symbol, 1));
    }
    let base = head.strip_suffix(['-', '+']).unwrap_or(head);
    let power = &symbol[base.len()..];
    let power: i8 = power.strip_prefix('+').unwrap_or(power).parse().ok()?;
    let is_number = base.bytes().all(|b| b.is_ascii_digit());
    (power.unsigned_abs() <= POWER_MAX && !is_number).then_some((base, power))
}
