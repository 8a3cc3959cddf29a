//! The meaning of an expression without a database: does a resource with these rows match?
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. What needs other resources is not decided here: see [`is_local`].

use crate::fhir::{ResourceId, ResourceType};
use crate::search::column::Role;
use crate::search::expr::{Comparison, DateTest, Expr, Near, Quantity, TextTest};
use crate::search::kind::number::{OPEN_ABOVE, OPEN_BELOW};
use crate::search::{IndexRows, normal, period};
use crate::ucum::Scaled;
use std::cmp::Ordering;

/// One resource as the index knows it.
pub struct Indexed {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    /// Microseconds since 1970; none for what has no version of its own.
    pub updated: Option<i64>,
    pub rows: IndexRows,
}

/// Returns whether the rows of one resource are all that is needed.
pub fn is_local(expr: &Expr) -> bool {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().all(is_local),
        Expr::Not(part) => is_local(part),
        Expr::Refers(_) | Expr::Referred(_) | Expr::Nos(_) | Expr::Ask(_) => false,
        _ => true,
    }
}

/// Returns whether the resource is wanted. Of an expression that is not local nothing is.
pub fn matches(expr: &Expr, it: &Indexed) -> bool {
    let rows = &it.rows;
    match expr {
        Expr::All => true,
        Expr::None => false,
        Expr::And(parts) => parts.iter().all(|part| matches(part, it)),
        Expr::Or(parts) => parts.iter().any(|part| matches(part, it)),
        Expr::Not(part) => !matches(part, it),
        Expr::Types(types) => types.contains(&it.resource_type),
        Expr::Ids(ids) => ids.contains(&it.id),
        Expr::Updated { from, to } => it.updated.is_some_and(|updated| (*from..=*to).contains(&updated)),
        Expr::Compartment(keys) => keys.iter().any(|key| rows.terms.contains(key)),
        Expr::Term(term) => term.keys.iter().any(|key| rows.terms.contains(key)),
        Expr::Text(text) => rows.strings.iter().any(|(key, value)| match &text.test {
            TextTest::Prefix { from, before } => {
                *key == text.key && value >= from && before.as_ref().is_none_or(|before| value < before)
            }
            TextTest::Exact(exact) => *key == text.key && value == exact,
            TextTest::Contains { part, more } => {
                let folded = value.split('\u{1}').next().unwrap_or_default();
                (*key == text.key || key == more) && folded.contains(part)
            }
            TextTest::End { part, more } => {
                let folded = value.split('\u{1}').next().unwrap_or_default();
                let whole = folded.len() <= normal::UNCUT_BYTES_MAX || value.ends_with('\u{1}');
                (*key == text.key || key == more) && whole && folded.ends_with(part)
            }
        }),
        Expr::Date(date) => rows.dates.iter().any(|(key, lo, hi)| {
            let class = date.keys.iter().position(|k| k == key);
            class.is_some_and(|class| date.tests.iter().all(|test| passes(test, class, *lo, *hi)))
        }),
        Expr::Quantity(quantity) => rows.quantities.iter().any(|row| within(quantity, row)),
        Expr::Near(near) => is_near(near, rows),
        Expr::Missing(missing) => {
            missing.types.contains(&it.resource_type)
                && !missing.columns.iter().any(|column| rows.shape.columns.contains(column))
        }
        Expr::Governed(governed) => governed.allows(&rows.about, &|condition| matches(condition, it)),
        Expr::Refers(_) | Expr::Referred(_) | Expr::Nos(_) | Expr::Ask(_) => false,
    }
}

/// Returns whether a resource about these patients is wanted, where that can be told without reading it; `is_labelled`: it may have a
/// label of confidentiality.
pub fn at_sight(expr: &Expr, about: &[i64], is_labelled: bool) -> Option<bool> {
    let told = |part: &Expr| at_sight(part, about, is_labelled);
    match expr {
        Expr::All => Some(true),
        Expr::None => Some(false),
        Expr::And(parts) => {
            let parts: Vec<Option<bool>> = parts.iter().map(told).collect();
            if parts.contains(&Some(false)) {
                Some(false)
            } else {
                parts.into_iter().all(|p| p == Some(true)).then_some(true)
            }
        }
        Expr::Or(parts) => {
            let parts: Vec<Option<bool>> = parts.iter().map(told).collect();
            if parts.contains(&Some(true)) {
                Some(true)
            } else {
                parts.into_iter().all(|p| p == Some(false)).then_some(false)
            }
        }
        Expr::Not(part) => told(part).map(|is| !is),
        Expr::Governed(governed) => governed.allows_at_sight(about, &told),
        Expr::Term(term) if term.role == Some(Role::Label) && !is_labelled => Some(false),
        _ => None,
    }
}

