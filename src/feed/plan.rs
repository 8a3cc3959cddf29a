//! Which of the resources that a message is about are there already.
//!
//! Identifiers decide, or a search within the record; never a name. All identifiers of one type are one question. Drafts that turn out
//! to be one resource are one.

use crate::access::Principal;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::hl7v2::draft::{Draft, Drafts, Handle, Identifier, Identity, Update, search_value};
use crate::hl7v2::{Code, Problem, links};
use crate::service::Service;
use crate::store::Stored;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Patients that one after the other took each other's place, at most.
const CHAIN_MAX: usize = 16;

/// A resource that is there.
#[derive(Debug, Clone)]
pub struct There {
    pub id: ResourceId,
    pub version: i32,
    pub content: Map<String, Value>,
    /// It took the place of the one that the message names.
    pub is_successor: bool,
}

/// One resource that the message is about.
#[derive(Debug, Clone)]
pub struct Slot {
    pub resource_type: ResourceType,
    /// In the order of the message.
    pub drafts: Vec<Handle>,
    pub there: Option<There>,
    /// The search that finds it, where it is known by one; without identifiers of drafts that are new.
    pub search: Option<String>,
}

/// All resources that the message is about.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub slots: Vec<Slot>,
    /// Of each draft its slot; none where nothing comes of it.
    pub of: Vec<Option<usize>>,
    pub warnings: Vec<Problem>,
}

/// Why there is no plan.
#[derive(Debug)]
pub enum Halt {
    /// The message is at fault.
    Problems(Vec<Problem>),
    /// Its identifiers are those of several Patients.
    Several(Problem, Vec<ResourceId>),
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Halt {
        Halt::Fault(fault)
    }
}

/// Finds out what is there. `spare` are drafts that may come to nothing where they are not there: the losers of merges.
pub async fn plan(
    service: &Service,
    principal: &Principal,
    drafts: &Drafts,
    spare: &HashSet<Handle>,
) -> Result<Plan, Halt> {
    let mut groups = groups(drafts)?;
    let finder = Finder { service, principal };
    finder.by_identifiers(&mut groups).await?;
    let mut warnings = Vec::new();
    loop {
        let found = finder.by_search(&mut groups).await?;
        if !found {
            break;
        }
    }
    for group in &mut groups {
        group.settle(drafts, &mut warnings)?;
    }
    let mut plan = joined(groups, drafts.len());
    plan.warnings = warnings;
    drop_absent(&mut plan, drafts, spare)?;
    Ok(plan)
}

/// Drafts that are one resource, and what was found of it.
struct Group {
    resource_type: ResourceType,
    drafts: Vec<Handle>,
    identifiers: Vec<Identifier>,
    /// A search that was not asked yet.
    search: Option<String>,
    asked: Option<String>,
    found: Vec<There>,
    is_decided: bool,
}

/// Puts drafts together that share an identifier, or are found by the same search.
fn groups(drafts: &Drafts) -> Result<Vec<Group>, Halt> {
    let mut groups: Vec<Group> = Vec::new();
    for (handle, draft) in drafts.iter() {
        let Some(t) = ResourceType::parse(draft.resource_type()).filter(|t| t.is_stored()) else {
            let text = "this becomes a resource of a type that there is not";
            return Err(Halt::Problems(vec![Problem::error(Code::Internal, draft.at, text)]));
        };
        let mut group = Group {
            resource_type: t,
            drafts: vec![handle],
            identifiers: Vec::new(),
            search: None,
            asked: None,
            found: Vec::new(),
            is_decided: false,
        };
        match &draft.identity {
            Identity::Identifiers(list) => group.identifiers = list.clone(),
            Identity::Search(text) => group.search = Some(text.clone()),
            Identity::New => group.is_decided = true,
        }
        let is_same = |other: &Group| {
            other.resource_type == t
                && ((group.search.is_some() && other.search == group.search)
                    || other.identifiers.iter().any(|it| group.identifiers.contains(it)))
        };
        // One draft may show that two that were begun before are the same.
        let (same, others): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(is_same);
        groups = others;
        for other in same.into_iter().rev() {
            group.drafts.splice(0..0, other.drafts);
            for identifier in other.identifiers {
                if !group.identifiers.contains(&identifier) {
                    group.identifiers.push(identifier);
                }
            }
        }
        groups.push(group);
    }
    groups.sort_by_key(|group| group.drafts.first().copied());
    Ok(groups)
}

struct Finder<'a> {
    service: &'a Service,
    principal: &'a Principal,
}

