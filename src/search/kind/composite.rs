//! Composites: parts of a query that must hold of one resource, or of one item in it.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#composite>: `code$value`, each part by the rules of its own kind. A comma
//! divides whole tuples.

use crate::fault::{Fault, Kind};
use crate::search::column::{Column, Focus, Place, Rank};
use crate::search::condition::{Asked, Condition};
use crate::search::decimal::Decimal;
use crate::search::expr::{Comparison, Date, DateTest, Expr, Quantity, Term, Text};
use crate::search::key::Keyer;
use crate::search::modifier::Modifier;
use crate::search::tuple::{self, NO_KEYS};
use crate::search::{kind, value};

use super::number;

/// Most keys that one tuple of a query may stand for.
const KEYS_MAX: usize = 1_000;

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let values = value::split(condition.value, '$');
    let components = &asked.param.spec.components;
    if values.len() != components.len() {
        return Err(condition.invalid(&format!("has {} parts; it takes the form {}", values.len(), form(asked))));
    }
    if values.iter().any(|value| value.is_empty()) {
        return Err(condition.invalid(&format!("has an empty part; it takes the form {}", form(asked))));
    }
    let foci = asked.param.foci.iter().map(|focus| in_focus(asked, condition, focus, &values));
    Ok(Expr::or(foci.collect::<Result<Vec<_>, Fault>>()?))
}

/// Returns the names of the parts with `$` between them.
fn form(asked: &Asked) -> String {
    let focus = asked.param.foci.first();
    let names: Vec<&str> = focus.iter().flat_map(|f| &f.parts).map(|part| &*part.param.spec.code).collect();
    names.join("$")
}

fn in_focus(asked: &Asked, whole: &Condition, focus: &Focus, values: &[&str]) -> Result<Expr, Fault> {
    let keyer = &asked.registry.keyer;
    let (mut parts, mut keys, mut last) = (Vec::new(), vec![NO_KEYS], None);
    let mut ends: Vec<Vec<DateTest>> = vec![Vec::new()];
    let mut stretch = None;
    for (part, value) in focus.parts.iter().zip(values) {
        let asked = Asked { param: &part.param, ..*asked };
        let condition = Condition { modifier: &Modifier::None, value, ..*whole };
        let column = asked.columns().next().map(|(column, _)| column);
        if let Place::Start | Place::End = part.place {
            let tests = end_tests(&condition, part.place)?;
            ends = ends.iter().flat_map(|a| tests.iter().map(|b| [&a[..], b].concat())).collect();
            stretch = stretch.or(column);
            continue;
        }
        let expr = (kind::of(part.param.spec.kind).condition)(&asked, &condition)?;
        match part.place {
            Place::Resource => parts.push(expr),
            Place::Key => keys = tuple::cross(keyer, &keys, &term_keys(&condition, expr)?),
            _ => last = column.map(|column| (expr, column)),
        }
        if keys.len() > KEYS_MAX {
            return Err(Fault::new(
                Kind::TooCostly,
                condition.describe("stands for too many codes to be searched for"),
            ));
        }
    }
    if let Some((expr, column)) = last {
        let beside = Beside { keyer, keys: &keys, column };
        let Some(expr) = beside.of(expr) else {
            return Err(whole.not_supported("asks for a unit by its system alone, which is not answered here"));
        };
        parts.push(expr);
    }
    if let Some(column) = stretch {
        parts.push(stretches(keyer, &keys, column, &ends));
    }
    Ok(Expr::and(parts))
}

/// Returns the keys of a part that is matched by equality.
fn term_keys(condition: &Condition, expr: Expr) -> Result<Vec<i64>, Fault> {
    match expr {
        Expr::None => Ok(Vec::new()),
        Expr::Term(term) => Ok(term.keys),
        Expr::Or(parts) => {
            let keys = parts.into_iter().map(|part| term_keys(condition, part));
            Ok(keys.collect::<Result<Vec<_>, Fault>>()?.concat())
        }
        _ => Err(condition.not_supported("cannot be searched for within a composite")),
    }
}

/// A value beside any of the keys.
struct Beside<'a> {
    keyer: &'a Keyer,
    keys: &'a [i64],
    column: &'a Column,
}

