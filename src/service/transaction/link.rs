//! What the links between the entries of a transaction, and its conditional references, become.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#trules>.

use super::target::{Item, Target};
use crate::access::Principal;
use crate::access::facts::Knowledge;
use crate::access::policy::{Needs, decide};
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::conditional_references;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::condition::criteria;
use crate::service::Service;
use crate::service::links::Links;
use crate::store::tx::Tx;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Returns what every link between entries, and every conditional reference, becomes.
pub async fn links(
    service: &Service,
    tx: &Tx,
    (principal, knowledge): (&Principal, &Knowledge),
    items: &[Item],
    targets: &[Target],
) -> Result<Links, Fault> {
    let mut links = Links::default();
    let mut made: HashMap<String, String> = HashMap::new();
    for (item, target) in items.iter().zip(targets) {
        let target = if let Target::Same(first) = target { &targets[*first] } else { target };
        let (Target::Create(id) | Target::Found(id) | Target::Put(id, _) | Target::Patch(id, _)) = target else {
            continue;
        };
        let Some(t) = item.changed_type() else { continue };
        if let Some(url) = &item.entry.full_url {
            links.add_entry(url, t, id.as_str());
        }
        for identifier in identifiers(item.resource()) {
            made.insert(format!("{t}?identifier={identifier}"), format!("{t}/{id}"));
        }
    }
    conditional(service, tx, (principal, knowledge), items, targets, &made, &mut links).await?;
    Ok(links)
}

/// Resolves conditional references: each must find exactly one resource, in the database or among the entries.
async fn conditional(
    service: &Service,
    tx: &Tx,
    (principal, knowledge): (&Principal, &Knowledge),
    items: &[Item],
    targets: &[Target],
    made: &HashMap<String, String>,
    links: &mut Links,
) -> Result<(), Fault> {
    let mut texts: Vec<(&str, String)> = Vec::new();
    for item in items {
        let mut found = Vec::new();
        item.resource().into_iter().for_each(|r| conditional_references(r, &mut found));
        for text in found {
            if !links.contains(text) {
                links.insert(text.to_string(), String::new());
                texts.push((text, item.entry.path()));
            }
        }
    }
    let mut grant = decide(principal, &Needs::Token, service.store().registry(), knowledge)?;
    let mut searches = Vec::with_capacity(texts.len());
    for (text, path) in &texts {
        let (t, query) =
            typed(text).ok_or_else(|| Fault::internal("a conditional reference lost its type", "empty"))?;
        // A conditional reference is a search, and needs the right to one.
        grant = decide(principal, &Needs::Type(vec![Letter::Search], t), service.store().registry(), knowledge)
            .map_err(|f| f.within(path))?;
        searches.push(criteria(service.store().registry(), t, query).map_err(|f| f.within(path))?);
    }
    let deleted: HashSet<(ResourceType, &ResourceId)> = items
        .iter()
        .zip(targets)
        .filter(|(_, target)| matches!(target, Target::Delete(_)))
        .flat_map(|(item, target)| {
            item.changed_type().into_iter().flat_map(|t| target.ids().into_iter().map(move |id| (t, id)))
        })
        .collect();
    let found = tx.matching(&grant, &searches, 2 + deleted.len()).await?;
    for ((text, path), mut found) in texts.iter().zip(found) {
        found.retain(|m| !deleted.contains(&(m.resource_type, &m.id)));
        let target = match (found.as_slice(), made.get(*text)) {
            ([one], None) => format!("{}/{}", one.resource_type, one.id),
            ([], Some(target)) => target.clone(),
            ([one], Some(target)) if *target == format!("{}/{}", one.resource_type, one.id) => target.clone(),
            ([], None) => {
                let text = format!("the conditional reference '{text}' finds no resource");
                return Err(Fault::at(Kind::Reference, path, text));
            }
            _ => {
                let text = format!("the conditional reference '{text}' finds more than one resource");
                return Err(Fault::at(Kind::MultipleMatches, path, text));
            }
        };
        links.insert((*text).to_string(), target);
    }
    Ok(())
}

fn typed(text: &str) -> Option<(ResourceType, &str)> {
    let (name, query) = text.split_once('?')?;
    Some((ResourceType::parse(name)?, query))
}

/// Returns the identifiers of a resource as a query writes them.
fn identifiers(resource: Option<&Value>) -> impl Iterator<Item = String> {
    let list = resource.and_then(|r| r.get("identifier")).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|i| {
        let value = i.get("value")?.as_str()?;
        Some(i.get("system").and_then(Value::as_str).map_or_else(|| value.to_string(), |s| format!("{s}|{value}")))
    })
}