impl Finder<'_> {
    async fn by_identifiers(&self, groups: &mut [Group]) -> Result<(), Halt> {
        let mut wanted: HashMap<ResourceType, Vec<String>> = HashMap::new();
        for group in groups.iter() {
            wanted.entry(group.resource_type).or_default().extend(group.identifiers.iter().map(token));
        }
        let mut asked: Vec<(ResourceType, String)> = Vec::new();
        let mut max = 0;
        for (t, mut values) in wanted {
            values.sort_unstable();
            values.dedup();
            max = max.max(values.len());
            if !values.is_empty() {
                asked.push((t, format!("identifier={}", values.join(","))));
            }
        }
        let max = u32::try_from(max * 4 + 50).unwrap_or(u32::MAX);
        let found = self.service.find(self.principal, &asked, max).await?;
        for ((t, _), rows) in asked.iter().zip(found) {
            for row in rows {
                let there = there(&row)?;
                let own = identifiers(&there.content);
                for group in groups.iter_mut().filter(|group| group.resource_type == *t) {
                    if group.identifiers.iter().any(|it| own.contains(it)) {
                        group.found.push(there.clone());
                    }
                }
            }
        }
        for group in groups.iter_mut().filter(|group| !group.identifiers.is_empty()) {
            if group.resource_type == ResourceType::PATIENT {
                group.found = self.successors(std::mem::take(&mut group.found)).await?;
            }
            group.is_decided = true;
        }
        // Without an identifier it is nobody in particular.
        groups.iter_mut().filter(|group| group.search.is_none()).for_each(|group| group.is_decided = true);
        Ok(())
    }

    /// Asks the searches whose drafts are decided; returns whether there was one.
    async fn by_search(&self, groups: &mut [Group]) -> Result<bool, Halt> {
        let ready: Vec<usize> = (0..groups.len()).filter(|at| is_ready(groups, *at)).collect();
        let mut asked = Vec::new();
        let mut places = Vec::new();
        for at in &ready {
            let text = groups[*at].search.take().unwrap_or_default();
            // What belongs to somebody who is new is new.
            let text = links::search(&text, &|n| reference(groups, n));
            groups[*at].is_decided = true;
            groups[*at].asked = text.clone();
            if let Some(text) = text {
                places.push(*at);
                asked.push((groups[*at].resource_type, text));
            }
        }
        let found = self.service.find(self.principal, &asked, 2).await?;
        for (at, rows) in places.into_iter().zip(found) {
            groups[at].found = rows.iter().map(there).collect::<Result<_, Fault>>()?;
        }
        Ok(!ready.is_empty())
    }

    /// Puts in the place of each Patient the one that it was merged into.
    async fn successors(&self, found: Vec<There>) -> Result<Vec<There>, Halt> {
        let mut roots: Vec<There> = Vec::new();
        for first in found {
            let mut root = first;
            for _ in 0..CHAIN_MAX {
                let Some(id) = replaced_by(&root.content) else { break };
                let Some(next) = self.service.look(self.principal, ResourceType::PATIENT, &id).await? else { break };
                root = There { is_successor: true, ..there(&next)? };
            }
            match roots.iter_mut().find(|other| other.id == root.id) {
                Some(other) => other.is_successor |= root.is_successor,
                None => roots.push(root),
            }
        }
        Ok(roots)
    }
}

/// Returns whether the drafts that a search names are decided; a search that names itself in a circle never is, and so is new.
fn is_ready(groups: &[Group], at: usize) -> bool {
    let Some(text) = &groups[at].search else { return false };
    !groups[at].is_decided
        && links::named(text).all(|n| {
            let group = groups.iter().find(|group| group.drafts.contains(&Handle(n)));
            group.is_none_or(|group| group.is_decided)
        })
}

fn reference(groups: &[Group], n: usize) -> Option<String> {
    let group = groups.iter().find(|group| group.drafts.contains(&Handle(n)))?;
    group.found.first().map(|there| format!("{}/{}", group.resource_type, there.id))
}

