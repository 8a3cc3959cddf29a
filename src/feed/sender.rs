//! Who sends: which feed a message is of, by what its header says and the certificate that was shown.

use crate::access::Principal;
use crate::access::principal::Token;
use crate::access::role::Right;
use crate::access::scope::{Context, Scope};
use crate::hl7v2::rules::Rules;
use crate::hl7v2::{Code, Message, Problem, settings};
use crate::store::hl7::{Arrival, Feed};
use crate::store::identity::client::Status;
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// Characters of what is kept of a header. MSH-10 has 199 at most since v2.7.
const TEXT_CHARS_MAX: usize = 199;

/// Where a message comes from.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// For the audit.
    pub address: String,
    /// The common name of the certificate that was shown.
    pub certificate: Option<String>,
}

/// A feed, and what its messages may and mean.
pub struct Sender {
    pub feed: Feed,
    pub principal: Principal,
    pub rules: Rules,
}

/// Returns what is kept beside the bytes of a message.
pub fn arrival(peer: &Peer, header: Option<&Message>, raw: &[u8]) -> Arrival {
    let field = |n: usize, parts: &[usize]| {
        let field = header?.header().field(n);
        let texts: Vec<String> = parts.iter().map_while(|part| Some(field.part(*part).text()?.into_owned())).collect();
        let joined: String = texts.join("^").chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect();
        (!joined.is_empty()).then_some(joined)
    };
    Arrival {
        feed: None,
        peer: peer.address.clone(),
        certificate: peer.certificate.clone(),
        application: field(3, &[1]),
        facility: field(4, &[1]),
        control_id: field(10, &[1]),
        event: field(9, &[1, 2]),
        sent: field(7, &[1]),
        raw: raw.to_vec(),
    }
}

/// Returns the feed of a message, or why there is none. Of several the one that says most about its messages is meant.
pub fn feed(feeds: Vec<Feed>, arrival: &Arrival) -> Result<Feed, Problem> {
    let says = |own: &Option<String>, theirs: &Option<String>| own.is_none() || own == theirs;
    let mut fitting: Vec<Feed> = feeds
        .into_iter()
        .filter(|feed| says(&feed.application, &arrival.application) && says(&feed.facility, &arrival.facility))
        .collect();
    let place = crate::hl7v2::Place::segment("MSH", 1).field(3);
    let refused = |text: &str| Err(Problem::error(Code::Other, place, text));
    if fitting.is_empty() {
        return refused("there is no feed for this MSH-3 and MSH-4");
    }
    fitting.retain(|feed| says(&feed.certificate, &arrival.certificate));
    if fitting.is_empty() {
        return refused("the certificate that was shown is not that of the feed");
    }
    fitting.retain(|feed| takes_from(feed, &arrival.peer));
    if fitting.is_empty() {
        return refused("messages of the feed are not taken from this address");
    }
    fitting.retain(|feed| feed.active);
    let weight = |feed: &Feed| {
        let said = [&feed.certificate, &feed.application, &feed.facility];
        said.iter().filter(|part| part.is_some()).count()
    };
    match fitting.into_iter().rev().max_by_key(weight) {
        Some(feed) => Ok(feed),
        None => refused("the feed is switched off"),
    }
}

/// Returns whether a feed takes messages from an address. Settings that make no sense are told of later.
fn takes_from(feed: &Feed, address: &str) -> bool {
    // Most feeds name none, and reading their settings once more for each message would cost more than the rest of this.
    !feed.settings.contains("addresses")
        || settings::rules(&feed.settings, "").map_or(true, |it| it.takes_from(address))
}

