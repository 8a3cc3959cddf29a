//! Literal references: relative, absolute, versioned.
//!
//! R4 <https://hl7.org/fhir/R4/references.html#literal>.

use super::{ResourceId, ResourceType};

/// `[base/]Type/id[/_history/version]`, taken apart. `base` is empty for a relative reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal<'a> {
    pub base: &'a str,
    pub resource_type: ResourceType,
    pub id: &'a str,
    pub version: Option<&'a str>,
}

impl<'a> Literal<'a> {
    /// Returns the parts of a RESTful reference; none for fragments, urns, canonicals and other URLs.
    pub fn parse(text: &'a str) -> Option<Literal<'a>> {
        let (path, version) = match text.split_once("/_history/") {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let (rest, id) = path.rsplit_once('/')?;
        let (base, name) = match rest.rsplit_once('/') {
            Some((base, name)) => (base, name),
            None => ("", rest),
        };
        let resource_type = ResourceType::parse(name)?;
        ResourceId::parse(id)?;
        if !base.is_empty() && !base.contains("://") {
            return None;
        }
        if version.is_some_and(|v| ResourceId::parse(v).is_none()) {
            return None;
        }
        Some(Literal { base, resource_type, id, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_taken_apart_from_its_end() {
        let l = Literal::parse("http://a.example/fhir/Patient/1/_history/2").unwrap();
        assert_eq!(
            (l.base, l.resource_type.name(), l.id, l.version),
            ("http://a.example/fhir", "Patient", "1", Some("2"))
        );
        assert_eq!(Literal::parse("Patient/1").unwrap().base, "");
        for no in ["#p", "urn:uuid:1", "Patient", "Nope/1", "x/Patient/1", "Patient/a b", "Patient/1/_history/ "] {
            assert_eq!(Literal::parse(no), None, "{no}");
        }
    }
}
