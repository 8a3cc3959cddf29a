//! The Prefer header.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#ops> and RFC 7240: what is not understood is ignored.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnPreference {
    Minimal,
    Representation,
    OperationOutcome,
}

/// What a client would rather have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefer {
    pub returns: Option<ReturnPreference>,
    /// `handling=lenient`: ignore search parameters that are not known, and say so.
    pub lenient: bool,
}

impl Prefer {
    pub fn parse(text: &str) -> Prefer {
        let mut prefer = Prefer::default();
        for part in text.split([',', ';']) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match (name.trim().to_ascii_lowercase().as_str(), value) {
                ("return", "minimal") => prefer.returns = Some(ReturnPreference::Minimal),
                ("return", "representation") => prefer.returns = Some(ReturnPreference::Representation),
                ("return", "OperationOutcome") => prefer.returns = Some(ReturnPreference::OperationOutcome),
                ("handling", "lenient") => prefer.lenient = true,
                _ => {}
            }
        }
        prefer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_preferences_are_ignored() {
        let p = Prefer::parse("respond-async, return=minimal; handling=lenient");
        assert_eq!(p, Prefer { returns: Some(ReturnPreference::Minimal), lenient: true });
        assert_eq!(Prefer::parse("return=everything"), Prefer::default());
        assert_eq!(Prefer::parse("return=\"representation\"").returns, Some(ReturnPreference::Representation));
    }
}
