//! `<`, `<=`, `>`, `>=`.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#comparison>.

use super::error::FhirpathError;
use super::item::Item;
use super::quantity::Quantity;
use super::temporal::{Temporal, TemporalKind};
use super::units;
use std::cmp::Ordering;

/// Returns the order of two items; none where precision or units do not tell, an error for types without an order.
pub(super) fn order(a: &Item<'_>, b: &Item<'_>) -> Result<Option<Ordering>, FhirpathError> {
    let unordered = || {
        let (a, b) = (a.type_label(), b.type_label());
        FhirpathError::evaluation(format!("{a} and {b} have no order between them"))
    };
    let (Some(left), Some(right)) = (a.system(), b.system()) else {
        return Err(unordered());
    };
    match (&left, &right) {
        (Item::String(a), Item::String(b)) => Ok(Some(a.cmp(b))),
        (Item::Temporal(a), Item::Temporal(b)) if same_family(a, b) => Ok(a.compare(b)),
        (Item::Quantity(a), Item::Quantity(b)) => Ok(units::order(a, b)),
        (Item::Quantity(a), b) if b.as_decimal().is_some() => {
            Ok(b.as_decimal().and_then(|b| units::order(a, &Quantity::plain(b))))
        }
        (a, Item::Quantity(b)) if a.as_decimal().is_some() => {
            Ok(a.as_decimal().and_then(|a| units::order(&Quantity::plain(a), b)))
        }
        (a, b) => match (a.as_decimal(), b.as_decimal()) {
            (Some(a), Some(b)) => Ok(Some(a.cmp(&b))),
            _ => Err(unordered()),
        },
    }
}

/// Returns whether both are on the calendar, or both are times of a day.
pub(super) fn same_family(a: &Temporal, b: &Temporal) -> bool {
    (a.kind == TemporalKind::Time) == (b.kind == TemporalKind::Time)
}
