//! AuditEvents: rows of the audit, rendered when they are asked for, and never changed.
//!
//! R4 <https://hl7.org/fhir/R4/auditevent.html>: "AuditEvent resources are created, but not updated or deleted". Here they can be read,
//! searched and created. Those that lie among the resources since an earlier release can still be read by id.

mod create;
mod search;

pub use create::{entry, refuse_change, refuse_if_there};

use super::bundle::BundleWriter;
use super::{Context, history, read as plain, vread as plain_vread};
use crate::audit::event::{Event, Frame, events, place};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::rest::{Body, Interaction, Reply};
use crate::search::evaluate::{Indexed, is_local, matches};
use crate::search::{Expr, Registry, extract};
use crate::store::trail::{Row, TrailQuery};
use crate::store::{HistoryScope, Stored};
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;

const T: ResourceType = ResourceType::AUDIT_EVENT;

/// Returns whether an interaction would write AuditEvents.
pub fn is_change(interaction: &Interaction) -> bool {
    use Interaction as I;
    matches!(
        interaction,
        I::Create(T)
            | I::Update(T, _)
            | I::Patch(T, _)
            | I::Delete(T, _)
            | I::ConditionalUpdate(T)
            | I::ConditionalPatch(T)
            | I::ConditionalDelete(T)
    )
}

/// Returns whether an interaction asks for AuditEvents.
pub fn is_query(interaction: &Interaction) -> bool {
    use Interaction as I;
    matches!(
        interaction,
        I::Read(T, _)
            | I::Vread(T, _, _)
            | I::HistoryInstance(T, _)
            | I::HistoryType(T)
            | I::SearchType(T)
            | I::SearchCompartment(_, _, Some(T))
    )
}

/// Creates an AuditEvent, or says that none is changed.
pub async fn change(ctx: &Context<'_>, interaction: &Interaction, body: Body) -> Result<Reply, Fault> {
    match interaction {
        Interaction::Create(_) => create::create(ctx, body).await,
        Interaction::Update(_, id) => create::create_under(ctx, id, body).await,
        _ => Err(refuse_change()),
    }
}

/// Answers what is asked for.
pub async fn query(ctx: &Context<'_>, interaction: &Interaction) -> Result<Reply, Fault> {
    use Interaction as I;
    match interaction {
        I::Read(_, id) => match found(ctx, id).await? {
            Some(stored) => answer(ctx, id, stored),
            None => plain::read(ctx, T, id).await,
        },
        I::Vread(_, id, version) => match found(ctx, id).await? {
            Some(stored) if version == "1" => answer(ctx, id, stored),
            Some(_) => Err(Fault::new(Kind::NotFound, format!("AuditEvent/{id} has the one version 1"))),
            None => plain_vread::vread(ctx, T, id, version).await,
        },
        I::HistoryInstance(_, id) => match found(ctx, id).await? {
            Some(stored) => history_of(ctx, id, stored),
            None => history::history(ctx, HistoryScope::Instance(T, id.clone())).await,
        },
        I::HistoryType(_) => {
            let text = "AuditEvents have one version each: search them, with _sort=-date for the newest first";
            Err(Fault::new(Kind::NotSupported, text))
        }
        I::SearchCompartment(owner, id, _) => search::search(ctx, Some((*owner, id))).await,
        _ => search::search(ctx, None).await,
    }
}

/// Which events somebody may see.
struct Viewer {
    registry: Arc<Registry>,
    sight: Expr,
}

impl Viewer {
    fn new(ctx: &Context, sight: Expr) -> Viewer {
        // What cannot be decided on one event is not shown: a condition that leads to other resources would be passed over.
        let sight = if is_local(&sight) { sight } else { Expr::None };
        Viewer { registry: ctx.store.registry().clone(), sight }
    }

    /// Returns whether nothing is kept from the viewer.
    fn sees_all(&self) -> bool {
        self.sight == Expr::All
    }

    fn events(&self, row: &Row, frame: &Frame) -> Vec<Event> {
        // Who sees some records alone is not told of the others that a client's event names.
        if !self.sees_all() && row.content.is_some() && row.patients.len() > 1 {
            return Vec::new();
        }
        let mut events = events(row, frame, self.sees_all());
        events.retain(|event| self.shows(event));
        events
    }

