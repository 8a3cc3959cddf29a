//! The definitions of FHIR R4 as immutable registries, read from `profiles/` and `search-params/`.
//!
//! R4 <https://hl7.org/fhir/R4/profiling.html>. Resources stay plain JSON values; what they may hold is data here, so
//! a new search parameter or profile needs no Rust. The definitions are inside the binary.

mod assemble;
mod compartment;
mod key_table;
mod model;
pub mod own;
mod parameter;
pub mod sensitive;
mod source;
mod types;
mod value_set;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

pub use compartment::Compartment;
pub use own::Own;
pub use parameter::{Component, Origin, ParamKind, SearchParam};
pub use types::{Field, FieldType, Primitive, Rule, TypeDef, TypeId, TypeKind};
pub use value_set::CodeSet;

use crate::fhir::ResourceType;
use crate::fhirpath::FhirpathError;
use parameter::TypeNames;
use sensitive::Sensitive;

/// The types, search parameters and compartments; made at start and shared. Only the parameters ever change, by making
/// another catalog over the same types: see [`own`].
#[derive(Debug, Clone)]
pub struct Catalog {
    types: Arc<Vec<TypeDef>>,
    by_name: Arc<HashMap<Box<str>, TypeId>>,
    /// By the number of the resource type.
    resources: Arc<Vec<TypeId>>,
    /// By the number of the resource type, sorted by code.
    params: Vec<Vec<Arc<SearchParam>>>,
    compartments: Arc<Vec<Compartment>>,
    value_sets: Arc<HashMap<Box<str>, Arc<CodeSet>>>,
    known: Known,
    sensitive: Arc<Sensitive>,
}

/// Types that have rules of their own, ready at hand.
#[derive(Debug, Clone)]
pub struct Known {
    pub extension: TypeId,
    pub quantity: TypeId,
    pub reference: TypeId,
    /// The abstract `Resource`: the object itself says in `resourceType` what it is.
    pub resource: TypeId,
}

/// A definition that makes no sense; the server does not start with it.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("failed to read {path}")]
    File { path: String, source: serde_json::Error },
    #[error("{path} names the unknown type {name}")]
    UnknownType { path: String, name: String },
    #[error("the expression of {url} makes no sense")]
    Expression { url: String, source: FhirpathError },
    #[error("{0} has no cardinality such as 0..1 or 1..*")]
    Cardinality(String),
    #[error("the line '{0}' of the sensitive codes makes no sense")]
    Sensitive(String),
    #[error("{0} has more than 64 elements")]
    TooManyElements(String),
}

impl Catalog {
    /// Returns the catalog of the definitions that the binary carries.
    pub fn load() -> Result<Catalog, CatalogError> {
        let source = source::read()?;
        let assemble::Types { defs: types, by_name, value_sets } = assemble::types(&source)?;
        let resources = ResourceType::all().map(|t| named(&by_name, t.name())).collect::<Result<Vec<_>, _>>()?;
        let known = Known {
            extension: named(&by_name, "Extension")?,
            quantity: named(&by_name, "Quantity")?,
            reference: named(&by_name, "Reference")?,
            resource: named(&by_name, "Resource")?,
        };
        let params = parameter::parameters(&source.parameters, &type_names(&types, &resources))?;
        let compartments = source.compartments.iter().map(compartment::compartment).collect::<Result<_, _>>()?;
        Ok(Catalog {
            types: Arc::new(types),
            by_name: Arc::new(by_name),
            resources: Arc::new(resources),
            params,
            compartments: Arc::new(compartments),
            value_sets: Arc::new(value_sets),
            known,
            sensitive: Arc::new(Sensitive::load().map_err(CatalogError::Sensitive)?),
        })
    }

    /// Returns this catalog without lists of sensitive codes.
    pub fn without_labels(self) -> Catalog {
        Catalog { sensitive: Arc::default(), ..self }
    }

    pub fn sensitive(&self) -> &Sensitive {
        &self.sensitive
    }

    /// Returns the type of this name: `Patient`, `HumanName`, `code`, or the path of an element defined in place.
    pub fn type_id(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// Returns a type; numbers are those that this catalog gave.
    pub fn ty(&self, id: TypeId) -> &TypeDef {
        &self.types[usize::from(id.0)]
    }

    /// Returns every type, in the order of their numbers.
    pub fn types(&self) -> &[TypeDef] {
        &self.types
    }

    pub fn resource(&self, t: ResourceType) -> TypeId {
        self.resources[t.number() as usize]
    }

    /// Returns the search parameters of a type, those of Resource and DomainResource among them, sorted by code.
    pub fn params(&self, t: ResourceType) -> &[Arc<SearchParam>] {
        &self.params[t.number() as usize]
    }

    pub fn param(&self, t: ResourceType, code: &str) -> Option<&Arc<SearchParam>> {
        let params = self.params(t);
        params.binary_search_by(|p| (*p.code).cmp(code)).ok().map(|i| &params[i])
    }

    /// Returns the compartment by the name of the type that makes it: `Patient`, `Encounter`, `Practitioner`,
    /// `RelatedPerson`, `Device`.
    pub fn compartment(&self, name: &str) -> Option<&Compartment> {
        self.compartments.iter().find(|c| &*c.name == name)
    }

    pub fn compartments(&self) -> &[Compartment] {
        &self.compartments
    }

    /// Returns the value set of a required binding by its URL.
    pub fn value_set(&self, url: &str) -> Option<&Arc<CodeSet>> {
        self.value_sets.get(url)
    }

    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Returns whether a type is another or specialises it: `code` is a `string`, `Patient` a `Resource`.
    pub fn is_subtype(&self, id: TypeId, ancestor: TypeId) -> bool {
        std::iter::successors(Some(id), |id| self.ty(*id).base).any(|id| id == ancestor)
    }
}

fn named(by_name: &HashMap<Box<str>, TypeId>, name: &str) -> Result<TypeId, CatalogError> {
    let unknown = || CatalogError::UnknownType { path: "the server itself".to_owned(), name: name.to_owned() };
    by_name.get(name).copied().ok_or_else(unknown)
}

/// Returns the names of the resource types, by their numbers.
fn type_names(types: &[TypeDef], resources: &[TypeId]) -> Vec<TypeNames> {
    let names = |(t, id): (ResourceType, &TypeId)| {
        let base = types[usize::from(id.0)].base.map(|base| &*types[usize::from(base.0)].name);
        TypeNames { name: t.name(), is_domain_resource: base == Some("DomainResource") }
    };
    ResourceType::all().zip(resources).map(names).collect()
}
