//! What can go wrong with an expression, and which fault that is for a client.

use crate::fault::{Fault, Kind};

/// Why an expression could not be read or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FhirpathError {
    /// The text is not FHIRPath; `at` counts bytes from its start.
    #[error("FHIRPath syntax, at character {at}: {message}")]
    Syntax { at: usize, message: String },
    /// The expression is well-formed, but this input or this use is against the rules.
    #[error("FHIRPath: {0}")]
    Evaluation(String),
    /// The expression needs something that this server or this place does not offer.
    #[error("FHIRPath: {0}")]
    NotSupported(String),
    /// A limit was reached before the end.
    #[error("FHIRPath: {0}")]
    TooCostly(String),
}

impl FhirpathError {
    pub(super) fn syntax(at: usize, message: impl Into<String>) -> FhirpathError {
        FhirpathError::Syntax { at, message: message.into() }
    }

    pub(super) fn evaluation(message: impl Into<String>) -> FhirpathError {
        FhirpathError::Evaluation(message.into())
    }
}

impl From<FhirpathError> for Fault {
    fn from(error: FhirpathError) -> Fault {
        let kind = match error {
            FhirpathError::Syntax { .. } | FhirpathError::Evaluation(_) => Kind::Invalid,
            FhirpathError::NotSupported(_) => Kind::NotSupported,
            FhirpathError::TooCostly(_) => Kind::TooCostly,
        };
        Fault::new(kind, error.to_string())
    }
}
