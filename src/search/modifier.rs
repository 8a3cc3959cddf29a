//! Modifiers: what stands after the colon of a parameter's name.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#modifiers>.

use crate::catalog::ParamKind;
use crate::fhir::ResourceType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    None,
    Missing,
    Exact,
    Contains,
    Text,
    Not,
    In,
    NotIn,
    Above,
    Below,
    OfType,
    Identifier,
    /// `:Patient`
    Type(ResourceType),
}

impl Modifier {
    /// Returns the modifier of this name; none when R4 has no such modifier.
    pub fn parse(name: &str) -> Option<Modifier> {
        Some(match name {
            "missing" => Modifier::Missing,
            "exact" => Modifier::Exact,
            "contains" => Modifier::Contains,
            "text" => Modifier::Text,
            "not" => Modifier::Not,
            "in" => Modifier::In,
            "not-in" => Modifier::NotIn,
            "above" => Modifier::Above,
            "below" => Modifier::Below,
            "of-type" => Modifier::OfType,
            "identifier" => Modifier::Identifier,
            _ => Modifier::Type(ResourceType::parse(name)?),
        })
    }

    /// Returns whether R4 allows the modifier on parameters of a kind.
    pub fn fits(self, kind: ParamKind) -> bool {
        match self {
            Modifier::None => true,
            Modifier::Missing => kind != ParamKind::Composite,
            Modifier::Exact | Modifier::Contains => kind == ParamKind::String,
            Modifier::Text | Modifier::Not | Modifier::In | Modifier::NotIn | Modifier::OfType => {
                kind == ParamKind::Token
            }
            Modifier::Above | Modifier::Below => {
                matches!(kind, ParamKind::Token | ParamKind::Uri | ParamKind::Reference)
            }
            Modifier::Identifier | Modifier::Type(_) => kind == ParamKind::Reference,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modifier_is_one_of_the_list_or_a_resource_type() {
        assert_eq!(Modifier::parse("exact"), Some(Modifier::Exact));
        assert_eq!(Modifier::parse("Patient"), ResourceType::parse("Patient").map(Modifier::Type));
        for unknown in ["", "Exact", "patient", "starts-with", "Nope"] {
            assert_eq!(Modifier::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_modifier_fits_the_kinds_that_r4_says() {
        use ParamKind::*;
        let all = [Number, Date, String, Token, Reference, Composite, Quantity, Uri, Special];
        let patient = Modifier::Type(ResourceType::PATIENT);
        for (modifier, fitting) in [
            (Modifier::None, &all[..]),
            (Modifier::Missing, &[Number, Date, String, Token, Reference, Quantity, Uri, Special]),
            (Modifier::Exact, &[String]),
            (Modifier::Contains, &[String]),
            (Modifier::Not, &[Token]),
            (Modifier::In, &[Token]),
            (Modifier::NotIn, &[Token]),
            (Modifier::OfType, &[Token]),
            (Modifier::Above, &[Token, Reference, Uri]),
            (Modifier::Below, &[Token, Reference, Uri]),
            (Modifier::Identifier, &[Reference]),
            (patient, &[Reference]),
        ] {
            let seen: Vec<ParamKind> = all.iter().copied().filter(|kind| modifier.fits(*kind)).collect();
            assert_eq!(seen, fitting, "{modifier:?}");
        }
    }
}
