//! What the patients allow whom a resource is about: a condition that all of them set.
//!
//! One tree of it is SQL for searches and the check of single resources. A resource about no patient meets it.

use super::expr::Expr;
use super::relation;
use super::rows::IndexRows;
use crate::fhir::ResourceType;
use std::fmt;
use std::sync::Arc;

/// What may be used of the records of patients.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Governed {
    /// Patients of whom something particular holds. A patient is in one group at most.
    pub groups: Vec<Group>,
    /// What holds for all others, and for those in groups where neither condition is met.
    pub implied: Implied,
    /// What is open where it is implied.
    pub open: Option<Expr>,
    /// Where it is about writing: the writer, and what the writer belongs to, as targets; sorted.
    pub writer: Option<Arc<[i64]>>,
}

/// Patients of whose records the same may be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Group {
    /// Targets of references to them, sorted.
    pub patients: Arc<[i64]>,
    pub permits: Expr,
    pub denies: Expr,
}

/// Of whom something may be used without anybody having said so.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Implied {
    All,
    #[default]
    None,
    /// Of those for whom one of these cares.
    Care {
        carers: Arc<[i64]>,
        /// Patients of whom that is known already, sorted: for a check without a database.
        known: Arc<[i64]>,
    },
}

/// Who cares for which of some patients.
#[derive(Clone, Debug, Default)]
pub struct Care {
    /// Patient and carer.
    links: Vec<(i64, i64)>,
}

impl Care {
    pub fn new(links: Vec<(i64, i64)>) -> Care {
        Care { links }
    }

    pub fn carers_of(&self, patient: i64) -> impl Iterator<Item = i64> {
        self.links.iter().filter(move |(of, _)| *of == patient).map(|(_, carer)| *carer)
    }

    /// Returns the patients for whom one of the carers cares, sorted.
    pub fn of(&self, carers: &[i64]) -> Arc<[i64]> {
        let of_them = self.links.iter().filter(|(_, carer)| carers.contains(carer));
        let mut patients: Vec<i64> = of_them.map(|(patient, _)| *patient).collect();
        patients.sort_unstable();
        patients.dedup();
        patients.into()
    }
}

impl Governed {
    /// Returns whether a resource about these patients is open; `meets` decides the conditions on the resource itself.
    pub fn allows(&self, about: &[i64], meets: &dyn Fn(&Expr) -> bool) -> bool {
        about.iter().all(|patient| self.allows_of(*patient, meets))
    }

    fn allows_of(&self, patient: i64, meets: &dyn Fn(&Expr) -> bool) -> bool {
        let implied = || {
            let is_implied = match &self.implied {
                Implied::All => true,
                Implied::None => false,
                Implied::Care { known, .. } => known.binary_search(&patient).is_ok(),
            };
            is_implied && self.open.as_ref().is_none_or(meets)
        };
        match self.groups.iter().find(|group| group.patients.binary_search(&patient).is_ok()) {
            Some(group) => !meets(&group.denies) && (meets(&group.permits) || implied()),
            None => implied(),
        }
    }

    /// Returns the same where not every condition can be told; none where it depends on one that cannot.
    pub fn allows_at_sight(&self, about: &[i64], meets: &dyn Fn(&Expr) -> Option<bool>) -> Option<bool> {
        let implied = |patient: i64| {
            let is_implied = match &self.implied {
                Implied::All => true,
                Implied::None => false,
                Implied::Care { known, .. } => known.binary_search(&patient).is_ok(),
            };
            if is_implied { self.open.as_ref().map_or(Some(true), meets) } else { Some(false) }
        };
        let allows = |patient: i64| {
            let Some(group) = self.groups.iter().find(|group| group.patients.binary_search(&patient).is_ok()) else {
                return implied(patient);
            };
            match (meets(&group.denies), meets(&group.permits)) {
                (Some(true), _) => Some(false),
                (Some(false), Some(true)) => Some(true),
                (Some(false), Some(false)) => implied(patient),
                _ => None,
            }
        };
        about.iter().try_fold(true, |all, patient| allows(*patient).map(|one| all && one))
    }

    /// Returns whether the writer may make of a resource another state of it, both being open to the writer: nobody takes a record
    /// out of the reach of its patients, and nobody decides alone what they themselves belong to. Over the team of a patient that
    /// patient's word decides.
    pub fn lets_become(&self, t: ResourceType, old: Option<&IndexRows>, new: Option<&IndexRows>) -> bool {
        let Some(writer) = &self.writer else { return true };
        let about = |rows: Option<&IndexRows>| rows.map_or(Vec::new(), |rows| rows.about.clone());
        let (was, is) = (about(old), about(new));
        let keeps_patients = match t.name() {
            // Of who is in a group no more nothing is left in it.
            "Group" => true,
            _ if relation::is_of_many(t) => was.is_empty() || !is.is_empty(),
            _ => was.iter().all(|patient| is.contains(patient)),
        };
        if new.is_some() && !keeps_patients {
            return false;
        }
        if t.name() == "CareTeam" && !is.is_empty() && (old.is_none() || !was.is_empty()) {
            return true;
        }
        let places = |rows: Option<&IndexRows>| {
            let is_own =
                |(kind, member, _): &&relation::Link| *kind == relation::MEMBER && writer.binary_search(member).is_ok();
            rows.map_or(Vec::new(), |rows| rows.links.iter().filter(is_own).copied().collect())
        };
        places(old) == places(new)
    }

    /// Returns whether everything is open.
    pub fn is_open(&self) -> bool {
        self.implied == Implied::All
            && self.open.as_ref().is_none_or(|open| *open == Expr::All)
            && self.groups.iter().all(|group| group.denies == Expr::None)
    }

    /// Returns whether a check without a database must first be told who is cared for.
    pub fn asks_care(&self) -> Option<&Arc<[i64]>> {
        match &self.implied {
            Implied::Care { carers, .. } => Some(carers),
            _ => None,
        }
    }

    /// Returns the same, knowing for whom of some patients is cared.
    pub fn knowing(&self, care: &Care) -> Governed {
        let implied = match &self.implied {
            Implied::Care { carers, .. } => Implied::Care { carers: carers.clone(), known: care.of(carers) },
            other => other.clone(),
        };
        Governed { implied, ..self.clone() }
    }
}

impl fmt::Debug for Governed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<_> = self.groups.iter().map(|g| (g.patients.len(), &g.permits, &g.denies)).collect();
        write!(f, "Governed({groups:?}, {:?}, {:?})", self.implied, self.open)
    }
}
