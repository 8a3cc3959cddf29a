//! Where the sort values of a column stand in stored content, as SQL/JSON paths.
//!
//! The index has hashes of tokens, references and URIs, which have no order; so these are read from the resources.
//! <https://www.postgresql.org/docs/15/functions-json.html#FUNCTIONS-SQLJSON-PATH>: in the lax mode of these paths a
//! member of an array is the member of each of its items.

use super::tree::Hop;
use crate::fhir::ResourceType;

/// Returns the path to the values at the end of a route: texts, booleans, Codings, Identifiers, References.
pub fn of(hops: &[Hop], type_name: &str) -> String {
    let mut path = "$".to_string();
    for hop in hops {
        match hop {
            Hop::Key(key) => path.push_str(&format!(".{}", quoted(key))),
            Hop::Where(element, text) => {
                path.push_str(&format!(" ? (@.{} == {})", quoted(element), quoted(text)));
            }
        }
    }
    if type_name == "CodeableConcept" {
        path.push_str(".\"coding\"");
    }
    path.push_str("[*]");
    path
}

/// Returns the path to those references of a path that lead to one type.
pub fn resolving(path: &str, t: ResourceType) -> String {
    format!("{path} ? (@.\"reference\" like_regex \"(^|/){t}/\" || @.\"type\" == \"{t}\")")
}

/// Returns the text as a string literal, which is written as in JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_becomes_a_path_with_its_filters() {
        let key = |k: &str| Hop::Key(k.into());
        let email = Hop::Where("system".into(), "e\"mail".into());
        assert_eq!(of(&[key("status")], "code"), r#"$."status"[*]"#);
        assert_eq!(of(&[key("component"), key("code")], "CodeableConcept"), r#"$."component"."code"."coding"[*]"#);
        assert_eq!(of(&[key("telecom"), email], "ContactPoint"), r#"$."telecom" ? (@."system" == "e\"mail")[*]"#);
        let patient = resolving(r#"$."subject"[*]"#, ResourceType::PATIENT);
        assert_eq!(patient, r#"$."subject"[*] ? (@."reference" like_regex "(^|/)Patient/" || @."type" == "Patient")"#);
    }
}
