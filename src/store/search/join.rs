//! Conditions on other resources: chains and `_has`.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#chaining>, <https://hl7.org/fhir/R4/search.html#has>. The key of a reference is
//! the key of its column and `resource.target` of what it leads to, combined by exclusive or, so that SQL goes both ways.

use super::probe::probe;
use super::sql::{Param, Values, indent};
use crate::search::expr::{Referred, Refers};

/// Returns the condition that the resource numbered `no` refers to one that is wanted.
pub(super) fn refers(values: &mut Values, refers: &Refers, no: &str) -> String {
    let columns = values.bind(Param::I64s(refers.columns.clone()));
    let types = values.bind(super::probe::numbers(&refers.targets));
    let to = probe(values, &refers.targets, &refers.to, "x.no");
    format!(
        "exists (select from resource o, unnest(o.refs) f (ref), unnest({columns}::bigint[]) c (key), resource x\n  \
         where o.no = {no} and x.target = f.ref # c.key and x.type = any ({types}) and not x.deleted\n  and {} offset 0)",
        indent(&to)
    )
}

/// Returns the condition that a resource that is wanted refers to the one numbered `no`.
pub(super) fn referred(values: &mut Values, referred: &Referred, no: &str) -> String {
    let columns = values.bind(Param::I64s(referred.columns.clone()));
    let by = probe(values, &[referred.source], &referred.by, "t.no");
    format!(
        "exists (select from resource o, unnest({columns}::bigint[]) c (key), term t\n  \
         where o.no = {no} and t.key = o.target # c.key\n  and {} offset 0)",
        indent(&by)
    )
}
