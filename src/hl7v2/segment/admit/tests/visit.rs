//! PV1 and PV2.

use super::{check, converted};
use crate::hl7v2::draft::{Draft, Identity};
use serde_json::{Value, json};

/// Returns a PV1 with these fields beside its class.
fn pv1(class: &str, fields: &[(usize, &str)]) -> String {
    let mut cells = vec![""; 55];
    cells[..3].copy_from_slice(&["PV1", "1", class]);
    for (n, text) in fields {
        cells[*n] = text;
    }
    format!("PID|1||1\n{}", cells.join("|").trim_end_matches('|'))
}

fn visit(event: &str, segments: &str) -> Option<Draft> {
    let conversion = converted(event, segments).unwrap();
    conversion.drafts.of_type("Encounter").next().map(|(_, draft)| draft.clone())
}

#[test]
fn a_visit_is_recognized_by_its_number_else_by_when_it_began() {
    let of = |event: &str, fields: &[(usize, &str)]| match visit(event, &pv1("I", fields))?.identity {
        Identity::Identifiers(numbers) => Some(numbers[0].system.clone() + "|" + &numbers[0].value),
        _ => None,
    };
    let is = |found: Option<String>, expected: &str| assert_eq!(found.as_deref(), Some(expected));
    is(of("A08", &[(19, "9"), (50, "8^^^X")]), "urn:x-v2:HOSP:VN|9");
    is(of("A08", &[(19, "9^^^V&1.2.3&ISO")]), "urn:oid:1.2.3|9");
    is(of("A08", &[(50, "8^^^X")]), "urn:x-v2:HOSP:X|8");
    let start = of("A08", &[(44, "20260501120000")]);
    assert!(start.as_deref().is_some_and(|start| start.starts_with("urn:x-v2:HOSP:visit-start|")), "{start:?}");
    assert_eq!(start, of("A03", &[(44, "20260501120000")]));
    assert_ne!(start, of("A03", &[(44, "20260501120001")]));
    // When a message was sent is not when the visit began: nothing that comes later would find it.
    assert_eq!(of("A01", &[(3, "W")]), None);
    assert_eq!(of("A08", &[(3, "W")]), None);
    let conversion = converted("A08", &pv1("I", &[(3, "W")])).unwrap();
    assert_eq!(conversion.warnings[0].at.map(|at| at.to_string()).as_deref(), Some("PV1-19"));
}

#[test]
fn what_says_nothing_of_a_visit_makes_none() {
    for (event, segments) in [
        ("A08", "PID|1||1\nPV1|1"),
        ("A08", "PID|1||1\nPV1|1|N"),
        ("A31", "PID|1||1\nPV1|1|N|||||||||||||||||9"),
        ("A08", "PID|1||1"),
    ] {
        assert!(visit(event, segments).is_none(), "{segments}");
        assert!(converted(event, segments).unwrap().warnings.is_empty());
    }
}

#[test]
fn the_status_is_that_of_the_event() {
    let of = |event: &str, fields: &[(usize, &str)]| {
        let mut all = vec![(19, "9")];
        all.extend(fields);
        let draft = visit(event, &pv1("I", &all)).unwrap();
        (draft.resource.get("status").and_then(Value::as_str).map(String::from), draft.made()["status"].clone())
    };
    let said = |status: &str| (Some(status.to_string()), json!(status));
    let unsaid = |status: &str| (None, json!(status));
    assert_eq!(of("A01", &[]), said("in-progress"));
    assert_eq!(of("A03", &[]), said("finished"));
    assert_eq!(of("A04", &[]), said("arrived"));
    assert_eq!(of("A04", &[(44, "202605031000")]), said("arrived"));
    assert_eq!(of("A04", &[(44, "202605030959")]), said("in-progress"));
    assert_eq!(of("A05", &[]), said("planned"));
    assert_eq!(of("A08", &[]), unsaid("unknown"));
    assert_eq!(of("A10", &[]), unsaid("in-progress"));
    assert_eq!(of("A08", &[(45, "20260502")]), said("finished"));
    assert_eq!(of("A08", &[(45, "20260601")]), unsaid("unknown"));
    assert_eq!(of("A11", &[(45, "20260502")]), said("cancelled"));
    assert_eq!(of("A13", &[(45, "20260502")]), said("in-progress"));
    assert_eq!(of("A31", &[]), unsaid("in-progress"));
    assert_eq!(of("A31", &[(45, "20260502")]), unsaid("finished"));
    assert!(visit("A11", &pv1("I", &[(19, "9")])).unwrap().only_if_there);
}

