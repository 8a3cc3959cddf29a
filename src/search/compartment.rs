//! Compartments: which patients a resource belongs to, and what belongs to an encounter, a practitioner or a device.
//!
//! R4 <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>. Every member has a term row per patient, so that
//! a compartment search, `$everything` and access rules are answered by one key.

use super::column::rank_of_target;
use super::expr::{Expr, Term};
use super::key::Keyer;
use super::registry::Registry;
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use serde_json::Value;

/// Returns the key of a patient's compartment, given the patient's key as a target of references.
pub(super) fn patient_key(target: i64) -> i64 {
    // The odd constant keeps it apart from every column's reference keys, which are made alike.
    target ^ 0x70a7_1e47_c0de_5eed
}

/// Returns the patients, as targets of references, in one of whose compartments everything is that meets the condition; none
/// where the condition does not say.
pub fn patients_asked(expr: &Expr) -> Option<Vec<i64>> {
    match expr {
        Expr::None => Some(Vec::new()),
        // The key of a compartment is made of the patient's by an exclusive or, which undoes itself.
        Expr::Compartment(keys) => Some(keys.iter().copied().map(patient_key).collect()),
        Expr::And(parts) => parts.iter().find_map(patients_asked),
        Expr::Or(parts) => {
            let of_each: Option<Vec<Vec<i64>>> = parts.iter().map(patients_asked).collect();
            of_each.map(|keys| keys.concat())
        }
        _ => None,
    }
}

/// Returns the condition that a resource is in the compartment of one of the patients.
pub fn of_patients(registry: &Registry, patients: &[ResourceId]) -> Expr {
    let key = |id: &ResourceId| patient_key(registry.keyer.target("Patient", id.as_str()));
    if patients.is_empty() {
        return Expr::None;
    }
    Expr::Compartment(patients.iter().map(key).collect())
}

/// Returns the condition that a resource is in the compartment of one resource; none when R4 has no such compartment.
///
/// Patients have a key of their own in the index. Other compartments are what refers to the resource by any of their
/// parameters, and the resource itself.
pub fn of(registry: &Registry, owner: ResourceType, id: &ResourceId, types: &[ResourceType]) -> Option<Expr> {
    if owner == ResourceType::PATIENT {
        return Some(of_patients(registry, std::slice::from_ref(id)));
    }
    let compartment = registry.catalog.compartment(owner.name())?;
    let target = registry.keyer.target(owner.name(), id.as_str());
    let searched = |t: &ResourceType| types.is_empty() || types.contains(t);
    let members = compartment.members().filter(|(t, _)| searched(t)).flat_map(|(t, codes)| {
        let index = registry.of(t);
        codes.iter().filter_map(|code| index.param(code)).flat_map(|param| &param.columns).map(|use_| {
            let column = &index.columns[usize::from(use_.index)];
            let rank = rank_of_target(owner, column.rank);
            Expr::Term(Term { keys: vec![Keyer::reference(column.key, target)], rank, exclusive: None, role: None })
        })
    });
    let itself = Expr::and([Expr::Types(vec![owner]), Expr::Ids(vec![id.clone()])]);
    Some(Expr::or(members.chain(searched(&owner).then_some(itself))))
}

/// Returns the ids of the patients in whose compartments a resource is, sorted; the patient itself included.
pub fn patients_of(registry: &Registry, t: ResourceType, resource: &Value) -> Vec<String> {
    let index = registry.of(t);
    let mut patients = Vec::new();
    if t == ResourceType::PATIENT {
        patients.extend(resource.get("id").and_then(Value::as_str).map(str::to_string));
    }
    index.tree.walk(resource, &mut |leaf, value| {
        if index.columns[usize::from(leaf.column)].compartment {
            patients.extend(patient_of(registry, value).map(str::to_string));
        }
    });
    patients.sort_unstable();
    patients.dedup();
    patients
}

fn patient_of<'v>(registry: &Registry, reference: &'v Value) -> Option<&'v str> {
    let literal = Literal::parse(reference.get("reference")?.as_str()?)?;
    let local = literal.base.is_empty() || literal.base == &*registry.base_url;
    (local && literal.resource_type == ResourceType::PATIENT).then_some(literal.id)
}
