//! Which security labels the emergency view shows: what is ordinary, and the topics that the patient wants to be seen.
//!
//! Confidentiality is ordered U < L < M < N < R < V (v3-Confidentiality); a resource without a label counts as N. What is R is shown
//! only when the patient has chosen every topic that it is labelled with; what is V never.

use serde_json::{Map, Value};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// A topic that a patient may want to be seen in an emergency.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    pub name: &'static str,
    /// As the patient reads it.
    pub words: &'static str,
    /// The codes of v3-ActCode that label it.
    codes: &'static [&'static str],
}

/// Every topic, in the order in which it is offered.
pub const TOPICS: &[Topic] = &[
    Topic { name: "mental-health", words: "Mental health", codes: &["PSY", "PSYTHPN", "MH", "BH"] },
    Topic { name: "hiv", words: "HIV", codes: &["HIV"] },
    Topic { name: "sexual-health", words: "Sexual health", codes: &["SEX", "STD"] },
    Topic { name: "substance-use", words: "Alcohol and drugs", codes: &["SUD", "ETH", "ETHUD", "OPIOIDUD"] },
    Topic { name: "genetics", words: "Genetic conditions", codes: &["GDIS"] },
    Topic { name: "domestic-violence", words: "Violence at home", codes: &["SDV"] },
];

/// Returns whether a resource may be in the view of a patient who has chosen these topics.
pub fn may_be_shown(resource: &Map<String, Value>, topics: &[String]) -> bool {
    let labels = resource.get("meta").and_then(|meta| meta.get("security")).and_then(Value::as_array);
    let (mut restricted, mut labelled, mut open) = (false, false, true);
    for label in labels.into_iter().flatten() {
        let code = label["code"].as_str().unwrap_or("");
        match label["system"].as_str() {
            Some(CONFIDENTIALITY) => match code {
                "U" | "L" | "M" | "N" => {}
                "R" => restricted = true,
                _ => return false,
            },
            // NORDSCLCD and its like say what may be done with it, not what it is about.
            Some(ACT_CODE) if code.starts_with("NO") => {}
            // A code that is in no topic is one that nobody could choose.
            Some(ACT_CODE) => {
                labelled = true;
                open &= TOPICS.iter().any(|it| it.codes.contains(&code) && topics.iter().any(|t| t == it.name));
            }
            _ => {}
        }
    }
    open && (!restricted || labelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_sensitive_is_shown_only_when_all_of_it_was_chosen() {
        let label = |code: &str| {
            let system = if code.len() == 1 { CONFIDENTIALITY } else { ACT_CODE };
            json!({"system": system, "code": code})
        };
        for (codes, topics, shown) in [
            (&[][..], &[][..], true),
            (&["N"], &[], true),
            (&["L"], &[], true),
            (&["R"], &[], false),
            (&["R"], &["hiv"], false),
            (&["V"], &["hiv"], false),
            (&["HIV"], &[], false),
            (&["HIV"], &["hiv"], true),
            (&["R", "HIV"], &["hiv"], true),
            (&["V", "HIV"], &["hiv"], false),
            (&["R", "HIV"], &["mental-health"], false),
            (&["R", "HIV", "PSY"], &["hiv"], false),
            (&["R", "HIV", "PSY"], &["hiv", "mental-health"], true),
            (&["N", "NORDSCLCD"], &[], true),
            (&["R", "NORDSCLCD"], &["hiv"], false),
            (&["SICKLE"], &["hiv", "genetics"], false),
        ] {
            let security: Vec<Value> = codes.iter().map(|code| label(code)).collect();
            let resource = json!({"resourceType": "Condition", "meta": {"security": security}});
            let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
            assert_eq!(may_be_shown(resource.as_object().unwrap(), &topics), shown, "{codes:?} {topics:?}");
        }
    }

    #[test]
    fn a_label_of_another_system_hides_nothing() {
        let resource = json!({"meta": {"security": [{"system": "http://h.example/tag", "code": "HIV"}]}});
        assert!(may_be_shown(resource.as_object().unwrap(), &[]));
    }
}
