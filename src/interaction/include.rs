//! `_include` and `_revinclude`: what comes along with the matches of a page.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#include>. Each resource comes once; what the grant does not show does not come.

use super::Context;
use crate::fault::{Fault, Kind};
use crate::search::include::{Follow, Include};
use crate::store::Stored;
use crate::store::find::IncludeQuery;

/// Resources that may come along with one page.
const INCLUDED_MAX: usize = 5_000;
/// How often `:iterate` goes on from what the round before has brought.
const ROUNDS_MAX: usize = 16;

/// Returns what the includes bring to the matches of a page: one statement a round.
pub async fn included(ctx: &Context<'_>, includes: &[Include], matches: &[Stored]) -> Result<Vec<Stored>, Fault> {
    let registry = ctx.store.registry();
    let mut included: Vec<Stored> = Vec::new();
    let mut known: Vec<i64> = matches.iter().map(|stored| stored.no).collect();
    let mut latest = known.clone();
    for round in 0..=ROUNDS_MAX {
        let followed = includes.iter().filter(|include| round == 0 || include.iterate);
        let follows: Vec<Follow> = followed.flat_map(|include| include.follows(registry)).collect();
        if follows.is_empty() || latest.is_empty() {
            return Ok(included);
        }
        let max = INCLUDED_MAX + 1 - included.len();
        let query = IncludeQuery { follows: &follows, of: &latest, known: &known, max };
        let found = ctx.view.included(ctx.grant, &query).await?;
        latest = found.iter().map(|stored| stored.no).collect();
        known.extend(&latest);
        included.extend(found);
        if included.len() > INCLUDED_MAX {
            return Err(too_many(&format!("more than {INCLUDED_MAX} resources")));
        }
    }
    Err(too_many(&format!("more than {ROUNDS_MAX} rounds of :iterate")))
}

fn too_many(what: &str) -> Fault {
    let text = format!(
        "_include and _revinclude bring {what} to this page; ask for a smaller page or follow fewer references"
    );
    Fault::new(Kind::TooCostly, text)
}
