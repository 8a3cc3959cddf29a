//! Who asks: a verified token, or nobody in particular on a server without security.

use super::scope::Scope;
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// `auth=off`: anyone on the loopback interface.
    Unrestricted,
    /// No token was sent.
    Anonymous,
    /// The holder of a verified access token.
    Token(Arc<Token>),
}

/// What a verified access token says.
#[derive(Debug, PartialEq, Eq)]
pub struct Token {
    /// The `sub` claim: a user, a client or an operator.
    pub subject: String,
    /// The `jti` claim, which names this token in the audit.
    pub token_id: String,
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// Returns the name for the audit.
    pub fn name(&self) -> &str {
        match self {
            Principal::Unrestricted => "unrestricted",
            Principal::Anonymous => "anonymous",
            Principal::Token(token) => &token.subject,
        }
    }
}
