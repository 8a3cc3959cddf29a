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
            Modifier::Missing => kind != ParamKind::Composite && kind != ParamKind::Special,
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

    /// Returns whether searches with the modifier are answered.
    pub fn is_answered(self) -> bool {
        !matches!(self, Modifier::In | Modifier::NotIn | Modifier::Above | Modifier::Below)
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
        assert!(Modifier::Exact.fits(ParamKind::String) && !Modifier::Exact.fits(ParamKind::Token));
    }
}
