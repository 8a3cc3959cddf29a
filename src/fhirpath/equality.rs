//! `=`, `~`, membership and distinctness.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#equality>.

use super::compare;
use super::error::FhirpathError;
use super::evaluator::Evaluator;
use super::item::{Item, Node, decimal};
use super::model::{Kind, Type};
use super::quantity::Quantity;
use super::units;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Returns whether two collections are equal, item by item in order; none where that cannot be known.
pub(super) fn equal<'a>(
    evaluator: &mut Evaluator<'a>,
    a: &[Item<'a>],
    b: &[Item<'a>],
) -> Result<Option<bool>, FhirpathError> {
    if a.is_empty() || b.is_empty() {
        return Ok(None);
    }
    if a.len() != b.len() {
        return Ok(Some(false));
    }
    let mut result = Some(true);
    for (a, b) in a.iter().zip(b) {
        match equal_items(evaluator, a, b)? {
            Some(true) => {}
            Some(false) => return Ok(Some(false)),
            None => result = None,
        }
    }
    Ok(result)
}

/// Returns whether two items are equal; none for dates whose precision does not tell.
pub(super) fn equal_items<'a>(
    evaluator: &mut Evaluator<'a>,
    a: &Item<'a>,
    b: &Item<'a>,
) -> Result<Option<bool>, FhirpathError> {
    evaluator.spend(1)?;
    if let (Item::Node(a), Item::Node(b)) = (a, b) {
        if a.is_same(b) {
            return Ok(Some(true));
        }
        if let (Some(Value::Object(a)), Some(Value::Object(b)), false) = (a.value, b.value, are_quantities(a, b)) {
            return Deep { evaluator, loose: false }.objects(a, b).map(Some);
        }
    }
    // Text against a literal is by far the most frequent comparison.
    if let (
        Item::Node(Node { value: Some(Value::String(a)), ty: Some(Type { kind: Kind::String, .. }), .. }),
        Item::String(b),
    ) = (a, b)
    {
        return Ok(Some(a == b));
    }
    match (a.system(), b.system()) {
        (Some(a), Some(b)) => Ok(equal_values(&a, &b)),
        _ => Ok(Some(false)),
    }
}

/// Returns whether both are Quantities with a value, which compare across units.
fn are_quantities(a: &Node<'_>, b: &Node<'_>) -> bool {
    let is_quantity = |node: &Node<'_>| node.ty.is_some_and(|ty| ty.kind == Kind::Quantity);
    is_quantity(a) && is_quantity(b) && a.system().is_some() && b.system().is_some()
}

fn equal_values(a: &Item<'_>, b: &Item<'_>) -> Option<bool> {
    match (a, b) {
        (Item::Boolean(a), Item::Boolean(b)) => Some(a == b),
        (Item::String(a), Item::String(b)) => Some(a == b),
        (Item::Integer(a) | Item::Long(a), Item::Integer(b) | Item::Long(b)) => Some(a == b),
        (Item::Temporal(a), Item::Temporal(b)) if compare::same_family(a, b) => a.compare(b).map(Ordering::is_eq),
        (Item::Quantity(a), Item::Quantity(b)) => units::equal(a, b),
        (Item::Quantity(q), n) | (n, Item::Quantity(q)) => match n.as_decimal() {
            Some(n) => units::equal(q, &Quantity::plain(n)),
            None => Some(false),
        },
        (Item::TypeInfo { namespace: s, name: a }, Item::TypeInfo { namespace: t, name: b }) => Some(s == t && a == b),
        _ => Some(a.as_decimal().is_some() && a.as_decimal() == b.as_decimal()),
    }
}

/// Returns whether two collections hold equivalent items in any order.
pub(super) fn equivalent<'a>(
    evaluator: &mut Evaluator<'a>,
    a: &[Item<'a>],
    b: &[Item<'a>],
) -> Result<bool, FhirpathError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let mut rest: Vec<&Item<'a>> = b.iter().collect();
    for a in a {
        let mut found = None;
        for (i, b) in rest.iter().enumerate() {
            if equivalent_items(evaluator, a, b)? {
                found = Some(i);
                break;
            }
        }
        let Some(i) = found else { return Ok(false) };
        rest.swap_remove(i);
    }
    Ok(true)
}

