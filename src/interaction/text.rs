//! Answers to text questions: which resources the text index finds.

use super::Context;
use crate::fault::{Fault, Kind};
use crate::index::reader::Found;
use crate::index::{CANDIDATES_MAX, IndexError, TextIndex};
use crate::search::ask::{Ask, TextAsk};
use crate::search::{Expr, Search};
use crate::store::View;

/// Returns the text index of this context.
pub fn index<'a>(ctx: &Context<'a>) -> Result<&'a TextIndex, Fault> {
    match (ctx.view, ctx.text) {
        (View::Tx(_), _) => {
            let text = "a transaction cannot search by text: the text index does not know what the transaction writes";
            Err(Fault::new(Kind::NotSupported, text))
        }
        (View::Pool(_), None) => Err(Fault::new(Kind::NotSupported, "no text index is kept here")),
        (View::Pool(_), Some(index)) => Ok(index),
    }
}

/// Returns the resources that have the text. Where these are too many, it is those that the rest of the search wants besides;
/// and where that does not narrow them either, the search is refused.
pub async fn answer(ctx: &Context<'_>, search: &Search, ask: &TextAsk) -> Result<Expr, Fault> {
    let index = index(ctx)?;
    let mut ask_shown = ask.clone();
    if let (true, Some(types)) = (ask.types.is_empty(), ctx.grant.visible_types()) {
        // The store leaves out the others in any case; here they would only use up the limit.
        ask_shown.types = types.to_vec();
    }
    let wanted = ask_shown.clone();
    match index.search(move |reader| reader.find(&wanted, CANDIDATES_MAX)).await? {
        Found::Nos(nos) => return Ok(of(nos)),
        Found::TooMany if !is_about_matches(&search.filter, ask) => return Err(too_many(ask)),
        Found::TooMany => {}
    }
    let has_no_question = |part: &&Expr| {
        let mut asks = Vec::new();
        part.asks(&mut asks);
        asks.is_empty()
    };
    let rest = Expr::and(search.filter.conjuncts().iter().filter(has_no_question).cloned());
    if rest == Expr::All {
        return Err(too_many(ask));
    }
    let rest = Search { filter: rest, ..search.clone() };
    let found = ctx.view.matching(ctx.grant, &rest, CANDIDATES_MAX + 1).await?;
    if found.len() > CANDIDATES_MAX {
        return Err(too_many(ask));
    }
    let mut among: Vec<i64> = found.iter().map(|m| m.no).collect();
    among.sort_unstable();
    Ok(of(index.search(move |reader| reader.find_among(&ask_shown, among)).await?))
}

fn of(nos: Vec<i64>) -> Expr {
    if nos.is_empty() { Expr::None } else { Expr::Nos(nos) }
}

/// Returns whether the question is about the resources that the search returns, and not about others that they refer to.
fn is_about_matches(expr: &Expr, ask: &TextAsk) -> bool {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(|part| is_about_matches(part, ask)),
        Expr::Not(part) => is_about_matches(part, ask),
        Expr::Ask(here) => matches!(&**here, Ask::Text(here) if std::ptr::eq(here, ask)),
        _ => false,
    }
}

fn too_many(ask: &TextAsk) -> Fault {
    let text = format!(
        "parameter '{}' finds more than {CANDIDATES_MAX} resources by text, and so does the rest of the search; narrow it",
        ask.name
    );
    Fault::new(Kind::TooCostly, text).with_source(IndexError::TooMany(CANDIDATES_MAX))
}
