//! The kinds of data that people choose from when they share, ask or refuse, and the provision of a Consent that says so.

use crate::access::consent::class::{self, DataClass};
use serde_json::{Value, json};

/// Returns every kind, in the order in which people are asked.
pub fn all() -> &'static [DataClass] {
    class::ALL
}

/// Returns the words of a kind.
pub fn words(code: &str) -> Option<String> {
    class::of(code)
        .map(|class| class.words.to_lowercase().replace("hiv and aids", "HIV and AIDS").replace("my ", "the "))
}

/// Lets a provision that names a recipient permit, or deny, the kinds of data with these codes; codes that are none are left out.
pub fn narrow(provision: &mut Value, codes: &[&str], is_permit: bool) {
    let classes: Vec<&DataClass> = codes.iter().filter_map(|code| class::of(code)).collect();
    let kind = if is_permit { "permit" } else { "deny" };
    let mut told = class::provision_of(&classes);
    if !is_permit {
        told = denied(told);
    }
    provision["type"] = kind.into();
    if let (Some(provision), Value::Object(told)) = (provision.as_object_mut(), told) {
        provision.extend(told);
    }
}

/// Returns the elements of a refusal: those of a permission without the Patient, whom everybody may know who knew them before.
fn denied(permit: Value) -> Value {
    let Value::Object(mut outer) = permit else { return permit };
    let inner = outer.remove("provision");
    let parts = std::iter::once(Value::Object(outer))
        .chain(inner.and_then(|inner| inner.as_array().cloned()).into_iter().flatten());
    let mut parts = parts.filter_map(without_patient);
    let mut first = parts.next().unwrap_or_else(|| json!({}));
    let more: Vec<Value> = parts
        .map(|mut part| {
            part["type"] = "deny".into();
            part
        })
        .collect();
    if !more.is_empty() {
        first["provision"] = more.into();
    }
    first
}

fn without_patient(mut part: Value) -> Option<Value> {
    if let Some(classes) = part.get_mut("class").and_then(Value::as_array_mut) {
        classes.retain(|class| class["code"] != "Patient");
        if classes.is_empty() {
            return None;
        }
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(codes: &[&str], is_permit: bool) -> Value {
        let mut provision = json!({"actor": [{"reference": {"reference": "Practitioner/1"}}]});
        narrow(&mut provision, codes, is_permit);
        provision
    }

    #[test]
    fn a_refusal_never_hides_who_the_patient_is() {
        for codes in [&["labs"][..], &["hiv"], &["hiv", "vitals"], &["all"], &["allergies", "genetics", "notes"]] {
            let text = of(codes, false).to_string();
            assert!(!text.contains("\"Patient\"") && !text.contains("permit"), "{codes:?}: {text}");
            let provision = of(codes, false);
            assert!(provision["actor"].is_array(), "{codes:?}");
            let is_narrowed = provision["class"].is_array() || provision["securityLabel"].is_array();
            assert_eq!(is_narrowed, codes != ["all"], "{codes:?}: only 'all' is everything");
        }
    }

    #[test]
    fn a_permission_says_what_the_classes_say() {
        let provision = of(&["labs"], true);
        assert_eq!(provision["type"], "permit");
        assert!(provision["provision"][0]["code"].is_array(), "{provision}");
        assert_eq!(of(&["all"], true)["class"], Value::Null);
    }
}
