//! Answers to what a search asks of other parts of the server, put in the place of the questions before it is run.

use super::{Context, terminology, text};
use crate::fault::Fault;
use crate::search::ask::Ask;
use crate::search::{Expr, Search};

/// Returns the search without questions.
pub async fn settle(ctx: &Context<'_>, search: Search) -> Result<Search, Fault> {
    let mut asks = Vec::new();
    search.filter.asks(&mut asks);
    if asks.is_empty() {
        return Ok(search);
    }
    let mut known = terminology::Known::default();
    let mut answers = Vec::with_capacity(asks.len());
    for ask in asks {
        answers.push(answer(ctx, &search, &mut known, ask).await?);
    }
    Ok(Search { filter: search.filter.answered(&mut answers.into_iter()), ..search })
}

async fn answer(ctx: &Context<'_>, search: &Search, known: &mut terminology::Known, ask: &Ask) -> Result<Expr, Fault> {
    match ask {
        Ask::Codes(codes) => terminology::codes(ctx, known, codes).await,
        Ask::Tree(tree) => terminology::tree(ctx, tree).await,
        Ask::Text(text) => text::answer(ctx, search, text).await,
    }
}
