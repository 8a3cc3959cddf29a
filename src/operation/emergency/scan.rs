//! Reading a card: whoever holds the link of a patient gets the emergency view, encrypted under the key that the link carries.
//!
//! SMART Health Links 1.0.0. A link that was never given out, has ended or was revoked is answered alike. What is read is made at that
//! moment from the record, so that there is no older copy of it anywhere.

use super::notify::{self, Viewer};
use super::{card, gather, link};
use crate::access::role::Right;
use crate::access::{Principal, policy};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::interaction::Context;
use crate::operation::own;
use crate::store::identity::attempt::Limit;
use crate::store::identity::emergency::CardRow;
use crate::store::identity::hash;

/// Of one link, whoever reads it.
const HOUR: Limit = Limit { count: 60, within_s: 3_600 };
/// Of one link by readers whom nobody knows: then a clinician signs in.
const DAY: Limit = Limit { count: 10, within_s: 86_400 };
/// The name that a reader gives.
const RECIPIENT_CHARS_MAX: usize = 100;

/// One look at a card.
pub struct Scan<'a> {
    /// The last part of the address.
    pub link: &'a str,
    /// The name that the reader gives.
    pub recipient: &'a str,
    /// None where the file itself is asked for.
    pub passcode: Option<&'a str>,
    pub address: &'a str,
}

/// What came of it.
pub enum Scanned {
    /// The encrypted file.
    File(String),
    /// The passcode is wrong; so many tries are left.
    Wrong(i16),
}

/// Reads a card for somebody. The grant of the context is that of the reader, who may be nobody known.
pub async fn scan(ctx: &Context<'_>, scan: &Scan<'_>) -> Result<Scanned, Fault> {
    let recipient: String = scan.recipient.chars().filter(|c| !c.is_control()).take(RECIPIENT_CHARS_MAX).collect();
    if recipient.trim().is_empty() {
        return Err(Fault::new(Kind::Required, "a reader says who it is: 'recipient' is required"));
    }
    let Some(row) = ctx.store.card_of_link(hash(scan.link)).await? else { return Err(nothing()) };
    // A link with a passcode has a manifest and no file, and the other way around.
    if row.passcode.is_some() != scan.passcode.is_some() {
        return Err(nothing());
    }
    let told = format!("card {}; recipient '{}'; from {}", row.id, recipient.trim(), scan.address);
    count(ctx, &row, &told).await?;
    if let Some(passcode) = scan.passcode
        && let Some(left) = wrong(ctx, &row, passcode).await?
    {
        record(ctx, &row, 401, &format!("{told}; wrong passcode, {left} tries left")).await;
        return Ok(Scanned::Wrong(left));
    }
    let (id, patient) = match gather::survivor(ctx, &row.patient).await {
        Err(fault) if matches!(fault.kind(), Kind::NotFound | Kind::Deleted) => return Err(nothing()),
        found => found?,
    };
    let choice = ctx.store.emergency_choice(&id).await?;
    if choice.opted_out {
        return Err(nothing());
    }
    let view = gather::view(ctx, &id, &patient, &choice.topics).await?;
    let secret = card::open(ctx, &row)?;
    let file = link::encrypt(&secret.key, view.to_string().as_bytes())
        .ok_or_else(|| Fault::internal("failed to encrypt an emergency view", "the key of the card is none"))?;
    record(ctx, &row, 200, &told).await;
    ctx.store.card_seen(&row.id).await?;
    notify::patient(ctx, &id, &Viewer::Holder { recipient: recipient.trim(), address: scan.address }).await;
    Ok(Scanned::File(file))
}

/// The same words whatever is wrong with a link.
fn nothing() -> Fault {
    Fault::new(Kind::NotFound, "there is no such link, or it is not in use any more")
}

/// Counts a look before anything is read; one too many is refused.
async fn count(ctx: &Context<'_>, row: &CardRow, told: &str) -> Result<(), Fault> {
    if let Some(seconds) = ctx.store.attempt(&format!("emergency-card:hour:{}", row.id), HOUR).await? {
        record(ctx, row, 429, &format!("{told}; read too often")).await;
        return Err(
            Fault::new(Kind::Throttled, "this link was read too often; wait before the next time").after(seconds)
        );
    }
    if is_clinician(ctx.grant.principal()) || row.passcode.is_some() {
        return Ok(());
    }
    if ctx.store.attempt(&format!("emergency-card:day:{}", row.id), DAY).await?.is_some() {
        record(ctx, row, 403, &format!("{told}; read too often without an account")).await;
        let text = "this card was read too often today by people without an account: sign in as a clinician, and scan it again";
        return Err(Fault::new(Kind::Forbidden, text));
    }
    Ok(())
}

fn is_clinician(principal: &Principal) -> bool {
    matches!(principal, Principal::Token(token) if policy::holds(token, Right::Emergency))
}

/// Returns how many tries are left when the passcode is wrong; none when it is right.
async fn wrong(ctx: &Context<'_>, row: &CardRow, passcode: &str) -> Result<Option<i16>, Fault> {
    // Counted first, so that many at once are no more than one after the other.
    let Some(left) = ctx.store.try_passcode(&row.id).await? else { return Err(nothing()) };
    let told = card::passcode_hash(ctx, &row.id, passcode)?;
    let known = row.passcode.as_deref().unwrap_or_default();
    if aws_lc_rs::constant_time::verify_slices_are_equal(&told, known).is_ok() {
        ctx.store.passcode_was_right(&row.id).await?;
        return Ok(None);
    }
    Ok(Some(left))
}

async fn record(ctx: &Context<'_>, row: &CardRow, status: u16, detail: &str) {
    let entry = ctx.event("emergency-view", status).of(ResourceType::PATIENT, &row.patient).with_detail(detail);
    own::record(ctx, entry).await;
}
