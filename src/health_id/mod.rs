//! The Health ID: its number, what tells that two records are of one person, and what of a person may be shown to a stranger.
//!
//! Pure. The weights follow the manner of the identity matching guide <https://hl7.org/fhir/us/identity-matching/>.

pub mod mask;
pub mod matching;
pub mod number;
pub mod person;
mod resemblance;

pub use matching::{Grade, Score, compare};
pub use number::HealthId;
pub use person::Person;

/// Returns the system that the identifiers of Health IDs have, given the FHIR base URL.
pub fn system(base_url: &str) -> String {
    format!("{}/sid/health-id", base_url.trim_end_matches('/'))
}

/// Returns the numbers of the Health IDs that a Patient carries, each as it stands there; one without a value is empty.
pub fn carried(system: &str, patient: &serde_json::Map<String, serde_json::Value>) -> Vec<String> {
    let list = patient.get("identifier").and_then(serde_json::Value::as_array).map_or(&[][..], Vec::as_slice);
    let ours = list.iter().filter(|it| it.get("system").and_then(serde_json::Value::as_str) == Some(system));
    ours.map(|it| it.get("value").and_then(serde_json::Value::as_str).unwrap_or_default().to_string()).collect()
}
