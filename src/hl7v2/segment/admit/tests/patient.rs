//! PID, PD1 and NK1.

use super::{check, check_fails, converted, under};
use crate::hl7v2::draft::{Identity, Update};
use crate::hl7v2::rules::Rules;
use serde_json::{Value, json};

/// Returns by which numbers a patient is recognized.
fn numbers(rules: &Rules, facility: &str, pid3: &str) -> Vec<String> {
    let conversion = under(rules, facility, "A08", &format!("PID|1||{pid3}")).unwrap();
    let (_, draft) = conversion.drafts.of_type("Patient").next().unwrap();
    let Identity::Identifiers(identifiers) = &draft.identity else { panic!("{:?}", draft.identity) };
    identifiers.iter().map(|identifier| format!("{}|{}", identifier.system, identifier.value)).collect()
}

#[test]
fn a_patient_is_recognized_by_all_numbers_the_senders_own_first() {
    let of = |pid3: &str| numbers(&Rules::default(), "HOSP", pid3);
    assert_eq!(of("1"), ["urn:x-v2:HOSP|1"]);
    assert_eq!(of("1^^^^MR~1^^^^AN"), ["urn:x-v2:HOSP|1", "urn:x-v2:HOSP:AN|1"]);
    assert_eq!(of("9^^^NAT^NI~1^^^HOSP^MR"), ["urn:x-v2:HOSP:HOSP|1", "urn:x-v2:HOSP:NAT|9"]);
    assert_eq!(of("9^^^A&1.2.3&ISO~1"), ["urn:x-v2:HOSP|1", "urn:oid:1.2.3|9"]);
    assert_eq!(of("1~\"\"~1~"), ["urn:x-v2:HOSP|1"]);
    assert_eq!(numbers(&Rules::default(), "St. A&B", "1"), ["urn:x-v2:St.%20A|1"]);
    let rules = Rules { patient_system: Some("urn:oid:1.2".into()), ..Rules::default() };
    assert_eq!(numbers(&rules, "", "1^^^^MR~2^^^^AN"), ["urn:oid:1.2|1"]);
    let rules = Rules { facility: Some("ours".into()), ..Rules::default() };
    assert_eq!(numbers(&rules, "HOSP", "1"), ["urn:x-v2:ours|1"]);
}

#[test]
fn without_a_number_or_whose_it_is_nothing_is_taken_over() {
    for pid in ["PID|1||", "PID|1||\"\"", "PID|1||^^^HOSP", "PID|1|5||6"] {
        check_fails(converted("A08", pid), 101, "PID-3");
    }
    check_fails(under(&Rules::default(), "", "A08", "PID|1||5"), 101, "PID-3.4");
}

#[test]
fn what_pid_says_of_a_person() {
    let of =
        |fields: &str, expected: &[(&str, Value)]| check("A08", &format!("PID|1||1||{fields}"), "Patient", expected);
    of(
        "A^B||19800101|F",
        &[("/name/0/family", json!("A")), ("/birthDate", json!("1980-01-01")), ("/gender", json!("female"))],
    );
    of("||19800101|", &[("/_birthDate", Value::Null), ("/active", json!(true))]);
    of("||198001011230|", &[("/_birthDate/extension/0/valueDateTime", json!("1980-01-01T12:30:00Z"))]);
    of("||19800101000000|", &[("/birthDate", json!("1980-01-01")), ("/_birthDate", Value::Null)]);
    of("||||||S 1^^C|X", &[("/address/0/district", json!("X")), ("/address/1", Value::Null)]);
    of("||||||S 1^^C^^^^^^Y|X", &[("/address/0/district", json!("Y")), ("/address/1/district", json!("X"))]);
    of("|||||||||||||||||||Y|2", &[("/multipleBirthInteger", json!(2)), ("/multipleBirthBoolean", Value::Null)]);
    of("|||||||||||||||||||N|0", &[("/multipleBirthBoolean", json!(false))]);
    let dead = |time: &str, indicator: &str| format!("{}{time}|{indicator}", "|".repeat(24));
    of(&dead("20260101", "Y"), &[("/deceasedDateTime", json!("2026-01-01")), ("/deceasedBoolean", Value::Null)]);
    of(&dead("", "Y"), &[("/deceasedBoolean", json!(true))]);
    of(&dead("\"\"", "Y"), &[("/deceasedBoolean", json!(true)), ("/deceasedDateTime", Value::Null)]);
    of(&dead("\"\"", "\"\""), &[("/deceasedBoolean", Value::Null)]);
}

