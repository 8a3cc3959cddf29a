//! Scopes in the words of people: what kinds of records there are, and what may be done with them.
//!
//! The parts of Condition and Observation are the granular scopes of US Core <https://hl7.org/fhir/us/core/scopes.html>.

use crate::access::scope::Scope;
use crate::fhir::ResourceType;

/// Whether a kind of record can be called somebody's own.
type Own = bool;
const OWN: Own = true;
const SHARED: Own = false;

/// The kinds that a person is asked about one by one: type, words for it, whose it is. All others are asked about together.
pub const KINDS: &[(&str, &str, Own)] = &[
    ("Patient", "name, birth date, address and contacts", OWN),
    ("AllergyIntolerance", "allergies", OWN),
    ("Condition", "health problems and diagnoses", OWN),
    ("Observation", "test results, vital signs and other findings", OWN),
    ("DiagnosticReport", "reports of tests and images", OWN),
    ("ImagingStudy", "X-rays and other images", OWN),
    ("Specimen", "samples taken for tests", OWN),
    ("MedicationRequest", "prescriptions", OWN),
    ("MedicationStatement", "list of medicines", OWN),
    ("MedicationDispense", "medicines handed out by the pharmacy", OWN),
    ("MedicationAdministration", "medicines given in hospital", OWN),
    ("Medication", "details of medicines", SHARED),
    ("Immunization", "vaccinations", OWN),
    ("Procedure", "operations and treatments", OWN),
    ("Encounter", "visits and hospital stays", OWN),
    ("Appointment", "appointments", OWN),
    ("ServiceRequest", "orders and referrals", OWN),
    ("DocumentReference", "letters, notes and documents", OWN),
    ("Media", "photos and recordings", OWN),
    ("CarePlan", "care plans", OWN),
    ("CareTeam", "care team", OWN),
    ("Goal", "health goals", OWN),
    ("FamilyMemberHistory", "illnesses in the family", OWN),
    ("QuestionnaireResponse", "answers to questionnaires", OWN),
    ("Communication", "messages", OWN),
    ("Device", "implants and devices", OWN),
    ("Consent", "consents", OWN),
    ("RelatedPerson", "relatives and contact persons", OWN),
    ("Coverage", "insurance", OWN),
    ("Claim", "claims to insurers", OWN),
    ("ExplanationOfBenefit", "payments by insurers", OWN),
    ("Practitioner", "names of doctors, nurses and other staff", SHARED),
    ("PractitionerRole", "who works where", SHARED),
    ("Organization", "hospitals and practices", SHARED),
    ("Location", "places of care", SHARED),
    ("Provenance", "who wrote what, and when", SHARED),
];

const CONDITION: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const US_CONDITION: &str = "http://hl7.org/fhir/us/core/CodeSystem/condition-category";
const OBSERVATION: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const US_OBSERVATION: &str = "http://hl7.org/fhir/us/core/CodeSystem/us-core-observation-category";
const US_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category";

/// The parts of a kind that can be allowed by themselves: type, system and code of the category, words.
pub const PARTS: &[(&str, &str, &str, &str)] = &[
    ("Condition", CONDITION, "problem-list-item", "the list of problems"),
    ("Condition", CONDITION, "encounter-diagnosis", "diagnoses made at visits"),
    ("Condition", US_CONDITION, "health-concern", "health concerns"),
    ("Observation", OBSERVATION, "vital-signs", "vital signs, such as blood pressure and weight"),
    ("Observation", OBSERVATION, "laboratory", "laboratory results"),
    ("Observation", US_OBSERVATION, "clinical-test", "other tests, such as an ECG"),
    ("Observation", OBSERVATION, "social-history", "habits, such as smoking"),
    ("Observation", US_CATEGORY, "sdoh", "living conditions, such as housing and work"),
    ("Observation", OBSERVATION, "survey", "answers to surveys"),
    ("Observation", OBSERVATION, "exam", "findings of examinations"),
    ("Observation", OBSERVATION, "imaging", "findings of images"),
    ("Observation", OBSERVATION, "procedure", "findings of procedures"),
    ("Observation", OBSERVATION, "therapy", "findings of therapies"),
    ("Observation", OBSERVATION, "activity", "activity and exercise"),
];

/// Returns the searches that narrow a type to one of its parts.
pub fn narrowings(t: ResourceType) -> impl Iterator<Item = String> {
    let parts = PARTS.iter().filter(move |(name, ..)| *name == t.name());
    parts.map(|(_, system, code, _)| format!("category={system}|{code}"))
}

/// Returns what a scope opens: `Your allergies`, `Allergies`, `Vital signs, …`. `own` is for a person asked about themselves.
pub fn title(scope: &Scope, own: bool) -> String {
    let Some(t) = scope.resource_type else {
        return if own { "Everything in your record".into() } else { "Everything in the record".into() };
    };
    let known = KINDS.iter().find(|(name, ..)| *name == t.name());
    let whole = match known {
        Some((_, words, OWN)) if own => format!("Your {words}"),
        Some((_, words, _)) => capital(words),
        None => format!("Records of the kind {t}"),
    };
    match scope.query() {
        None => whole,
        Some(query) => match part(t, query) {
            Some(words) => capital(words),
            None => format!("{whole}, only those with {query}"),
        },
    }
}

fn part(t: ResourceType, query: &str) -> Option<&'static str> {
    let is_it =
        |(name, system, code): (&str, &str, &str)| name == t.name() && query == format!("category={system}|{code}");
    PARTS.iter().find(|(name, system, code, _)| is_it((name, system, code))).map(|(.., words)| *words)
}

/// Returns what a scope lets its holder do: `See and search`.
pub fn deeds(scope: &Scope) -> String {
    const DEEDS: &[(char, &str)] = &[('r', "see"), ('s', "search"), ('c', "add"), ('u', "change"), ('d', "delete")];
    let letters = scope.letters();
    let deeds: Vec<&str> = DEEDS.iter().filter(|(c, _)| letters.contains(*c)).map(|(_, deed)| *deed).collect();
    capital(&match deeds.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    })
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_told_in_plain_words() {
        for (scope, own, words, does) in [
            ("patient/AllergyIntolerance.rs", true, "Your allergies", "See and search"),
            ("patient/AllergyIntolerance.read", false, "Allergies", "See and search"),
            ("patient/Practitioner.r", true, "Names of doctors, nurses and other staff", "See"),
            ("user/*.cruds", false, "Everything in the record", "See, search, add, change and delete"),
            ("user/Condition.cud", false, "Health problems and diagnoses", "Add, change and delete"),
            ("user/Basic.u", false, "Records of the kind Basic", "Change"),
            (
                "patient/Observation.s?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
                true,
                "Laboratory results",
                "Search",
            ),
            (
                "patient/Observation.rs?code=http://loinc.org|85354-9",
                true,
                "Your test results, vital signs and other findings, only those with code=http://loinc.org|85354-9",
                "See and search",
            ),
        ] {
            let parsed = Scope::parse(scope).unwrap();
            assert_eq!((title(&parsed, own).as_str(), deeds(&parsed).as_str()), (words, does), "{scope}");
        }
    }

    #[test]
    fn every_kind_in_the_tables_is_a_type() {
        for name in KINDS.iter().map(|(name, ..)| name).chain(PARTS.iter().map(|(name, ..)| name)) {
            assert!(ResourceType::parse(name).is_some_and(ResourceType::is_stored), "{name}");
        }
    }
}
