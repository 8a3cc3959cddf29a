//! search: resources that meet a query, page by page.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#search>, <https://hl7.org/fhir/R4/search.html>.

use super::bundle::BundleWriter;
use super::{Context, ask, include};
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::rest::{Interaction, Reply, query};
use crate::search::control::TotalMode;
use crate::search::{Expr, Search, compartment};
use crate::store::Stored;
use crate::store::find::{Page, PageQuery};
use crate::store::search::{KeyValue, Keyset};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Answers a search over one type or all, perhaps within a compartment.
pub async fn search(
    ctx: &Context<'_>,
    t: Option<ResourceType>,
    owner: Option<(ResourceType, &ResourceId)>,
) -> Result<Reply, Fault> {
    let registry = ctx.store.registry();
    let pairs: Vec<(String, String)> =
        ctx.request.query.iter().filter(|(name, _)| !is_presentation(name)).cloned().collect();
    let search = crate::search::parse(registry, t, &pairs, ctx.request.prefer.lenient)?;
    let search = ask::settle(ctx, search).await?;
    let within = match owner {
        None => Expr::All,
        Some((owner, id)) => {
            compartment::of(registry, owner, id, &search.types).ok_or_else(|| no_compartment(owner))?
        }
    };
    let only_count = search.summary.as_deref() == Some("count") || search.count == Some(0);
    let count = search.count.unwrap_or(ctx.settings.page_size_default).min(ctx.settings.page_size_max);
    let after = search.cursor.as_deref().map(read_cursor).transpose()?;
    let query = PageQuery {
        search: &search,
        within: &within,
        after: after.as_ref(),
        count: if only_count { 0 } else { count },
        total: only_count || search.total == TotalMode::Accurate || search.total == TotalMode::Estimate,
    };
    let page = ctx.view.search(ctx.grant, &query).await?;
    let included = include::included(ctx, &search.includes, &page.rows).await?;
    Ok(Reply::json(200, bundle(ctx, &search, &page, &included)))
}

fn no_compartment(owner: ResourceType) -> Fault {
    let text =
        format!("R4 has compartments of Patient, Encounter, RelatedPerson, Practitioner and Device, not of {owner}");
    Fault::new(Kind::NotFound, text)
}

/// Parameters that say how the answer is written, which is not decided here.
fn is_presentation(name: &str) -> bool {
    matches!(name, "_format" | "_pretty")
}

fn bundle(ctx: &Context, search: &Search, page: &Page, included: &[Stored]) -> bytes::Bytes {
    // Without another page the rows of the first page are all there are.
    let whole = page.next.is_none() && search.cursor.is_none() && search.summary.as_deref() != Some("count");
    let total = page.total.or((whole && search.count != Some(0)).then_some(page.rows.len() as i64));
    let mut links = vec![("self", link(ctx, search, search.cursor.as_deref()))];
    if search.cursor.is_some() {
        links.push(("first", link(ctx, search, None)));
    }
    if let Some(next) = &page.next {
        links.push(("next", link(ctx, search, Some(&write_cursor(next)))));
    }
    let mut bundle = BundleWriter::new("searchset", total, &links);
    for row in &page.rows {
        if let Some(content) = &row.content {
            bundle.found(&ctx.full_url(row.resource_type, &row.id), content, "match");
        }
    }
    for row in included {
        if let Some(content) = &row.content {
            bundle.found(&ctx.full_url(row.resource_type, &row.id), content, "include");
        }
    }
    for ignored in &search.ignored {
        bundle.remark(&format!("the parameter '{}' was left out: {}", ignored.name, ignored.reason));
    }
    bundle.finish()
}

/// Returns the URL of a page of this search; what was left out is left out here too.
fn link(ctx: &Context, search: &Search, cursor: Option<&str>) -> String {
    let base = &ctx.settings.base_url;
    let mut url = match &ctx.request.interaction {
        Interaction::SearchType(t) => format!("{base}/{t}"),
        Interaction::SearchCompartment(owner, id, of) => {
            format!("{base}/{owner}/{id}/{}", of.map_or("*", ResourceType::name))
        }
        _ => base.clone(),
    };
    let mut separator = '?';
    let ignored = |name: &str| search.ignored.iter().any(|i| i.name == name);
    for (name, value) in ctx.request.query.iter().filter(|(n, _)| n != "_cursor" && !ignored(n)) {
        url.push(separator);
        query::encode(&mut url, name);
        url.push('=');
        query::encode(&mut url, value);
        separator = '&';
    }
    if let Some(cursor) = cursor {
        url.push_str(&format!("{separator}_cursor={cursor}"));
    }
    url
}

/// Writes the place after which the next page begins.
fn write_cursor(keyset: &Keyset) -> String {
    let sorts: Vec<serde_json::Value> = keyset
        .sorts
        .iter()
        .map(|value| match value {
            KeyValue::Missing => serde_json::Value::Null,
            KeyValue::I64(number) => (*number).into(),
            KeyValue::Text(text) => text.as_str().into(),
        })
        .collect();
    URL_SAFE_NO_PAD.encode(serde_json::json!([keyset.no, sorts]).to_string())
}

fn read_cursor(text: &str) -> Result<Keyset, Fault> {
    let wrong = || Fault::new(Kind::Invalid, "_cursor comes from a link of this server and is used as it is");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let (no, sorts): (i64, Vec<serde_json::Value>) = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    let sorts: Option<Vec<KeyValue>> = sorts
        .into_iter()
        .map(|value| match value {
            serde_json::Value::Null => Some(KeyValue::Missing),
            serde_json::Value::Number(number) => number.as_i64().map(KeyValue::I64),
            serde_json::Value::String(text) if !text.contains('\0') => Some(KeyValue::Text(text)),
            _ => None,
        })
        .collect();
    Ok(Keyset { sorts: sorts.ok_or_else(wrong)?, no })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let keyset =
            Keyset { sorts: vec![KeyValue::I64(-5), KeyValue::Missing, KeyValue::Text("ä|".into())], no: 1 << 40 };
        assert_eq!(read_cursor(&write_cursor(&keyset)).unwrap(), keyset);
        for wrong in ["", "x", "!!", "W10", "WzEsWzEuNV1d"] {
            assert_eq!(read_cursor(wrong).unwrap_err().status(), 400, "{wrong}");
        }
    }
}
