//! Parameters that are answered from the resource's own row: `_id` and `_lastUpdated`.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#id>, <https://hl7.org/fhir/R4/search.html#lastUpdated>.

use super::condition::Condition;
use super::expr::{Comparison, Expr};
use super::kind::date;
use super::modifier::Modifier;
use super::period::{BEGINNING, END};
use crate::fault::Fault;
use crate::fhir::ResourceId;

/// Returns whether the parameter is one of these.
pub fn is_own(code: &str) -> bool {
    matches!(code, "_id" | "_lastUpdated")
}

/// Returns what one value asks for; where it is negated, the caller turns the whole choice around.
pub fn condition(code: &str, condition: &Condition) -> Result<Expr, Fault> {
    let is_negated = code == "_id" && *condition.modifier == Modifier::Not;
    if *condition.modifier != Modifier::None && !is_negated {
        return Err(super::query::refused(condition.name, "cannot have a modifier"));
    }
    if code == "_lastUpdated" { updated(condition) } else { id(condition) }
}

fn id(condition: &Condition) -> Result<Expr, Fault> {
    match ResourceId::parse(&condition.text()?) {
        Some(id) => Ok(Expr::Ids(vec![id])),
        None => Err(condition.invalid("is not an id: 1 to 64 letters, digits, '-' and '.'")),
    }
}

/// A moment against a stretch of time: the prefixes leave one stretch, or all but one.
fn updated(condition: &Condition) -> Result<Expr, Fault> {
    let test = date::test(condition)?;
    let (from, to) = match test.comparison {
        Comparison::Eq | Comparison::Ne | Comparison::Ap => (test.lo, test.hi),
        Comparison::Gt | Comparison::Sa => (test.hi + 1, END),
        Comparison::Ge => (test.lo, END),
        Comparison::Lt | Comparison::Eb => (BEGINNING, test.lo - 1),
        Comparison::Le => (BEGINNING, test.hi),
    };
    let within = Expr::Updated { from, to };
    Ok(if test.comparison == Comparison::Ne { Expr::not(within) } else { within })
}
