//! Ranked search for people: all words, in whatever form, the best first.
//!
//! Every word must be there: as it was written, with one letter wrong from four letters on and two from eight, and the last word
//! also as the beginning of a longer one. Words with digits are taken as they are: a number with a typo is another number.
//! BM25 ranks; another form never counts for more than the word itself.

use super::reader::{Reader, numbers};
use super::words::{Words, words};
use super::{IndexError, query};
use crate::fhir::ResourceType;
use crate::search::normal;
use std::collections::{BTreeMap, HashMap};
use tantivy::collector::TopDocs;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur, Query, TermQuery,
};
use tantivy::schema::IndexRecordOption;
use tantivy::snippet::SnippetGenerator;
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{DocAddress, Score, Term};

/// Words of one query.
pub const WORDS_MAX: usize = 32;
/// Forms that one word is looked for in, and how many are weighed to choose them.
const FORMS_MAX: usize = 50;
const FORMS_SEEN_MAX: usize = 10_000;
const SNIPPET_CHARS_MAX: usize = 200;

/// What forms are worth against the word as it was written.
const BEGINNING: f32 = 0.7;
const ONE_WRONG: f32 = 0.5;
const TWO_WRONG: f32 = 0.3;

/// The best matches and how they were found.
pub struct Ranked {
    /// Number and score, the best first; the score of the best is 1.
    pub hits: Vec<(i64, f32)>,
    /// The words that were found, with their weight, for [`highlight`].
    pub words: BTreeMap<String, f32>,
}

/// Returns up to `max` matches.
pub fn rank(reader: &Reader, text: &str, types: &[ResourceType], max: usize) -> Result<Ranked, IndexError> {
    let wanted: Vec<String> = words(text).into_iter().map(|word| word.text).take(WORDS_MAX).collect();
    let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    let mut found = BTreeMap::new();
    for (i, word) in wanted.iter().enumerate() {
        let forms = forms(reader, word, i + 1 == wanted.len())?;
        parts.push((Occur::Must, any_form(reader, &forms)));
        found.extend(forms.into_iter().map(|form| (form.text, form.worth)));
    }
    if let Some(types) = query::of_types(&reader.fields, types) {
        parts.push((Occur::Must, Box::new(ConstScoreQuery::new(types, 0.0))));
    }
    let best = TopDocs::with_limit(max).order_by_score();
    let top = reader.searcher.search(&BooleanQuery::new(parts), &best).map_err(IndexError::read)?;
    Ok(Ranked { hits: hits(reader, &top)?, words: found })
}

/// Equal scores are put in the order of the numbers, so that pages agree.
fn hits(reader: &Reader, top: &[(Score, DocAddress)]) -> Result<Vec<(i64, f32)>, IndexError> {
    let best = top.iter().map(|(score, _)| *score).fold(f32::MIN_POSITIVE, f32::max);
    let mut columns = HashMap::new();
    let mut hits = Vec::with_capacity(top.len());
    for (score, address) in top {
        let column = match columns.entry(address.segment_ord) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let segment = reader.searcher.segment_reader(address.segment_ord);
                new.insert(numbers(segment).map_err(IndexError::read)?)
            }
        };
        hits.push((column.get_val(address.doc_id), (score / best).clamp(0.0, 1.0)));
    }
    hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(hits)
}

/// A form in which a word is in the index.
struct Form {
    text: String,
    /// Documents that have it.
    frequency: u64,
    worth: f32,
}