    fn shows(&self, event: &Event) -> bool {
        self.meets(&self.sight, event)
    }

    /// Returns whether an event meets a condition.
    fn meets(&self, condition: &Expr, event: &Event) -> bool {
        if *condition == Expr::All {
            return true;
        }
        let Some(id) = ResourceId::parse(&event.id) else { return false };
        let updated = event.value["meta"]["lastUpdated"].as_str().and_then(Instant::parse).map(|at| at.0);
        let rows = extract(&self.registry, T, &event.value);
        matches(condition, &Indexed { resource_type: T, id, updated, rows })
    }
}

/// An event with the patients it is about, for the audit of who looks at it.
struct Found {
    stored: Stored,
    patients: Vec<i64>,
}

fn frame<'a>(ctx: &Context<'a>) -> Frame<'a> {
    Frame { base_url: &ctx.settings.base_url, canonical_base: &ctx.settings.canonical_base }
}

/// Returns the event with an id, if the caller may see it.
async fn found(ctx: &Context<'_>, id: &ResourceId) -> Result<Option<Found>, Fault> {
    let rows = rows_of(ctx, std::slice::from_ref(id)).await?;
    let viewer = Viewer::new(ctx, ctx.grant.seen(T));
    let frame = frame(ctx);
    let shown = rows.iter().flat_map(|row| viewer.events(row, &frame).into_iter().map(move |event| (row, event)));
    let mut shown = shown.filter(|(_, event)| event.id == id.as_str());
    Ok(shown.next().and_then(|(row, event)| {
        let patients = event.patient.map_or_else(|| row.patients.iter().map(|p| p.key).collect(), |key| vec![key]);
        Some(Found { stored: stored(row, &event)?, patients })
    }))
}

/// Returns the rows that ids may be of, whoever may see them.
async fn rows_of(ctx: &Context<'_>, ids: &[ResourceId]) -> Result<Vec<Row>, Fault> {
    let count = i64::try_from(ids.len()).unwrap_or(i64::MAX).saturating_mul(2);
    let query = TrailQuery { ids: Some(keys(ids)), count, ..TrailQuery::default() };
    Ok(ctx.view.trail(&query).await?)
}

/// Returns the numbers of rows that ids lead to, and the ids themselves, since a client may have chosen them.
fn keys(ids: &[ResourceId]) -> (Vec<i64>, Vec<String>) {
    let numbers = ids.iter().filter_map(|id| place(id.as_str())).map(|(no, _)| no).collect();
    (numbers, ids.iter().map(|id| id.as_str().to_string()).collect())
}

fn stored(row: &Row, event: &Event) -> Option<Stored> {
    Some(Stored {
        no: row.no,
        resource_type: T,
        id: ResourceId::parse(&event.id)?,
        version: 1,
        updated: row.at,
        content: Some(Bytes::from(event.value.to_string())),
    })
}

fn answer(ctx: &Context, id: &ResourceId, found: Found) -> Result<Reply, Fault> {
    let reply = plain::answer(Some(found.stored), T, id, &ctx.request.conditions)?;
    Ok(Reply { patients: found.patients, ..reply })
}

fn history_of(ctx: &Context, id: &ResourceId, found: Found) -> Result<Reply, Fault> {
    let asked = history::parse(ctx, HistoryScope::Instance(T, id.clone()))?;
    let url = format!("{}/_history", ctx.full_url(T, id));
    let mut bundle = BundleWriter::new("history", None, &[("self", url)]);
    let at = found.stored.updated;
    let is_within = asked.since.is_none_or(|since| at >= since) && asked.at.is_none_or(|(_, last)| at <= last);
    if let Some(content) = found.stored.content.as_deref().filter(|_| is_within) {
        let response = json!({"status": "201 Created", "etag": "W/\"1\"", "lastModified": at.to_string()});
        bundle.answered(&ctx.full_url(T, id), content, Some(("POST", T.name())), &response);
    }
    Ok(Reply { patients: found.patients, ..Reply::json(200, bundle.finish()) })
}
