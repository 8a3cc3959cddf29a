//! What must no longer be accepted although its signature is good.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};

const ADD: &str = "insert into revocation (kind, name, at, ends) values ($1, $2, $3, $4)";
pub const STATEMENTS: &[&str] = &[ADD];

/// How long an access token may live: after that no revocation is needed.
pub const TOKEN_S_MAX: i64 = 366 * 86_400;

/// Whose tokens end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One token, by its `jti`.
    Token,
    /// All tokens of one authorization, by its id.
    Grant,
    /// All tokens of a person, by the id of the account.
    Account,
    /// All tokens of a client.
    Client,
}

impl Revoked {
    pub fn name(self) -> &'static str {
        match self {
            Revoked::Token => "token",
            Revoked::Grant => "grant",
            Revoked::Account => "account",
            Revoked::Client => "client",
        }
    }
}

impl Store {
    /// Ends all tokens of this name that were issued up to now, on every process within a second.
    pub async fn revoke(&self, kind: Revoked, name: &str) -> Result<(), StoreError> {
        let now = Instant::now().0;
        self.tell(ADD, &[&kind.name(), &name, &now, &(now + TOKEN_S_MAX * 1_000_000)]).await.map(drop)
    }
}
