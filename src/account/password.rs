//! Passwords: hashed by argon2id, compared in the same time whoever is asked for, and held to a few rules.
//!
//! RFC 9106; NIST SP 800-63B 3.1.1 for the rules and the normalization.

use crate::fault::{Fault, Kind};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

pub const LENGTH_MIN: usize = 10;
pub const LENGTH_MAX: usize = 128;

/// What one hash costs. Raising any of these makes the hash of each person anew when they sign in next.
const MEMORY_KIB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;
const LANES: u32 = 1;

/// How long a sign-in waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// Hashes run at the same time: each needs a processor and [`MEMORY_KIB`].
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 16))));

/// What is compared with where there is nothing to compare with; nobody knows its password.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_of(&super::secret()).unwrap_or_default());

/// Parts of passwords that many have and programs try first.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "motdepasse",
    "qwerty",
    "qwertz",
    "azerty",
    "letmein",
    "welcome",
    "iloveyou",
    "admin",
    "changeme",
    "medilink",
    "hospital",
    "secret",
    "monkey",
    "dragon",
    "football",
    "abc",
    "asdf",
    "zxcv",
    "login",
];

/// What came of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and to be kept under this stronger hash from now on.
    Rehashed(String),
}

/// Returns the hash to keep, in PHC notation.
pub async fn hashed(password: &str) -> Result<String, Fault> {
    let password = normal(password);
    aside(move || hash_of(&password)).await?.ok_or_else(|| Fault::internal("a password could not be hashed", "argon2"))
}

/// Compares a password with the hash that is kept. Takes the same time where none is.
pub async fn verify(password: &str, kept: Option<&str>) -> Result<Verdict, Fault> {
    metrics::counter!("medilink_password_checks_total").increment(1);
    let (password, kept) = (normal(password), kept.map(str::to_string));
    aside(move || {
        // Made in any case, so that the first to come to nothing takes no longer than others.
        let nobody = NOBODY.as_str();
        let is_right = matches(&password, kept.as_deref().unwrap_or(nobody));
        match kept {
            Some(kept) if is_right && is_outdated(&kept) => {
                hash_of(&password).map_or(Verdict::Right, Verdict::Rehashed)
            }
            Some(_) if is_right => Verdict::Right,
            _ => Verdict::Wrong,
        }
    })
    .await
}

/// Returns whether a password may be set, or says what is wrong with it.
pub fn check(password: &str, login: &str, name: &str) -> Result<(), Fault> {
    let password = normal(password);
    let length = password.chars().count();
    let plain = password.to_lowercase();
    let wrong = if length < LENGTH_MIN {
        format!("The password must have at least {LENGTH_MIN} characters.")
    } else if length > LENGTH_MAX {
        format!("The password may have at most {LENGTH_MAX} characters.")
    } else if password.chars().any(char::is_control) {
        "The password must not have control characters.".to_string()
    } else if holds_name(&plain, login, name) {
        "The password must not be made of the login or the name.".to_string()
    } else if is_common(&plain) {
        "This password is too easy to guess. Use a few words that do not belong together.".to_string()
    } else {
        return Ok(());
    };
    Err(Fault::new(Kind::BusinessRule, wrong))
}

/// Returns whether little is left of a password without the login or the parts of the name.
fn holds_name(password: &str, login: &str, name: &str) -> bool {
    let (login, name) = (login.to_lowercase(), name.to_lowercase());
    let mut rest = password.to_string();
    let local = login.split('@').next().unwrap_or_default();
    for part in [login.as_str(), local].into_iter().chain(name.split_whitespace()).filter(|p| p.chars().count() > 2) {
        rest = rest.replace(part, "");
    }
    rest.chars().count() < LENGTH_MIN / 2 && rest != password
}

