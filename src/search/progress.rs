//! How far the index rows of a database are those that a registry would make.
//!
//! A column is asked only when every resource has its rows in it; until then a search by it would miss some.

use super::column::Column;
use crate::fhir::ResourceType;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The state of the index; the default is that of a database that has nothing to catch up with.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Rises with every change of what is indexed. Rows are stored only when they were made in the present one.
    pub epoch: i32,
    /// By the number of the type; types that are not there are complete.
    types: Vec<Option<Catching>>,
    percents: Arc<Percents>,
}

/// A type whose rows are being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catching {
    /// Keys of columns, sorted, whose rows are complete; none for a database of before this was kept.
    pub complete: Option<Vec<i64>>,
}

/// Hundredths done, by the number of the type; they change while everything else here stays.
#[derive(Debug, Default)]
pub struct Percents(Vec<AtomicU8>);

impl Percents {
    pub fn new() -> Percents {
        Percents(ResourceType::all().map(|_| AtomicU8::new(0)).collect())
    }

    pub fn set(&self, t: ResourceType, percent: u8) {
        if let Some(place) = self.0.get(t.number() as usize) {
            place.store(percent, Ordering::Relaxed);
        }
    }
}

impl Progress {
    /// Returns the state of a database in which nothing is left to do.
    pub fn complete(epoch: i32) -> Progress {
        Progress { epoch, ..Progress::default() }
    }

    pub fn new(epoch: i32, catching: Vec<(ResourceType, Catching)>, percents: Arc<Percents>) -> Progress {
        let mut types: Vec<Option<Catching>> = ResourceType::all().map(|_| None).collect();
        for (t, catching) in catching {
            types[t.number() as usize] = Some(catching);
        }
        Progress { epoch, types, percents }
    }

    /// Returns whether every resource of the type has all its rows, and no other.
    pub fn is_complete(&self, t: ResourceType) -> bool {
        self.of(t).is_none()
    }

    /// Returns whether every resource of the type has its rows in a column.
    pub fn has(&self, t: ResourceType, column: &Column) -> bool {
        match self.of(t) {
            None => true,
            Some(Catching { complete: Some(complete) }) => complete.binary_search(&column.key).is_ok(),
            // What the rows of a database from before this was kept mean is not known: a wrong answer is worse than none.
            Some(Catching { complete: None }) => false,
        }
    }

    /// Returns the hundredths of the type's resources that have their rows; 99 at most until all have.
    pub fn percent(&self, t: ResourceType) -> u8 {
        let place = self.percents.0.get(t.number() as usize);
        place.map_or(0, |place| place.load(Ordering::Relaxed)).min(99)
    }

    fn of(&self, t: ResourceType) -> Option<&Catching> {
        self.types.get(t.number() as usize)?.as_ref()
    }
}