/// Returns the forms of a word that documents have, the closest and most frequent.
fn forms(reader: &Reader, word: &str, is_last: bool) -> Result<Vec<Form>, IndexError> {
    let mut forms: HashMap<String, Form> = HashMap::new();
    let mut note = |text: &str, frequency: u32, worth: f32| {
        let room = forms.len() < FORMS_SEEN_MAX;
        match forms.get_mut(text) {
            Some(form) if form.worth == worth => form.frequency += u64::from(frequency),
            Some(form) if form.worth > worth => {}
            None if !room => {}
            _ => {
                let form = Form { text: text.to_string(), frequency: u64::from(frequency), worth };
                forms.insert(text.to_string(), form);
            }
        }
    };
    let letters = if word.contains(|c: char| c.is_numeric()) { 0 } else { word.chars().count() };
    let wrong: &[(u8, f32)] = match letters {
        0..4 => &[],
        4..8 => &[(1, ONE_WRONG)],
        _ => &[(1, ONE_WRONG), (2, TWO_WRONG)],
    };
    for segment in reader.searcher.segment_readers() {
        each_form(reader, segment, word, is_last, wrong, &mut note).map_err(IndexError::read)?;
    }
    let mut forms: Vec<Form> = forms.into_values().collect();
    forms.sort_by(|a, b| b.worth.total_cmp(&a.worth).then(b.frequency.cmp(&a.frequency)).then(a.text.cmp(&b.text)));
    forms.truncate(FORMS_MAX);
    Ok(forms)
}

/// Calls `note` with every form of a word in a segment, its frequency and its worth.
fn each_form(
    reader: &Reader,
    segment: &tantivy::SegmentReader,
    word: &str,
    is_last: bool,
    wrong: &[(u8, f32)],
    note: &mut impl FnMut(&str, u32, f32),
) -> tantivy::Result<()> {
    let inverted = segment.inverted_index(reader.fields.content)?;
    let terms = inverted.terms();
    if let Some(info) = terms.get(word)? {
        note(word, info.doc_freq, 1.0);
    }
    if is_last {
        let range = terms.range().gt(word);
        let range = normal::after_prefix(word).iter().fold(range, |range, after| range.lt(after));
        let mut stream = range.into_stream()?;
        let mut seen = 0;
        while seen < FORMS_SEEN_MAX && stream.advance() {
            seen += 1;
            note(&String::from_utf8_lossy(stream.key()), stream.value().doc_freq, BEGINNING);
        }
    }
    for (distance, worth) in wrong {
        let term = Term::from_field_text(reader.fields.content, word);
        let automaton = FuzzyTermQuery::new(term, *distance, true).automaton()?;
        let mut stream = terms.search(automaton).into_stream()?;
        while stream.advance() {
            if stream.key() != word.as_bytes() {
                note(&String::from_utf8_lossy(stream.key()), stream.value().doc_freq, *worth);
            }
        }
    }
    Ok(())
}

/// Returns the query for documents with any of the forms. A rare form would outweigh the word itself, so every form is made
/// to count as if it were as frequent as the first.
fn any_form(reader: &Reader, forms: &[Form]) -> Box<dyn Query> {
    let documents = reader.searcher.num_docs() as f32;
    let rarity = |form: &Form| {
        let with = form.frequency as f32;
        (1.0 + (documents - with).max(0.0) / (with + 0.5)).ln().max(0.01)
    };
    let first = forms.first().map_or(1.0, &rarity);
    let one = |form: &Form| {
        let term = Term::from_field_text(reader.fields.content, &form.text);
        let query = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
        Box::new(BoostQuery::new(query, form.worth * (first / rarity(form)).min(1.0))) as Box<dyn Query>
    };
    Box::new(DisjunctionMaxQuery::new(forms.iter().map(one).collect()))
}

/// Returns the part of the texts where most of the words stand, as HTML in which they are marked by `<b>`; none where none is.
pub fn highlight(texts: &[String], words: &BTreeMap<String, f32>) -> Option<String> {
    let field = super::schema::schema().1.content;
    let analyzer = TextAnalyzer::from(Words);
    let snippet = SnippetGenerator::new(words.clone(), analyzer, field, SNIPPET_CHARS_MAX).snippet(&texts.join("\n"));
    (!snippet.is_empty()).then(|| snippet.to_html())
}
