//! Resources within resources, and the searches for them.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#contained>. The rows of a contained resource stand beside those of its
//! container under keys that are shifted, so that no other search meets them. Shifted keys find containers in which
//! each condition may hold of another resource; so what they find is looked at once more, one resource at a time.

use super::column::Rank;
use super::control::invalid;
use super::evaluate::{self, Indexed};
use super::expr::{Date, Expr, Quantity, Term, Text, TextTest};
use super::extract::{IndexRows, of_itself};
use super::query::refused;
use super::{Registry, Search};
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceId, ResourceType};
use serde_json::Value;

/// What `_contained` and `_containedType` ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contained {
    pub mode: Mode,
    pub shown: Shown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// `false`: only resources of their own.
    #[default]
    Without,
    /// `true`: only contained resources.
    Only,
    Both,
}

/// What stands for a contained resource in the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shown {
    #[default]
    Container,
    Itself,
}

impl Contained {
    pub fn is_wanted(self) -> bool {
        self.mode != Mode::Without
    }
}

impl Mode {
    pub fn parse(value: &str) -> Result<Mode, Fault> {
        match value {
            "false" => Ok(Mode::Without),
            "true" => Ok(Mode::Only),
            "both" => Ok(Mode::Both),
            _ => Err(invalid("_contained", value, "is not one of true, false and both")),
        }
    }
}

impl Shown {
    pub fn parse(value: &str) -> Result<Shown, Fault> {
        match value {
            "container" => Ok(Shown::Container),
            "contained" => Ok(Shown::Itself),
            _ => Err(invalid("_containedType", value, "is neither container nor contained")),
        }
    }
}

/// Returns the key under which a contained resource stands. Done twice it gives the key itself.
pub(super) fn shifted_key(key: i64) -> i64 {
    key ^ 0x27d4_eb2f_1656_67c5
}

/// As [`shifted_key`], for the tables that carry values in clear.
pub(super) fn shifted_narrow(key: i32) -> i32 {
    key ^ 0x5bd1_e995
}

/// Returns the key under which a resource stands that contains one of type `t`.
fn type_key(registry: &Registry, t: ResourceType) -> i64 {
    registry.keyer.hash(&[b"contained", t.name().as_bytes()])
}

/// Returns the contained resources of types that can be searched for.
fn within(resource: &Value) -> impl Iterator<Item = (ResourceType, &Value)> {
    let items = resource.get("contained").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|item| {
        let t = ResourceType::parse(item.get("resourceType")?.as_str()?)?;
        t.is_stored().then_some((t, item))
    })
}

/// Adds the rows of contained resources to those of their container.
pub(super) fn add(registry: &Registry, rows: &mut IndexRows, resource: &Value) {
    let before = rows.terms.len();
    for (t, item) in within(resource) {
        let inner = of_itself(registry, t, item);
        let shape = inner.shape.key;
        rows.terms.push(type_key(registry, t));
        rows.terms.extend(inner.terms.into_iter().filter(|key| *key != shape).map(shifted_key));
        rows.strings.extend(inner.strings.into_iter().map(|(key, value)| (shifted_narrow(key), value)));
        rows.dates.extend(inner.dates.into_iter().map(|(key, lo, hi)| (shifted_narrow(key), lo, hi)));
        rows.quantities.extend(inner.quantities.into_iter().map(|(key, lo, hi)| (shifted_key(key), lo, hi)));
    }
    if rows.terms.len() > before {
        rows.settle();
    }
}

/// Refuses what cannot be answered together with `_contained`.
pub fn check(search: &Search) -> Result<(), Fault> {
    let reason = match () {
        () if search.types.is_empty() => "needs the types of the search",
        () if !search.sort.is_empty() => "cannot be combined with '_sort' by this server",
        () if !search.includes.is_empty() => "cannot be combined with '_include' or '_revinclude' by this server",
        () if !evaluate::is_local(&search.filter) => {
            "cannot be combined with chains, '_has', '_list' or searches of text by this server"
        }
        () => return Ok(()),
    };
    Err(refused("_contained", reason))
}

/// Returns the search for all resources that may be, or contain, what is wanted.
pub fn candidates(registry: &Registry, search: &Search) -> Search {
    let contained = Expr::and([holds(registry, &search.types), shifted(&search.filter)]);
    let filter = match search.contained.mode {
        Mode::Both => Expr::or([Expr::and([Expr::Types(search.types.clone()), search.filter.clone()]), contained]),
        Mode::Only | Mode::Without => contained,
    };
    Search { filter, types: Vec::new(), ..search.clone() }
}

/// Returns the condition that a resource contains one of the types.
fn holds(registry: &Registry, types: &[ResourceType]) -> Expr {
    let keys = types.iter().map(|t| type_key(registry, *t)).collect();
    Expr::Term(Term { keys, rank: Rank::Flag, exclusive: None, role: None })
}

/// Returns what holds of every container of a resource of which `expr` holds.
fn shifted(expr: &Expr) -> Expr {
    match expr {
        Expr::And(parts) => Expr::and(parts.iter().map(shifted)),
        Expr::Or(parts) => Expr::or(parts.iter().map(shifted)),
        Expr::Term(term) => Expr::Term(Term {
            keys: term.keys.iter().copied().map(shifted_key).collect(),
            rank: term.rank,
            exclusive: None,
            role: None,
        }),
        Expr::Text(text) => {
            let test = match &text.test {
                TextTest::Contains { part, more } => {
                    TextTest::Contains { part: part.clone(), more: shifted_narrow(*more) }
                }
                TextTest::End { part, more } => TextTest::End { part: part.clone(), more: shifted_narrow(*more) },
                TextTest::Prefix { .. } | TextTest::Exact(_) => text.test.clone(),
            };
            Expr::Text(Text { key: shifted_narrow(text.key), test })
        }
        Expr::Date(date) => Expr::Date(Date {
            keys: date.keys.map(shifted_narrow),
            tests: date.tests.clone(),
            single: false,
            principal: false,
        }),
        Expr::Quantity(quantity) => {
            Expr::Quantity(Quantity { key: shifted_key(quantity.key), single: false, ..quantity.clone() })
        }
        Expr::None => Expr::None,
        // Contained resources have no version of their own.
        Expr::Updated { .. } => Expr::None,
        // Of the others the keys say nothing: the second look decides.
        _ => Expr::All,
    }
}

/// Returns whether a stored resource is itself wanted.
pub fn is_wanted(
    registry: &Registry,
    search: &Search,
    (resource_type, id): (ResourceType, &ResourceId),
    updated: Instant,
    resource: &Value,
) -> bool {
    if search.contained.mode != Mode::Both || !search.types.contains(&resource_type) {
        return false;
    }
    let rows = of_itself(registry, resource_type, resource);
    evaluate::matches(&search.filter, &Indexed { resource_type, id: id.clone(), updated: Some(updated.0), rows })
}

/// Returns the contained resources that are wanted, with their ids.
pub fn wanted<'v>(
    registry: &Registry,
    search: &Search,
    resource: &'v Value,
) -> Vec<(ResourceType, &'v str, &'v Value)> {
    let of_types = within(resource).filter(|(t, _)| search.types.contains(t));
    let named = of_types.filter_map(|(t, item)| Some((t, item.get("id")?.as_str()?, item)));
    let is_wanted = |(t, id, item): &(ResourceType, &str, &Value)| {
        let Some(id) = ResourceId::parse(id) else { return false };
        let rows = of_itself(registry, *t, item);
        evaluate::matches(&search.filter, &Indexed { resource_type: *t, id, updated: None, rows })
    };
    named.filter(is_wanted).collect()
}
