//! Who sent an access token: verified without asking the database, and not revoked.
//!
//! RFC 9068 4, RFC 6750. A verified token is remembered until it ends, so that a request costs a look-up and not a signature;
//! what is revoked is known in memory, and a remembered token is checked again only when something was revoked.

use super::jws;
use super::keys::Keys;
use super::token::Claims;
use crate::access::Principal;
use crate::access::principal::Token;
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::store::Store;
use crate::store::identity::revocation::{GRANT_TOKEN_S_MAX, Marks, TOKEN_S_MAX};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of an access token. Ours have far fewer.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// By how many seconds the clock of the server that has signed may be ahead of ours.
const LEEWAY_S: i64 = 5;
/// Verified tokens that one thread remembers at most.
const REMEMBERED_MAX: usize = 10_000;

/// A verified token: what it says, and what it may be revoked by.
#[derive(Debug)]
pub struct Verified {
    pub claims: Claims,
    pub marks: Marks,
}

/// Why a token is not accepted. Whoever sends one learns no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Form,
    Header,
    UnknownKey,
    Signature,
    Elsewhere,
    Future,
    Expired,
    Revoked,
}

impl Refused {
    fn reason(self) -> &'static str {
        match self {
            Refused::Form => "it is not a token of this server",
            Refused::Header => "its header is not that of an access token of this server",
            Refused::UnknownKey => "it is signed with a key that is not, or no longer, one of this server",
            Refused::Signature => "its signature is not this server's",
            Refused::Elsewhere => "it is for another server",
            Refused::Future => "it is not valid yet",
            Refused::Expired => "it has expired",
            Refused::Revoked => "it was revoked",
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Fault {
        let kind = if refused == Refused::Expired { Kind::TokenExpired } else { Kind::InvalidToken };
        Fault::new(kind, format!("the access token is not accepted: {}", refused.reason()))
    }
}

/// Verifies a token for the server at `base_url` at a time, by the keys that are known. Whether it was revoked is not looked at.
pub fn verify(keys: &Keys, base_url: &str, token: &str, now_s: i64) -> Result<Verified, Refused> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refused::Form);
    }
    let jws = jws::split(token).ok_or(Refused::Form)?;
    let header = jws.header().ok_or(Refused::Header)?;
    // An id_token is signed by this server too, and must open nothing.
    if header.typ != "at+jwt" {
        return Err(Refused::Header);
    }
    let key = keys.verifying(header.kid).ok_or(Refused::UnknownKey)?;
    // The key decides how; a token that says otherwise is no mistake but an attack.
    if header.alg != key.alg.name() {
        return Err(Refused::Header);
    }
    let claims: Claims = jws.claims(&key).ok_or(Refused::Signature)?.map_err(|()| Refused::Form)?;
    check(&claims, base_url, now_s)?;
    let marks = Marks {
        token: claims.jti.as_str().into(),
        grant: claims.grant_id.as_deref().map(Into::into),
        account: claims.sub.as_str().into(),
        client: claims.client_id.as_deref().map(Into::into),
        key: key.id.as_str().into(),
        consent: claims.consent.as_deref().map(Into::into),
        issued_s: claims.iat,
    };
    Ok(Verified { claims, marks })
}

fn check(claims: &Claims, base_url: &str, now_s: i64) -> Result<(), Refused> {
    if claims.iss != base_url || claims.aud != base_url {
        return Err(Refused::Elsewhere);
    }
    if claims.exp <= now_s {
        return Err(Refused::Expired);
    }
    if claims.iat.max(claims.nbf.unwrap_or(i64::MIN)) > now_s + LEEWAY_S {
        return Err(Refused::Future);
    }
    // Revocations are forgotten when no token can be left.
    let life_s_max = if claims.grant_id.is_some() { GRANT_TOKEN_S_MAX } else { TOKEN_S_MAX };
    if claims.exp.saturating_sub(claims.iat) > life_s_max {
        return Err(Refused::Form);
    }
    Ok(())
}

/// Verifies a token, with keys that others may have published just now, and sees whether it was revoked.
pub async fn verify_now(keys: &Keys, store: &Store, base_url: &str, token: &str) -> Result<Verified, Fault> {
    let verified = verify_with_news(keys, store, base_url, token).await?;
    store.fresh_revocations().await?;
    if store.revocations().has(&verified.marks) {
        return Err(Refused::Revoked.into());
    }
    Ok(verified)
}

async fn verify_with_news(keys: &Keys, store: &Store, base_url: &str, token: &str) -> Result<Verified, Fault> {
    let now_s = Instant::now().0 / 1_000_000;
    match verify(keys, base_url, token, now_s) {
        Err(Refused::UnknownKey) => {
            keys.read(store).await?;
            Ok(verify(keys, base_url, token, now_s)?)
        }
        done => Ok(done?),
    }
}

/// Verifies tokens for one thread.
pub struct Verifier {
    keys: Arc<Keys>,
    store: Store,
    base_url: String,
    /// By the SHA-256 of the token: what lies in memory for an hour must not be a token.
    known: RefCell<HashMap<[u8; 32], Rc<Known>>>,
}

struct Known {
    ends_s: i64,
    marks: Marks,
    token: Arc<Token>,
    /// The number of the revocations that it was last checked against, and is not among.
    checked: Cell<u64>,
}

impl Verifier {
    pub fn new(keys: Arc<Keys>, store: Store, base_url: &str) -> Verifier {
        Verifier { keys, store, base_url: base_url.to_string(), known: RefCell::default() }
    }

    /// Returns who sent an Authorization header; no header is nobody, a bad one is a fault.
    pub async fn principal(&self, authorization: Option<&str>) -> Result<Principal, Fault> {
        let Some(header) = authorization else { return Ok(Principal::Anonymous) };
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => {
                return Err(Fault::new(Kind::Unauthorized, "the Authorization header must be 'Bearer <access token>'"));
            }
        };
        let known = self.known(token).await?;
        let revocations = self.store.revocations();
        let version = match revocations.version() {
            Some(version) => version,
            None => self.store.fresh_revocations().await?,
        };
        if known.checked.get() != version {
            if revocations.has(&known.marks) {
                return Err(Refused::Revoked.into());
            }
            known.checked.set(version);
        }
        Ok(Principal::Token(known.token.clone()))
    }

    /// Returns a token that holds, remembered or verified now.
    async fn known(&self, token: &str) -> Result<Rc<Known>, Fault> {
        let hash = sha256(token);
        let now_s = Instant::now().0 / 1_000_000;
        if let Some(known) = self.known.borrow().get(&hash)
            && known.ends_s > now_s
        {
            return Ok(known.clone());
        }
        let Verified { claims, marks } = verify_with_news(&self.keys, &self.store, &self.base_url, token).await?;
        let ends_s = claims.exp;
        let known = Rc::new(Known { ends_s, marks, token: Arc::new(claims.token()), checked: Cell::new(0) });
        let mut all = self.known.borrow_mut();
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, known| known.ends_s > now_s);
        }
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        all.insert(hash, known.clone());
        Ok(known)
    }
}

fn sha256(text: &str) -> [u8; 32] {
    use aws_lc_rs::digest::{SHA256, digest};
    digest(&SHA256, text.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