/// Returns what the messages of a feed may and mean; a problem where its settings make no sense or its client may nothing.
pub async fn sender(store: &Store, feed: Feed, canonical_base: &str) -> Result<Result<Sender, Problem>, StoreError> {
    let wrong = |text: String| Ok(Err(Problem::error(Code::Internal, None, text)));
    let rules = match settings::rules(&feed.settings, canonical_base) {
        Ok(rules) => rules,
        Err(_) => return wrong(format!("the settings of the feed '{}' make no sense", feed.id)),
    };
    let scopes = match &feed.client {
        None => "system/*.cruds".to_string(),
        Some(id) => match store.client(id).await? {
            Some(client) if client.status == Status::Active => client.metadata.scope,
            _ => return wrong(format!("the client of the feed '{}' may not act", feed.id)),
        },
    };
    let mut scopes: Vec<Scope> = scopes.split_ascii_whitespace().filter_map(Scope::parse).collect();
    scopes.retain(|scope| scope.context == Context::System);
    if scopes.is_empty() {
        return wrong(format!("the client of the feed '{}' has no system scopes", feed.id));
    }
    // Where everything came from is written whatever the feed may write.
    scopes.extend(Scope::parse("system/Provenance.crus"));
    // And so is the question who a patient is.
    scopes.extend(Scope::parse("system/Task.crus"));
    let token = Token {
        subject: feed.id.clone(),
        scopes,
        // What the house is told belongs to its record, whatever patients let others see of it.
        rights: vec![Right::KeepRecords, Right::ManageHealthIds],
        client: Some(feed.client.as_deref().unwrap_or(&feed.id).into()),
        ..Token::default()
    };
    Ok(Ok(Sender { principal: Principal::Token(Arc::new(token)), rules, feed }))
}

/// Returns who keeps the Tasks about messages, whatever feeds they are of.
pub fn keeper() -> Principal {
    let token = Token {
        subject: "hl7v2".to_string(),
        scopes: Scope::parse("system/Task.crus").into_iter().collect(),
        rights: vec![Right::KeepRecords],
        client: Some("hl7v2".into()),
        ..Token::default()
    };
    Principal::Token(Arc::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Instant;

    fn some(text: &str) -> Option<String> {
        (!text.is_empty()).then(|| text.to_string())
    }

    #[test]
    fn the_feed_that_says_most_is_meant() {
        let made = |id: &str, application: &str, facility: &str, certificate: &str, active: bool| Feed {
            id: id.to_string(),
            application: some(application),
            facility: some(facility),
            client: None,
            certificate: some(certificate),
            settings: String::new(),
            active,
            created: Instant(0),
        };
        let feeds = vec![
            made("lab", "LAB", "H", "", true),
            made("any-of-h", "", "H", "", true),
            made("sealed", "X", "Y", "cn", true),
            made("off", "OFF", "", "", false),
        ];
        for (application, facility, certificate, want) in [
            ("LAB", "H", "", Ok("lab")),
            ("LAB", "H", "other", Ok("lab")),
            ("RIS", "H", "", Ok("any-of-h")),
            ("", "H", "", Ok("any-of-h")),
            ("X", "Y", "cn", Ok("sealed")),
            ("X", "Y", "", Err("the certificate that was shown is not that of the feed")),
            ("OFF", "", "", Err("the feed is switched off")),
            ("LAB", "Q", "", Err("there is no feed for this MSH-3 and MSH-4")),
            ("lab", "", "", Err("there is no feed for this MSH-3 and MSH-4")),
        ] {
            let arrival = Arrival {
                application: some(application),
                facility: some(facility),
                certificate: some(certificate),
                ..Arrival::default()
            };
            let found = feed(feeds.clone(), &arrival).map(|feed| feed.id).map_err(|problem| problem.text);
            assert_eq!(found, want.map(String::from).map_err(String::from), "{application} {facility} {certificate}");
        }
    }

    #[test]
    fn what_is_kept_of_a_header_is_short_and_printable() {
        let long = "x".repeat(300);
        let text = format!("MSH|^~\\&|A\u{0}B^1|F|||2026||ADT^A01^ADT_A01|{long}|P|2.5");
        let message = Message::parse(text).unwrap();
        let arrival = arrival(&Peer::default(), Some(&message), b"");
        assert_eq!(arrival.application.as_deref(), Some("AB"));
        assert_eq!(arrival.event.as_deref(), Some("ADT^A01"));
        assert_eq!(arrival.control_id.map(|id| id.len()), Some(199));
    }
}
