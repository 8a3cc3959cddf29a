//! The registration of feeds: one function for each deed, used by the command line, the pages and the demo. Each is in the audit.

use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::hl7v2::settings;
use crate::oauth::clients::By;
use crate::store::Store;
use crate::store::audit::Entry;
use crate::store::hl7::Feed;
use crate::store::identity::client::Status;

/// A feed that is to be registered.
#[derive(Debug, Clone, Default)]
pub struct New {
    pub id: String,
    /// MSH-3 and MSH-4 of its messages; none: any.
    pub application: Option<String>,
    pub facility: Option<String>,
    /// The registered client whose scopes bound what its messages write.
    pub client: Option<String>,
    /// The common name of the certificate that it must show.
    pub certificate: Option<String>,
    /// TOML; may be empty.
    pub settings: String,
}

/// Registers a feed; what is wrong with it is told, all at once.
pub async fn add(store: &Store, new: New, by: &By<'_>) -> Result<Feed, Fault> {
    let feeds = store.hl7_feeds().await?;
    if feeds.iter().any(|feed| feed.id == new.id) {
        return Err(Fault::new(Kind::Duplicate, format!("there is a feed '{}' already", new.id)));
    }
    check(store, &feeds, &new).await?;
    put(store, new, true, Instant::now(), "added", by).await
}

/// Changes a feed that is there to this; whether it is active, and since when it is registered, stays. None where it is gone.
pub async fn change(store: &Store, new: New, by: &By<'_>) -> Result<Option<Feed>, Fault> {
    let mut feeds = store.hl7_feeds().await?;
    let Some(at) = feeds.iter().position(|feed| feed.id == new.id) else { return Ok(None) };
    let old = feeds.remove(at);
    check(store, &feeds, &new).await?;
    put(store, new, old.active, old.created, "changed", by).await.map(Some)
}

async fn put(store: &Store, new: New, active: bool, created: Instant, what: &str, by: &By<'_>) -> Result<Feed, Fault> {
    let New { id, application, facility, client, certificate, settings } = new;
    let feed = Feed { id, application, facility, client, certificate, settings, active, created };
    store.put_hl7_feed(&feed).await?;
    note(store, &feed.id, what, by).await?;
    Ok(feed)
}

/// Refuses a feed that makes no sense, beside others.
async fn check(store: &Store, others: &[Feed], new: &New) -> Result<(), Fault> {
    let mut wrong = wrong(new);
    if let Some(client) = &new.client
        && store.client(client).await?.is_none_or(|client| client.status != Status::Active)
    {
        wrong.push(format!("client: there is no active client '{client}'"));
    }
    // Who sends what would otherwise be a matter of luck.
    let is_same = |feed: &&Feed| {
        (&feed.application, &feed.facility, &feed.certificate) == (&new.application, &new.facility, &new.certificate)
    };
    if let Some(other) = others.iter().find(is_same) {
        wrong.push(format!("the feed '{}' takes messages of the same application, facility and certificate", other.id));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Fault::new(Kind::BusinessRule, wrong.join("; "))) }
}

/// Returns what is wrong with a registration in itself.
fn wrong(new: &New) -> Vec<String> {
    let mut wrong = Vec::new();
    if !is_id(&new.id) {
        wrong.push("id: must be 1 to 64 letters, digits, '.', '_' or '-'".to_string());
    }
    for (name, text) in
        [("application", &new.application), ("facility", &new.facility), ("certificate", &new.certificate)]
    {
        let is_fine = |text: &String| (1..=200).contains(&text.trim().len()) && !text.contains(char::is_control);
        if !text.as_ref().is_none_or(is_fine) {
            wrong.push(format!("{name}: must be 1 to 200 characters"));
        }
    }
    if let Err(told) = settings::rules(&new.settings, "") {
        wrong.extend(told);
    }
    wrong
}

/// Lets messages of a feed in, or refuses them; false where there is none of this id.
pub async fn set_active(store: &Store, id: &str, active: bool, by: &By<'_>) -> Result<bool, Fault> {
    let Some(feed) = store.hl7_feed(id).await? else { return Ok(false) };
    store.put_hl7_feed(&Feed { active, ..feed }).await?;
    note(store, id, if active { "started" } else { "stopped" }, by).await?;
    Ok(true)
}

/// Removes a feed; its messages stay. False where there is none of this id.
pub async fn remove(store: &Store, id: &str, by: &By<'_>) -> Result<bool, Fault> {
    let was_there = store.remove_hl7_feed(id).await?;
    if was_there {
        note(store, id, "removed", by).await?;
    }
    Ok(was_there)
}

/// Writes the audit row at once: a command ends before a queue would be written.
async fn note(store: &Store, id: &str, what: &str, by: &By<'_>) -> Result<(), Fault> {
    let entry = Entry::event("feed", by.request, by.principal, 200).with_detail(format!("{what}: feed {id}"));
    store.audit(&[entry]).await?;
    Ok(())
}

/// Ids stand in addresses, metrics and logs.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_registration_is_told_all_at_once() {
        let new = |id: &str, application: &str, settings: &str| New {
            id: id.into(),
            application: Some(application.into()),
            settings: settings.into(),
            ..New::default()
        };
        for (new, count) in [
            (new("lab", "LAB", ""), 0),
            (new("lab-2.x_y", "LAB", "makes_patients = false"), 0),
            (new("a/b", "", "zone = 1\nx = 2"), 4),
            (new("", "LAB", ""), 1),
            (new("lab", "a\nb", ""), 1),
        ] {
            assert_eq!(wrong(&new).len(), count, "{new:?}: {:?}", wrong(&new));
        }
    }
}
