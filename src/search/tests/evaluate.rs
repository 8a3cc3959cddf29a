//! The meaning of an expression without a database: does a resource with these rows match?

use crate::fhir::{ResourceId, ResourceType};
use crate::search::expr::{Comparison, DateTest, Expr, Quantity, TextTest};
use crate::search::{IndexRows, period};
use crate::ucum::Scaled;

/// One resource as the index knows it.
pub struct Indexed {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub rows: IndexRows,
}

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
        Expr::Updated { .. } => true,
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
        }),
        Expr::Date(date) => rows.dates.iter().any(|(key, lo, hi)| {
            let class = date.keys.iter().position(|k| k == key);
            class.is_some_and(|class| date.tests.iter().all(|test| passes(test, class, *lo, *hi)))
        }),
        Expr::Quantity(quantity) => rows.quantities.iter().any(|row| within(quantity, row)),
        Expr::Missing(missing) => {
            missing.types.contains(&it.resource_type)
                && !missing.columns.iter().any(|column| rows.shape.columns.contains(column))
        }
        Expr::Refers(_) | Expr::Referred(_) | Expr::Nos(_) | Expr::Ask(_) => panic!("{expr:?} needs other resources"),
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
    assert!(!passes || (first <= lo && lo <= last), "{test:?} would miss {lo}..{hi} in class {class}");
    passes
}

/// Compares exactly; an open end is beyond every number that tests use.
fn within(quantity: &Quantity, (key, lo, hi): &(i64, String, String)) -> bool {
    let number = |text: &str| match text {
        "infinity" => Scaled::new(1, 999),
        "-infinity" => Scaled::new(-1, 999),
        text => Scaled::parse(text).expect("the index holds numbers"),
    };
    let below = |a: Scaled, b: Scaled| a.minus(b).mantissa() < 0;
    let (lo, hi, v, m) = (number(lo), number(hi), number(&quantity.value), number(&quantity.margin));
    let (least, most) = (v.minus(m), v.plus(m));
    let test = match quantity.comparison {
        Comparison::Eq => !below(lo, least) && below(hi, most),
        Comparison::Ne => below(lo, least) || !below(hi, most),
        Comparison::Gt => below(v, hi),
        Comparison::Lt => below(lo, v),
        Comparison::Ge => !below(hi, v),
        Comparison::Le => !below(v, lo),
        Comparison::Sa => below(v, lo),
        Comparison::Eb => below(hi, v),
        Comparison::Ap => !below(most, lo) && !below(hi, least),
    };
    *key == quantity.key && test
}
