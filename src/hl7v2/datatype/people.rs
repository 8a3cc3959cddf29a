//! XCN, CNN, PPN, NDL: people, of whom a Practitioner is made where they have an identifier.
//!
//! v2-to-FHIR, XCN\[Practitioner\], CNN\[Practitioner\]. Who is only named is no resource, for a name recognizes nobody.

use super::coded;
use super::identifier::{self, Authority};
use super::name::{self, Layout};
use super::text::{clean_code, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::{Draft, Identifier, Identity, Update};
use crate::hl7v2::message::Part;
use serde_json::{Map, Value, json};

/// XCN, CNN, PPN, or NDL.1 → Reference(Practitioner). Who has no identifier is named by `display` alone.
pub fn practitioner(ctx: &Ctx, part: Part) -> Option<Value> {
    let part = inner(part);
    let person = Person::read(ctx, part);
    let display = person.name.as_ref().map(name::display);
    let Some(value) = string(part.part(1)) else { return Some(json!({"display": display?})) };
    let system = identifier::system(ctx, &person.authority, person.kind.as_deref(), part.at);
    let mut draft = Draft::new("Practitioner", part.at);
    draft.identity = Identity::Identifiers(vec![Identifier { system: system.clone(), value: value.clone() }]);
    draft.update = Update::Keep;
    let made = identifier::made(system, value, person.kind.as_deref(), &person.authority);
    draft.push("identifier", Value::Object(made));
    if let Some(name) = person.name {
        draft.push("name", Value::Object(name));
    }
    if let Some(degree) = person.degree {
        draft.push("qualification", json!({"code": degree}));
    }
    let mut reference = ctx.add_once(draft).reference();
    if let Some(display) = display {
        reference["display"] = display.into();
    }
    Some(reference)
}

/// Returns the CNN of an NDL; an XCN as it is, whose number has no sub-components.
fn inner(part: Part) -> Part {
    if part.at.component == 0 && part.part(1).len() > 1 { part.part(1) } else { part }
}

/// The same → the name alone, for people who are no practitioners.
pub fn person_name(ctx: &Ctx, part: Part) -> Option<Value> {
    Person::read(ctx, inner(part)).name.map(Value::Object)
}

/// The same → Identifier, where there is one.
pub fn person_identifier(ctx: &Ctx, part: Part) -> Option<Value> {
    let part = inner(part);
    let person = Person::read(ctx, part);
    let system = identifier::system(ctx, &person.authority, person.kind.as_deref(), part.at);
    let made = identifier::made(system, string(part.part(1))?, person.kind.as_deref(), &person.authority);
    Some(Value::Object(made))
}

/// What an XCN or CNN says of somebody beside the number.
struct Person {
    name: Option<Map<String, Value>>,
    authority: Authority,
    kind: Option<String>,
    degree: Option<Value>,
}

impl Person {
    fn read(ctx: &Ctx, part: Part) -> Person {
        // In a component, as in NDL.1, it is a CNN: the authority is spread over three sub-components.
        let is_cnn = part.at.component > 0;
        let suffixes: &[usize] = if is_cnn { &[5] } else { &[5, 21] };
        let mut name = name::pieces(part, &Layout { family: 2, suffixes, prefix: 6 });
        let degree = coded::codeable_concept(ctx, part.part(7), Some("HL70360"));
        if is_cnn {
            return Person { name, authority: Authority::from(part, 9), kind: None, degree };
        }
        if let Some(name) = &mut name {
            name::finish(ctx, name, part.part(10), part.part(17), [part.part(19), part.part(20)]);
        }
        let kind = part.part(13).text().and_then(|text| clean_code(&text));
        Person { name, authority: Authority::read(part.part(9)), kind, degree }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, component_drafts, drafts};
    use serde_json::json;

    #[test]
    fn who_has_an_identifier_is_a_practitioner() {
        let who = "7^Smith^John^Q^JR^DR^MD^^KNOWN^L^^^LN";
        check("Practitioner", who, r#"{"reference":"urn:x-draft:0","display":"DR John Q Smith JR"}"#);
        let kind = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "LN"}]});
        let degree = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0360", "code": "MD"}]});
        let name =
            json!({"family": "Smith", "given": ["John", "Q"], "prefix": ["DR"], "suffix": ["JR"], "use": "official"});
        let assigner = json!({"display": "KNOWN"});
        let expected = json!({
            "resourceType": "Practitioner",
            "identifier": [{"type": kind, "system": "https://known.example/ids", "value": "7", "assigner": assigner}],
            "name": [name],
            "qualification": [{"code": degree}],
        });
        assert_eq!(drafts("Practitioner", &format!("ZZZ|{who}~{who}"), 1), [expected]);
    }

    #[test]
    fn who_is_only_named_is_no_resource() {
        check("Practitioner", "^Smith^John", r#"{"display":"John Smith"}"#);
        check("Practitioner", "^^^^^DR", "-");
        assert!(drafts("Practitioner", "ZZZ|^Smith", 1).is_empty());
        check("personName", "^Smith^John", r#"{"family":"Smith","given":["John"]}"#);
    }

    #[test]
    fn an_identifier_says_whose_it_is() {
        #[track_caller]
        fn check(who: &str, system: &str) {
            let made = drafts("Practitioner", &format!("ZZZ|{who}"), 1);
            assert_eq!(made[0]["identifier"][0]["system"], *system, "{who}");
        }
        check("7", "urn:x-v2:HOSP");
        check("7^Smith", "urn:x-v2:HOSP");
        check("7^^^^^^^^^^^^NPI", "http://hl7.org/fhir/sid/us-npi");
        check("7^^^^^^^^NPI", "http://hl7.org/fhir/sid/us-npi");
        check("7^^^^^^^^&2.16.840.1.113883.4.6&ISO", "http://hl7.org/fhir/sid/us-npi");
        check("7^^^^^^^^X&1.2.3&ISO^^^^DEA", "urn:oid:1.2.3");
        check("7^^^^^^^^^^^^DEA", "urn:x-v2:HOSP:DEA");
        check("7^^^^^^^^X", "urn:x-v2:HOSP:X");
    }

    #[test]
    fn a_component_is_a_cnn() {
        let segment = "OBR|1&Smith&John&&JR&DR&MD&&KNOWN^20260101";
        let name = json!({"family": "Smith", "given": ["John"], "prefix": ["DR"], "suffix": ["JR"]});
        for made in [drafts("Practitioner", segment, 1), component_drafts("Practitioner", segment, 1)] {
            assert_eq!(made[0]["identifier"][0]["system"], "https://known.example/ids");
            assert_eq!(made[0]["name"][0], name);
        }
    }
}
