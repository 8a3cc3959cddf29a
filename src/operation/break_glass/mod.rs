//! Breaking the glass: a physician opens a record in an emergency for a day at most, for a reason that is kept and reviewed.
//!
//! `$break-glass`, `$end-break-glass` and `Task/[id]/$review-break-glass`, defined in `conformance/`. What opens the record is the row that
//! [`crate::store::identity::break_glass`] keeps; the Consent beside it tells people and other servers of it.

mod asked;
pub mod end;
pub mod expire;
mod reason;
pub mod review;
pub mod start;

use super::own;
use crate::access::principal::{Person, Token};
use crate::access::{Grant, Principal};
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::{Context, condition};
use crate::store::View;
use crate::store::tx::Tx;
use serde_json::{Map, Value, json};

const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// The sensitivity of what tells of violence at home.
const VIOLENCE: &str = "SDV";

/// Returns the person who asks; systems, operators and callers without a token are none.
fn person<'a>(ctx: &'a Context) -> Result<(&'a Token, &'a Person), Fault> {
    if let Principal::Token(token) = ctx.grant.principal()
        && let Some(person) = &token.person
    {
        return Ok((token, person));
    }
    Err(Fault::new(Kind::Forbidden, "this is done by a person who has signed in, not by a system"))
}

/// Returns whom a person is, as `Practitioner/1`.
fn reference(person: &Person) -> Option<String> {
    person.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}"))
}

/// Returns the Patient as the server sees it: whoever may break the glass may do so over what is hidden.
async fn patient(tx: &Tx, everyone: &Grant, id: &ResourceId) -> Result<Map<String, Value>, Fault> {
    own::content(ResourceType::PATIENT, id, View::Tx(tx).read(everyone, ResourceType::PATIENT, id).await?.as_ref())
}

/// Returns whether a search of the server's own finds anything; none where it cannot be asked just now.
async fn finds(ctx: &Context<'_>, tx: &Tx, everyone: &Grant, type_name: &str, query: &str) -> Option<bool> {
    let t = ResourceType::parse(type_name)?;
    let search = condition::criteria(ctx.store.registry(), t, query).ok()?;
    let found = tx.matching(everyone, &[search], 1).await.ok()?;
    Some(found.iter().any(|found| !found.is_empty()))
}

/// Returns the security labels of notices about a patient: where something tells of violence at home they are kept from those
/// who act for the patient. In doubt they are.
async fn labels(ctx: &Context<'_>, tx: &Tx, everyone: &Grant, id: &ResourceId) -> Result<Vec<Value>, Fault> {
    let stored = View::Tx(tx).read(everyone, ResourceType::PATIENT, id).await?;
    let patient: Value = stored.and_then(|stored| serde_json::from_slice(&stored.content?).ok()).unwrap_or(Value::Null);
    let security = patient.pointer("/meta/security").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut is_marked = security.iter().any(|label| label["code"] == VIOLENCE);
    for type_name in ["Flag", "Condition"] {
        let query = format!("patient=Patient/{id}&_security={ACT_CODE}|{VIOLENCE}");
        is_marked = is_marked || finds(ctx, tx, everyone, type_name, &query).await.unwrap_or(true);
    }
    let labels = [json!({"system": CONFIDENTIALITY, "code": "R"}), json!({"system": ACT_CODE, "code": VIOLENCE})];
    Ok(if is_marked { labels.to_vec() } else { Vec::new() })
}