impl Beside<'_> {
    /// Returns the condition on the values of the column as one on values that stand beside the keys; none for what
    /// is more than one value's matter.
    fn of(&self, expr: Expr) -> Option<Expr> {
        Some(match expr {
            Expr::None => Expr::None,
            Expr::Or(parts) => Expr::or(parts.into_iter().map(|part| self.of(part)).collect::<Option<Vec<_>>>()?),
            Expr::Term(term) => self.term(tuple::cross(self.keyer, self.keys, &term.keys)),
            Expr::Quantity(quantity) => Expr::or(self.keys.iter().map(|key| {
                let key = self.keyer.pair(*key, quantity.key);
                Expr::Quantity(Quantity { key, single: false, ..quantity.clone() })
            })),
            Expr::Date(date) => {
                self.each(|keys| Expr::Date(Date { keys, tests: date.tests.clone(), single: false, principal: false }))
            }
            Expr::Text(text) => self.each(|keys| Expr::Text(Text { key: keys[0], test: text.test.clone() })),
            _ => return None,
        })
    }

    fn each(&self, test: impl Fn([i32; 4]) -> Expr) -> Expr {
        Expr::or(self.keys.iter().map(|key| {
            let there = self.term(vec![self.keyer.pair(*key, self.column.key)]);
            Expr::and([there, test(tuple::narrow(self.keyer, *key, self.column))])
        }))
    }

    fn term(&self, keys: Vec<i64>) -> Expr {
        match keys.is_empty() {
            true => Expr::None,
            false => Expr::Term(Term { keys, rank: Rank::Code, exclusive: None, role: None }),
        }
    }
}

fn stretches(keyer: &Keyer, keys: &[i64], column: &Column, ends: &[Vec<DateTest>]) -> Expr {
    Expr::or(keys.iter().flat_map(|key| {
        let keys = tuple::narrow(keyer, *key, column);
        ends.iter().map(move |tests| Expr::Date(Date { keys, tests: tests.clone(), single: false, principal: false }))
    }))
}

/// Returns what a part such as `ge100` asks of the start or the end of a stretch of whole numbers: one of the lists.
fn end_tests(condition: &Condition, place: Place) -> Result<Vec<Vec<DateTest>>, Fault> {
    let text = condition.text()?;
    let (comparison, number) = number::read(condition, &text)?;
    let (above, below) = match place {
        Place::Start => (Comparison::Sa, Comparison::Lt),
        _ => (Comparison::Gt, Comparison::Eb),
    };
    let test = |comparison, limit: i64| {
        let limit = limit.clamp(-LIMIT, LIMIT);
        DateTest { comparison, lo: limit, hi: limit }
    };
    let (above, below) = (|limit| test(above, limit), |limit| test(below, limit));
    let (first, last) = wholes(comparison, &number);
    Ok(match comparison {
        Comparison::Eq | Comparison::Ap => vec![vec![above(first - 1), below(last + 1)]],
        Comparison::Ne => vec![vec![below(first)], vec![above(last)]],
        Comparison::Gt | Comparison::Sa => vec![vec![above(last)]],
        Comparison::Ge => vec![vec![above(first - 1)]],
        Comparison::Lt | Comparison::Eb => vec![vec![below(first)]],
        Comparison::Le => vec![vec![below(last + 1)]],
    })
}

/// Far beyond the whole numbers of FHIR, and far from the ends of `i64`.
const LIMIT: i64 = 1 << 40;

/// Returns the first and the last whole number that count as the number.
fn wholes(comparison: Comparison, number: &Decimal) -> (i64, i64) {
    let value = number.scaled();
    let (lo, hi) = match comparison {
        Comparison::Eq | Comparison::Ne => (value.minus(number.margin_scaled()), value.plus(number.margin_scaled())),
        Comparison::Ap => (value.minus(number.tenth_scaled()), value.plus(number.tenth_scaled())),
        _ => (value, value),
    };
    let ceil = |n: crate::ucum::Scaled| crate::ucum::Scaled::ZERO.minus(n).floor().clamp(-LIMIT, LIMIT).wrapping_neg();
    let last = match comparison {
        // The upper limit of a rounding range is outside of it.
        Comparison::Eq | Comparison::Ne => ceil(hi) - 1,
        _ => hi.floor().clamp(-LIMIT, LIMIT),
    };
    (ceil(lo), last)
}
