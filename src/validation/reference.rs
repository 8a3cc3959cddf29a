//! What a `Reference.reference` may say, before anyone asks whether it leads anywhere.
//!
//! R4 <https://hl7.org/fhir/R4/references.html#literal>; conditional references (`Patient?identifier=1`) are those of
//! <https://hl7.org/fhir/R4/http.html#trules>.

use crate::fhir::ResourceType;
use crate::fhir::reference::Literal;

/// Returns what is wrong with a literal reference; `targets` are type names, none for any.
pub(super) fn check(text: &str, targets: &[Box<str>]) -> Result<(), String> {
    if text.starts_with('#') || is_absolute(text) {
        return Ok(());
    }
    let (name, well_formed) = match text.split_once('?') {
        Some((name, query)) => (name, !query.is_empty()),
        None => (text.split('/').next().unwrap_or(text), Literal::parse(text).is_some()),
    };
    let Some(resource_type) = ResourceType::parse(name) else {
        return Err(if text.contains(['/', '?']) {
            format!("the reference must begin with a resource type of R4, not with '{name}'")
        } else {
            "a reference must be Type/id, an absolute URL, or #id for a contained resource".to_owned()
        });
    };
    if !well_formed {
        return Err("a relative reference must be Type/id or Type/id/_history/version".to_owned());
    }
    if targets.is_empty() || targets.iter().any(|target| **target == *resource_type.name()) {
        return Ok(());
    }
    Err(format!("a reference to {resource_type} is not allowed here, only to {}", targets.join(", ")))
}

/// R4 2.3.0: absolute URLs need not be RESTful, and `urn:uuid:` or `urn:oid:` stand in Bundles.
fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_char = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    !rest.is_empty() && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(scheme_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_fragment_absolute_relative_or_conditional() {
        #[rustfmt::skip]
        let good = [
            "#", "#p1", "Patient/1", "Patient/1/_history/2", "http://a.example/fhir/Patient/1",
            "https://a.example/x?y", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:oid:1.2.3",
            "Patient?identifier=http://a|1",
        ];
        for text in good {
            assert_eq!(check(text, &[]), Ok(()), "{text}");
        }
        #[rustfmt::skip]
        let bad = [
            "Patient", "1", "patient/1", "Nobody/1", "/Patient/1", "Patient/", "Patient/a b", "Patient/1/2",
            "Patient?", "Patient/1#x", "nobody?identifier=1", "http:", "1a:b",
        ];
        for text in bad {
            assert!(check(text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_relative_reference_leads_to_an_allowed_type() {
        let targets = [Box::from("Patient"), Box::from("Group")];
        for (text, ok) in [
            ("Group/1", true),
            ("Device/1", false),
            ("Device?identifier=1", false),
            ("http://a.example/Device/1", true),
            ("#device", true),
        ] {
            assert_eq!(check(text, &targets).is_ok(), ok, "{text}");
        }
    }
}
