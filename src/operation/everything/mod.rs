//! `$everything`: all that the record of a patient holds, and what it refers to outside of itself.
//!
//! R4 <https://hl7.org/fhir/R4/patient-operation-everything.html>. Members of the compartment are matches, in the order of their
//! numbers; practitioners, organizations, places, medicines and devices that they name come along. Without an id: the records of
//! all patients whom the caller may see, some patients at a time.

mod asked;
mod page;

use super::own;
use super::{Call, Operation, Places};
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::bundle::BundleWriter;
use crate::interaction::cursor::{self, Cursor};
use crate::interaction::{Context, read};
use crate::rest::{Reply, query};
use crate::store::search::{KeyValue, Keyset};
use asked::Asked;
use futures_util::future::LocalBoxFuture;
use page::{Page, Place};

pub struct Everything;

impl Operation for Everything {
    fn name(&self) -> &'static str {
        "everything"
    }

    fn definition(&self) -> Option<&'static str> {
        Some("http://hl7.org/fhir/OperationDefinition/Patient-everything")
    }

    fn places(&self) -> Places {
        Places { types: &["Patient"], instances: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    /// Whoever may not have the Patient has no use of the rest; what of it is shown, the grant says type by type.
    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Type(vec![Letter::Read, Letter::Search], ResourceType::PATIENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let (by_get, id) = (call.by_get, call.id.clone());
    let asked = Asked::read(ctx, call)?;
    let key = ctx.store.cursor_key().await?;
    let address = address(id.as_ref());
    let question = cursor::question(&address, asked.pairs.iter());
    let place = match asked.cursor.as_deref() {
        None => Place::default(),
        Some(text) => {
            let cursor = Cursor::open(text, key)?;
            cursor.check(question, cursor::now_s(), ctx.settings.cursor_time_s_max)?;
            opened(&cursor.keyset)
        }
    };
    let page = match &id {
        Some(id) => {
            // Both go out together; what is hidden is told as a read tells it, whatever else was found.
            let there = async { Ok::<_, Fault>(read::read(ctx, ResourceType::PATIENT, id).await) };
            let (there, page) = tokio::try_join!(there, page::of_one(ctx, &asked, id, place.no))?;
            there?;
            page
        }
        None => page::of_all(ctx, &asked, place).await?,
    };
    let included = page::included(ctx, &asked, &page.rows).await?;
    if !by_get {
        // Calls by GET are audited at the door, as all reads are.
        let event = ctx.event("everything", 200);
        own::record(ctx, id.iter().fold(event, |event, id| event.of(ResourceType::PATIENT, id))).await;
    }
    let seal = |place: Place| Cursor { keyset: keyset(place), backward: false, question, issued_s: cursor::now_s() };
    let next = page.next.map(|place| seal(place).seal(key));
    Ok(Reply::json(200, bundle(ctx, &asked, &address, &page, &included, next)))
}

fn address(id: Option<&ResourceId>) -> String {
    match id {
        Some(id) => format!("Patient/{id}/$everything"),
        None => "Patient/$everything".to_string(),
    }
}

fn keyset(place: Place) -> Keyset {
    let until = place.until.map_or(KeyValue::Missing, KeyValue::I64);
    Keyset { sorts: vec![KeyValue::I64(place.after), until], no: place.no }
}

/// Returns the place of a cursor, which nobody but this operation gave out.
fn opened(keyset: &Keyset) -> Place {
    let number = |at: usize| match keyset.sorts.get(at) {
        Some(KeyValue::I64(number)) => Some(*number),
        _ => None,
    };
    Place { after: number(0).unwrap_or_default(), until: number(1), no: keyset.no }
}

fn bundle(
    ctx: &Context<'_>,
    asked: &Asked,
    address: &str,
    page: &Page,
    included: &[crate::store::Stored],
    next: Option<String>,
) -> bytes::Bytes {
    let mut links = vec![("self", link(ctx, asked, address, asked.cursor.as_deref()))];
    if asked.cursor.is_some() {
        links.push(("first", link(ctx, asked, address, None)));
    }
    let is_whole = next.is_none() && asked.cursor.is_none();
    links.extend(next.map(|cursor| ("next", link(ctx, asked, address, Some(&cursor)))));
    let rows = || page.rows.iter().filter(|row| asked.is_wanted(row.resource_type));
    let total = is_whole.then(|| i64::try_from(rows().count()).unwrap_or(i64::MAX));
    let mut bundle = BundleWriter::new("searchset", total, &links);
    for (row, mode) in rows().map(|row| (row, "match")).chain(included.iter().map(|row| (row, "include"))) {
        if let Some(content) = &row.content {
            bundle.found(&ctx.full_url(row.resource_type, &row.id), content, mode);
        }
    }
    if let Some(wanted) = asked.wanted.filter(|wanted| *wanted > asked.count) {
        bundle.remark(&format!("_count is {wanted}; this server gives {} matches a page at most", asked.count));
    }
    bundle.finish()
}

/// Returns the URL of a page: a call by GET, whichever way this one came.
fn link(ctx: &Context, asked: &Asked, address: &str, cursor: Option<&str>) -> String {
    let mut url = format!("{}/{address}", ctx.settings.base_url);
    let mut separator = '?';
    let cursor = cursor.map(|cursor| ("_cursor", cursor));
    let pairs = asked.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in pairs.chain(cursor) {
        url.push(separator);
        query::encode(&mut url, name);
        url.push('=');
        query::encode(&mut url, value);
        separator = '&';
    }
    url
}
