//! What is not wholly understood: lists of alternatives of which some may be unknown, and conditions with two edges.
//!
//! R4 <https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision>: elements all hold, the repetitions of one are a choice.
//! A permit is taken at its least and a refusal at its most, so that what is not understood opens nothing.

use crate::search::Expr;

/// The repetitions of one element. An element that is absent constrains nothing and is no list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub known: Vec<T>,
    /// Whether there are others, which might cover anything.
    pub has_unknown: bool,
}

/// Resources that are covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Those that surely are.
    pub under: Expr,
    /// Those that may be.
    pub over: Expr,
}

impl<T> Listed<T> {
    /// Returns what a choice covers of which `known` says what is understood.
    pub fn region(&self, known: Region) -> Region {
        if self.has_unknown { Region { over: Expr::All, ..known } } else { known }
    }

    /// Returns whether any of what is understood passes.
    pub fn any(&self, passes: impl Fn(&T) -> bool) -> Region {
        self.region(Region::known(if self.known.iter().any(passes) { Expr::All } else { Expr::None }))
    }
}

impl Region {
    pub fn known(expr: Expr) -> Region {
        Region { under: expr.clone(), over: expr }
    }

    pub fn all() -> Region {
        Region::known(Expr::All)
    }

    pub fn none() -> Region {
        Region::known(Expr::None)
    }

    pub fn unknown() -> Region {
        Region { under: Expr::None, over: Expr::All }
    }

    pub fn is_none(&self) -> bool {
        self.over == Expr::None
    }

    pub fn and(self, other: Region) -> Region {
        Region { under: Expr::and([self.under, other.under]), over: Expr::and([self.over, other.over]) }
    }

    pub fn or(self, other: Region) -> Region {
        Region { under: Expr::or([self.under, other.under]), over: Expr::or([self.over, other.over]) }
    }
}
