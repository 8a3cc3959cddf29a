//! search of AuditEvents: the database finds rows that may be meant, and each is decided on the event that it is.
//!
//! R4 <https://hl7.org/fhir/R4/auditevent.html#search>. The order is that of time, newest first unless it is said otherwise.

use super::{Context, Found, T, Viewer, keys, stored};
use crate::access::scope::Letter;
use crate::audit::event::{Event, Frame, kind};
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::ask;
use crate::interaction::cursor::Cursor;
use crate::interaction::search::{Asked, bundle, is_presentation, no_compartment};
use crate::rest::Reply;
use crate::search::control::TotalMode;
use crate::search::evaluate::is_local;
use crate::search::key::Keyer;
use crate::search::{Expr, Search, compartment};
use crate::store::find::Page;
use crate::store::search::{KeyValue, Keyset};
use crate::store::trail::{Row, TrailQuery};
use std::sync::Arc;

/// Rows that are looked at for one page, or to count.
const LOOKED_MAX: usize = 20_000;
/// Rows that are fetched at once.
const FETCHED_MAX: usize = 1_000;

/// Answers a search, perhaps within a compartment.
pub async fn search(ctx: &Context<'_>, owner: Option<(ResourceType, &ResourceId)>) -> Result<Reply, Fault> {
    let registry = ctx.store.registry();
    let pairs: Vec<(String, String)> =
        ctx.request.query.iter().filter(|(name, _)| !is_presentation(name)).cloned().collect();
    let search = crate::search::parse(registry, Some(T), &pairs, ctx.request.prefer.lenient)?;
    let search = ask::settle(ctx, search).await?;
    refuse_what_leads_elsewhere(ctx, &search, &pairs)?;
    let rising = rising(&pairs)?;
    let within = match owner {
        None => Expr::All,
        Some((owner, id)) => {
            compartment::of(registry, owner, id, &search.types).ok_or_else(|| no_compartment(owner))?
        }
    };
    let condition = Expr::and([search.filter.clone(), within]);
    let viewer = Arc::new(Viewer::new(ctx, ctx.grant.sight(T, Letter::Search)));
    let asked = Asked::new(ctx, &search).await?;
    let cursor = search.cursor.as_deref().map(|text| asked.open(text)).transpose()?;
    let narrowed = Expr::and([viewer.sight.clone(), condition.clone()]);
    let query = TrailQuery { rising, ..narrow(ctx, &narrowed, &search.filter, &pairs) };
    let scan = Scan { ctx, viewer, condition: Arc::new(condition), query };
    let only_count = search.summary.as_deref() == Some("count") || asked.count == 0;
    let mut page = Page::default();
    let mut patients = Vec::new();
    if !only_count {
        let found = scan.found(cursor.as_ref(), asked.count as usize).await?;
        page.next = found.next;
        patients = patients_of(&found.events);
        page.rows = found.events.into_iter().map(|found| found.stored).collect();
    }
    let is_whole = page.next.is_none() && search.cursor.is_none() && search.total != TotalMode::None;
    if !only_count && is_whole {
        page.total = Some(page.rows.len() as i64);
    } else if only_count || matches!(search.total, TotalMode::Accurate | TotalMode::Estimate) {
        page.total = Some(scan.found(None, usize::MAX).await?.events.len() as i64);
    }
    let total = page.total;
    Ok(Reply { patients, ..Reply::json(200, bundle(&asked, &page, total, &[])) })
}

/// Returns the patient whose log was looked at, where it was that of one: a look through all would be one event for each patient.
fn patients_of(found: &[Found]) -> Vec<i64> {
    let mut patients: Vec<i64> = found.iter().flat_map(|found| found.patients.iter().copied()).collect();
    patients.sort_unstable();
    patients.dedup();
    if patients.len() == 1 { patients } else { Vec::new() }
}

/// Refuses what one event does not decide.
fn refuse_what_leads_elsewhere(ctx: &Context, search: &Search, pairs: &[(String, String)]) -> Result<(), Fault> {
    let refused = |name: &str| {
        let text =
            format!("parameter '{name}' is not answered for AuditEvent: each event is decided by what it says itself");
        Err(Fault::new(Kind::NotSupported, text))
    };
    if !search.includes.is_empty() {
        return refused("_include or _revinclude");
    }
    if search.contained.is_wanted() {
        return refused("_contained");
    }
    if is_local(&search.filter) {
        return Ok(());
    }
    let registry = ctx.store.registry();
    let leads = |(name, value): &&(String, String)| {
        crate::search::query::filter(registry, &[T], name, value).is_ok_and(|expr| !is_local(&expr))
    };
    refused(pairs.iter().find(leads).map_or("_filter", |(name, _)| name))
}

