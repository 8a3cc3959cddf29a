//! Filters, projections, and walks through the tree.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#filtering-and-projection>, <http://hl7.org/fhirpath/N1/#tree-navigation>.

use super::super::ast::Ast;
use super::super::compare;
use super::super::equality;
use super::super::error::FhirpathError;
use super::super::evaluator::Scope;
use super::super::item::Item;
use super::Invocation;
use std::cmp::Ordering;

type Done = Result<(), FhirpathError>;

pub(super) fn where_<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    for (i, item) in std::mem::take(&mut call.input).into_iter().enumerate() {
        if call.criterion(0, &item, i)? == Some(true) {
            out.push(item);
        }
    }
    Ok(())
}

pub(super) fn select<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    for (i, item) in std::mem::take(&mut call.input).iter().enumerate() {
        call.project(0, item, i, out)?;
    }
    Ok(())
}

/// What a round yields is the input of the next, without what was there before.
pub(super) fn repeat<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    rounds(call, out, true)
}

/// As `repeat`, but keeps what was there before; fuel ends a circle.
pub(super) fn repeat_all<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    rounds(call, out, false)
}

fn rounds<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>, distinct: bool) -> Done {
    let start = out.len();
    let mut round = std::mem::take(&mut call.input);
    while !round.is_empty() {
        let mut found = Vec::new();
        for (i, item) in round.iter().enumerate() {
            call.project(0, item, i, &mut found)?;
        }
        let before = out.len();
        for item in found {
            call.evaluator.spend(1)?;
            if !distinct || !equality::contains(call.evaluator, &out[start..], &item)? {
                out.push(item);
            }
        }
        round = out[before..].to_vec();
    }
    Ok(())
}

pub(super) fn children<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    call.input.iter().try_for_each(|item| call.evaluator.children(item, out))
}

/// In the order of the document's levels: first all children, then theirs.
pub(super) fn descendants<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let mut next = out.len();
    for item in &call.input {
        call.evaluator.children(item, out)?;
    }
    while next < out.len() {
        let item = out[next].clone();
        call.evaluator.children(&item, out)?;
        next += 1;
    }
    Ok(())
}

/// `$total` begins as the second argument and becomes what the first yields for each item.
pub(super) fn aggregate<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let mut total = call.argument(1)?;
    let Some(ast) = call.arg(0) else { return Ok(()) };
    for (i, item) in std::mem::take(&mut call.input).iter().enumerate() {
        let scope = Scope {
            this: std::slice::from_ref(item),
            index: Some(i),
            total: Some(&total),
            context: call.scope.context,
        };
        total = call.evaluator.collect(ast, scope)?;
        call.evaluator.spend(total.len())?;
    }
    out.append(&mut total);
    Ok(())
}

/// Sorts by keys; a key with a minus sorts downwards, an empty key comes first either way.
pub(super) fn sort<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let input = std::mem::take(&mut call.input);
    let args: &'a [Ast] = &call.call.args;
    let mut rows = Vec::with_capacity(input.len());
    for (i, item) in input.into_iter().enumerate() {
        let mut keys = Vec::with_capacity(args.len());
        for arg in args {
            let (ast, down) = match arg {
                Ast::Negate(inner) => (&**inner, true),
                other => (other, false),
            };
            let scope = Scope { this: std::slice::from_ref(&item), index: Some(i), ..call.scope };
            keys.push((call.evaluator.single(ast, scope, "sort")?, down));
        }
        if args.is_empty() {
            keys.push((Some(item.clone()), false));
        }
        rows.push((keys, item));
    }
    call.evaluator.spend(rows.len())?;
    let mut failure = None;
    rows.sort_by(|(a, _), (b, _)| {
        by_keys(a, b).unwrap_or_else(|error| {
            failure = Some(error);
            Ordering::Equal
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    out.extend(rows.into_iter().map(|(_, item)| item));
    Ok(())
}

type Key<'a> = (Option<Item<'a>>, bool);

fn by_keys(a: &[Key<'_>], b: &[Key<'_>]) -> Result<Ordering, FhirpathError> {
    for ((a, down), (b, _)) in a.iter().zip(b) {
        let ordering = match (a, b) {
            (Some(a), Some(b)) => compare::order(a, b)?.unwrap_or(Ordering::Equal),
            (a, b) if a.is_some() == b.is_some() => continue,
            (a, _) => return Ok(if a.is_some() { Ordering::Greater } else { Ordering::Less }),
        };
        if ordering.is_ne() {
            return Ok(if *down { ordering.reverse() } else { ordering });
        }
    }
    Ok(Ordering::Equal)
}
