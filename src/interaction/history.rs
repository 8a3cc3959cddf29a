//! history: the versions of a resource, of a type, of everything, newest first.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#history>.

use super::Context;
use super::bundle::BundleWriter;
use super::read::{missing, not_found};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::rest::{Reply, query, reply};
use crate::search::period;
use crate::store::{Deed, HistoryPage, HistoryQuery, HistoryScope, Stored};
use serde_json::json;

pub async fn history(ctx: &Context<'_>, scope: HistoryScope) -> Result<Reply, Fault> {
    let query = parse(ctx, scope)?;
    let page = ctx.view.history(ctx.grant, &query).await?;
    if let (HistoryScope::Instance(t, id), true, None) = (&query.scope, page.versions.is_empty(), query.after) {
        // Nothing within the asked time is an empty Bundle; nothing at all is not found.
        ctx.view.read(ctx.grant, *t, id).await?.ok_or_else(|| missing(ctx, not_found(*t, id)))?;
    }
    Ok(Reply::json(200, bundle(ctx, &query, &page)))
}

pub(super) fn parse(ctx: &Context, scope: HistoryScope) -> Result<HistoryQuery, Fault> {
    let settings = ctx.settings;
    let mut out =
        HistoryQuery { scope, since: None, at: None, count: i64::from(settings.page_size_default), after: None };
    for (name, value) in &ctx.request.query {
        let wrong = |want: &str| Fault::new(Kind::Invalid, format!("parameter '{name}' wants {want}, not '{value}'"));
        match name.as_str() {
            "_since" => out.since = Some(moments(value).ok_or_else(|| wrong("an instant"))?.0),
            "_at" => out.at = Some(moments(value).ok_or_else(|| wrong("a date or an instant"))?),
            "_count" => {
                let count: u32 = value.parse().map_err(|_| wrong("a number"))?;
                out.count = i64::from(count.min(settings.page_size_max));
            }
            "_cursor" => out.after = Some(cursor(value).ok_or_else(|| wrong("a cursor from a link of this server"))?),
            "_format" | "_pretty" | "_summary" | "_elements" => {}
            _ => {
                let known = "_since, _at, _count, _format, _pretty, _summary, _elements";
                let text = format!("history does not know the parameter '{name}'; it knows {known}");
                return Err(Fault::new(Kind::NotSupported, text));
            }
        }
    }
    Ok(out)
}

/// Returns the first and the last moment of a date or instant of any precision; without a zone it is UTC.
fn moments(text: &str) -> Option<(Instant, Instant)> {
    // A `+` of a time zone that nobody escaped reaches us as a space.
    let stretch = period::parse(&text.replace(' ', "+"))?;
    Some((Instant(stretch.lo), Instant(stretch.hi)))
}

fn cursor(text: &str) -> Option<(Instant, i64, i32)> {
    let mut parts = text.split('.');
    let (at, no, version) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((Instant(at.parse().ok()?), no.parse().ok()?, version.parse().ok()?))
}

fn bundle(ctx: &Context, query: &HistoryQuery, page: &HistoryPage) -> bytes::Bytes {
    let mut links = vec![("self", link(ctx, query, query.after))];
    if let (true, Some((last, _))) = (page.more, page.versions.last()) {
        links.push(("next", link(ctx, query, Some((last.updated, last.no, last.version)))));
    }
    let mut bundle = BundleWriter::new("history", None, &links);
    for (stored, deed) in &page.versions {
        let url = format!("{}/{}", stored.resource_type, stored.id);
        let (method, status, address) = match deed {
            Deed::Deleted => ("DELETE", "204 No Content", url),
            Deed::Posted => ("POST", "201 Created", stored.resource_type.to_string()),
            Deed::PutNew => ("PUT", "201 Created", url),
            // The entry carries the whole resource, so a patch reads as the update it came to.
            Deed::Put | Deed::Patched => ("PUT", "200 OK", url),
        };
        let response = json!({
            "status": status,
            "etag": reply::etag(stored.version),
            "lastModified": stored.updated.to_string(),
        });
        bundle.answered(
            &full_url(ctx, stored),
            stored.content.as_deref().unwrap_or(b""),
            Some((method, &address)),
            &response,
        );
    }
    bundle.finish()
}

fn full_url(ctx: &Context, stored: &Stored) -> String {
    ctx.full_url(stored.resource_type, &stored.id)
}

/// Returns the URL of a page of this history.
fn link(ctx: &Context, query: &HistoryQuery, after: Option<(Instant, i64, i32)>) -> String {
    let mut url = match &query.scope {
        HistoryScope::Instance(t, id) => format!("{}/_history", ctx.full_url(*t, id)),
        HistoryScope::Type(t) => format!("{}/{t}/_history", ctx.settings.base_url),
        HistoryScope::System => format!("{}/_history", ctx.settings.base_url),
    };
    let mut separator = '?';
    for (name, value) in ctx.request.query.iter().filter(|(name, _)| name != "_cursor") {
        url.push(separator);
        query::encode(&mut url, name);
        url.push('=');
        query::encode(&mut url, value);
        separator = '&';
    }
    if let Some((at, no, version)) = after {
        url.push_str(&format!("{separator}_cursor={}.{no}.{version}", at.0));
    }
    url
}
