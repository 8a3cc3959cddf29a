//! What of a person may be shown to somebody who only wants to know whether this is the one.

use super::person::texts;
use serde_json::{Map, Value, json};

/// Characters at the end of an identifier that stay.
const SHOWN: usize = 3;

/// Kinds of identifiers (HL7 table 0203) that mean something inside a hospital alone, and so may be shown.
const LOCAL_KINDS: [&str; 5] = ["MR", "MRT", "PI", "PT", "VN"];

/// Returns a Patient of initials and the year of birth.
pub fn patient(patient: &Map<String, Value>) -> Value {
    let name = patient.get("name").and_then(|names| names.get(0));
    let parts: Vec<&str> = name.map_or(Vec::new(), |name| {
        let named: Vec<&str> = texts(name.get("given")).chain(texts(name.get("family"))).collect();
        if named.is_empty() { texts(name.get("text")).flat_map(str::split_whitespace).collect() } else { named }
    });
    let initials: Vec<String> = parts.iter().filter_map(|part| initial(part)).collect();
    let mut masked = json!({"resourceType": "Patient", "name": [{"text": initials.join(" ")}]});
    if let Some(year) = patient.get("birthDate").and_then(Value::as_str).and_then(|date| date.get(..4)) {
        masked["birthDate"] = year.into();
    }
    masked
}

fn initial(part: &str) -> Option<String> {
    let first = part.chars().find(|c| c.is_alphanumeric())?;
    Some(format!("{}.", first.to_uppercase()))
}

/// Returns an identifier of which only the end can be read, and never more than half.
pub fn text(value: &str) -> String {
    let length = value.chars().count();
    let hidden = length - SHOWN.min(length / 2);
    value.chars().enumerate().map(|(i, c)| if i < hidden { '*' } else { c }).collect()
}

/// Masks the identifiers of a Patient, but Health IDs and those of a hospital; and takes away the text, which may repeat them.
pub fn identifiers(patient: &mut Map<String, Value>, health_id_system: &str) {
    for name in ["text", "contained", "photo"] {
        patient.shift_remove(name);
    }
    let list = patient.get_mut("identifier").and_then(Value::as_array_mut);
    for identifier in list.into_iter().flatten() {
        let ours = identifier.get("system").and_then(Value::as_str) == Some(health_id_system);
        if !ours && !is_local(identifier) {
            if let Some(value) = identifier.get("value").and_then(Value::as_str) {
                identifier["value"] = text(value).into();
            }
            if let Some(object) = identifier.as_object_mut() {
                object.retain(|key, _| matches!(key.as_str(), "use" | "type" | "system" | "value" | "period"));
            }
        }
    }
}

fn is_local(identifier: &Value) -> bool {
    let codings = identifier.pointer("/type/coding").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    codings.iter().filter_map(|c| c.get("code")?.as_str()).any(|code| LOCAL_KINDS.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_patient_has_initials_and_a_year() {
        for (sent, name, year) in [
            (
                json!({"name": [{"family": "Müller", "given": ["Anna", "eva"]}], "birthDate": "1980-05-06"}),
                "A. E. M.",
                "1980",
            ),
            (json!({"name": [{"text": "ôscar  Wilde"}], "birthDate": "1854"}), "Ô. W.", "1854"),
        ] {
            let masked = patient(sent.as_object().unwrap());
            assert_eq!(masked, json!({"resourceType": "Patient", "name": [{"text": name}], "birthDate": year}));
        }
        assert_eq!(patient(&Map::new()), json!({"resourceType": "Patient", "name": [{"text": ""}]}));
    }

    #[test]
    fn an_identifier_shows_its_end_and_never_more_than_half() {
        for (value, masked) in
            [("123-45-6789", "********789"), ("12345", "***45"), ("AB", "*B"), ("7", "*"), ("", ""), ("äöüß", "**üß")]
        {
            assert_eq!(text(value), masked);
        }
    }

    #[test]
    fn identifiers_of_states_are_masked_and_those_of_hospitals_are_not() {
        let mut sent = json!({"text": {"div": "123-45-6789"}, "identifier": [
            {"system": "http://ssn", "value": "123-45-6789", "extension": [{"valueString": "123-45-6789"}]},
            {"system": "urn:ours", "value": "12345"},
            {"type": {"coding": [{"code": "MR"}]}, "system": "urn:hospital", "value": "4711"}]});
        identifiers(sent.as_object_mut().unwrap(), "urn:ours");
        assert!(!sent.to_string().contains("123-45"), "{sent}");
        assert_eq!(sent["identifier"][1]["value"], "12345");
        assert_eq!(sent["identifier"][2]["value"], "4711");
    }
}
