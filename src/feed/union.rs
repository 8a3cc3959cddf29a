//! Patients who turned out to be one: which of them is led to which.
//!
//! `Patient/$merge` does it: everything that refers to the one then refers to the other, in one transaction. What has been
//! merged is merged; a Patient who goes on as somebody else is not merged into a third, and nobody is merged into one who has
//! gone on as somebody else: those are for people to decide.

use super::entry::{Work, request};
use super::plan::Plan;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::hl7v2::draft::Handle;
use crate::hl7v2::{Code, Conversion, Place, Problem};
use crate::rest::Interaction;
use crate::service::Service;
use serde_json::json;
use std::collections::HashSet;

/// What a message wants to be one.
#[derive(Debug, Default)]
pub struct Unions {
    /// Slots: the loser, and who goes on.
    pub pairs: Vec<(usize, usize)>,
    /// Drafts of which nothing is taken over: losers that are one with the survivor already.
    pub skip: HashSet<Handle>,
    pub warnings: Vec<Problem>,
}

/// Decides what is to be merged.
pub fn of(plan: &Plan, conversion: &Conversion) -> Result<Unions, Problem> {
    let mut unions = Unions::default();
    for (loser, survivor) in &conversion.merges {
        let place = |handle: &Handle| conversion.drafts.get(*handle).map_or(Place::segment("MRG", 1), |draft| draft.at);
        let slot = |handle: &Handle| plan.of.get(handle.0).copied().flatten();
        let (from, into) = match (slot(loser), slot(survivor)) {
            (Some(from), Some(into)) => (from, into),
            // It was said already that one of them is not there.
            _ => continue,
        };
        let is_successor = |at: usize| plan.slots[at].there.as_ref().is_some_and(|there| there.is_successor);
        if from == into {
            unions.skip.insert(*loser);
            let text = "both are one patient already";
            unions.warnings.push(Problem::warning(Code::DuplicateKey, place(loser), text));
        } else if is_successor(into) {
            let text = "the patient who is to go on was merged into another one before";
            return Err(Problem::error(Code::UnknownKey, place(survivor), text));
        } else if is_successor(from) {
            let text = "the patient who is to be merged was merged into another one before";
            return Err(Problem::error(Code::UnknownKey, place(loser), text));
        } else if !unions.pairs.contains(&(from, into)) {
            unions.pairs.push((from, into));
        }
    }
    Ok(unions)
}

/// Merges one Patient into another.
pub async fn merge(service: &Service, work: &Work<'_>, loser: &ResourceId, survivor: &ResourceId) -> Result<(), Fault> {
    let to = |id: &ResourceId| json!({"reference": format!("Patient/{id}")});
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "source-patient", "valueReference": to(loser)},
        {"name": "target-patient", "valueReference": to(survivor)},
    ]});
    let (name, resource_type) = ("merge".to_string(), Some(ResourceType::PATIENT));
    let interaction = Interaction::Operation { name, by_get: false, resource_type, id: None };
    service.perform(&work.sender.principal, request(work.id, work.peer, interaction, parameters)).await.map(drop)
}
