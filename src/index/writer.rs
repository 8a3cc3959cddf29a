//! Writes documents, and with every commit how far the outbox was followed.

use super::IndexError;
use super::document::Texts;
use super::reader::Reader;
use super::schema::{self, Fields, VERSION, display_term};
use crate::fhir::ResourceType;
use crate::store::outbox::Position;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

/// Memory for documents that are not yet on disk.
const HEAP_BYTES: usize = 32 << 20;

/// Every file ends with at least so many bytes that say where its checksum is.
const CHECKSUM_BYTES_MIN: u64 = 8;

/// How far an index has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is in, as far as it is not still to be built.
    pub position: Position,
    /// While the index is built: all resources up to this number are in.
    pub built_to: Option<i64>,
}

/// What a commit carries.
#[derive(Serialize, Deserialize)]
struct Payload {
    version: u32,
    xid: String,
    no: i64,
    change: i32,
    built_to: Option<i64>,
}

pub struct Writer {
    folder: PathBuf,
    index: Index,
    writer: IndexWriter,
    reader: IndexReader,
    fields: Fields,
}

impl Writer {
    /// Opens the index of a folder and checks every file of it; returns how far it had come. None where there is no index.
    pub fn open(folder: &Path) -> Result<Option<(Writer, Progress)>, IndexError> {
        if !folder.join("meta.json").exists() {
            return Ok(None);
        }
        let index = Index::open_in_dir(folder).map_err(IndexError::read)?;
        if index.schema() != schema::schema().0 {
            return Err(IndexError::Damaged("its fields are those of another version".into()));
        }
        let meta = index.load_metas().map_err(IndexError::read)?;
        // The library counts back from the end for the checksum and does not expect a file without one.
        let is_short =
            |path: &PathBuf| fs::metadata(folder.join(path)).is_ok_and(|data| data.len() < CHECKSUM_BYTES_MIN);
        if let Some(path) = meta.list_segment_files().iter().find(|path| is_short(path)) {
            return Err(IndexError::Damaged(format!("{} is cut off", path.display())));
        }
        let broken = index.validate_checksum().map_err(IndexError::read)?;
        if let Some(path) = broken.iter().next() {
            return Err(IndexError::Damaged(format!("the checksum of {} is wrong", path.display())));
        }
        let progress = meta.payload.as_deref().and_then(read_payload);
        let progress = progress.ok_or_else(|| IndexError::Damaged("it does not say how far it has come".into()))?;
        Ok(Some((Writer::over(folder, index)?, progress)))
    }

    /// Makes an empty index in a folder, whatever was there.
    pub fn create(folder: &Path) -> Result<Writer, IndexError> {
        let failed = |e: std::io::Error| IndexError::Write(format!("{}: {e}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(failed)?;
        }
        fs::create_dir_all(folder).map_err(failed)?;
        let index = Index::create_in_dir(folder, schema::schema().0).map_err(IndexError::write)?;
        Writer::over(folder, index)
    }

    fn over(folder: &Path, index: Index) -> Result<Writer, IndexError> {
        schema::register(&index);
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(HEAP_BYTES)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = index.writer_with_options(options).map_err(IndexError::write)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(IndexError::read)?;
        Ok(Writer { folder: folder.to_path_buf(), index, writer, reader, fields: schema::schema().1 })
    }

    /// Adds the document of a resource that has none.
    pub fn add(&self, no: i64, t: ResourceType, texts: &Texts) -> Result<(), IndexError> {
        let mut document = TantivyDocument::new();
        document.add_i64(self.fields.no, no);
        document.add_u64(self.fields.resource_type, t.number() as u64);
        texts.content.iter().for_each(|text| document.add_text(self.fields.content, text));
        document.add_text(self.fields.narrative, &texts.narrative);
        for (column, text) in &texts.displays {
            document.add_text(self.fields.display, display_term(*column, text));
        }
        self.writer.add_document(document).map(drop).map_err(IndexError::write)
    }

    /// Puts a document in the place of the one that a resource has.
    pub fn put(&self, no: i64, t: ResourceType, texts: &Texts) -> Result<(), IndexError> {
        self.remove(no);
        self.add(no, t, texts)
    }

    pub fn remove(&self, no: i64) {
        self.writer.delete_term(Term::from_field_i64(self.fields.no, no));
    }

    /// Makes durable what was done and where the outbox goes on.
    pub fn commit(&mut self, progress: &Progress) -> Result<(), IndexError> {
        let Position { xid, no, version } = progress.position.clone();
        let payload = Payload { version: VERSION, xid, no, change: version, built_to: progress.built_to };
        let payload = serde_json::to_string(&payload).map_err(|e| IndexError::Write(e.to_string()))?;
        let mut commit = self.writer.prepare_commit().map_err(IndexError::write)?;
        commit.set_payload(&payload);
        commit.commit().map(drop).map_err(IndexError::write)
    }

    /// Returns a reader of the last commit.
    pub fn reader(&self) -> Result<Arc<Reader>, IndexError> {
        self.reader.reload().map_err(IndexError::read)?;
        Reader::new(&self.index, &self.folder, self.reader.searcher(), self.fields).map(Arc::new)
    }
}

fn read_payload(text: &str) -> Option<Progress> {
    let payload: Payload = serde_json::from_str(text).ok().filter(|p: &Payload| p.version == VERSION)?;
    let position = Position { xid: payload.xid, no: payload.no, version: payload.change };
    Some(Progress { position, built_to: payload.built_to })
}
