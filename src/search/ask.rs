//! Questions that the index of values cannot answer: what a value set holds, where a text stands.
//!
//! A search is read without a database. What needs one leaves a question in the tree; `interaction::ask` gets the answers
//! and puts them in its place.

use super::wording::Wording;
use crate::fhir::{ResourceId, ResourceType};

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Resources with a code that terminology tells.
    Codes(AskCodes),
    /// Resources that refer into a tree of resources.
    Tree(AskTree),
    /// Resources with a text.
    Text(TextAsk),
}

/// `:in`, `:not-in`, `:above` and `:below` of a token: R4 <https://hl7.org/fhir/R4/search.html#token>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskCodes {
    /// The parameter as it was given, for faults.
    pub name: String,
    pub wanted: WantedCodes,
    pub places: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedCodes {
    /// Those of a value set: the one stored here under an id, where it is there, or else one by its canonical URL.
    InValueSet { canonical: String, stored: Option<ResourceId> },
    /// The code and those that it is a kind of.
    Above { system: String, code: String },
    /// The code and those that are a kind of it.
    Below { system: String, code: String },
}

/// `:above` and `:below` of a reference: R4 <https://hl7.org/fhir/R4/search.html#recursive>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskTree {
    /// The parameter as it was given, for faults.
    pub name: String,
    /// The resource where the way through the tree begins.
    pub resource_type: ResourceType,
    pub id: ResourceId,
    /// Keys of the columns by which resources of the type refer to the one they are part of.
    pub parents: Vec<i64>,
    pub way: Way,
    pub places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// A column of a type in which a value is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub resource_type: ResourceType,
    /// The place in the type's list of columns.
    pub column: u16,
}

/// Which resources of these types have the text?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextAsk {
    /// The parameter as it was given, for messages.
    pub name: String,
    /// Empty: all types.
    pub types: Vec<ResourceType>,
    pub place: TextPlace,
}

/// Where the text is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPlace {
    /// Everything in the resource that people read.
    Content(Wording),
    /// The narrative alone.
    Narrative(Wording),
    /// The texts beside the codes of these columns, which begin with a folded text.
    Displays { columns: Vec<i64>, prefix: String },
}
