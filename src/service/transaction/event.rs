//! AuditEvents of a transaction: kept as rows of the audit, in the same transaction as everything else.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>, <https://hl7.org/fhir/R4/auditevent.html>.

use super::target::{Item, Target};
use crate::access::scope::Letter;
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceType};
use crate::interaction::{Context, audit_event, written};
use crate::rest::{Interaction, Reply};
use crate::service::{Service, entry};
use crate::store::tx::Tx;
use crate::store::{Prepared, View};
use serde_json::{Map, Value};
use std::collections::HashMap;

const T: ResourceType = ResourceType::AUDIT_EVENT;

/// Refuses an entry that would change an AuditEvent, or create one on a condition.
pub fn check(entry: &entry::Entry) -> Result<(), Fault> {
    if entry::changed_type(&entry.interaction) != Some(T) {
        return Ok(());
    }
    let conditions = &entry.conditions;
    match entry.interaction {
        Interaction::Create(_) if conditions.if_none_exist.is_none() => Ok(()),
        Interaction::Update(..) if conditions.if_match.is_none() => Ok(()),
        _ => Err(audit_event::refuse_change()),
    }
}

/// Writes the events of the entries, and returns the reply to each by its place.
pub async fn keep(
    service: &Service,
    tx: &Tx,
    items: &[Item],
    targets: &[Target],
    prepared: &mut HashMap<usize, Prepared>,
) -> Result<Vec<(usize, Reply)>, Fault> {
    let (mut entries, mut replies) = (Vec::new(), Vec::new());
    for (index, (item, target)) in items.iter().zip(targets).enumerate() {
        if item.changed_type() != Some(T) {
            continue;
        }
        let Some(prepared) = prepared.remove(&index) else { continue };
        let ctx = Context { view: View::Tx(tx), ..service.context(&item.grant, &item.request) };
        let (id, letter) = match target {
            Target::Create(id) => (id, Letter::Create),
            Target::Put(id, _) => (id, Letter::Update),
            _ => continue,
        };
        let within = |fault: Fault| fault.within(&item.entry.path());
        if letter == Letter::Update {
            audit_event::refuse_if_there(&ctx, id).await.map_err(within)?;
        }
        let (entry, kept) = audit_event::entry(&ctx, id, content(&prepared)?, letter).map_err(within)?;
        entries.push(entry);
        replies.push((index, written(&ctx, 201, kept)));
    }
    if !entries.is_empty() {
        tx.record(&entries).await?;
    }
    Ok(replies)
}

/// Returns the checked content of an entry, its references rewritten.
fn content(prepared: &Prepared) -> Result<Map<String, Value>, Fault> {
    let text = prepared.text(1, Instant::now());
    serde_json::from_str(&text).map_err(|e| Fault::internal("failed to read a checked AuditEvent", e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Kind;
    use crate::rest::conditions::Conditions;

    #[test]
    fn events_are_created_in_a_transaction_and_never_changed() {
        let id = || crate::fhir::ResourceId::parse("a").unwrap();
        let entry = |interaction, if_none_exist: Option<&str>| entry::Entry {
            index: 0,
            full_url: None,
            interaction,
            query: Vec::new(),
            conditions: Conditions { if_none_exist: if_none_exist.map(str::to_string), ..Conditions::default() },
            resource: None,
        };
        for (interaction, condition, status) in [
            (Interaction::Create(T), None, None),
            (Interaction::Update(T, id()), None, None),
            (Interaction::Create(T), Some("date=2020"), Some(405)),
            (Interaction::Patch(T, id()), None, Some(405)),
            (Interaction::Delete(T, id()), None, Some(405)),
            (Interaction::ConditionalUpdate(T), None, Some(405)),
            (Interaction::ConditionalDelete(T), None, Some(405)),
            (Interaction::Delete(ResourceType::PATIENT, id()), None, None),
        ] {
            let found = check(&entry(interaction.clone(), condition)).err();
            let kind = found.as_ref().map(Fault::kind);
            assert_eq!(found.map(|fault| fault.status()), status, "{interaction:?}");
            assert!(kind.is_none_or(|kind| kind == Kind::MethodNotAllowed));
        }
    }
}