fn equivalent_items<'a>(evaluator: &mut Evaluator<'a>, a: &Item<'a>, b: &Item<'a>) -> Result<bool, FhirpathError> {
    evaluator.spend(1)?;
    if let (Item::Node(a), Item::Node(b)) = (a, b) {
        if a.is_same(b) {
            return Ok(true);
        }
        if let (Some(Value::Object(a)), Some(Value::Object(b)), false) = (a.value, b.value, are_quantities(a, b)) {
            return Deep { evaluator, loose: true }.objects(a, b);
        }
    }
    let (Some(a), Some(b)) = (a.system(), b.system()) else {
        return Ok(false);
    };
    Ok(match (&a, &b) {
        (Item::String(a), Item::String(b)) => equivalent_text(a, b),
        (Item::Temporal(a), Item::Temporal(b)) => a.compare(b) == Some(Ordering::Equal),
        (Item::Quantity(a), Item::Quantity(b)) => units::equivalent(a, b),
        (Item::Quantity(q), n) | (n, Item::Quantity(q)) => {
            n.as_decimal().is_some_and(|n| units::equivalent(q, &Quantity::plain(n)))
        }
        _ => match (a.as_decimal(), b.as_decimal()) {
            (Some(a), Some(b)) => equivalent_numbers(a, b),
            _ => equal_values(&a, &b) == Some(true),
        },
    })
}

/// Compares without case and with any run of space as one.
fn equivalent_text(a: &str, b: &str) -> bool {
    let words = |t: &str| t.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    a == b || words(a) == words(b)
}

/// Compares after rounding to the fewer digits of both, trailing zeros not counted.
pub(super) fn equivalent_numbers(a: Decimal, b: Decimal) -> bool {
    let (a, b) = (a.normalize(), b.normalize());
    let digits = a.scale().min(b.scale());
    a.round_dp(digits) == b.round_dp(digits)
}

pub(super) fn contains<'a>(
    evaluator: &mut Evaluator<'a>,
    items: &[Item<'a>],
    wanted: &Item<'a>,
) -> Result<bool, FhirpathError> {
    for item in items {
        if equal_items(evaluator, item, wanted)? == Some(true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes from `items`, from `start` on, those that are equal to an earlier one.
pub(super) fn make_distinct<'a>(
    evaluator: &mut Evaluator<'a>,
    items: &mut Vec<Item<'a>>,
    start: usize,
) -> Result<(), FhirpathError> {
    let first = (start + 1).min(items.len());
    let mut kept = first;
    for i in first..items.len() {
        if !contains(evaluator, &items[start..kept], &items[i])? {
            items.swap(kept, i);
            kept += 1;
        }
    }
    items.truncate(kept);
    Ok(())
}

/// Adds those items to `out` that are not equal to an earlier one.
pub(super) fn push_distinct<'a>(
    evaluator: &mut Evaluator<'a>,
    items: Vec<Item<'a>>,
    out: &mut Vec<Item<'a>>,
) -> Result<(), FhirpathError> {
    let start = out.len();
    out.extend(items);
    make_distinct(evaluator, out, start)
}

/// Comparison of whole objects; fuel is taken for each part.
struct Deep<'e, 'a> {
    evaluator: &'e mut Evaluator<'a>,
    /// As `~` compares: text by its words, lists in any order.
    loose: bool,
}

impl Deep<'_, '_> {
    fn objects(&mut self, a: &Map<String, Value>, b: &Map<String, Value>) -> Result<bool, FhirpathError> {
        self.evaluator.spend(a.len())?;
        if a.len() != b.len() {
            return Ok(false);
        }
        for (key, a) in a {
            let Some(b) = b.get(key) else { return Ok(false) };
            if !self.values(a, b)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn values(&mut self, a: &Value, b: &Value) -> Result<bool, FhirpathError> {
        Ok(match (a, b) {
            (Value::Object(a), Value::Object(b)) => return self.objects(a, b),
            (Value::Array(a), Value::Array(b)) => return self.arrays(a, b),
            (Value::String(a), Value::String(b)) if self.loose => equivalent_text(a, b),
            (Value::Number(a), Value::Number(b)) => match (decimal(a.as_str()), decimal(b.as_str())) {
                (Some(a), Some(b)) if self.loose => equivalent_numbers(a, b),
                (Some(a), Some(b)) => a == b,
                _ => a == b,
            },
            _ => a == b,
        })
    }

    fn arrays(&mut self, a: &[Value], b: &[Value]) -> Result<bool, FhirpathError> {
        self.evaluator.spend(a.len())?;
        if a.len() != b.len() {
            return Ok(false);
        }
        if !self.loose {
            for (a, b) in a.iter().zip(b) {
                if !self.values(a, b)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let mut rest: Vec<&Value> = b.iter().collect();
        for a in a {
            let mut found = None;
            for (i, b) in rest.iter().enumerate() {
                if self.values(a, b)? {
                    found = Some(i);
                    break;
                }
            }
            let Some(i) = found else { return Ok(false) };
            rest.swap_remove(i);
        }
        Ok(true)
    }
}
