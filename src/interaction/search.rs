//! search: resources that meet a query, page by page.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#search>, <https://hl7.org/fhir/R4/search.html>.

use super::bundle::BundleWriter;
use super::cursor::{self, Cursor};
use super::{Context, ask, contained, include};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::rest::{Interaction, Reply, query};
use crate::search::control::TotalMode;
use crate::search::{Expr, Search, compartment};
use crate::store::Stored;
use crate::store::find::{Page, PageQuery};
use crate::store::search::Keyset;
use crate::store::search::Start;
use crate::store::secret::Secret;

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
    if search.contained.is_wanted() {
        return contained::search(ctx, search, owner.is_some()).await;
    }
    let within = match owner {
        None => Expr::All,
        Some((owner, id)) => {
            compartment::of(registry, owner, id, &search.types).ok_or_else(|| no_compartment(owner))?
        }
    };
    let asked = Asked::new(ctx, &search).await?;
    let cursor = search.cursor.as_deref().map(|text| asked.open(text)).transpose()?;
    let only_count = search.summary.as_deref() == Some("count") || asked.count == 0;
    let query = PageQuery {
        search: &search,
        within: &within,
        start: cursor.as_ref().map_or(Start::Beginning, Cursor::start),
        count: if only_count { 0 } else { asked.count },
        total: only_count || search.total == TotalMode::Accurate || search.total == TotalMode::Estimate,
        follows: &include::follows(registry, &search.includes),
        included_max: include::INCLUDED_MAX + 1,
    };
    let mut page = ctx.view.search(ctx.grant, &query).await?;
    let included = include::included(ctx, &search.includes, &mut page).await?;
    let total = page.total.or((!only_count && is_whole(&search, &page)).then_some(page.rows.len() as i64));
    Ok(Reply::json(200, bundle(&asked, &page, total, &included)))
}

/// Returns whether the rows of the page are all there are, so that they can be counted, if the client lets us.
fn is_whole(search: &Search, page: &Page) -> bool {
    page.next.is_none() && search.cursor.is_none() && search.total != TotalMode::None
}

/// A search on its way to an answer.
pub(super) struct Asked<'a> {
    ctx: &'a Context<'a>,
    search: &'a Search,
    /// Signs cursors.
    key: &'a Secret,
    /// Below the base URL.
    address: String,
    question: i64,
    /// Matches on a page.
    pub count: u32,
}

impl<'a> Asked<'a> {
    pub async fn new(ctx: &'a Context<'a>, search: &'a Search) -> Result<Asked<'a>, Fault> {
        let settings = ctx.settings;
        let count = search.count.unwrap_or(settings.page_size_default).min(settings.page_size_max);
        let key = ctx.store.cursor_key().await?;
        let address = address(&ctx.request.interaction);
        let question = cursor::question(&address, kept(ctx, search));
        Ok(Asked { ctx, search, key, address, question, count })
    }

    pub fn open(&self, text: &str) -> Result<Cursor, Fault> {
        let cursor = Cursor::open(text, self.key)?;
        cursor.check(self.question, now_s(), self.ctx.settings.cursor_time_s_max)?;
        Ok(cursor)
    }

    /// Returns the links to this page and to those around it. There is none to the last: to find it would be to walk there.
    fn links(&self, page: &Page) -> Vec<(&'static str, String)> {
        let mut links = vec![("self", self.link(self.search.cursor.as_deref()))];
        if self.search.cursor.is_some() {
            links.push(("first", self.link(None)));
        }
        for (relation, keyset, backward) in [("previous", &page.previous, true), ("next", &page.next, false)] {
            if let Some(keyset) = keyset.clone() {
                links.push((relation, self.link(Some(&self.seal(keyset, backward)))));
            }
        }
        links
    }

    /// Returns the cursor of a place of this search.
    pub fn seal(&self, keyset: Keyset, backward: bool) -> String {
        Cursor { keyset, backward, question: self.question, issued_s: now_s() }.seal(self.key)
    }

    /// Returns the URL of a page of this search as it was understood: what was left out is left out here too, and
    /// `_count` is what was granted.
    pub fn link(&self, cursor: Option<&str>) -> String {
        let mut url = self.ctx.settings.base_url.clone();
        if !self.address.is_empty() {
            url = format!("{url}/{}", self.address);
        }
        let mut separator = '?';
        let mut add = |name: &str, value: &str| {
            url.push(separator);
            query::encode(&mut url, name);
            url.push('=');
            query::encode(&mut url, value);
            separator = '&';
        };
        for (name, value) in kept(self.ctx, self.search).filter(|(name, _)| name != "_count") {
            add(name, value);
        }
        if self.search.count.is_some() {
            add("_count", &self.count.to_string());
        }
        if let Some(cursor) = cursor {
            add("_cursor", cursor);
        }
        url
    }
}

/// Returns what was searched at, below the base URL and without parameters.
fn address(interaction: &Interaction) -> String {
    match interaction {
        Interaction::SearchType(t) => t.to_string(),
        Interaction::SearchCompartment(owner, id, of) => format!("{owner}/{id}/{}", of.map_or("*", ResourceType::name)),
        _ => String::new(),
    }
}

fn now_s() -> i64 {
    Instant::now().0.div_euclid(1_000_000)
}

/// Returns the parameters that were understood, but for the cursor.
fn kept<'a>(ctx: &'a Context, search: &'a Search) -> impl Iterator<Item = &'a (String, String)> {
    let is_ignored =
        |name: &str, value: &str| search.ignored.iter().any(|ignored| ignored.name == name && ignored.value == value);
    ctx.request.query.iter().filter(move |(name, value)| name != "_cursor" && !is_ignored(name, value))
}

pub(super) fn no_compartment(owner: ResourceType) -> Fault {
    let text =
        format!("R4 has compartments of Patient, Encounter, RelatedPerson, Practitioner and Device, not of {owner}");
    Fault::new(Kind::NotFound, text)
}

/// Parameters that say how the answer is written, which is not decided here.
pub(super) fn is_presentation(name: &str) -> bool {
    matches!(name, "_format" | "_pretty")
}

pub(super) fn bundle(asked: &Asked, page: &Page, total: Option<i64>, included: &[Stored]) -> bytes::Bytes {
    let mut bundle = BundleWriter::new("searchset", total, &asked.links(page));
    for (rows, mode) in [(&page.rows[..], "match"), (included, "include")] {
        for row in rows {
            if let Some(content) = &row.content {
                bundle.found(&asked.ctx.full_url(row.resource_type, &row.id), content, mode);
            }
        }
    }
    for ignored in &asked.search.ignored {
        bundle.remark(&format!("the parameter '{}' was left out: {}", ignored.name, ignored.reason));
    }
    if let Some(wanted) = asked.search.count.filter(|wanted| *wanted > asked.count) {
        bundle.remark(&format!("_count is {wanted}; this server gives {} entries a page at most", asked.count));
    }
    bundle.finish()
}
