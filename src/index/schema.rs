//! The fields of a document. No text is stored: snippets are made from the resources that a search may show.

use super::words;
use tantivy::Index;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};

/// Rises whenever documents are made otherwise; an index of another version is made anew.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// The number of the resource, the key of the document.
    pub no: Field,
    /// The number of the resource type.
    pub resource_type: Field,
    /// Everything that people read.
    pub content: Field,
    /// The narrative alone.
    pub narrative: Field,
    /// Texts beside codes, each a term by itself: see [`display_term`].
    pub display: Field,
}

pub fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let words = |norms: bool| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(words::NAME)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions)
            .set_fieldnorms(norms);
        TextOptions::default().set_indexing_options(indexing)
    };
    let raw = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    let fields = Fields {
        no: builder.add_i64_field("no", INDEXED | FAST),
        resource_type: builder.add_u64_field("type", INDEXED),
        content: builder.add_text_field("content", words(true)),
        narrative: builder.add_text_field("narrative", words(false)),
        display: builder.add_text_field("display", TextOptions::default().set_indexing_options(raw)),
    };
    (builder.build(), fields)
}

/// Makes the tokenizer known to an index.
pub fn register(index: &Index) {
    index.tokenizers().register(words::NAME, words::Words);
}

/// Returns the term of a folded text beside a code of a column.
pub fn display_term(column: i64, folded: &str) -> String {
    format!("{:016x}\u{1}{folded}", column as u64)
}