/// Returns whether the oldest come first.
fn rising(pairs: &[(String, String)]) -> Result<bool, Fault> {
    match pairs.iter().find(|(name, _)| name == "_sort").map(|(_, value)| value.as_str()) {
        None | Some("-date" | "-_lastUpdated") => Ok(false),
        Some("date" | "_lastUpdated") => Ok(true),
        Some(_) => Err(Fault::new(Kind::NotSupported, "AuditEvents are sorted by date or -date")),
    }
}

/// Returns what the database can tell by columns: never less than what is wanted.
fn narrow(ctx: &Context, all: &Expr, filter: &Expr, pairs: &[(String, String)]) -> TrailQuery {
    let mut query = TrailQuery { patients: compartment::patients_asked(all), ..TrailQuery::default() };
    for part in all.conjuncts() {
        match part {
            Expr::Ids(ids) => query.ids = Some(keys(ids)),
            Expr::None => query.ids = Some((Vec::new(), Vec::new())),
            _ => {}
        }
    }
    for part in filter.conjuncts() {
        if let Expr::Date(date) = part {
            // AuditEvent has one date of R4's, and others only by definitions of an installation.
            for (from, to) in pairs_of(pairs, "date").map(|_| window(date)) {
                query.from = query.from.max(Some(from));
                query.to = Some(query.to.map_or(to, |known| known.min(to)));
            }
        }
    }
    for (name, value) in pairs {
        let values: Vec<&str> = value.split(',').collect();
        by_parameter(ctx, &mut query, name, &values);
    }
    query
}

fn pairs_of<'a>(pairs: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Returns between which moments an instant that passes may lie.
fn window(date: &crate::search::expr::Date) -> (i64, i64) {
    const SECOND_US: i64 = 1_000_000;
    let windows = date.tests.iter().map(|test| test.window(SECOND_US));
    windows.fold((i64::MIN, i64::MAX), |(from, to), (first, last)| (from.max(first), to.min(last)))
}

fn by_parameter(ctx: &Context, query: &mut TrailQuery, name: &str, values: &[&str]) {
    let references = || {
        let parse = |value: &&str| {
            let literal = Literal::parse(value)?;
            let is_here = literal.base.is_empty() || literal.base == ctx.settings.base_url;
            (is_here && literal.version.is_none()).then(|| (literal.resource_type, literal.id.to_string()))
        };
        values.iter().map(parse).collect::<Option<Vec<_>>>()
    };
    let one_type = || {
        let references = references()?;
        let t = references.first()?.0;
        let same = references.iter().all(|(other, _)| *other == t);
        same.then(|| (t, references.into_iter().map(|(_, id)| id).collect::<Vec<_>>()))
    };
    match name {
        "patient" | "patient:Patient" if query.patients.is_none() => {
            let bare =
                || values.iter().map(|v| ResourceId::parse(v).map(|_| (*v).to_string())).collect::<Option<Vec<_>>>();
            let ids = one_type().filter(|(t, _)| *t == ResourceType::PATIENT).map(|(_, ids)| ids).or_else(bare);
            query.patients = ids.map(|ids| ids.iter().map(|id| Keyer::fixed().target("Patient", id)).collect());
        }
        "agent" => match one_type() {
            Some((t, ids)) if t.name() == "Device" => query.clients = Some(ids),
            Some((t, ids)) => query.agents = Some(ids.iter().map(|id| format!("{t}/{id}")).collect()),
            None => {}
        },
        "entity" => match one_type() {
            Some((ResourceType::PATIENT, ids)) if query.patients.is_none() => {
                query.patients = Some(ids.iter().map(|id| Keyer::fixed().target("Patient", id)).collect());
            }
            Some((t, ids)) if t != ResourceType::PATIENT => query.entity = Some((t, ids)),
            _ => {}
        },
        "type" | "subtype" | "action" if query.actions.is_none() => {
            let codes: Vec<&str> = values.iter().map(|value| value.rsplit('|').next().unwrap_or_default()).collect();
            if codes.iter().all(|code| !code.is_empty()) {
                query.actions = Some((kind::with_codes(name, &codes), kind::known().collect()));
            }
        }
        "policy" => query.tokens = Some(values.iter().map(|value| (*value).to_string()).collect()),
        _ => {}
    }
}

