//! Columns: the paths of a resource type that are indexed, each once, however many parameters ask for it.
//!
//! `Observation.subject` is one column, read by the parameters `subject` and, for patients alone, `patient`;
//! `combo-code` reads the columns of `code` and `component-code`. So no value is stored twice, and a new parameter
//! over a known path finds what is there already.

use super::key::Keyer;
use crate::catalog::{CodeSet, ParamKind, SearchParam};
use crate::fhir::ResourceType;
use std::sync::Arc;

/// One indexed path of one resource type.
#[derive(Debug)]
pub struct Column {
    /// Depends on the type, the kind and the path alone.
    pub key: i64,
    /// Keys of the tables that carry the value in clear: strings use the first two, dates one a length class.
    pub narrow: [i32; 4],
    pub kind: ParamKind,
    pub path: Box<str>,
    /// Whether a resource has at most one value here.
    pub single: bool,
    /// Whether the element stands there at most once; a concept has several values all the same.
    pub lone: bool,
    /// Whether all values are plain codes, booleans or ids, which have no system of their own.
    pub plain: bool,
    /// Whether all values are true or false.
    pub is_flag: bool,
    /// The value set that gives plain codes their system.
    pub codes: Option<Arc<CodeSet>>,
    /// Whether values are canonicals, which may carry a version.
    pub canonical: bool,
    /// The types that a reference here may lead to; empty for any.
    pub targets: Vec<ResourceType>,
    /// Whether a patient that is referred to here has the resource in the compartment.
    pub compartment: bool,
    pub role: Option<Role>,
    pub rank: Rank,
    /// Where the values stand in content that is stored, as SQL/JSON paths; empty where only an evaluator finds them.
    pub json_paths: Vec<Box<str>>,
}

/// What a column is to the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Patient,
    Code,
    Category,
    Date,
    /// None: it is how confidential the resource is.
    Label,
}

/// How few resources one value can be expected to have; the least drives a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A business identifier or canonical URL: few.
    Identity,
    /// An encounter, a request: tens.
    Event,
    /// A patient: hundreds.
    Patient,
    /// A name or other text.
    Text,
    /// A code or an organization: thousands.
    Code,
    /// A status, a flag: a good part of the type.
    Flag,
}

/// A search parameter as one type knows it.
#[derive(Debug)]
pub struct Param {
    pub spec: Arc<SearchParam>,
    pub columns: Vec<ParamColumn>,
    /// Types that a reference without one may mean.
    pub targets: Vec<ResourceType>,
    /// Whether all resources have their rows in all of the columns.
    pub ready: bool,
    /// Where a composite finds its parts; it has no columns of its own.
    pub foci: Vec<Focus>,
}

/// One place of a composite parameter: the resource, or each item of an element.
#[derive(Debug)]
pub struct Focus {
    /// In the order of the query.
    pub parts: Vec<Part>,
}

#[derive(Debug)]
pub struct Part {
    /// The part as a parameter of its own.
    pub param: Param,
    pub place: Place,
}

/// How a part of a composite is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By a column of the resource, whatever the other parts are.
    Resource,
    /// As a key beside which the other parts of the item stand.
    Key,
    /// Beside the keys.
    Last,
    /// As the first of two whole numbers beside the keys.
    Start,
    /// As the second.
    End,
}

#[derive(Debug, Clone, Copy)]
pub struct ParamColumn {
    /// The place in the list of columns.
    pub index: u16,
    /// Only references to this type.
    pub resolves: Option<ResourceType>,
}

/// Returns how many resources lead to one of this type by a column of the given rank.
pub fn rank_of_target(t: ResourceType, rank: Rank) -> Rank {
    match t.name() {
        "Patient" => Rank::Patient,
        "Organization" | "Practitioner" | "PractitionerRole" | "Location" => Rank::Code,
        _ => rank.min(Rank::Event),
    }
}

/// Returns whether there are far fewer resources of the type than of what refers to them.
pub fn is_few(t: ResourceType) -> bool {
    matches!(
        t.name(),
        "Patient"
            | "Person"
            | "RelatedPerson"
            | "Practitioner"
            | "PractitionerRole"
            | "Organization"
            | "Location"
            | "HealthcareService"
            | "Group"
            | "Device"
            | "Medication"
            | "Substance"
    )
}

impl Column {
    pub fn new(keyer: &Keyer, t: ResourceType, kind: ParamKind, path: String) -> Column {
        let key = keyer.hash(&[b"column", t.name().as_bytes(), kind.code().as_bytes(), path.as_bytes()]);
        Column {
            key,
            narrow: [0, 1, 2, 3].map(|part| keyer.narrow(key, part)),
            kind,
            path: path.into(),
            single: true,
            lone: true,
            plain: true,
            is_flag: false,
            codes: None,
            canonical: false,
            targets: Vec::new(),
            compartment: false,
            role: None,
            rank: Rank::Code,
            json_paths: Vec::new(),
        }
    }

    /// Returns all codes that a token here can have; none where they are not known.
    pub fn known_codes(&self) -> Option<Vec<&str>> {
        if self.kind != ParamKind::Token {
            return None;
        }
        match &self.codes {
            _ if self.is_flag => Some(vec!["false", "true"]),
            Some(codes) if self.plain && !codes.open => Some(codes.codes().collect()),
            _ => None,
        }
    }
}