#[test]
fn numbers_of_other_kinds_are_kept() {
    let pid = "PID|1|2|1|3|||||||||||||||111-22-3333|D1^TX";
    let numbers = |n: usize, name: &str| format!("/identifier/{n}/{name}");
    let expected = [
        (numbers(0, "value"), json!("1")),
        (numbers(1, "value"), json!("2")),
        (numbers(1, "use"), json!("old")),
        (numbers(2, "value"), json!("3")),
        (numbers(3, "system"), json!("http://hl7.org/fhir/sid/us-ssn")),
        (numbers(4, "type") + "/coding/0/code", json!("DL")),
    ];
    let expected: Vec<(&str, Value)> = expected.iter().map(|(pointer, value)| (&**pointer, value.clone())).collect();
    check("A08", pid, "Patient", &expected);
    check("A08", "PID|1|1|1", "Patient", &[("/identifier/1", Value::Null)]);
}

#[test]
fn elements_that_are_said_not_to_be_there_are_null() {
    let conversion = converted("A08", "PID|1||1||A||\"\"|F|||\"\"||\"\"|5551\rPV1||I").unwrap();
    let (_, draft) = conversion.drafts.of_type("Patient").next().unwrap();
    let said = |name: &str| draft.resource.get(name).cloned();
    assert_eq!((said("birthDate"), said("address")), (Some(Value::Null), Some(Value::Null)));
    assert_eq!((said("maritalStatus"), said("telecom").map(|t| t[0]["value"].clone())), (None, Some(json!("5551"))));
}

#[test]
fn people_around_a_patient_are_contacts_and_related() {
    let message = |nk1: &str| format!("PID|1||1\n{nk1}");
    let contact = [("/contact/0/name/family", json!("A")), ("/contact/1", Value::Null)];
    check("A08", &message("NK1|1|A^B|SPO"), "Patient", &contact);
    check(
        "A08",
        &message("NK1|1|A^B|SPO"),
        "RelatedPerson",
        &[("/name/0/family", json!("A")), ("/patient/reference", json!("urn:x-draft:0"))],
    );
    check(
        "A08",
        &message("NK1|1||EMR||||||||||Works"),
        "Patient",
        &[("/contact/0/organization/display", json!("Works"))],
    );
    check("A08", &message("NK1|1|A|EMR"), "RelatedPerson", &[("", Value::Null)]);
    check("A08", &message("NK1|1||SPO"), "Patient", &[("/contact", Value::Null)]);
    let twice = converted("A08", &message("NK1|1|A^B|SPO||||N\nNK1|2|A^B|SPO||||C\nNK1|3|A^C|CHD")).unwrap();
    let related: Vec<_> = twice.drafts.of_type("RelatedPerson").map(|(_, draft)| draft).collect();
    assert_eq!(related.len(), 2);
    assert_eq!(related[0].identity, Identity::Search("patient={0}&name:exact=A&name:exact=B".into()));
    assert_eq!(related[0].resource["relationship"].as_array().map(Vec::len), Some(3));
}

#[test]
fn who_has_neither_name_nor_number_is_one_for_each_relationship() {
    let related = |nk1: &str| {
        let conversion = converted("A08", &format!("PID|1||1\n{nk1}")).unwrap();
        let found = conversion.drafts.of_type("RelatedPerson");
        found.map(|(_, draft)| (draft.identity.clone(), draft.made())).collect::<Vec<_>>()
    };
    let (one, again) = (related("NK1|1||SPO||5551"), related("NK1|1||SPO||5552"));
    assert_eq!((one.len(), &one[0].0), (1, &again[0].0), "another number is one of the same person");
    assert_eq!(one[0].1["telecom"][0]["value"], "5551");
    assert_ne!(one[0].0, related("NK1|1||CHD||5551")[0].0);
    assert_eq!(related("NK1|1||SPO||5551\nNK1|2||SPO||5552\nNK1|3||CHD||5553").len(), 2);
    assert!(related("NK1|1||SPO||||N|20260101").is_empty(), "nothing is said of them");
}

