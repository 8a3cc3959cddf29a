//! What each interaction needs of its caller.
//!
//! SMART App Launch 2.2, scopes: the table of letters and interactions.

use crate::access::policy::Needs;
use crate::access::scope::Letter::{Create, Delete, Read, Search, Update};
use crate::operation;
use crate::rest::{Interaction as I, Request};

/// Returns what a request needs. A condition is a search, so conditional writes need `s` too.
pub fn of(request: &Request) -> Needs {
    match &request.interaction {
        I::Capabilities => Needs::Nothing,
        I::Read(t, _) | I::Vread(t, _, _) | I::HistoryInstance(t, _) => Needs::Type(vec![Read], *t),
        I::Create(t) if request.conditions.if_none_exist.is_some() => Needs::Type(vec![Search, Create], *t),
        I::Create(t) => Needs::Type(vec![Create], *t),
        I::Update(t, _) | I::Patch(t, _) => Needs::Type(vec![Update], *t),
        I::ConditionalUpdate(t) => Needs::Type(vec![Search, Create, Update], *t),
        I::ConditionalPatch(t) => Needs::Type(vec![Search, Update], *t),
        I::Delete(t, _) => Needs::Type(vec![Delete], *t),
        I::ConditionalDelete(t) => Needs::Type(vec![Search, Delete], *t),
        I::SearchType(t) | I::HistoryType(t) | I::SearchCompartment(_, _, Some(t)) => Needs::Type(vec![Search], *t),
        I::SearchSystem | I::HistorySystem | I::SearchCompartment(_, _, None) => Needs::AnyType(Search),
        I::BatchOrTransaction => Needs::Token,
        // An unknown operation is told so to those who have a token.
        I::Operation { name, resource_type, id, .. } => operation::find(name, *resource_type, id.as_ref())
            .map_or(Needs::Token, |operation| operation.needs(*resource_type)),
    }
}

/// Returns whether a request changes nothing.
pub fn only_reads(request: &Request) -> bool {
    matches!(
        request.interaction,
        I::Read(..)
            | I::Vread(..)
            | I::HistoryInstance(..)
            | I::HistoryType(_)
            | I::HistorySystem
            | I::SearchType(_)
            | I::SearchSystem
            | I::SearchCompartment(..)
            | I::Operation { by_get: true, .. }
    ) || is_reading_operation(&request.interaction)
}

/// Returns whether an operation that is called by POST changes nothing.
fn is_reading_operation(interaction: &I) -> bool {
    let I::Operation { name, .. } = interaction else { return false };
    operation::named(name).is_some_and(|operation| !operation.affects_state())
}
