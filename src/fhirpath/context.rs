//! What an expression is evaluated against: the resource, the model, variables, and ways to the outside.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#environment-variables>, R4 <https://hl7.org/fhir/R4/fhirpath.html#variables>.

use super::error::FhirpathError;
use super::item::{Item, Node};
use super::model::Model;
use super::temporal::Temporal;
use serde_json::Value;

/// Steps that one evaluation may take before it is stopped.
pub const FUEL: u32 = 2_000_000;

/// The surroundings of an evaluation. Cheap to make; one serves any number of expressions over one resource.
#[derive(Clone)]
pub struct Context<'a> {
    /// `%resource` and the start of every path.
    pub resource: Node<'a>,
    /// `%rootResource`: the container, where `resource` is contained; also where `resolve()` looks for `#id`.
    pub root: Node<'a>,
    /// None for plain JSON without types.
    pub model: Option<&'a dyn Model>,
    /// Further `%name`s.
    pub variables: Vec<(String, Vec<Item<'a>>)>,
    pub resolver: Resolver<'a>,
    pub hooks: &'a dyn Hooks,
    /// Refuses names that the type does not have, and `as` on several items. Search parameters are read without.
    pub strict: bool,
    /// What `now()` says; none for the clock of the host.
    pub now: Option<Temporal>,
    pub fuel: u32,
}

/// How `resolve()` follows a reference that leads out of the resource. `#id` and entries of the same Bundle are
/// found without it.
#[derive(Clone, Copy)]
pub enum Resolver<'a> {
    /// Nothing is found.
    None,
    /// The reference itself says of what type its target is, which is all that `resolve() is Patient` needs.
    TypeOnly,
    /// Fetched; what is not there is empty.
    Fetch(&'a dyn Fetch),
}

pub trait Fetch {
    /// Returns the resource behind a reference such as `Patient/1` or a full URL.
    fn fetch(&self, reference: &str) -> Option<&Value>;
}

/// Services behind functions that need more than the resource. The defaults say that they are not offered.
pub trait Hooks {
    /// Returns whether a code, Coding or CodeableConcept is in a value set; none when that cannot be known.
    fn member_of(&self, _item: &Item<'_>, value_set: &str) -> Result<Option<bool>, FhirpathError> {
        Err(FhirpathError::NotSupported(format!("memberOf('{value_set}') needs a terminology service")))
    }

    /// Returns whether one code subsumes the other (`subsumes`) or is subsumed by it (`subsumedBy`).
    fn subsumes(&self, _general: &Item<'_>, _special: &Item<'_>) -> Result<Option<bool>, FhirpathError> {
        Err(FhirpathError::NotSupported("subsumes() needs a terminology service".to_string()))
    }

    /// Returns whether a node conforms to a profile; `None` means: decide by the type alone.
    fn conforms_to(&self, _node: &Node<'_>, _profile: &str) -> Result<Option<bool>, FhirpathError> {
        Ok(None)
    }

    /// Returns whether a narrative follows the rules of R4 for XHTML; invariants txt-1 and txt-2.
    fn html_checks(&self, _node: &Node<'_>) -> bool {
        true
    }

    fn trace(&self, _name: &str, _items: &[Item<'_>]) {}
}

/// No services.
pub struct NoHooks;

impl Hooks for NoHooks {}

impl<'a> Context<'a> {
    pub fn new(model: Option<&'a dyn Model>, resource: &'a Value) -> Context<'a> {
        let node = Node::resource(model, resource);
        Context {
            resource: node,
            root: node,
            model,
            variables: Vec::new(),
            resolver: Resolver::None,
            hooks: &NoHooks,
            strict: false,
            now: None,
            fuel: FUEL,
        }
    }

    /// Returns the context in which search parameters are read: `resolve()` gives the type of the target.
    pub fn for_search(model: &'a dyn Model, resource: &'a Value) -> Context<'a> {
        Context { resolver: Resolver::TypeOnly, ..Context::new(Some(model), resource) }
    }

    pub fn with_variable(mut self, name: impl Into<String>, items: Vec<Item<'a>>) -> Context<'a> {
        self.variables.push((name.into(), items));
        self
    }
}