#[test]
fn the_period_begins_and_ends_when_the_message_says() {
    let of = |event: &str, fields: &[(usize, &str)], period: Value| {
        let mut all = vec![(19, "9")];
        all.extend(fields);
        check(event, &pv1("I", &all), "Encounter", &[("/period", period)]);
    };
    of("A01", &[], json!({"start": "2026-05-03T10:00:00Z"}));
    of("A01", &[(44, "20260502")], json!({"start": "2026-05-02"}));
    of("A08", &[], Value::Null);
    of("A03", &[(44, "20260502")], json!({"start": "2026-05-02", "end": "2026-05-03T10:00:00Z"}));
    of("A03", &[(45, "20260502")], json!({"end": "2026-05-02"}));
    of("A13", &[(44, "20260501"), (45, "20260502")], json!({"start": "2026-05-01"}));
    let undone = visit("A13", &pv1("I", &[(19, "9")])).unwrap();
    assert_eq!(undone.resource["period"], json!({"end": null}));
}

#[test]
fn the_class_is_that_of_fhir_where_there_is_one() {
    let of = |class: &str, expected: &str| {
        check("A08", &pv1(class, &[(19, "9")]), "Encounter", &[("/class/code", json!(expected))]);
    };
    for (class, code) in
        [("I", "IMP"), ("E", "EMER"), ("O", "AMB"), ("P", "PRENC"), ("R", "R"), ("", "UNK"), ("\"\"", "UNK")]
    {
        of(class, code);
    }
}

#[test]
fn where_the_patient_is_was_and_will_be() {
    let of = |event: &str, class: &str, fields: &[(usize, &str)]| {
        let mut all = vec![(19, "9")];
        all.extend(fields);
        let made = visit(event, &pv1(class, &all)).unwrap().made();
        let items = made["location"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["status"].as_str().unwrap_or("-").to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of("A01", "I", &[(3, "W^1^2")]), ["active"]);
    assert_eq!(of("A01", "P", &[(3, "W^1^2")]), ["planned"]);
    assert_eq!(of("A02", "I", &[(3, "W^1^2"), (6, "W^1^1")]), ["active", "completed"]);
    assert_eq!(of("A02", "I", &[(3, "W^1^2"), (6, "W^1^2")]), ["active"]);
    assert_eq!(of("A03", "I", &[(3, "W^1^2")]), ["completed"]);
    assert_eq!(of("A15", "I", &[(3, "W^1^2"), (42, "W^1^3")]), ["active", "reserved"]);
    let moved = pv1("I", &[(19, "9"), (3, "W^1^2"), (6, "W^1^1")]);
    let times = [
        ("/location/0/period/start", json!("2026-05-03T10:00:00Z")),
        ("/location/1/period/end", json!("2026-05-03T10:00:00Z")),
    ];
    check("A02", &moved, "Encounter", &times);
}

#[test]
fn who_takes_part() {
    let visit = pv1("I", &[(19, "9"), (7, "1^A"), (17, "\"\"")]);
    let code = |n: usize| format!("/participant/{n}/type/0/coding/0/code");
    let role = format!("{visit}\nROL|1|AD|AT|2^B||20260101\nROL|2|DE|CP|3^C");
    let expected = [(code(0), json!("ATND")), (code(1), json!("ATND")), (code(2), Value::Null)];
    let expected: Vec<(&str, Value)> = expected.iter().map(|(pointer, value)| (&**pointer, value.clone())).collect();
    check("A01", &role, "Encounter", &expected);
    let house = format!("{visit}\nPRT|1|AD||AT||||West^^^^^^^^^3");
    let place = format!("{visit}\nPRT|1|AD||AT||||West|WARD");
    check(
        "A01",
        &place,
        "Encounter",
        &[("/location/0/location/display", json!("WARD")), ("/location/0/status", Value::Null)],
    );
    check(
        "A01",
        &house,
        "PractitionerRole",
        &[("/organization/display", json!("West")), ("/practitioner", Value::Null)],
    );
    check("A01", "PID|1||1\nROL|1|AD|PP|2^B", "Patient", &[("/generalPractitioner/0/display", json!("B"))]);
    check("A01", "PID|1||1\nROL|1|AD|AT|2^B", "CareTeam", &[("/participant/0/role/0/coding/0/code", json!("ATND"))]);
}
