//! The table that decides: which scope letters an interaction needs, and what the holder then sees.
//!
//! SMART App Launch 2.2, scopes: `c` create, `r` read vread and instance history, `u` update and patch, `d` delete,
//! `s` search, type history and system history.

use super::grant::Grant;
use super::principal::Principal;
use super::scope::{Context, Letter};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

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
}

/// Returns the grant of a request, or why it is refused.
pub fn decide(principal: &Principal, needs: &Needs) -> Result<Grant, Fault> {
    if *needs == Needs::Nothing || *principal == Principal::Unrestricted {
        return Ok(Grant::all(principal.clone()));
    }
    let Principal::Token(token) = principal else {
        return Err(Fault::new(
            Kind::Unauthorized,
            "this server wants an access token: send 'Authorization: Bearer ...'",
        ));
    };
    let allows = |letter: Letter, t: Option<ResourceType>| {
        token.scopes.iter().any(|s| s.context != Context::Patient && s.query().is_none() && s.allows(letter, t))
    };
    match needs {
        Needs::Nothing | Needs::Token => Ok(Grant::all(principal.clone())),
        Needs::Type(letters, t) => match letters.iter().find(|l| !allows(**l, Some(*t))) {
            None => Ok(Grant::of_types(principal.clone(), visible(&allows))),
            Some(letter) => Err(refusal(principal, *letter, t.name())),
        },
        Needs::AnyType(letter) => {
            let types: Vec<ResourceType> = ResourceType::all().filter(|t| allows(*letter, Some(*t))).collect();
            if types.is_empty() {
                Err(refusal(principal, *letter, "*"))
            } else {
                Ok(Grant::of_types(principal.clone(), types))
            }
        }
    }
}

fn visible(allows: &impl Fn(Letter, Option<ResourceType>) -> bool) -> Vec<ResourceType> {
    ResourceType::all().filter(|t| allows(Letter::Read, Some(*t)) || allows(Letter::Search, Some(*t))).collect()
}

fn refusal(principal: &Principal, letter: Letter, name: &str) -> Fault {
    let only_patient = match principal {
        Principal::Token(t) => t.scopes.iter().any(|s| s.context == Context::Patient),
        _ => false,
    };
    let hint =
        if only_patient { "; patient/ scopes are not enforced by this version, so they grant nothing" } else { "" };
    Fault::new(
        Kind::Forbidden,
        format!(
            "the token's scopes do not allow this: it needs 'system/{name}.{}' or the same of user/{hint}",
            letter.char()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::principal::Token;
    use super::super::scope::Scope;
    use super::*;
    use std::sync::Arc;

    fn token(scopes: &str) -> Principal {
        let scopes = scopes.split(' ').filter_map(Scope::parse).collect();
        Principal::Token(Arc::new(Token { subject: "test".into(), scopes, ..Token::default() }))
    }

    #[test]
    fn each_interaction_needs_its_letter_on_its_type() {
        use Letter::*;
        let patient = ResourceType::PATIENT;
        for (scopes, letters, status) in [
            ("system/Patient.r", vec![Read], 200),
            ("system/*.r", vec![Read], 200),
            ("system/Patient.cu", vec![Create, Update], 200),
            ("system/Patient.c", vec![Create, Update], 403),
            ("system/Observation.cruds", vec![Read], 403),
            ("patient/*.cruds", vec![Read], 403),
            ("", vec![Read], 403),
        ] {
            let got = decide(&token(scopes), &Needs::Type(letters, patient)).map_or_else(|f| f.status(), |_| 200);
            assert_eq!(got, status, "{scopes}");
        }
        assert_eq!(decide(&Principal::Anonymous, &Needs::Token).unwrap_err().status(), 401);
        assert!(decide(&Principal::Anonymous, &Needs::Nothing).is_ok());
    }

    #[test]
    fn a_system_search_sees_only_the_types_of_its_scopes() {
        let grant = decide(&token("system/Patient.s system/Bundle.r"), &Needs::AnyType(Letter::Search)).unwrap();
        assert_eq!(grant.visible_types(), Some(&[ResourceType::PATIENT][..]));
    }
}
