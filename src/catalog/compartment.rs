//! Compartments: which resources belong to a patient, an encounter, a practitioner, …
//!
//! R4 <https://hl7.org/fhir/R4/compartmentdefinition.html>.

use super::CatalogError;
use super::source::CompartmentRows;
use crate::fhir::ResourceType;

#[derive(Debug)]
pub struct Compartment {
    /// The type that makes it: `Patient`.
    pub name: Box<str>,
    pub url: Box<str>,
    members: Vec<(ResourceType, Vec<Box<str>>)>,
}

impl Compartment {
    /// Returns the reference parameters by which a resource of this type belongs: any one of them suffices.
    ///
    /// Empty for a type that is never in the compartment. The resource that makes the compartment is always in it,
    /// which no parameter says (the entry `{def}` of the definition is left out).
    pub fn params(&self, t: ResourceType) -> &[Box<str>] {
        match self.members.binary_search_by_key(&t, |(member, _)| *member) {
            Ok(i) => &self.members[i].1,
            Err(_) => &[],
        }
    }

    /// Returns the types that can be in it, with their parameters.
    pub fn members(&self) -> impl Iterator<Item = (ResourceType, &[Box<str>])> {
        self.members.iter().map(|(t, params)| (*t, &params[..]))
    }
}

/// Returns the compartment that the rows describe.
pub(super) fn compartment(rows: &CompartmentRows) -> Result<Compartment, CatalogError> {
    let mut members = Vec::new();
    for row in &rows.members {
        let t = ResourceType::parse(row.name)
            .ok_or_else(|| CatalogError::UnknownType { path: rows.url.to_owned(), name: row.name.to_owned() })?;
        let params: Vec<Box<str>> = row.params.iter().filter(|p| **p != "{def}").map(|p| Box::from(*p)).collect();
        if !params.is_empty() {
            members.push((t, params));
        }
    }
    members.sort_by_key(|(t, _)| *t);
    Ok(Compartment { name: rows.name.into(), url: rows.url.into(), members })
}
