//! Questions that the index of values cannot answer: what a value set holds, where a text stands.
//!
//! A search is read without a database. What needs one leaves a question in the tree; `interaction::ask` gets the answers
//! and puts them in its place.

use super::wording::Wording;
use crate::fhir::ResourceType;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Text(TextAsk),
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
