//! The one error of the server and the one table that gives it a status.
//!
//! R4 <https://hl7.org/fhir/R4/http.html> and <https://hl7.org/fhir/R4/operationoutcome.html>.
//! A room raises its own error and says here, once, which [`Kind`] that is; nothing else decides
//! what a client sees. Only [`Fault::issues`] leaves the process, never [`Fault::source`].

use std::fmt;

/// What went wrong, in the terms a client can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The body is not JSON or XML at all.
    Malformed,
    /// An element that does not belong, a wrong JSON type, a wrong cardinality.
    Structure,
    /// A required element is absent.
    Required,
    /// A value that its datatype does not allow.
    Value,
    /// A code outside a required value set.
    Code,
    /// A request (header, URL, parameter) that makes no sense.
    Invalid,
    /// A parameter, modifier or feature that this server does not know.
    NotSupported,
    /// Well-formed, but against a rule of the server or of the specification.
    BusinessRule,
    /// A reference that leads nowhere, or to several places.
    Reference,
    /// No credentials, or ones in a form that cannot be accepted.
    Unauthorized,
    /// An access token that is not accepted.
    InvalidToken,
    /// An access token that was, until it ended.
    TokenExpired,
    /// The person has to show a second factor again: the last one was too long ago, or there was none.
    FactorNeeded,
    /// Credentials that do not allow this.
    Forbidden,
    /// Beside another issue: more can be seen in an emergency.
    Withheld,
    /// Nothing there.
    NotFound,
    /// There once, deleted since.
    Deleted,
    /// A place in an answer that was given out too long ago.
    Expired,
    /// The interaction exists, but not on this address.
    MethodNotAllowed,
    /// None of the accepted formats can be written.
    NotAcceptable,
    /// Two writers wanted the same, and retrying did not help.
    Conflict,
    /// What was to be created is there already; trying again would not help.
    Duplicate,
    /// If-Match or ifMatch names another version than the current one.
    Stale,
    /// A conditional interaction found more than one resource.
    MultipleMatches,
    /// Body, URL, depth or entries above a limit.
    TooLarge,
    /// The URL is above its limit.
    UriTooLong,
    /// A body in a format that is not read here.
    UnsupportedMedia,
    /// The request would cost more than the server allows.
    TooCostly,
    /// The server did not finish in time.
    Timeout,
    /// Tried too often; the answer says when it may be tried again.
    Throttled,
    /// The database is away; trying again later is right.
    Unavailable,
    /// Our mistake. Logged with its source, shown without it.
    Internal,
}

/// One row of the table: HTTP status, issue code, HL7 v2 acknowledgement code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub status: u16,
    pub issue: &'static str,
    pub ack: &'static str,
}

impl Kind {
    /// Returns the row of this kind. Chosen, never inferred.
    pub const fn row(self) -> Row {
        let (status, issue, ack) = match self {
            Kind::Malformed => (400, "structure", "AE"),
            Kind::Structure => (400, "structure", "AE"),
            Kind::Required => (400, "required", "AE"),
            Kind::Value => (400, "value", "AE"),
            Kind::Code => (400, "code-invalid", "AE"),
            Kind::Invalid => (400, "invalid", "AE"),
            Kind::NotSupported => (400, "not-supported", "AR"),
            Kind::BusinessRule => (422, "business-rule", "AE"),
            Kind::Reference => (422, "processing", "AE"),
            Kind::Unauthorized => (401, "login", "AR"),
            Kind::InvalidToken => (401, "login", "AR"),
            Kind::TokenExpired => (401, "expired", "AR"),
            Kind::FactorNeeded => (401, "login", "AR"),
            Kind::Forbidden => (403, "forbidden", "AR"),
            Kind::Withheld => (403, "suppressed", "AR"),
            Kind::NotFound => (404, "not-found", "AE"),
            Kind::Deleted => (410, "deleted", "AE"),
            Kind::Expired => (410, "processing", "AE"),
            Kind::MethodNotAllowed => (405, "not-supported", "AR"),
            Kind::NotAcceptable => (406, "not-supported", "AR"),
            Kind::Conflict => (409, "conflict", "AE"),
            Kind::Duplicate => (409, "duplicate", "AE"),
            Kind::Stale => (412, "conflict", "AE"),
            Kind::MultipleMatches => (412, "multiple-matches", "AE"),
            Kind::TooLarge => (413, "too-long", "AR"),
            Kind::UriTooLong => (414, "too-long", "AR"),
            Kind::UnsupportedMedia => (415, "not-supported", "AR"),
            Kind::TooCostly => (400, "too-costly", "AR"),
            Kind::Timeout => (503, "timeout", "AE"),
            Kind::Throttled => (429, "throttled", "AE"),
            Kind::Unavailable => (503, "transient", "AE"),
            Kind::Internal => (500, "exception", "AE"),
        };
        Row { status, issue, ack }
    }
}

