//! What can go wrong with the text index, and which [`Fault`] that is.

use crate::fault::{Fault, Kind};
use tantivy::TantivyError;

#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Files are missing, cut off, changed or of another version.
    #[error("damaged: {0}")]
    Damaged(String),
    /// It cannot be written: no room, no right.
    #[error("cannot be written: {0}")]
    Write(String),
    /// Every place below the folder is taken by another process.
    #[error("all places in {0} are taken by other processes")]
    Taken(String),
    #[error("is being made, {0} documents so far")]
    Building(u64),
    #[error("has not caught up with the latest writes")]
    Behind,
    #[error("cannot be kept at the moment")]
    Failed,
    /// More resources than may be found.
    #[error("finds more than {0} resources")]
    TooMany(usize),
}

impl IndexError {
    /// Sorts an error of the library met while reading.
    pub fn read(error: TantivyError) -> IndexError {
        IndexError::Damaged(error.to_string())
    }

    /// Sorts an error of the library met while writing.
    pub fn write(error: TantivyError) -> IndexError {
        match error {
            TantivyError::DataCorruption(_) | TantivyError::OpenReadError(_) | TantivyError::IncompatibleIndex(_) => {
                IndexError::Damaged(error.to_string())
            }
            other => IndexError::Write(other.to_string()),
        }
    }
}

impl From<IndexError> for Fault {
    fn from(error: IndexError) -> Fault {
        let (kind, text) = match &error {
            IndexError::Building(documents) => {
                let text = format!("the text index is being made, {documents} resources so far; try again in a while");
                (Kind::Unavailable, text)
            }
            IndexError::Behind => {
                (Kind::Unavailable, "the text index has not caught up with the latest writes; try again".to_string())
            }
            IndexError::Failed | IndexError::Damaged(_) | IndexError::Write(_) | IndexError::Taken(_) => {
                (Kind::Unavailable, "the text index is not available at the moment; try again".to_string())
            }
            IndexError::TooMany(most) => {
                (Kind::TooCostly, format!("the text finds more than {most} resources; narrow it"))
            }
        };
        Fault::new(kind, text).with_source(error)
    }
}