#[test]
fn what_else_is_said_of_a_person() {
    let of = |segments: &str, kind: &str, expected: &[(&str, Value)]| check("A08", segments, kind, expected);
    let nickname = [("/name/1/use", json!("nickname")), ("/name/1/given/0", json!("Jack")), ("/name/2", Value::Null)];
    of("PID|1||1||A^John^^^^^^^^^^^^^Jack", "Patient", &nickname);
    of("PID|1||1\nNK1|1|A^John^^^^^^^^^^^^^Jack|SPO", "RelatedPerson", &nickname);
    let language = [("/communication/0/preferred", json!(true)), ("/communication/1", Value::Null)];
    of("PID|1||1||||||||||||EN", "Patient", &language);
    of("PID|1||1\nNK1|1|A|SPO|||||||||||||||||EN", "RelatedPerson", &language);
    of("PID|1||1", "Patient", &[("/communication", Value::Null)]);
    let disabled = [("/identifier/1/value", json!("D1")), ("/identifier/2", Value::Null)];
    of("PID|1||1\nDB1|1|PT|D1^^^&2.999&ISO\nDB1|2|GT|D2", "Patient", &disabled);
    let asked = [("/contact/0/name/family", json!("Doe")), ("/contact/0/telecom/0/value", json!("5551"))];
    let nk1 = format!("NK1|1||EMR||||||||||Works^^9{}Doe|5551", "|".repeat(17));
    of(&format!("PID|1||1\n{nk1}"), "Organization", &asked);
    let contact = [("/contact/0/name/family", json!("A")), ("/contact/1", Value::Null)];
    of("PID|1||1\nCTD|C|A^B|||5551\nCTD|BP|C^D", "Patient", &contact);
}

#[test]
fn a_primary_care_provider_is_one_of_a_house() {
    let rol = |house: &str| format!("PID|1||1\nROL|1|AD|PP|7^Doe||||||||5551||{house}");
    let expected = [
        ("/practitioner/display", json!("Doe")),
        ("/organization/display", json!("Practice")),
        ("/telecom/0/value", json!("5551")),
    ];
    check("A08", &rol("Practice^^9"), "PractitionerRole", &expected);
    let conversion = converted("A08", &rol("Practice^^9")).unwrap();
    let (handle, draft) = conversion.drafts.of_type("PractitionerRole").next().unwrap();
    assert_eq!(draft.update, Update::Keep);
    check("A08", &rol("Practice^^9"), "Patient", &[("/generalPractitioner/0/reference", json!(handle.url()))]);
    check("A08", &rol(""), "PractitionerRole", &[("", Value::Null)]);
}

#[test]
fn numbers_that_nobody_is_known_to_have_given_are_shown() {
    let conversion = under(&Rules::default(), "", "A08", "PID|1||5^^^^MR").unwrap();
    let (_, draft) = conversion.drafts.of_type("Patient").next().unwrap();
    let number = &draft.resource["identifier"][0];
    assert_eq!((&draft.identity, &number["value"], number.get("system")), (&Identity::New, &json!("5"), None));
}

#[test]
fn results_make_a_patient_but_change_none() {
    let rules = Rules { makes_patients: false, ..Rules::default() };
    let segments = "PID|1||1||A\nNK1|1|B|SPO\nOBR|1||5|X\nOBX|1|ST|Y||z||||||F";
    for (rules, only_if_there) in [(Rules::default(), false), (rules, true)] {
        let Ok(conversion) = under(&rules, "HOSP", "R01", segments) else { continue };
        let (_, draft) = conversion.drafts.of_type("Patient").next().unwrap();
        assert_eq!((draft.update, draft.only_if_there), (Update::Keep, only_if_there));
        assert!(conversion.drafts.of_type("RelatedPerson").all(|(_, draft)| draft.update == Update::Keep));
    }
}

#[test]
fn who_is_deleted_is_used_no_more() {
    let conversion = converted("A29", "PID|1||1||A\nNK1|1|B\nPV1|1|I|||||||||||||||||9").unwrap();
    assert_eq!(conversion.drafts.len(), 1);
    let (_, draft) = conversion.drafts.of_type("Patient").next().unwrap();
    assert_eq!((draft.made()["active"].clone(), draft.only_if_there), (json!(false), true));
}
