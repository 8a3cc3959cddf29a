//! The meaning of an expression without a database: does a resource with these rows match?

use crate::fhir::{ResourceId, ResourceType};
use crate::search::ask::{Ask, TextAsk, TextPlace};
use crate::search::expr::{Comparison, DateTest, Expr, Quantity, TextTest};
use crate::search::{IndexRows, period};

/// One resource as the index knows it.
pub struct Indexed {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub rows: IndexRows,
    /// The texts beside its codes, as the text index has them.
    pub displays: Vec<(i64, String)>,
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
        Expr::Ask(ask) => match &**ask {
            Ask::Text(TextAsk { place: TextPlace::Displays { columns, prefix }, .. }) => {
                it.displays.iter().any(|(column, text)| columns.contains(column) && text.starts_with(prefix))
            }
            _ => panic!("{expr:?} needs the text index"),
        },
        Expr::Refers(_) | Expr::Referred(_) | Expr::Nos(_) => panic!("{expr:?} needs other resources"),
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

/// Floating point will do for the small numbers of tests.
fn within(quantity: &Quantity, (key, lo, hi): &(i64, String, String)) -> bool {
    let number = |text: &str| text.parse::<f64>().expect("the index holds numbers");
    let (lo, hi, v, m) = (number(lo), number(hi), number(&quantity.value), number(&quantity.margin));
    let test = match quantity.comparison {
        Comparison::Eq => lo >= v - m && hi < v + m,
        Comparison::Ne => lo < v - m || hi >= v + m,
        Comparison::Gt => hi > v,
        Comparison::Lt => lo < v,
        Comparison::Ge => hi >= v,
        Comparison::Le => lo <= v,
        Comparison::Sa => lo > v,
        Comparison::Eb => hi < v,
        Comparison::Ap => lo <= v + m && hi >= v - m,
    };
    *key == quantity.key && test
}
