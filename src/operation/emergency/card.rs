//! `$emergency-card`: what a patient carries, so that whoever helps sees the emergency view; and what it shows.
//!
//! Defined in `conformance/OperationDefinition-emergency-card.json`. A card is a SMART Health Link with the flag `U`: one link, one file,
//! no account. A link for somebody at a distance has a passcode (`P`) beside it.

use super::link::{self, Payload};
use super::{gather, is_self, labels, reads_all};
use crate::access::Principal;
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::account::{Accounts, secret};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::operation::parameters::{Parameters, required};
use crate::operation::{Call, Operation, Places, own};
use crate::rest::Reply;
use crate::store::identity::emergency::{CardRow, Choice, NewCard};
use crate::store::identity::{Hash, hash};
use base64::Engine;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

/// How long a card lasts: people forget to renew what they carry, and it can be revoked at any time.
const CARD_TIME_S: i64 = 2 * 365 * 86_400;
/// A link that is sent to somebody is for a visit or two.
const SHARE_TIME_S: i64 = 30 * 86_400;
/// Wrong passcodes in the lifetime of a link.
const TRIES: i16 = 5;
const PASSCODE_CHARS: std::ops::RangeInclusive<usize> = 6..=64;
/// Links with a passcode at a time.
const SHARES_MAX: usize = 10;

/// Where the files and the viewer are, below the root of the pages.
pub const FILES: &str = "/emergency/shl";
pub const VIEWER: &str = "/emergency/view";

const SEAL: &str = "emergency-card";

pub struct Card;

impl Operation for Card {
    fn name(&self) -> &'static str {
        "emergency-card"
    }

    fn places(&self) -> Places {
        Places { instances: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    /// For the patient alone: see `may_manage`.
    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Token
    }

    fn is_fleeting(&self) -> bool {
        true
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let id = call.id.ok_or_else(|| Fault::new(Kind::Invalid, "the operation is called on a Patient"))?;
    let parameters = Parameters::read(ctx, call.body, &["action", "topic", "passcode"])?;
    let action = parameters.text("action")?.ok_or_else(|| required("action"))?;
    may_manage(ctx, &id)?;
    let (survivor, _) = gather::survivor(ctx, &id).await?;
    if survivor != id {
        let text = format!("Patient/{id} was merged into Patient/{survivor}, which has the card");
        return Err(Fault::new(Kind::BusinessRule, text));
    }
    let choice = ctx.store.emergency_choice(&id).await?;
    let passcode = parameters.text("passcode")?;
    match action {
        "status" => {}
        "make" | "renew" => make(ctx, &id, choice, passcode).await?,
        "revoke" => drop(ctx.store.end_cards(&id).await?),
        "opt-out" => {
            // First the wish, then the links: what is read in between is refused already.
            ctx.store.choose_for_emergency(&id, &Choice { opted_out: true, ..choice }).await?;
            ctx.store.end_cards(&id).await?;
        }
        "opt-in" => ctx.store.choose_for_emergency(&id, &Choice { opted_out: false, ..choice }).await?,
        "topics" => {
            let topics = topics(&parameters)?;
            ctx.store.choose_for_emergency(&id, &Choice { topics, ..choice }).await?;
        }
        _ => {
            let text = "the parameter 'action' is one of status, make, renew, revoke, opt-out, opt-in, topics";
            return Err(Fault::at(Kind::Value, "Parameters.parameter", text));
        }
    }
    let entry = ctx.event("emergency-card", 200).of(ResourceType::PATIENT, &id).with_detail(action);
    own::record(ctx, entry).await;
    answer(ctx, &id).await
}

/// Refuses everybody but the patient. An app of theirs must have been let read what the card shows and give consent, for that
/// is what this is.
fn may_manage(ctx: &Context, id: &ResourceId) -> Result<(), Fault> {
    let Principal::Token(token) = ctx.grant.principal() else { return Ok(()) };
    if !is_self(ctx.grant, id) {
        return Err(Fault::new(Kind::Forbidden, "an emergency card is made by the patient whom it is about"));
    }
    reads_all(token)?;
    let consents = |scope: &&crate::access::scope::Scope| {
        scope.query().is_none() && scope.allows(Letter::Create, Some(ResourceType::CONSENT))
    };
    match token.scopes.iter().find(consents) {
        Some(_) => Ok(()),
        None => Err(Fault::new(Kind::Forbidden, "an app that makes emergency cards needs the scope for Consent.c")),
    }
}

fn accounts<'a>(ctx: &Context<'a>) -> Result<&'a Accounts, Fault> {
    ctx.accounts
        .ok_or_else(|| Fault::new(Kind::NotSupported, "emergency cards are made by a server with security only"))
}

fn topics(parameters: &Parameters) -> Result<Vec<String>, Fault> {
    let mut topics = Vec::new();
    for topic in parameters.texts("topic")? {
        if !labels::TOPICS.iter().any(|known| known.name == topic) {
            let known: Vec<&str> = labels::TOPICS.iter().map(|topic| topic.name).collect();
            let text = format!("the parameter 'topic' is one of {}", known.join(", "));
            return Err(Fault::at(Kind::Value, "Parameters.parameter", text));
        }
        if !topics.iter().any(|known| known == topic) {
            topics.push(topic.to_string());
        }
    }
    Ok(topics)
}

