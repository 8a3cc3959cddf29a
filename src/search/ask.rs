//! Questions that the index of values cannot answer: what a value set holds, where a text stands.
//!
//! A search is read without a database. What needs one leaves a question in the tree; `interaction::ask` gets the answers
//! and puts them in its place.

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {}
