//! Lists of codes by their system, and how they are joined.
//!
//! R4 <https://hl7.org/fhir/R4/valueset.html#compositions>.

use std::collections::{BTreeMap, BTreeSet};

/// What a value set holds of each code system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codes {
    pub systems: BTreeMap<Box<str>, Members>,
}

/// What a value set holds of one code system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// Every code, whichever they are.
    All,
    Some(BTreeSet<Box<str>>),
}

impl Codes {
    /// Returns a list of one system.
    pub fn of(system: &str, members: Members) -> Codes {
        Codes { systems: BTreeMap::from([(system.into(), members)]) }
    }

    pub fn insert(&mut self, system: &str, code: &str) {
        match self.systems.get_mut(system) {
            Some(Members::All) => {}
            Some(Members::Some(codes)) => {
                codes.insert(code.into());
            }
            None => {
                self.systems.insert(system.into(), Members::Some(BTreeSet::from([code.into()])));
            }
        }
    }

    /// Returns how many codes are named one by one.
    pub fn count(&self) -> usize {
        self.systems.values().map(|members| if let Members::Some(codes) = members { codes.len() } else { 0 }).sum()
    }

    /// Adds the codes of another list.
    pub fn add(&mut self, other: Codes) {
        for (system, members) in other.systems {
            match (self.systems.get_mut(&system), members) {
                (Some(Members::All), _) => {}
                (Some(Members::Some(own)), Members::Some(new)) => own.extend(new),
                (Some(own), Members::All) => *own = Members::All,
                (None, members) => {
                    self.systems.insert(system, members);
                }
            }
        }
    }

    /// Keeps only what another list has too.
    pub fn keep(&mut self, other: &Codes) {
        self.systems.retain(|system, own| match (other.systems.get(system), own) {
            (None, _) => false,
            (Some(Members::All), _) => true,
            (Some(Members::Some(theirs)), Members::Some(own)) => {
                own.retain(|code| theirs.contains(code));
                !own.is_empty()
            }
            (Some(theirs @ Members::Some(_)), own) => {
                *own = theirs.clone();
                true
            }
        });
    }

    /// Removes what another list has. A whole system from which single codes go must have been listed before, see
    /// [`Codes::unlisted`].
    pub fn remove(&mut self, other: &Codes) {
        self.systems.retain(|system, own| match (other.systems.get(system), own) {
            (None, _) => true,
            (Some(Members::All), _) => false,
            (Some(Members::Some(theirs)), Members::Some(own)) => {
                own.retain(|code| !theirs.contains(code));
                !own.is_empty()
            }
            (Some(Members::Some(_)), Members::All) => true,
        });
    }

    /// Returns the systems that are here as a whole and of which the other list has single codes.
    pub fn unlisted(&self, other: &Codes) -> Vec<Box<str>> {
        let single = |system: &str| matches!(other.systems.get(system), Some(Members::Some(_)));
        let whole = self.systems.iter().filter(|(system, members)| **members == Members::All && single(system));
        whole.map(|(system, _)| system.clone()).collect()
    }
}
