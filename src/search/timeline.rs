//! The timeline: a few composed keys in the order of a resource's principal date.
//!
//! "The latest results of this patient for this code" is what clinicians ask for most. A key of patient and code,
//! with the date behind it in the index, makes that a walk over as many rows as are shown.

use super::column::Role;
use super::expr::{Date, Expr, Term};
use super::key::Keyer;
use super::period::{self, BEGINNING, Period};
use super::sink::Sink;
use crate::fhir::ResourceType;

/// Type, the parameter of its principal date, and the parameter of its code.
const PRINCIPAL: &[(&str, &str, &str)] = &[
    ("AllergyIntolerance", "date", "code"),
    ("Appointment", "date", "service-type"),
    ("CarePlan", "date", ""),
    ("CareTeam", "date", ""),
    ("Claim", "created", ""),
    ("ClinicalImpression", "date", ""),
    ("Communication", "sent", ""),
    ("Composition", "date", "type"),
    ("Condition", "recorded-date", "code"),
    ("Consent", "date", ""),
    ("DeviceRequest", "authored-on", "code"),
    ("DiagnosticReport", "date", "code"),
    ("DocumentReference", "date", "type"),
    ("Encounter", "date", "type"),
    ("EpisodeOfCare", "date", ""),
    ("ExplanationOfBenefit", "created", ""),
    ("FamilyMemberHistory", "date", ""),
    ("Flag", "date", ""),
    ("Goal", "start-date", ""),
    ("ImagingStudy", "started", ""),
    ("Immunization", "date", "vaccine-code"),
    ("List", "date", "code"),
    ("Media", "created", ""),
    ("MedicationAdministration", "effective-time", "code"),
    ("MedicationDispense", "whenhandedover", "code"),
    ("MedicationRequest", "authoredon", "code"),
    ("MedicationStatement", "effective", "code"),
    ("NutritionOrder", "datetime", ""),
    ("Observation", "date", "code"),
    ("Procedure", "date", "code"),
    ("QuestionnaireResponse", "authored", ""),
    ("RiskAssessment", "date", ""),
    ("ServiceRequest", "authored", "code"),
    ("Specimen", "collected", "type"),
    ("SupplyRequest", "date", ""),
    ("Task", "authored-on", "code"),
];

/// Returns the parameters that give the roles of a type, with the role; nothing for a type without a timeline.
pub fn parameters(t: ResourceType) -> Vec<(&'static str, Role)> {
    let Some((_, date, code)) = PRINCIPAL.iter().find(|(name, ..)| *name == t.name()) else {
        return Vec::new();
    };
    let mut roles = vec![(*date, Role::Date), ("category", Role::Category)];
    if !code.is_empty() {
        roles.push((code, Role::Code));
    }
    // Where there is no `patient`, the subject is asked.
    roles.extend([("patient", Role::Patient), ("subject", Role::Patient)]);
    roles
}

/// The period of a resource that has no date: before every other.
pub const UNDATED: Period = Period { lo: BEGINNING - 1, hi: BEGINNING - 1 };

/// Returns a key in each class of length, as [`period::class`] counts them; the first class has the key itself.
pub fn classes(key: i64) -> [i64; 4] {
    [0, 0x1d8e_4e27_c47d_124f, 0x3b1c_9c4f_88fa_249e, 0x58ab_ead7_4d77_36ed].map(|salt| key ^ salt)
}

/// Adds the rows of a resource whose type has a timeline.
pub fn compose(sink: &mut Sink) {
    let roles = std::mem::take(&mut sink.roles);
    let period = roles.period.unwrap_or(UNDATED);
    let class = period::class(period);
    let rows = &mut sink.rows.timeline;
    let mut add = |key: i64| rows.push((classes(key)[class], period.lo, period.hi));
    for patient in &roles.patients {
        add(*patient);
        let others = roles.codes.iter().chain(&roles.categories);
        others.for_each(|other| add(sink.keyer.pair(*patient, *other)));
    }
    roles.codes.iter().for_each(|code| add(*code));
}

/// A walk along the timeline that answers part of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk<'a> {
    pub key: i64,
    /// Whether the key is of a patient and something else, which few resources share.
    pub is_pair: bool,
    pub has_patient: bool,
    /// Tests of the principal date.
    pub date: Option<&'a Date>,
    /// What is left to ask of each resource.
    pub rest: Vec<&'a Expr>,
}

/// Returns the walk that answers most of a conjunction; none when no key of the timeline is asked for.
pub fn walk<'a>(keyer: &Keyer, parts: &[&'a Expr]) -> Option<Walk<'a>> {
    let find = |wanted: Role| parts.iter().enumerate().find_map(|(at, part)| Some((at, single_key(part, wanted)?)));
    let (patient, code) = (find(Role::Patient), find(Role::Code));
    let (used, key) = match (patient, code.or_else(|| find(Role::Category))) {
        (Some((p, patient)), Some((o, other))) => (vec![p, o], keyer.pair(patient, other)),
        (Some((p, patient)), None) => (vec![p], patient),
        (None, _) => code.map(|(at, code)| (vec![at], code))?,
    };
    let is_date = |part: &Expr| matches!(part, Expr::Date(date) if date.principal);
    let date = parts.iter().position(|part| is_date(part));
    let is_rest = |at: usize| !used.contains(&at) && Some(at) != date;
    Some(Walk {
        key,
        is_pair: used.len() > 1,
        has_patient: patient.is_some(),
        date: date.and_then(|at| match parts[at] {
            Expr::Date(date) => Some(date),
            _ => None,
        }),
        rest: parts.iter().enumerate().filter(|(at, _)| is_rest(*at)).map(|(_, part)| *part).collect(),
    })
}

fn single_key(part: &Expr, wanted: Role) -> Option<i64> {
    match part {
        Expr::Term(Term { keys, role, .. }) if *role == Some(wanted) && keys.len() == 1 => Some(keys[0]),
        _ => None,
    }
}
