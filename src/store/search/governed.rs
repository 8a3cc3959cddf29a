//! Whether the patients allow it whom a resource is about.
//!
//! Every one of them must: so there may be none who does not. The patients stand on the resource's own row; of whom
//! that is not known yet, nothing is shown.

use super::probe::probe;
use super::sql::{Param, Values};
use crate::fhir::ResourceType;
use crate::search::expr::Expr;
use crate::search::governed::{Governed, Group, Implied};

/// From this many patients on a list is turned into a table once, not searched for every resource.
const MANY: usize = 9;

/// Returns the condition that all patients allow it whom the resource numbered `no` is about.
pub(super) fn probe_of(values: &mut Values, types: &[ResourceType], governed: &Governed, no: &str) -> String {
    // Values are numbered as they are bound, so that a name made of the next number is one that nobody else has.
    let alias = format!("g{}", values.0.len());
    let implied = implied(values, types, governed, no, &alias);
    let mut cases = String::new();
    for group in &governed.groups {
        let is_in = is_in(values, &group.patients, &alias);
        let allowed = allowed(values, types, group, &implied, no);
        cases.push_str(&format!("when {is_in} then {allowed} "));
    }
    let allowed = if cases.is_empty() { implied } else { format!("case {cases}else {implied} end") };
    format!(
        "exists (select from resource {alias}r where {alias}r.no = {no} and {alias}r.about is not null and not exists (\
         select from unnest({alias}r.about) {alias} (patient) where not ({allowed})) offset 0)"
    )
}

fn is_in(values: &mut Values, patients: &[i64], alias: &str) -> String {
    let list = values.bind(Param::I64s(patients.to_vec()));
    if patients.len() < MANY {
        format!("{alias}.patient = any ({list}::bigint[])")
    } else {
        format!("{alias}.patient in (select unnest({list}::bigint[]))")
    }
}

fn allowed(values: &mut Values, types: &[ResourceType], group: &Group, implied: &str, no: &str) -> String {
    let denies = probe(values, types, &group.denies, no);
    let permits = match &group.permits {
        Expr::All => "true".to_string(),
        permits => format!("({} or {implied})", probe(values, types, permits, no)),
    };
    format!("(not {denies} and {permits})")
}

fn implied(values: &mut Values, types: &[ResourceType], governed: &Governed, no: &str, alias: &str) -> String {
    let who = match &governed.implied {
        Implied::None => return "false".to_string(),
        Implied::All => "true".to_string(),
        Implied::Care { carers, .. } => {
            let carers = values.bind(Param::I64s(carers.to_vec()));
            format!(
                "exists (select from link {alias}l where {alias}l.kind = 1 and {alias}l.a = {alias}.patient \
                 and {alias}l.b = any ({carers}::bigint[]) offset 0)"
            )
        }
    };
    match &governed.open {
        None | Some(Expr::All) => who,
        Some(open) => format!("({who} and {})", probe(values, types, open, no)),
    }
}
