//! What a process remembers to decide by: the rules of all patients, and whose glass is broken.
//!
//! Kept true by the store, which asks before every request whether anything has changed since.

use super::consent::Rule;
use super::facts::{OfOne, Profile, Remembered};
use crate::fhir::Instant;
use crate::fhir::ResourceType;
use crate::search::governed::Governed;
use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A grant that somebody has by breaking the glass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glass {
    /// `Practitioner/1`
    pub practitioner: Box<str>,
    /// Target of references to the patient.
    pub patient: i64,
    pub expires: Instant,
}

/// The rules of patients, by the targets of references to them.
#[derive(Debug, Default)]
pub struct Book {
    rules: HashMap<i64, Arc<[Arc<Rule>]>>,
    /// Ids of the consents that are in force, and whose they are.
    consents: HashMap<Box<str>, i64>,
    /// By the id of the grant.
    glass: HashMap<Box<str>, Glass>,
    /// Rises with every change.
    version: u64,
}

impl Book {
    /// Replaces the rules of one patient.
    pub fn set_rules(&mut self, patient: i64, rules: Vec<(Box<str>, Arc<Rule>)>) {
        self.version += 1;
        self.consents.retain(|_, of| *of != patient);
        let (ids, rules): (Vec<Box<str>>, Vec<Arc<Rule>>) = rules.into_iter().unzip();
        self.consents.extend(ids.into_iter().map(|id| (id, patient)));
        if rules.is_empty() {
            self.rules.remove(&patient);
        } else {
            self.rules.insert(patient, rules.into());
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Book { version: self.version + 1, ..Book::default() };
    }

    /// Replaces what glass over one patient is broken.
    pub fn set_glass(&mut self, patient: i64, open: Vec<(Box<str>, Glass)>) {
        self.version += 1;
        self.glass.retain(|_, glass| glass.patient != patient);
        self.glass.extend(open);
    }

    pub fn rules(&self, patient: i64) -> &[Arc<Rule>] {
        self.rules.get(&patient).map_or(&[], |rules| rules)
    }

    /// Returns the same to be kept; none where there are none.
    pub fn shared_rules(&self, patient: i64) -> Option<Arc<[Arc<Rule>]>> {
        self.rules.get(&patient).cloned()
    }

    /// Returns whether a consent of a patient is in force.
    pub fn is_in_force(&self, consent: &str, patient: i64) -> bool {
        self.consents.get(consent) == Some(&patient)
    }

    pub fn patients(&self) -> impl Iterator<Item = (i64, &[Arc<Rule>])> {
        self.rules.iter().map(|(patient, rules)| (*patient, &**rules))
    }

    pub fn glass(&self, id: &str) -> Option<&Glass> {
        self.glass.get(id)
    }

    pub fn version(&self) -> u64 {
        self.version
    }
}

/// How many answers are remembered at most.
const REMEMBERED_MAX: usize = 4_096;
/// Of those about one patient so many.
const OF_ONE_MAX: usize = 100_000;

/// The book of a process, which all of its threads read.
#[derive(Default)]
pub struct Library {
    book: RwLock<Book>,
    remembered: RwLock<HashMap<(Profile, ResourceType), Remembered>>,
    of_one: RwLock<HashMap<AskedOfOne, OfOne>>,
}

/// Who asks for what of whom.
type AskedOfOne = (Profile, ResourceType, i64);

impl Library {
    pub fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().expect("no holder of this lock can panic")
    }

    pub fn change(&self) -> RwLockWriteGuard<'_, Book> {
        self.book.write().expect("no holder of this lock can panic")
    }

    pub(super) fn remembered(&self, profile: &Profile, t: ResourceType) -> Option<Remembered> {
        let known = self.remembered.read().expect("no holder of this lock can panic");
        // The key is made of parts that are cheap to share.
        known.get(&(profile.clone(), t)).cloned()
    }

    /// Returns what was said of one patient, if that patient's rules are still these.
    pub(super) fn remembered_of(
        &self,
        asked: &AskedOfOne,
        rules: Option<&Arc<[Arc<Rule>]>>,
        now: Instant,
    ) -> Option<Arc<Governed>> {
        let known = self.of_one.read().expect("no holder of this lock can panic");
        let known = known.get(asked)?;
        let is_same = match (&known.rules, rules) {
            (None, None) => true,
            (Some(known), Some(rules)) => Arc::ptr_eq(known, rules),
            _ => false,
        };
        (is_same && known.until.is_none_or(|until| now < until)).then(|| known.governed.clone())
    }

    pub(super) fn remember_of(&self, asked: AskedOfOne, answer: OfOne) {
        let mut known = self.of_one.write().expect("no holder of this lock can panic");
        if known.len() >= OF_ONE_MAX {
            known.clear();
        }
        known.insert(asked, answer);
    }

    pub(super) fn remember(&self, profile: &Profile, t: ResourceType, answer: Remembered) {
        let mut known = self.remembered.write().expect("no holder of this lock can panic");
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert((profile.clone(), t), answer);
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Library")
    }
}
