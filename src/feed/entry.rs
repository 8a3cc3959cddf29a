//! A message that is to be taken over: whose it is, where it comes from, and what is asked of the server in its name.

use super::order;
use super::sender::Sender;
use crate::fhir::Instant;
use crate::hl7v2::{Conversion, Message};
use crate::rest::{Body, Conditions, Interaction, Prefer, Request};
use crate::service::Service;
use serde_json::Value;
use uuid::Uuid;

/// A message to take over.
pub struct Work<'a> {
    pub id: Uuid,
    pub sender: &'a Sender,
    pub message: &'a Message,
    pub received: Instant,
    pub peer: &'a str,
    /// It was begun before, by somebody who may have come as far as the commit.
    pub is_resumed: bool,
}

/// What is known of the message.
pub struct Origin<'a> {
    pub message: Uuid,
    /// The id of its feed.
    pub feed: &'a str,
    /// When it happened, and the same as the message says it.
    pub time: Instant,
    pub told_time: Option<&'a str>,
    /// `ADT^A01^ADT_A01`.
    pub event: String,
    /// Who sent it: application and facility.
    pub sender: String,
    pub canonical_base: &'a str,
    pub base_url: &'a str,
}

/// Returns what is known of a message.
pub fn origin<'a>(service: &'a Service, work: &'a Work<'_>, conversion: &'a Conversion) -> Origin<'a> {
    let told_time = conversion.time.as_deref().filter(|time| order::moment(time).is_some());
    let header = work.message.header();
    let part = |n: usize, m: usize| header.field(n).part(m).text().map(|text| text.into_owned()).unwrap_or_default();
    let settings = service.settings();
    Origin {
        message: work.id,
        feed: &work.sender.feed.id,
        time: told_time.and_then(order::moment).unwrap_or(work.received),
        told_time,
        event: format!("{}^{}", conversion.event.name, conversion.event.structure),
        sender: match format!("{} {}", part(3, 1), part(4, 1)).trim() {
            // A header may name nobody; then it is the feed that we know.
            "" => work.sender.feed.id.clone(),
            named => named.to_string(),
        },
        canonical_base: &settings.canonical_base,
        base_url: &settings.base_url,
    }
}

/// Returns a request in the name of a message that came from there.
pub fn request(message: Uuid, peer: &str, interaction: Interaction, body: Value) -> Request {
    Request {
        interaction,
        query: Vec::new(),
        body: Body::Value(Box::new(body)),
        conditions: Conditions::default(),
        prefer: Prefer::default(),
        id: message.to_string().into(),
        address: peer.into(),
    }
}