/// Compares as the database does, and checks that the bounds of the walk never leave out what passes.
fn passes(test: &DateTest, class: usize, lo: i64, hi: i64) -> bool {
    let (plo, phi) = (test.lo, test.hi);
    let inside = lo >= plo && hi <= phi;
    let passes = match test.comparison {
        Comparison::Eq => inside,
        Comparison::Ne => !inside,
        Comparison::Gt => hi > phi,
        Comparison::Lt => lo < plo,
        Comparison::Ge => hi > phi || inside,
        Comparison::Le => lo < plo || inside,
        Comparison::Sa => lo > phi,
        Comparison::Eb => hi < plo,
        Comparison::Ap => lo <= phi && hi >= plo,
    };
    let (first, last) = test.window(period::CLASS_LENGTH_MAX[class]);
    debug_assert!(!passes || (first <= lo && lo <= last), "{test:?} would miss {lo}..{hi} in class {class}");
    passes
}

/// Compares the chord between the two points, which is twice the sine of half the angle. Its rounding is less than a
/// thousandth of a millimetre.
fn is_near(near: &Near, rows: &IndexRows) -> bool {
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let stored = |key: i64| rows.quantities.iter().find(|(k, ..)| *k == key).map(|(_, lo, _)| number(lo));
    let (Some(latitude), Some(longitude)) = (stored(near.keys[0]), stored(near.keys[1])) else { return false };
    let point = |latitude: f64, longitude: f64| {
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
    };
    let (a, b) = (point(latitude, longitude), point(number(&near.latitude), number(&near.longitude)));
    let chord: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    let is_near = chord / 4.0 <= number(&near.haversine) + 1e-15;
    let bounds = number(&near.from)..=number(&near.to);
    debug_assert!(!is_near || bounds.contains(&latitude), "{near:?} would miss {latitude}");
    is_near
}

/// Compares decimals exactly, as the database does.
fn within(quantity: &Quantity, (key, lo, hi): &(i64, String, String)) -> bool {
    if *key != quantity.key {
        return false;
    }
    let passes = || {
        let (lo, hi) = (Number::parse(lo)?, Number::parse(hi)?);
        let (v, m) = (Scaled::parse(&quantity.value)?, Scaled::parse(&quantity.margin)?);
        let number = Number::Finite;
        Some(passes_number(quantity.comparison, (lo, hi), number(v), (number(v.minus(m)), number(v.plus(m)))))
    };
    passes().unwrap_or(false)
}

/// An end of a stretch of numbers.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    Below,
    Finite(Scaled),
    Above,
}

impl Number {
    fn parse(text: &str) -> Option<Number> {
        match text {
            OPEN_BELOW => Some(Number::Below),
            OPEN_ABOVE => Some(Number::Above),
            text => Scaled::parse(text).map(Number::Finite),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        let side = |number: &Number| match number {
            Number::Below => -1,
            Number::Finite(_) => 0,
            Number::Above => 1,
        };
        Some(match (self, other) {
            (Number::Finite(a), Number::Finite(b)) => a.minus(*b).mantissa().cmp(&0),
            _ => side(self).cmp(&side(other)),
        })
    }
}

/// Returns whether the stretch from `lo` to `hi` passes, by the rules of R4 3.1.1.4.6.
fn passes_number<N: PartialOrd>(comparison: Comparison, (lo, hi): (N, N), v: N, (least, most): (N, N)) -> bool {
    match comparison {
        Comparison::Eq => lo >= least && hi < most,
        Comparison::Ne => lo < least || hi >= most,
        Comparison::Gt => hi > v,
        Comparison::Lt => lo < v,
        Comparison::Ge => hi >= v,
        Comparison::Le => lo <= v,
        Comparison::Sa => lo > v,
        Comparison::Eb => hi < v,
        Comparison::Ap => lo <= most && hi >= least,
    }
}
