//! The proof that a request was allowed, and the limits within which it was.

use super::principal::Principal;
use crate::fhir::ResourceType;

/// Proof of a decision. Made only in this room; every store call that touches a resource takes one.
///
/// Its limits are put into the SQL of the call, before limits, pages and counts.
#[derive(Debug, Clone)]
pub struct Grant {
    principal: Principal,
    types: Types,
}

/// The types whose resources a request may see.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Types {
    All,
    Some(Vec<ResourceType>),
}

impl Grant {
    pub(super) fn all(principal: Principal) -> Grant {
        Grant { principal, types: Types::All }
    }

    pub(super) fn of_types(principal: Principal, types: Vec<ResourceType>) -> Grant {
        Grant { principal, types: Types::Some(types) }
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns whether resources of this type may be seen at all.
    pub fn sees(&self, resource_type: ResourceType) -> bool {
        match &self.types {
            Types::All => true,
            Types::Some(types) => types.contains(&resource_type),
        }
    }

    /// Returns the types that may be seen, none when all may.
    pub fn visible_types(&self) -> Option<&[ResourceType]> {
        match &self.types {
            Types::All => None,
            Types::Some(types) => Some(types),
        }
    }
}
