//! What can go wrong between us and PostgreSQL, and which [`Fault`] that is.

use crate::access::consent_life;
use crate::fault::{Fault, Kind};
use tokio_postgres::error::SqlState;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or left while we asked.
    #[error("the database is not available: {0}")]
    Away(String),
    /// The database stopped a statement that took too long.
    #[error("the database stopped a statement that took too long")]
    Slow,
    /// Another transaction was in the way. Trying again is right, and the store does so itself first.
    #[error("another transaction was in the way: {0}")]
    Contended(String),
    /// The index rows were made by definitions that have changed since; the newest make them right.
    #[error("what is indexed has changed")]
    Outdated,
    #[error("{context}: {source}")]
    Sql { context: &'static str, source: tokio_postgres::Error },
    /// More would have to be looked at than one request may have.
    #[error("{0}")]
    Costly(&'static str),
    /// A page cursor that does not belong to the search.
    #[error("the cursor does not belong to this search")]
    Cursor,
    /// A Patient carries a Health ID that was not given to it.
    #[error("Patient/{0} carries a Health ID that was not given to it")]
    ForeignHealthId(String),
    /// A step in the life of a Consent that its writer may not make.
    #[error("{}: {}", .0.path, .0.text)]
    ConsentLife(consent_life::Refusal),
    #[error("failed to migrate the database: {0}")]
    Migration(String),
    #[error("stored content is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Sorts an error of the driver by what the caller can do about it.
    pub fn sql(context: &'static str) -> impl Fn(tokio_postgres::Error) -> StoreError {
        move |source| classify(context, source)
    }

    pub fn is_contended(&self) -> bool {
        matches!(self, StoreError::Contended(_) | StoreError::Outdated)
    }

    pub fn is_away(&self) -> bool {
        matches!(self, StoreError::Away(_))
    }
}

fn classify(context: &'static str, source: tokio_postgres::Error) -> StoreError {
    let Some(code) = source.code() else {
        // Without a code it is the connection: closed, refused, reset.
        return StoreError::Away(format!("{context}: {}", with_cause(&source)));
    };
    // What index_epoch_is() raises, see V5__index_state.sql.
    if code.code() == "ML001" {
        return StoreError::Outdated;
    }
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::UNIQUE_VIOLATION
        | SqlState::LOCK_NOT_AVAILABLE => StoreError::Contended(with_cause(&source)),
        SqlState::QUERY_CANCELED => StoreError::Slow,
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::TOO_MANY_CONNECTIONS
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => StoreError::Away(with_cause(&source)),
        _ => StoreError::Sql { context, source },
    }
}

fn with_cause(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> StoreError {
        match error {
            deadpool_postgres::PoolError::Backend(e) => classify("failed to connect", e),
            other => StoreError::Away(other.to_string()),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        let kind = match &error {
            StoreError::Away(_) => (Kind::Unavailable, "the database is not available at the moment; try again"),
            StoreError::Slow => (Kind::Timeout, "the request took longer than the server allows"),
            StoreError::Contended(_) | StoreError::Outdated => {
                (Kind::Conflict, "other requests changed the same resources at the same time; try again")
            }
            StoreError::Costly(text) => (Kind::TooCostly, *text),
            StoreError::Cursor => {
                (Kind::Invalid, "_cursor does not belong to this search; use the links of the page as they are")
            }
            StoreError::ForeignHealthId(id) => {
                let text = format!(
                    "Patient/{id} carries a Health ID that was not given to it; only $issue-health-id and $merge give one"
                );
                return Fault::at(Kind::BusinessRule, "Patient.identifier", text).with_source(error);
            }
            StoreError::ConsentLife(refusal) if *refusal == consent_life::TOO_MANY => {
                return Fault::at(Kind::BusinessRule, refusal.path, refusal.text).with_source(error);
            }
            StoreError::ConsentLife(refusal) => {
                return Fault::at(Kind::Forbidden, refusal.path, refusal.text).with_source(error);
            }
            _ => return Fault::internal("the store failed", error),
        };
        Fault::new(kind.0, kind.1).with_source(error)
    }
}
