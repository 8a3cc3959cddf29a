//! A page of `$everything`: members of records in the order of their numbers, and what they refer to.
//!
//! The page is cut out of what the grant shows when it is asked for; no more than a page is ever in memory.

use super::asked::Asked;
use crate::catalog::ParamKind;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::Context;
use crate::interaction::include::INCLUDED_MAX;
use crate::search::include::Follow;
use crate::search::{Expr, Registry, Search, compartment};
use crate::store::Stored;
use crate::store::find::IncludeQuery;

/// Patients whose records are walked together.
const PATIENTS: u32 = 16;
/// How many such groups may be walked for one page: where most records hold nothing that is asked for, pages are short.
const GROUPS_MAX: usize = 16;

/// Where a page begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Of a group of patients: they are numbered above this.
    pub after: i64,
    /// Their greatest number; none for a group that is yet to be formed.
    pub until: Option<i64>,
    /// The last member that was given out.
    pub no: i64,
}

#[derive(Default)]
pub struct Page {
    pub rows: Vec<Stored>,
    /// None on the last page.
    pub next: Option<Place>,
}

/// Returns a page of the record of one patient.
pub async fn of_one(ctx: &Context<'_>, asked: &Asked, id: &ResourceId, after: i64) -> Result<Page, Fault> {
    let count = asked.count as usize;
    let mut rows = members(ctx, asked, std::slice::from_ref(id), after, asked.count.saturating_add(1)).await?;
    let more = rows.len() > count;
    rows.truncate(count);
    let next = rows.last().filter(|_| more).map(|last| Place { no: last.no, ..Place::default() });
    Ok(Page { rows, next })
}

/// Returns a page of the records of all patients whom the grant shows. What is in the records of two of them may come twice.
pub async fn of_all(ctx: &Context<'_>, asked: &Asked, begin: Place) -> Result<Page, Fault> {
    let mut page = Page::default();
    let mut place = begin;
    for _ in 0..GROUPS_MAX {
        let patients = patients(ctx, place).await?;
        let Some(last) = patients.last() else {
            match place.until {
                // Nobody of the group may be seen any more.
                Some(until) => {
                    place = Place { after: until, ..Place::default() };
                    continue;
                }
                None => return Ok(page),
            }
        };
        let until = place.until.unwrap_or(last.no);
        let ids: Vec<ResourceId> = patients.iter().map(|patient| patient.id.clone()).collect();
        let room = asked.count as usize - page.rows.len();
        let mut found =
            members(ctx, asked, &ids, place.no, u32::try_from(room).unwrap_or(u32::MAX).saturating_add(1)).await?;
        let more = found.len() > room;
        found.truncate(room);
        page.rows.append(&mut found);
        if more {
            page.next = page.rows.last().map(|last| Place { after: place.after, until: Some(until), no: last.no });
            return Ok(page);
        }
        let is_last = place.until.is_none() && patients.len() < PATIENTS as usize;
        place = Place { after: until, ..Place::default() };
        if is_last {
            return Ok(page);
        }
        if page.rows.len() == asked.count as usize {
            break;
        }
    }
    page.next = Some(place);
    Ok(page)
}

/// Returns the patients of a group.
async fn patients(ctx: &Context<'_>, place: Place) -> Result<Vec<Stored>, Fault> {
    let search = search(ctx, vec![ResourceType::PATIENT], Expr::All)?;
    let mut found = ctx.view.by_number(ctx.grant, &search, place.after, PATIENTS).await?;
    found.retain(|patient| place.until.is_none_or(|until| patient.no <= until));
    Ok(found)
}

/// Returns up to `max` members of the records of these patients, numbered above `after`.
async fn members(
    ctx: &Context<'_>,
    asked: &Asked,
    patients: &[ResourceId],
    after: i64,
    max: u32,
) -> Result<Vec<Stored>, Fault> {
    let within = compartment::of_patients(ctx.store.registry(), patients);
    let search = search(ctx, asked.walked.clone(), Expr::and([within, asked.filter.clone()]))?;
    Ok(ctx.view.by_number(ctx.grant, &search, after, max).await?)
}

fn search(ctx: &Context, types: Vec<ResourceType>, filter: Expr) -> Result<Search, Fault> {
    let all = crate::search::parse(ctx.store.registry(), None, &[], false)?;
    Ok(Search { filter, types, ..all })
}

/// Returns what the members of a page refer to outside of the record, each once.
pub async fn included(ctx: &Context<'_>, asked: &Asked, rows: &[Stored]) -> Result<Vec<Stored>, Fault> {
    let mut types: Vec<ResourceType> = rows.iter().map(|row| row.resource_type).collect();
    types.sort_unstable();
    types.dedup();
    let registry = ctx.store.registry();
    let follows: Vec<Follow> = types.iter().flat_map(|t| follows(registry, *t, &asked.outside)).collect();
    if follows.is_empty() {
        return Ok(Vec::new());
    }
    let of: Vec<i64> = rows.iter().map(|row| row.no).collect();
    let only = &asked.outside;
    let query = IncludeQuery { follows: &follows, of: &of, known: &of, only, max: INCLUDED_MAX + 1 };
    let included = ctx.view.included(ctx.grant, &query).await?;
    if included.len() > INCLUDED_MAX {
        let text =
            format!("this page refers to more than {INCLUDED_MAX} other resources; ask for a smaller one by _count");
        return Err(Fault::new(Kind::TooCostly, text));
    }
    Ok(included)
}

/// Returns the references of a type that lead outside. What a Provenance is about are the members themselves, by the thousand.
fn follows(registry: &Registry, t: ResourceType, outside: &[ResourceType]) -> Vec<Follow> {
    let index = registry.of(t);
    let leads_out = |targets: &[ResourceType]| targets.is_empty() || targets.iter().any(|t| outside.contains(t));
    let columns = index.columns.iter().filter(|column| {
        column.kind == ParamKind::Reference
            && !column.canonical
            && leads_out(&column.targets)
            && !(t.name() == "Provenance" && &*column.path == "target")
    });
    columns.map(|column| Follow { source: t, key: column.key, target: None, reverse: false }).collect()
}
