//! `_include` and `_revinclude`: what comes along with the matches of a page.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#include>. Each resource comes once; what the grant does not show does not come.

use super::Context;
use crate::fault::{Fault, Kind};
use crate::search::Registry;
use crate::search::include::{Follow, Include};
use crate::store::Stored;
use crate::store::find::{IncludeQuery, Page};

/// Resources that may come along with one page.
pub const INCLUDED_MAX: usize = 5_000;
/// How often `:iterate` goes on from what the round before has brought.
const ROUNDS_MAX: usize = 16;

/// Returns the references that are followed from the matches themselves.
pub fn follows(registry: &Registry, includes: &[Include]) -> Vec<Follow> {
    includes.iter().flat_map(|include| include.follows(registry)).collect()
}

/// Returns what the includes bring to a page: what came along with it, and by `:iterate` what that brings, one statement a
/// round.
pub async fn included(ctx: &Context<'_>, includes: &[Include], page: &mut Page) -> Result<Vec<Stored>, Fault> {
    let mut included = std::mem::take(&mut page.included);
    let again = includes.iter().filter(|include| include.iterate);
    let follows: Vec<Follow> = again.flat_map(|include| include.follows(ctx.store.registry())).collect();
    let mut latest: Vec<i64> = included.iter().map(|stored| stored.no).collect();
    let mut known: Vec<i64> = page.rows.iter().map(|stored| stored.no).chain(latest.iter().copied()).collect();
    for _ in 0..ROUNDS_MAX {
        if included.len() > INCLUDED_MAX {
            return Err(too_many(&format!("more than {INCLUDED_MAX} resources")));
        }
        if follows.is_empty() || latest.is_empty() {
            return Ok(included);
        }
        let max = INCLUDED_MAX + 1 - included.len();
        let query = IncludeQuery { follows: &follows, of: &latest, known: &known, only: &[], max };
        let found = ctx.view.included(ctx.grant, &query).await?;
        latest = found.iter().map(|stored| stored.no).collect();
        known.extend(&latest);
        included.extend(found);
    }
    Err(too_many(&format!("more than {ROUNDS_MAX} rounds of :iterate")))
}

fn too_many(what: &str) -> Fault {
    let text = format!(
        "_include and _revinclude bring {what} to this page; ask for a smaller page or follow fewer references"
    );
    Fault::new(Kind::TooCostly, text)
}
