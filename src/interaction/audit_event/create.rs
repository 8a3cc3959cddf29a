//! create: an AuditEvent of another system, kept as a row of the audit, in the chain, for ever.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#create>. It keeps the id that a PUT gives it, or gets one; what is there is never changed.

use super::{Context, T, rows_of};
use crate::access::Principal;
use crate::access::policy::{Needs, decide};
use crate::access::scope::Letter;
use crate::audit::event::{RECEIVED, place};
use crate::fault::{Fault, Issue, Kind};
use crate::fhir::{Instant, ResourceId};
use crate::interaction::{body, condition, hidden, update, written};
use crate::rest::{Body, Reply};
use crate::search::{compartment, key::Keyer};
use crate::store::audit::Entry;
use crate::store::{View, Written};
use crate::validation::Valid;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// `POST AuditEvent`. An id in the body is ignored, as R4 3.1.0.8 wants.
pub async fn create(ctx: &Context<'_>, body: Body) -> Result<Reply, Fault> {
    if ctx.request.conditions.if_none_exist.is_some() {
        let text = "an AuditEvent cannot be created on a condition: each tells of one happening";
        return Err(Fault::new(Kind::NotSupported, text));
    }
    let (store, settings) = (ctx.store.clone(), ctx.settings.clone());
    let valid = body::work(body, move |body| {
        let mut value = body::read(store.catalog(), &settings, body)?;
        if let Some(object) = value.as_object_mut() {
            object.shift_remove("id");
        }
        Valid::check_as(store.catalog(), value, T)
    })
    .await?;
    keep(ctx, &ResourceId::random(), valid.into_content().0, Letter::Create).await
}

/// `PUT AuditEvent/[id]`, which creates and never replaces.
pub async fn create_under(ctx: &Context<'_>, id: &ResourceId, body: Body) -> Result<Reply, Fault> {
    if ctx.request.conditions.if_match.is_some() {
        return Err(refuse_change());
    }
    let (store, settings, own) = (ctx.store.clone(), ctx.settings.clone(), id.clone());
    let valid = body::work(body, move |body| {
        let value = body::read(store.catalog(), &settings, body)?;
        update::check_identified(store.catalog(), value, T, &own)
    })
    .await?;
    keep(ctx, id, valid.into_content().0, Letter::Update).await
}

async fn keep(ctx: &Context<'_>, id: &ResourceId, content: Map<String, Value>, letter: Letter) -> Result<Reply, Fault> {
    let (entry, kept) = entry(ctx, id, content, letter)?;
    condition::again(async || {
        let tx = ctx.store.begin().await?;
        let within = Context { view: View::Tx(&tx), ..*ctx };
        refuse_if_there(&within, id).await?;
        tx.record(std::slice::from_ref(&entry)).await?;
        Ok(tx.commit().await?)
    })
    .await?;
    Ok(written(ctx, 201, kept))
}

/// Refuses an id that is taken. Whoever may write under ids of their own may know that much.
pub async fn refuse_if_there(ctx: &Context<'_>, id: &ResourceId) -> Result<(), Fault> {
    let everyone = decide(&Principal::Unrestricted, &Needs::Nothing, ctx.store.registry())?;
    let is_row = !rows_of(ctx, std::slice::from_ref(id)).await?.is_empty();
    // Releases before kept them among the resources.
    let is_there = is_row || ctx.view.read(&everyone, T, id).await?.is_some();
    if is_there { Err(refuse_change()) } else { Ok(()) }
}

/// Returns the row that keeps an event, and what its sender is told.
pub fn entry(
    ctx: &Context,
    id: &ResourceId,
    mut content: Map<String, Value>,
    letter: Letter,
) -> Result<(Entry, Written), Fault> {
    if place(id.as_str()).is_some() {
        let text = "ids that are numbers are given to AuditEvents by this server alone; choose another";
        return Err(Fault::from_issues(vec![Issue::at(Kind::Value, "AuditEvent.id", text)]));
    }
    content.insert("id".into(), id.as_str().into());
    let at = content.get("recorded").and_then(Value::as_str).and_then(Instant::parse).unwrap_or_else(Instant::now);
    let value = Value::Object(content);
    let text = value.to_string();
    if !ctx.grant.shows(T, id, text.as_bytes(), letter) {
        return Err(hidden());
    }
    let patients = compartment::patients_of(ctx.store.registry(), T, &value);
    let keys = patients.iter().map(|id| Keyer::fixed().target("Patient", id)).collect();
    let failed = |e| Fault::internal("failed to write an AuditEvent", e);
    let raw = RawValue::from_string(text.clone()).map_err(failed)?;
    let now = Instant::now();
    let entry = ctx.event("create", 201).of(T, id).with_patients(keys).with_content(raw);
    let entry = Entry { at, version: Some(1), ..entry.with_detail(format!("{RECEIVED}{now}")) };
    let told = Written { resource_type: T, id: id.clone(), version: 1, updated: now, content: Some(text.into()) };
    Ok((entry, told))
}

/// Returns the refusal of every change to an event that is there.
pub fn refuse_change() -> Fault {
    let text = "AuditEvents can be created and read; what is written in the audit is never changed or deleted";
    Fault::new(Kind::MethodNotAllowed, text)
}
