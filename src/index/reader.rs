//! Finds numbers of resources by text.

use super::schema::Fields;
use super::seal::Seal;
use super::{IndexError, query};
use crate::search::ask::TextAsk;
use std::path::Path;
use std::sync::Arc;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::ColumnValues;
use tantivy::{DocId, Index, Score, Searcher, SegmentOrdinal, SegmentReader};

/// One commit of the index, unchanging.
pub struct Reader {
    pub(super) searcher: Searcher,
    pub(super) fields: Fields,
    index: Index,
    seal: Seal,
}

/// What a text finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// All of them, rising.
    Nos(Vec<i64>),
    TooMany,
}

impl Reader {
    pub(super) fn new(index: &Index, folder: &Path, searcher: Searcher, fields: Fields) -> Result<Reader, IndexError> {
        Ok(Reader { searcher, fields, index: index.clone(), seal: Seal::new(index, folder)? })
    }

    /// Returns an error when the files are not what they were.
    pub fn check(&self) -> Result<(), IndexError> {
        self.seal.check(&self.index)
    }

    pub fn documents(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// Returns the resources that have a text, if they are no more than `max`.
    pub fn find(&self, ask: &TextAsk, max: usize) -> Result<Found, IndexError> {
        let nos = self.collect(ask, Numbers { max: max + 1, among: None })?;
        Ok(if nos.len() > max { Found::TooMany } else { Found::Nos(nos) })
    }

    /// Returns those of the resources that have a text. The numbers must rise.
    pub fn find_among(&self, ask: &TextAsk, among: Vec<i64>) -> Result<Vec<i64>, IndexError> {
        self.collect(ask, Numbers { max: among.len(), among: Some(Arc::new(among)) })
    }

    fn collect(&self, ask: &TextAsk, numbers: Numbers) -> Result<Vec<i64>, IndexError> {
        let query = query::query(&self.fields, &ask.types, &ask.place);
        let mut nos = self.searcher.search(&*query, &numbers).map_err(IndexError::read)?;
        nos.sort_unstable();
        nos.dedup();
        Ok(nos)
    }
}

/// Collects up to so many numbers from each segment.
struct Numbers {
    max: usize,
    among: Option<Arc<Vec<i64>>>,
}

struct SegmentNumbers {
    nos: Vec<i64>,
    column: Arc<dyn ColumnValues<i64>>,
    max: usize,
    among: Option<Arc<Vec<i64>>>,
}

impl Collector for Numbers {
    type Fruit = Vec<i64>;
    type Child = SegmentNumbers;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentNumbers> {
        let column = numbers(segment)?;
        Ok(SegmentNumbers { nos: Vec::new(), column, max: self.max, among: self.among.clone() })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Vec<i64>>) -> tantivy::Result<Vec<i64>> {
        Ok(segments.concat())
    }
}

impl SegmentCollector for SegmentNumbers {
    type Fruit = Vec<i64>;

    fn collect(&mut self, document: DocId, _: Score) {
        if self.nos.len() == self.max {
            return;
        }
        let no = self.column.get_val(document);
        if self.among.as_ref().is_none_or(|among| among.binary_search(&no).is_ok()) {
            self.nos.push(no);
        }
    }

    fn harvest(self) -> Vec<i64> {
        self.nos
    }
}

/// Returns the numbers of the resources of a segment by document.
pub(super) fn numbers(segment: &SegmentReader) -> tantivy::Result<Arc<dyn ColumnValues<i64>>> {
    Ok(segment.fast_fields().i64("no")?.first_or_default_col(0))
}
