//! The kinds of data that people choose from when they share, ask or refuse.

use serde_json::Value;

/// Codes and words, in the order in which they are shown.
const ALL: &[(&str, &str)] = &[
    ("all", "everything in the record"),
    ("labs", "laboratory results"),
    ("meds", "medicines"),
    ("allergies", "allergies"),
    ("conditions", "health problems and diagnoses"),
    ("imaging", "X-rays and other images"),
    ("notes", "letters and notes"),
    ("vitals", "vital signs, such as blood pressure"),
    ("immunizations", "vaccinations"),
    ("mental-health", "mental health"),
    ("hiv", "HIV"),
    ("sexual-health", "sexual health"),
    ("substance-use", "alcohol and drugs"),
    ("genetics", "genetic tests"),
];

/// Returns every kind: code and words.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied()
}

/// Returns the words of a kind.
pub fn words(code: &str) -> Option<String> {
    all().find(|(known, _)| *known == code).map(|(_, words)| words.to_string())
}

/// Lets a provision that names a recipient permit, or deny, the kinds of data with these codes.
pub fn narrow(provision: &mut Value, codes: &[&str], is_permit: bool) {
    provision["type"] = if is_permit { "permit" } else { "deny" }.into();
    if codes.contains(&"all") {
        return;
    }
}
