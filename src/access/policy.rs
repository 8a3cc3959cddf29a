//! The table that decides: which scope letters an interaction needs, and what the holder then sees.
//!
//! SMART App Launch 2.2, scopes: `c` create, `r` read vread and instance history, `u` update and patch, `d` delete,
//! `s` search, type history and system history. Scopes, the role of the person and the record of the patient in context each
//! narrow; see [`super::grant`].

use super::facts::Knowledge;
use super::grant::Grant;
use super::principal::{Principal, Token};
use super::role::{self, Right};
use super::scope::{Context, Letter};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::search::Registry;
use std::sync::Arc;

/// What an interaction needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// Open to everyone: what a client must read before it can have a token.
    Nothing,
    /// Letters on one type.
    Type(Vec<Letter>, ResourceType),
    /// A letter on at least one type; the grant then shows those types alone.
    AnyType(Letter),
    /// A valid token; what is inside (the entries of a Bundle) is decided one by one.
    Token,
    /// A right of the person's roles, or of a system by its scope.
    Right(Right),
}

/// Returns the grant of a request, or why it is refused.
pub fn decide(
    principal: &Principal,
    needs: &Needs,
    registry: &Arc<Registry>,
    knowledge: &Knowledge,
) -> Result<Grant, Fault> {
    if *needs == Needs::Nothing || *principal == Principal::Unrestricted {
        return Ok(Grant::all(principal.clone()));
    }
    let Principal::Token(token) = principal else {
        return Err(Fault::new(
            Kind::Unauthorized,
            "this server wants an access token: send 'Authorization: Bearer ...'",
        ));
    };
    let grant = Grant::of_token(token, registry, knowledge);
    match needs {
        Needs::Nothing | Needs::Token => Ok(grant),
        Needs::Type(letters, t) => match letters.iter().find(|l| !grant.opens(*t, **l)) {
            None => Ok(grant),
            Some(letter) => Err(refusal(token, *letter, Some(*t))),
        },
        Needs::AnyType(letter) if ResourceType::all().any(|t| grant.opens(t, *letter)) => Ok(grant),
        Needs::AnyType(letter) => Err(refusal(token, *letter, None)),
        Needs::Right(right) if holds(token, *right) => Ok(grant),
        Needs::Right(right) => {
            let text = format!("this needs a role that may do it, or for a system the scope '{}'", right.scope());
            Err(Fault::new(Kind::Forbidden, text))
        }
    }
}

/// Returns whether the holder of a token has a right: a person by role, a system by scope.
pub fn holds(token: &Token, right: Right) -> bool {
    match &token.person {
        Some(person) => role::has(&person.roles, right),
        None => token.rights.contains(&right),
    }
}

/// Says which layer refused, and what would be needed.
fn refusal(token: &Token, letter: Letter, t: Option<ResourceType>) -> Fault {
    let name = t.map_or("*", ResourceType::name);
    let mut scopes = token.scopes.iter().filter(|scope| scope.allows(letter, t)).peekable();
    if scopes.peek().is_none() {
        let text = format!(
            "the token's scopes do not allow this: it needs '{name}.{}' of patient/, user/ or system/",
            letter.char()
        );
        return Fault::new(Kind::Forbidden, text);
    }
    let by_patient = scopes.all(|scope| scope.context == Context::Patient);
    let text = match &token.person {
        _ if by_patient && token.patient.is_none() => {
            "the token has patient/ scopes but no patient in context, so they open nothing".to_string()
        }
        Some(person) => {
            let roles: Vec<&str> = person.roles.iter().map(|role| role.name()).collect();
            format!(
                "the scopes would allow this, but not the role of the person ({}) or the record in context",
                roles.join(", ")
            )
        }
        None => format!("the record of the patient in context does not open {name} for this"),
    };
    Fault::new(Kind::Forbidden, text)
}

#[cfg(test)]
mod tests;
