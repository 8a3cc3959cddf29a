//! From a resource to its index rows.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. Odd content has no rows: what a resource may hold is decided elsewhere.

use super::compartment;
use super::contained;
use super::registry::{Registry, TypeIndex};
pub use super::rows::{IndexRows, Shape};
use super::sink::{Roles, Sink};
use super::{relation, timeline};
use crate::fhir::{Instant, ResourceType};
use serde_json::Value;

/// Returns what a resource of type `t` stands under, and what those in it stand under, apart from its own.
pub fn extract(registry: &Registry, t: ResourceType, resource: &Value) -> IndexRows {
    let mut rows = of_itself(registry, t, resource);
    relation::add(&registry.keyer, &registry.base_url, t, resource, &mut rows);
    rows.settle_relations();
    let updated = resource.pointer("/meta/lastUpdated").and_then(Value::as_str).and_then(Instant::parse);
    rows.updated = updated.map(|at| at.0);
    contained::add(registry, &mut rows, resource);
    rows
}

/// Returns what a resource of type `t` stands under by what it says itself.
pub fn of_itself(registry: &Registry, t: ResourceType, resource: &Value) -> IndexRows {
    let index = registry.of(t);
    let mut sink = Sink {
        keyer: registry.keyer,
        base_url: &registry.base_url,
        rows: IndexRows::default(),
        present: Vec::with_capacity(16),
        roles: Roles::default(),
    };
    sink.rows.terms.reserve(32);
    index.tree.walk(resource, &mut |leaf, value| {
        (leaf.emit)(&mut sink, &index.columns[usize::from(leaf.column)], value);
    });
    for computed in &index.computed {
        computed.emit(&mut sink, &registry.catalog, &index.columns, resource);
    }
    for tuple in &index.tuples {
        tuple.emit(&mut sink, &index.columns, resource);
    }
    if t == ResourceType::PATIENT
        && let Some(id) = resource.get("id").and_then(Value::as_str)
    {
        let target = sink.keyer.target("Patient", id);
        sink.rows.terms.push(compartment::patient_key(target));
    }
    finish(sink, t, index)
}

fn finish(mut sink: Sink, t: ResourceType, index: &TypeIndex) -> IndexRows {
    if index.has_timeline {
        timeline::compose(&mut sink);
    }
    let mut rows = sink.rows;
    let mut columns = sink.present;
    columns.sort_unstable();
    columns.dedup();
    // The numbers' bytes are all that makes a shape.
    let bytes: Vec<u8> = columns.iter().flat_map(|c| c.to_le_bytes()).collect();
    let key = sink.keyer.hash(&[b"shape", t.name().as_bytes(), &bytes]);
    rows.shape = Shape { key, resource_type: t.number(), columns };
    rows.terms.push(key);
    rows.settle();
    rows
}
