//! One message taken over: converted, compared with what is there, written in one transaction.

use super::compose::{self, Composed, compose};
use super::entry::{Work, origin, request};
use super::plan::{Halt, Plan, plan};
use super::trouble::{self, Trouble};
use super::{turn, union};
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::hl7v2::draft::{Drafts, Handle, Identity};
use crate::hl7v2::{Conversion, Problem, convert};
use crate::rest::Interaction;
use crate::service::Service;
use crate::store::audit::patient_key;
use crate::store::tx::pause;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// How often it is looked again at what is there, after others have changed it.
const ATTEMPTS_MAX: u32 = 8;

/// What came of it.
#[derive(Debug, Default)]
pub struct Taken {
    pub warnings: Vec<Problem>,
    /// Keys of the patients whom it is about, for the audit.
    pub patients: Vec<i64>,
}

/// The resources of a plan that are there, those that were just made included: by slot.
pub type Ids = HashMap<usize, ResourceId>;

/// Takes a message over.
pub async fn work(service: &Service, work: &Work<'_>) -> Result<Taken, Trouble> {
    let conversion = convert(work.message, &work.sender.rules).map_err(Trouble::Problems)?;
    if !conversion.hindrances.is_empty() {
        return Err(Trouble::Problems(conversion.hindrances));
    }
    // Whoever comes later about the same patient sees what comes of this one.
    let _turn = turn::turn(keys(&conversion.drafts)).await;
    if work.is_resumed && is_done(service, work).await? {
        return finish(service, work, &conversion, None).await;
    }
    let losers = conversion.merges.iter().map(|(loser, _)| *loser).collect();
    let mut attempt = 1;
    loop {
        let plan = sound_plan(service, work, &conversion, &losers).await?;
        let unions = union::of(&plan, &conversion).map_err(|problem| Trouble::Problems(vec![problem]))?;
        let origin = origin(service, work, &conversion);
        let catalog = service.store().catalog();
        let Some(mut composed) = compose(catalog, &origin, &plan, &conversion.drafts, &unions.skip) else {
            return finish(service, work, &conversion, Some((plan, Ids::new()))).await;
        };
        match written(service, work, &mut composed).await {
            Ok(made) => return finish(service, work, &conversion, Some((plan, made))).await,
            Err(fault) if trouble::is_overtaken(&fault) => {
                if is_done(service, work).await? {
                    return finish(service, work, &conversion, None).await;
                }
                if attempt >= ATTEMPTS_MAX {
                    return Err(trouble::of(&fault, &plan, &composed.slots, &conversion.drafts));
                }
                pause(attempt).await;
            }
            Err(fault) => return Err(trouble::of(&fault, &plan, &composed.slots, &conversion.drafts)),
        }
        attempt += 1;
    }
}

/// Finds out what is there, and refuses a message that contradicts it. Its questions are asked one after the other: what others commit
/// in between may look like a contradiction, so it is looked once more before a message is refused.
async fn sound_plan(
    service: &Service,
    work: &Work<'_>,
    conversion: &Conversion,
    losers: &HashSet<Handle>,
) -> Result<Plan, Trouble> {
    let drafts = &conversion.drafts;
    let mut is_second = false;
    loop {
        let plan = plan(service, &work.sender.principal, drafts, losers).await.map_err(|halt| halted(halt, drafts))?;
        let checked = compose::check_people(&plan, drafts).and_then(|()| compose::check_subjects(&plan, conversion));
        match checked {
            Ok(()) => return Ok(plan),
            Err(problem) if is_second => return Err(Trouble::Problems(vec![problem])),
            Err(_) => is_second = true,
        }
    }
}

/// Does what follows the commit: Patients who are one become one. Where the message was taken over before, it is looked again
/// who they are.
async fn finish(
    service: &Service,
    work: &Work<'_>,
    conversion: &Conversion,
    planned: Option<(Plan, Ids)>,
) -> Result<Taken, Trouble> {
    let drafts = &conversion.drafts;
    let (plan, made) = match planned {
        Some(planned) => planned,
        None if conversion.merges.is_empty() => {
            return Ok(Taken { warnings: conversion.warnings.clone(), ..Taken::default() });
        }
        None => {
            let losers = conversion.merges.iter().map(|(loser, _)| *loser).collect();
            let plan = plan(service, &work.sender.principal, drafts, &losers).await;
            (plan.map_err(|halt| halted(halt, drafts))?, Ids::new())
        }
    };
    let unions = union::of(&plan, conversion).map_err(|problem| Trouble::Problems(vec![problem]))?;
    let id = |slot: usize| {
        let there = plan.slots.get(slot).and_then(|slot| slot.there.as_ref()).map(|there| there.id.clone());
        there.or_else(|| made.get(&slot).cloned())
    };
    for (loser, survivor) in &unions.pairs {
        let (Some(loser), Some(survivor)) = (id(*loser), id(*survivor)) else { continue };
        let merged = union::merge(service, work, &loser, &survivor).await;
        merged.map_err(|fault| trouble::of(&fault, &plan, &[], drafts))?;
    }
    let is_patient = |at: &usize| plan.slots[*at].resource_type == ResourceType::PATIENT;
    let patients = (0..plan.slots.len()).filter(is_patient).filter_map(id).map(|id| patient_key(&id)).collect();
    let warnings = conversion.warnings.iter().chain(&plan.warnings).chain(&unions.warnings).cloned().collect();
    Ok(Taken { warnings, patients })
}

fn halted(halt: Halt, drafts: &Drafts) -> Trouble {
    match halt {
        Halt::Problems(problems) => Trouble::Problems(problems),
        Halt::Several(problem, patients) => Trouble::Several(problem, patients),
        Halt::Fault(fault) => trouble::of(&fault, &Plan::default(), &[], drafts),
    }
}

/// Returns whether the message has been taken over.
async fn is_done(service: &Service, work: &Work<'_>) -> Result<bool, Trouble> {
    let id = compose::provenance_id(work.id);
    match service.look(&work.sender.principal, ResourceType::PROVENANCE, &id).await {
        Ok(found) => Ok(found.is_some()),
        Err(fault) => Err(trouble::of(&fault, &Plan::default(), &[], &Drafts::default())),
    }
}

/// Does the transaction; returns the ids of what is new.
async fn written(service: &Service, work: &Work<'_>, composed: &mut Composed) -> Result<Ids, Fault> {
    let request = request(work.id, work.peer, Interaction::BatchOrTransaction, composed.bundle.take());
    let reply = service.perform(&work.sender.principal, request).await?;
    let answer: Value = serde_json::from_slice(&reply.body)
        .map_err(|e| Fault::internal("failed to read the answer to a transaction", e))?;
    let entries = answer["entry"].as_array().map_or(&[][..], Vec::as_slice);
    let id = |entry: &Value| {
        let location = entry.pointer("/response/location")?.as_str()?;
        ResourceId::parse(location.split('/').nth(1)?)
    };
    Ok(composed.slots.iter().zip(entries).filter_map(|(slot, entry)| Some((*slot, id(entry)?))).collect())
}

/// Returns what the messages of one patient have in common.
fn keys(drafts: &Drafts) -> Vec<Box<str>> {
    let mut keys = Vec::new();
    for (_, draft) in drafts.of_type("Patient") {
        if let Identity::Identifiers(list) = &draft.identity {
            keys.extend(list.iter().map(|it| Box::from(format!("{}|{}", it.system, it.value))));
        }
    }
    keys
}
