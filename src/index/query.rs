//! From what a search asks to a query of the library.

use super::schema::{Fields, display_term};
use super::words::words;
use crate::fhir::ResourceType;
use crate::search::ask::TextPlace;
use crate::search::normal;
use crate::search::wording::Wording;
use std::ops::Bound;
use tantivy::Term;
use tantivy::query::{
    BooleanQuery, EmptyQuery, Occur, PhrasePrefixQuery, PhraseQuery, Query, RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

/// Returns the query for documents of the types that have the text at the place.
pub fn query(fields: &Fields, types: &[ResourceType], place: &TextPlace) -> Box<dyn Query> {
    let found = match place {
        TextPlace::Content(wording) => worded(fields.content, wording),
        TextPlace::Narrative(wording) => worded(fields.narrative, wording),
        TextPlace::Displays { columns, prefix } => {
            let one = |column: &i64| (Occur::Should, beginning(fields.display, &display_term(*column, prefix)));
            Box::new(BooleanQuery::new(columns.iter().map(one).collect()))
        }
    };
    // A column is of one type, so its texts are too.
    match place {
        TextPlace::Displays { .. } => found,
        _ => within(fields, types, found),
    }
}

/// Returns the query without the documents of other types; no types means all.
fn within(fields: &Fields, types: &[ResourceType], found: Box<dyn Query>) -> Box<dyn Query> {
    match of_types(fields, types) {
        Some(types) => Box::new(BooleanQuery::new(vec![(Occur::Must, found), (Occur::Must, types)])),
        None => found,
    }
}

/// Returns the query for all documents of the types; none for no types, which means all.
pub fn of_types(fields: &Fields, types: &[ResourceType]) -> Option<Box<dyn Query>> {
    let term = |t: &ResourceType| Term::from_field_u64(fields.resource_type, t.number() as u64);
    (!types.is_empty()).then(|| Box::new(TermSetQuery::new(types.iter().map(term))) as Box<dyn Query>)
}

fn worded(field: Field, wording: &Wording) -> Box<dyn Query> {
    match wording {
        Wording::Word(text) | Wording::Phrase(text) => together(field, text),
        Wording::Prefix(text) => together_from(field, text),
        Wording::All(parts) => {
            let part = |part: &Wording| match part {
                Wording::Not(part) => (Occur::MustNot, worded(field, part)),
                part => (Occur::Must, worded(field, part)),
            };
            Box::new(BooleanQuery::new(parts.iter().map(part).collect()))
        }
        Wording::Any(parts) => {
            Box::new(BooleanQuery::new(parts.iter().map(|part| (Occur::Should, worded(field, part))).collect()))
        }
        // It stands inside `All` only.
        Wording::Not(_) => Box::new(EmptyQuery),
    }
}

/// Returns the query for the words of a text, side by side.
fn together(field: Field, text: &str) -> Box<dyn Query> {
    let mut terms = terms(field, text);
    match terms.len() {
        0 => Box::new(EmptyQuery),
        1 => Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::Basic)),
        _ => Box::new(PhraseQuery::new(terms)),
    }
}

/// As [`together`]; the last word may go on.
fn together_from(field: Field, text: &str) -> Box<dyn Query> {
    let found = words(text);
    match found.len() {
        0 => Box::new(EmptyQuery),
        1 => beginning(field, &found[0].text),
        _ => {
            let mut query = PhrasePrefixQuery::new(terms(field, text));
            query.set_max_expansions(u32::MAX);
            Box::new(query)
        }
    }
}

fn terms(field: Field, text: &str) -> Vec<Term> {
    words(text).iter().map(|word| Term::from_field_text(field, &word.text)).collect()
}

/// Returns the query for terms that begin with a text.
fn beginning(field: Field, prefix: &str) -> Box<dyn Query> {
    let from = Bound::Included(Term::from_field_text(field, prefix));
    let to = normal::after_prefix(prefix).map(|after| Term::from_field_text(field, &after));
    Box::new(RangeQuery::new(from, to.map_or(Bound::Unbounded, Bound::Excluded)))
}