/// A walk through rows in the order of time.
struct Scan<'a> {
    ctx: &'a Context<'a>,
    viewer: Arc<Viewer>,
    condition: Arc<Expr>,
    query: TrailQuery,
}

#[derive(Default)]
struct Matches {
    events: Vec<Found>,
    next: Option<Keyset>,
}

/// Where a page ends: moment and number of the row, and how many of its events are behind.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: i64,
    no: i64,
    behind: usize,
}

impl Scan<'_> {
    /// Returns up to `count` events after the cursor.
    async fn found(&self, cursor: Option<&Cursor>, count: usize) -> Result<Matches, Fault> {
        let first = cursor.map(|cursor| cut(&cursor.keyset)).transpose()?;
        // The row of the cut comes once more, for its other events.
        let step = if self.query.rising { -1 } else { 1 };
        let mut after = first.map(|cut| (cut.at, cut.no.saturating_add(step)));
        let mut found = Matches::default();
        let (mut looked, mut last) = (0, None::<Cut>);
        let mut fetch = count.saturating_add(1).clamp(50, FETCHED_MAX);
        loop {
            let query = TrailQuery { after, count: fetch as i64, ..self.query.clone() };
            let rows = self.ctx.view.trail(&query).await?;
            let (is_last, end) = (rows.len() < fetch, rows.last().map(|row| (row.at.0, row.no)));
            looked += rows.len();
            for (cut, one) in self.decided(rows).await? {
                let is_behind =
                    first.is_some_and(|first| (first.at, first.no) == (cut.at, cut.no) && cut.behind <= first.behind);
                if is_behind {
                    continue;
                }
                if found.events.len() == count {
                    found.next = last.map(keyset);
                    return Ok(found);
                }
                found.events.push(one);
                last = Some(cut);
            }
            if is_last {
                return Ok(found);
            }
            if looked >= LOOKED_MAX {
                return Err(too_costly());
            }
            (after, fetch) = (end, FETCHED_MAX);
        }
    }

    /// Returns the events of rows that are wanted and may be seen, each with the place behind it. Many are decided aside.
    async fn decided(&self, rows: Vec<Row>) -> Result<Vec<(Cut, Found)>, Fault> {
        let (viewer, condition) = (self.viewer.clone(), self.condition.clone());
        let settings = self.ctx.settings.clone();
        let decide = move || {
            let frame = Frame { base_url: &settings.base_url, canonical_base: &settings.canonical_base };
            rows.iter().flat_map(|row| of_row(&viewer, &condition, row, &frame)).collect::<Vec<_>>()
        };
        tokio::task::spawn_blocking(decide).await.map_err(|e| Fault::internal("failed to search the audit", e))
    }
}

fn of_row(viewer: &Viewer, condition: &Expr, row: &Row, frame: &Frame) -> Vec<(Cut, Found)> {
    let place = |event: &Event| crate::audit::event::place(&event.id).and_then(|(_, index)| index).unwrap_or(0) + 1;
    let wanted = viewer.events(row, frame).into_iter().filter(|event| viewer.meets(condition, event));
    wanted
        .filter_map(|event| {
            let cut = Cut { at: row.at.0, no: row.no, behind: place(&event) };
            let patients = event.patient.into_iter().collect();
            Some((cut, Found { stored: stored(row, &event)?, patients }))
        })
        .collect()
}

fn keyset(cut: Cut) -> Keyset {
    Keyset { sorts: vec![KeyValue::I64(cut.at), KeyValue::I64(cut.behind as i64)], no: cut.no }
}

fn cut(keyset: &Keyset) -> Result<Cut, Fault> {
    match keyset.sorts[..] {
        [KeyValue::I64(at), KeyValue::I64(behind)] => {
            Ok(Cut { at, no: keyset.no, behind: usize::try_from(behind).unwrap_or_default() })
        }
        _ => Err(Fault::new(Kind::Invalid, "_cursor does not belong to this search")),
    }
}

fn too_costly() -> Fault {
    let text = format!(
        "the search would look at more than {LOOKED_MAX} audit records; narrow it by date, patient, agent or entity"
    );
    Fault::new(Kind::TooCostly, text)
}