/// One thing that is wrong: the words for people and the element for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub kind: Kind,
    /// Human words; names the rule and what was found.
    pub diagnostics: String,
    /// FHIRPath of the element at fault, such as `Patient.name[0].given[1]`.
    pub expression: Option<String>,
}

impl Issue {
    pub fn new(kind: Kind, diagnostics: impl Into<String>) -> Issue {
        Issue { kind, diagnostics: diagnostics.into(), expression: None }
    }

    pub fn at(kind: Kind, expression: impl Into<String>, diagnostics: impl Into<String>) -> Issue {
        Issue { kind, diagnostics: diagnostics.into(), expression: Some(expression.into()) }
    }
}

/// A refusal or failure on its way to the client. `issues` is never empty.
pub struct Fault(Box<Inner>);

struct Inner {
    kind: Kind,
    issues: Vec<Issue>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry_after_s: Option<u32>,
}

impl Fault {
    pub fn new(kind: Kind, diagnostics: impl Into<String>) -> Fault {
        Fault::from_issues(vec![Issue::new(kind, diagnostics)])
    }

    /// Returns a fault that names the element at fault.
    pub fn at(kind: Kind, expression: impl Into<String>, diagnostics: impl Into<String>) -> Fault {
        Fault::from_issues(vec![Issue::at(kind, expression, diagnostics)])
    }

    /// Returns a fault whose kind is that of the first issue.
    ///
    /// An empty list is a mistake of ours and becomes [`Kind::Internal`].
    pub fn from_issues(issues: Vec<Issue>) -> Fault {
        let issues =
            if issues.is_empty() { vec![Issue::new(Kind::Internal, "refused without a reason")] } else { issues };
        Fault(Box::new(Inner { kind: issues[0].kind, issues, source: None, retry_after_s: None }))
    }

    /// Returns an internal fault: `context` and `source` are logged, the client sees neither.
    pub fn internal(context: impl fmt::Display, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
        let source = source.into();
        let text = format!("{context}: {source}");
        let mut fault = Fault::new(Kind::Internal, "the server failed; the request id finds the cause in its log");
        fault.0.source = Some(text.into());
        fault
    }

    /// Keeps the cause for the log.
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
        self.0.source = Some(source.into());
        self
    }

    /// Says when it may be tried again.
    pub fn after(mut self, seconds: u32) -> Fault {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Returns in how many seconds it may be tried again, where that is known.
    pub fn retry_after_s(&self) -> Option<u32> {
        self.0.retry_after_s
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn issues(&self) -> &[Issue] {
        &self.0.issues
    }

    pub fn status(&self) -> u16 {
        self.0.kind.row().status
    }

    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.0.source.as_deref()
    }

    /// Puts `prefix` before every expression, for faults inside a Bundle entry.
    pub fn within(mut self, prefix: &str) -> Fault {
        for issue in &mut self.0.issues {
            issue.expression = Some(match issue.expression.take() {
                Some(inner) => format!("{prefix}.{}", inner.split_once('.').map_or("", |(_, rest)| rest))
                    .trim_end_matches('.')
                    .to_string(),
                None => prefix.to_string(),
            });
        }
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, issue) in self.issues().iter().enumerate() {
            let sep = if i > 0 { "; " } else { "" };
            match &issue.expression {
                Some(expression) => write!(f, "{sep}{expression}: {}", issue.diagnostics)?,
                None => write!(f, "{sep}{}", issue.diagnostics)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {self}", self.kind())?;
        match self.source() {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_inside_an_entry_names_the_entry() {
        let fault = Fault::at(Kind::Value, "Patient.birthDate", "not a date").within("Bundle.entry[3].resource");
        assert_eq!(fault.issues()[0].expression.as_deref(), Some("Bundle.entry[3].resource.birthDate"));
        let whole = Fault::new(Kind::Invalid, "no").within("Bundle.entry[3]");
        assert_eq!(whole.issues()[0].expression.as_deref(), Some("Bundle.entry[3]"));
    }

    #[test]
    fn the_source_never_shows() {
        let fault = Fault::internal("failed to read Patient/1", "secret");
        assert!(!fault.to_string().contains("secret"));
    }
}
