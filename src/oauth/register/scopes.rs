//! The scopes in a registration: the most that a client may ever be given.
//!
//! RFC 7591 2, SMART App Launch 2.2 (scopes and launch context).

use super::Grants;
use crate::access::granular;
use crate::access::role::Right;
use crate::access::scope::{Context, Scope};
use crate::search::Registry;

const WORDS_MAX: usize = 500;
/// What an app of a person may have beside resources.
const WORDS: [&str; 8] = [
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
];
/// What an app is registered for that names nothing: to show a person their own record.
pub const DEFAULT: &str = "openid fhirUser launch launch/patient offline_access patient/*.rs";

/// Returns those of the scopes that a client with these grants can ever be given, each once, as they were written.
pub fn kept(text: &str, grants: Grants, registry: &Registry) -> Result<Vec<String>, String> {
    let asked: Vec<&str> = text.split_ascii_whitespace().collect();
    if asked.len() > WORDS_MAX {
        return Err(format!("there are more than {WORDS_MAX}"));
    }
    let mut kept: Vec<String> = Vec::new();
    for word in asked {
        if is_granted(word, grants, registry) && !kept.iter().any(|known| known == word) {
            kept.push(word.to_string());
        }
    }
    Ok(kept)
}

fn is_granted(word: &str, grants: Grants, registry: &Registry) -> bool {
    match Scope::parse(word) {
        Some(scope) if granular::condition(registry, &scope).is_err() => false,
        // A system acts for nobody, and an app always for somebody.
        Some(Scope { context: Context::System, .. }) => grants.system,
        Some(_) => grants.app,
        // A right of a system; whoever asks for one waits for an administrator.
        None if Right::parse(word).is_some() => grants.system,
        None => grants.app && WORDS.contains(&word),
    }
}

/// Returns whether somebody should look at a client before it may have this: all but what a patient gives of their own.
pub fn wants_approval(scope: &str) -> bool {
    let scopes = scope.split_ascii_whitespace().filter_map(Scope::parse);
    let is_right = |word: &str| Right::parse(word).is_some();
    scopes.into_iter().any(|scope| scope.context != Context::Patient) || scope.split_ascii_whitespace().any(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use std::sync::Arc;

    #[test]
    fn what_is_never_granted_is_dropped() {
        let catalog = Catalog::load().expect("the definitions are sound");
        let registry = Registry::new(Arc::new(catalog), "http://127.0.0.1:8080/fhir");
        let (app, system) = (Grants { app: true, system: false }, Grants { app: false, system: true });
        let both = Grants { app: true, system: true };
        for (grants, asked, kept) in [
            (app, DEFAULT, DEFAULT),
            (app, "patient/*.read  user/Observation.rs\tpatient/*.read", "patient/*.read user/Observation.rs"),
            (app, "patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory"),
            (app, "patient/Observation.rs?nope=1 patient/Observation.rs?subject.name=x openid", "openid"),
            (app, "launch/imagingstudy launch/nothing launch/Patient", ""),
            (app, "system/*.rs patient/Nope.rs email address phone __x https://a.example/s", ""),
            (system, "system/*.rs user/*.rs patient/*.rs openid launch", "system/*.rs"),
            (both, "system/*.rs user/*.rs openid", "system/*.rs user/*.rs openid"),
        ] {
            assert_eq!(super::kept(asked, grants, &registry).map(|k| k.join(" ")).as_deref(), Ok(kept), "{asked}");
        }
        assert!(super::kept(&"openid ".repeat(501), app, &registry).is_err());
    }

    #[test]
    fn more_than_a_patient_gives_waits_for_approval() {
        for (scope, waits) in [
            (DEFAULT, false),
            ("openid launch offline_access", false),
            ("patient/*.cruds", false),
            ("patient/*.rs user/Patient.r", true),
            ("system/*.rs", true),
        ] {
            assert_eq!(wants_approval(scope), waits, "{scope}");
        }
    }
}