/// Makes a card, or a link with a passcode. Who makes one wants to be seen in an emergency.
async fn make(ctx: &Context<'_>, id: &ResourceId, choice: Choice, passcode: Option<&str>) -> Result<(), Fault> {
    if let Some(passcode) = passcode {
        if !PASSCODE_CHARS.contains(&passcode.chars().count()) {
            let (min, max) = PASSCODE_CHARS.into_inner();
            let text = format!("a passcode has {min} to {max} characters");
            return Err(Fault::at(Kind::Value, "Parameters.parameter", text));
        }
        if ctx.store.cards_of(id).await?.iter().filter(|row| row.passcode.is_some()).count() >= SHARES_MAX {
            let text = format!("there are {SHARES_MAX} links with a passcode already: revoke them first");
            return Err(Fault::new(Kind::BusinessRule, text));
        }
    }
    let secret = Secret { link: secret(), key: secret() };
    let url = format!("{}{FILES}/{}", accounts(ctx)?.settings.root_url, secret.link);
    if url.len() > link::URL_CHARS_MAX {
        return Err(Fault::new(Kind::NotSupported, "the address of this server is too long for a SMART Health Link"));
    }
    if choice.opted_out {
        ctx.store.choose_for_emergency(id, &Choice { opted_out: false, ..choice }).await?;
    }
    let (card, created) = (uuid::Uuid::new_v4().to_string(), Instant::now());
    let hashed = passcode.map(|passcode| passcode_hash(ctx, &card, passcode)).transpose()?;
    let time_s = if passcode.is_some() { SHARE_TIME_S } else { CARD_TIME_S };
    let sealed = accounts(ctx)?.seal.seal(SEAL, format!("{} {}", secret.link, secret.key).as_bytes());
    let new = NewCard {
        id: &card,
        patient: id,
        link: hash(&secret.link),
        sealed: &sealed,
        passcode: hashed.map(|hash| (hash, TRIES)),
        created,
        expires: Instant(created.0 + time_s * 1_000_000),
    };
    match ctx.store.add_card(&new).await? {
        true => Ok(()),
        false => Err(Fault::new(Kind::Conflict, "another card was made at the same time; look at that one")),
    }
}

/// What only the one who holds a card has: the last part of its address, and the key.
pub struct Secret {
    pub link: String,
    pub key: String,
}

/// Returns the secrets of a card, as they were sealed.
pub fn open(ctx: &Context, row: &CardRow) -> Result<Secret, Fault> {
    let told = accounts(ctx)?.seal.open(SEAL, &row.sealed).and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = told.as_deref().and_then(|told| told.split_once(' '));
    let (link, key) = parts.ok_or_else(|| Fault::internal("an emergency card", "it was sealed under another key"))?;
    Ok(Secret { link: link.to_string(), key: key.to_string() })
}

/// Returns the hash that a passcode is kept and compared by: keyed, so that the database alone does not give it away.
pub fn passcode_hash(ctx: &Context, card: &str, passcode: &str) -> Result<Hash, Fault> {
    Ok(accounts(ctx)?.seal.hash(&format!("emergency-passcode|{card}"), passcode))
}

/// Returns what the patient has given out, and what they chose.
async fn answer(ctx: &Context<'_>, id: &ResourceId) -> Result<Reply, Fault> {
    let choice = ctx.store.emergency_choice(id).await?;
    let mut parameter = vec![json!({"name": "optedOut", "valueBoolean": choice.opted_out})];
    parameter.extend(choice.topics.iter().map(|topic| json!({"name": "topic", "valueCode": topic})));
    for row in ctx.store.cards_of(id).await? {
        parameter.push(told(ctx, &row)?);
    }
    Ok(Reply::value(200, &json!({"resourceType": "Parameters", "parameter": parameter})))
}

fn told(ctx: &Context, row: &CardRow) -> Result<Value, Fault> {
    let root = &accounts(ctx)?.settings.root_url;
    let secret = open(ctx, row)?;
    let has_passcode = row.passcode.is_some();
    let shlink = link::uri(&Payload {
        url: &format!("{root}{FILES}/{}", secret.link),
        key: &secret.key,
        expires_s: row.expires.0 / 1_000_000,
        flag: if has_passcode { "P" } else { "U" },
        label: if has_passcode { "Emergency information" } else { "Emergency card" },
    });
    let viewer = format!("{root}{VIEWER}#{shlink}");
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let qr = qr(&viewer)?;
    let mut part = vec![
        json!({"name": "id", "valueString": row.id}),
        json!({"name": "passcode", "valueBoolean": has_passcode}),
        json!({"name": "link", "valueUri": shlink}),
        json!({"name": "viewer", "valueUrl": viewer}),
        json!({"name": "qr", "valueAttachment": {"contentType": "image/svg+xml", "data": base64(qr.as_bytes())}}),
        json!({"name": "nfc", "valueAttachment": {"contentType": "application/octet-stream", "data": base64(&link::ndef(&viewer))}}),
        json!({"name": "created", "valueInstant": row.created.to_string()}),
        json!({"name": "expires", "valueInstant": row.expires.to_string()}),
        json!({"name": "views", "valueUnsignedInt": row.views}),
    ];
    part.extend(row.seen.map(|seen| json!({"name": "seen", "valueInstant": seen.to_string()})));
    Ok(json!({"name": "card", "part": part}))
}

/// Returns the QR code of a viewer's address. SMART Health Links: error correction of level M.
fn qr(text: &str) -> Result<String, Fault> {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M)
        .map_err(|e| Fault::internal("failed to draw a QR code", e))?;
    let image = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(image)
}