impl Group {
    /// Decides which of what was found is meant.
    fn settle(&mut self, drafts: &Drafts, warnings: &mut Vec<Problem>) -> Result<(), Halt> {
        if self.found.len() < 2 {
            return Ok(());
        }
        let Some(draft) = self.drafts.first().and_then(|handle| drafts.get(*handle)) else { return Ok(()) };
        let is_mentioned = self.drafts.iter().all(|handle| drafts.get(*handle).is_some_and(is_kept));
        // Two that are alike within one record, such as an allergy that two people wrote down, are no reason to refuse a message.
        let is_alike = self.asked.is_some() && self.identifiers.is_empty();
        let text = match is_alike {
            true => format!("several resources of type {} are what the message tells of", self.resource_type),
            false => format!("the identifiers are those of several resources of type {}", self.resource_type),
        };
        if self.resource_type == ResourceType::PATIENT {
            let patients = self.found.iter().map(|there| there.id.clone()).collect();
            return Err(Halt::Several(Problem::error(Code::UnknownKey, draft.at, text), patients));
        }
        // Which of two orders a result answers is no reason to hold the result back.
        let is_answered = self.resource_type.name() == "ServiceRequest"
            && drafts.of_type("DiagnosticReport").chain(drafts.of_type("Observation")).next().is_some();
        if !(is_mentioned || is_alike || is_answered) {
            return Err(Halt::Problems(vec![Problem::error(Code::UnknownKey, draft.at, text)]));
        }
        warnings.push(Problem::warning(Code::UnknownKey, draft.at, format!("{text}; the first is taken")));
        // The message names the number first that it knows the thing by.
        let wanted = &self.identifiers;
        self.found.sort_by_cached_key(|there| {
            let own = identifiers(&there.content);
            wanted.iter().position(|identifier| own.contains(identifier))
        });
        self.found.truncate(1);
        Ok(())
    }
}

fn is_kept(draft: &Draft) -> bool {
    draft.update == Update::Keep
}

/// Makes slots of the groups; those that found the same resource are one.
fn joined(groups: Vec<Group>, drafts: usize) -> Plan {
    let mut plan = Plan { of: vec![None; drafts], ..Plan::default() };
    for group in groups {
        let there = group.found.into_iter().next();
        let same = |slot: &&mut Slot| {
            slot.resource_type == group.resource_type
                && matches!((&slot.there, &there), (Some(a), Some(b)) if a.id == b.id)
        };
        match plan.slots.iter_mut().find(same) {
            Some(slot) => {
                slot.drafts.extend(group.drafts);
                slot.drafts.sort_unstable();
            }
            None => plan.slots.push(Slot {
                resource_type: group.resource_type,
                drafts: group.drafts,
                there,
                search: group.asked,
            }),
        }
    }
    index(&mut plan);
    plan
}

fn index(plan: &mut Plan) {
    plan.of.iter_mut().for_each(|of| *of = None);
    for (at, slot) in plan.slots.iter().enumerate() {
        for handle in &slot.drafts {
            if let Some(of) = plan.of.get_mut(handle.0) {
                *of = Some(at);
            }
        }
    }
}

/// Takes out what is not there and must not be made.
fn drop_absent(plan: &mut Plan, drafts: &Drafts, spare: &HashSet<Handle>) -> Result<(), Halt> {
    let is_absent = |slot: &Slot| {
        slot.there.is_none() && slot.drafts.iter().all(|handle| drafts.get(*handle).is_none_or(|it| it.only_if_there))
    };
    for slot in plan.slots.iter().filter(|slot| is_absent(slot)) {
        let (Some(first), at) = (slot.drafts.first(), slot.drafts.first().and_then(|handle| drafts.get(*handle)))
        else {
            continue;
        };
        let text = format!("what this is about is not there: a {}", slot.resource_type);
        let place = at.map(|draft| draft.at);
        if slot.resource_type == ResourceType::PATIENT && !spare.contains(first) {
            return Err(Halt::Problems(vec![Problem::error(Code::UnknownKey, place, text)]));
        }
        plan.warnings.push(Problem::warning(Code::UnknownKey, place, text));
    }
    plan.slots.retain(|slot| !is_absent(slot));
    index(plan);
    Ok(())
}

fn there(row: &Stored) -> Result<There, Fault> {
    let bytes = row.content.as_deref().unwrap_or_default();
    let content = serde_json::from_slice(bytes)
        .map_err(|e| Fault::internal(format!("stored {}/{} is damaged", row.resource_type, row.id), e))?;
    Ok(There { id: row.id.clone(), version: row.version, content, is_successor: false })
}

fn replaced_by(content: &Map<String, Value>) -> Option<ResourceId> {
    let links = content.get("link")?.as_array()?;
    let link = links.iter().find(|link| link["type"] == "replaced-by")?;
    ResourceId::parse(link.pointer("/other/reference")?.as_str()?.rsplit('/').next()?)
}

/// Returns the business identifiers of a resource, as its search parameter `identifier` knows them.
fn identifiers(content: &Map<String, Value>) -> Vec<Identifier> {
    let mut found = Vec::new();
    let mut add = |value: &Value| {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
        found.push(Identifier { system: text("system"), value: text("value") });
    };
    for value in ["identifier", "masterIdentifier"].iter().filter_map(|name| content.get(*name)) {
        match value {
            Value::Array(list) => list.iter().for_each(&mut add),
            value => add(value),
        }
    }
    found
}

/// Returns an identifier as a search asks for it.
pub fn token(identifier: &Identifier) -> String {
    format!("{}|{}", search_value(&identifier.system), search_value(&identifier.value))
}
