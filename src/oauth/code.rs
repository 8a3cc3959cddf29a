//! A code is exchanged for tokens, once.
//!
//! RFC 6749 4.1.3, RFC 7636 (S256 alone), RFC 9700 2.1.1 and 4.5.

use super::answer::{self, Answer};
use super::call::{Call, invalid_grant};
use super::refusal::Refusal;
use super::{Server, audit, dpop, standing};
use crate::fhir::Instant;
use crate::store::identity::authorization::{Code, Use};
use crate::store::identity::client::{AuthMethod, Client};
use crate::store::identity::hash;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A code ends with its first use, right or wrong: whoever guesses has one try.
pub async fn exchange(server: &Server, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
    let (secret, redirect_uri) = (call.required("code")?, call.required("redirect_uri")?);
    let device_key = dpop::device_key(server, call).await?;
    let code = match server.store.take_code(hash(secret)).await? {
        Use::First(code) => code,
        Use::Unknown => return Err(invalid_grant("the code is not known")),
        Use::Again(authorization) => {
            server.store.end_authorizations(&[authorization]).await?;
            audit::alert(server, client, call, "a code was used again; its authorization was ended").await;
            return Err(invalid_grant("the code was used before; what it gave has ended"));
        }
    };
    check(&code, redirect_uri, call.field("code_verifier"), call.at)?;
    let mut standing = standing::look(server, code.authorization, client, call.at).await?;
    let is_public = client.metadata.token_endpoint_auth_method == AuthMethod::None;
    if let Some(key) = device_key.filter(|_| is_public) {
        standing.authorization.allowed.device_key = Some(key);
        server.store.change_allowed(standing.authorization.id, &standing.authorization.allowed).await?;
    }
    let refresh_token = match answer::refresh_ends(client, &standing) {
        None => None,
        Some(ends) => {
            let fresh = crate::account::secret();
            if !server.store.add_refresh_token(hash(&fresh), standing.authorization.id, ends).await? {
                return Err(invalid_grant("the authorization has ended"));
            }
            Some(fresh)
        }
    };
    let nonce = standing.authorization.allowed.nonce.clone();
    let beside = answer::Beside { refresh_token: refresh_token.as_deref(), nonce: nonce.as_deref(), glass: None };
    answer::answer(server, &standing, &standing.scope, beside)
}

/// Checks what came with a code against what was kept with it.
fn check(code: &Code, redirect_uri: &str, verifier: Option<&str>, now: Instant) -> Result<(), Refusal> {
    if now >= code.ends {
        return Err(invalid_grant("the code has expired"));
    }
    if redirect_uri != code.redirect_uri {
        return Err(invalid_grant("'redirect_uri' is not the one of the authorization request"));
    }
    let verifier = verifier.ok_or_else(|| invalid_grant("'code_verifier' is missing"))?;
    if !is_verifier(verifier) {
        return Err(invalid_grant("'code_verifier' must be 43 to 128 of A-Z a-z 0-9 - . _ ~"));
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    aws_lc_rs::constant_time::verify_slices_are_equal(challenge.as_bytes(), code.challenge.as_bytes())
        .map_err(|_| invalid_grant("'code_verifier' does not belong to the code_challenge"))
}

/// RFC 7636 4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_wants_its_redirect_and_its_verifier_in_time() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let code = Code {
            hash: [0; 32],
            authorization: uuid::Uuid::nil(),
            redirect_uri: "https://app.example/cb".into(),
            challenge: challenge.into(),
            ends: Instant(1000),
        };
        let (long, blanks) = ("a".repeat(129), " ".repeat(50));
        for (redirect, told, now, right) in [
            ("https://app.example/cb", Some(verifier), 999, true),
            ("https://app.example/cb", Some(verifier), 1000, false),
            ("https://app.example/cb/", Some(verifier), 999, false),
            ("https://APP.example/cb", Some(verifier), 999, false),
            ("https://app.example/cb", None, 999, false),
            ("https://app.example/cb", Some(""), 999, false),
            ("https://app.example/cb", Some(blanks.as_str()), 999, false),
            ("https://app.example/cb", Some(challenge), 999, false),
            ("https://app.example/cb", Some(&verifier[1..]), 999, false),
            ("https://app.example/cb", Some(&verifier[..42]), 999, false),
            ("https://app.example/cb", Some(long.as_str()), 999, false),
        ] {
            let got = check(&code, redirect, told, Instant(now));
            assert_eq!(got.is_ok(), right, "{redirect} {told:?} {now}: {got:?}");
        }
    }
}