/// Returns whether a password is one of the first that a program tries: a common part with a number behind it, a run of
/// letters or digits, or very few different characters.
fn is_common(password: &str) -> bool {
    let mut rest: String = password.to_string();
    for part in COMMON {
        rest = rest.replace(part, "");
    }
    let left = rest.chars().filter(|c| c.is_alphabetic()).count();
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    let steps: Vec<i64> = password.chars().zip(password.chars().skip(1)).map(|(a, b)| b as i64 - a as i64).collect();
    let runs = steps.iter().filter(|step| step.abs() <= 1).count();
    let is_guessed = rest.len() < password.len() && left < 4;
    is_guessed || different.len() < 5 || runs * 3 > steps.len() * 2 || password.chars().all(|c| c.is_ascii_digit())
}

fn argon() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, ROUNDS, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_of(password: &str) -> Option<String> {
    argon()?.hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

fn matches(password: &str, kept: &str) -> bool {
    let Ok(kept) = PasswordHash::new(kept) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &kept).is_ok()
}

fn is_outdated(kept: &str) -> bool {
    let params = PasswordHash::new(kept).ok().and_then(|hash| Params::try_from(&hash).ok());
    let of = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    params.is_none_or(|params| of(&params) != (MEMORY_KIB, ROUNDS, LANES))
}

/// Returns a password as it is hashed: the same however a keyboard composes its letters.
fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// Works on a thread of its own kind, so that requests go on meanwhile.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let busy = || Fault::new(Kind::Unavailable, "too many people are signing in at this moment; try again").after(10);
    let turn = tokio::time::timeout(WAIT, TURNS.acquire()).await;
    let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::internal("a password could not be worked on", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_refuse_what_is_guessed_first_and_nothing_else() {
        let (login, name) = ("ada.lovelace@example.org", "Ada Lovelace");
        for bad in [
            "short",
            "123456789",
            "Password123!",
            "password2026",
            "Qwertz12345",
            "aaaaaaaaaaaa",
            "abcdefghijkl",
            "0987654321",
            "4815162342108",
            "Lovelace1815",
            "ada.lovelace",
            "ada.lovelace@example.org",
            "medilink123",
            "iloveyou!!!!",
            "abababababab",
            "tab\there and more",
            "MediLinkAdmin1",
        ] {
            assert!(check(bad, login, name).is_err(), "{bad}");
        }
        for good in
            ["correct horse battery", "tQ7#mZp2!x", "wir sehen uns am Freitag", "Пароль надёжный", "9 brown foxes ran"]
        {
            assert!(check(good, login, name).is_ok(), "{good}: {:?}", check(good, login, name));
        }
        assert!(check(&"long and easy ".repeat(9), login, name).is_ok());
        assert!(check(&"long and easy ".repeat(10), login, name).is_err());
    }

    #[tokio::test]
    async fn a_password_is_right_for_its_own_hash_alone() {
        let kept = hashed("correct horse battery").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        for (password, kept, want) in [
            ("correct horse battery", Some(kept.as_str()), Verdict::Right),
            ("correct horse Battery", Some(&kept), Verdict::Wrong),
            ("", Some(&kept), Verdict::Wrong),
            ("correct horse battery", None, Verdict::Wrong),
            ("correct horse battery", Some("not a hash"), Verdict::Wrong),
        ] {
            assert_eq!(verify(password, kept).await.unwrap(), want, "{password}");
        }
    }

    #[tokio::test]
    async fn letters_are_the_same_however_they_are_composed() {
        let kept = hashed("na\u{ef}ve caf\u{e9} latte").await.unwrap();
        assert_eq!(verify("nai\u{308}ve cafe\u{301} latte", Some(&kept)).await.unwrap(), Verdict::Right);
    }

    #[tokio::test]
    async fn a_hash_of_lower_cost_is_made_anew() {
        let params = Params::new(8 * 1024, 1, 1, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"correct horse").unwrap();
        let Verdict::Rehashed(new) = verify("correct horse", Some(&old.to_string())).await.unwrap() else {
            panic!("it was kept as it was");
        };
        assert_eq!(verify("correct horse", Some(&new)).await.unwrap(), Verdict::Right);
        assert_eq!(verify("wrong horse", Some(&old.to_string())).await.unwrap(), Verdict::Wrong);
    }
}
