//! Rows of operations that change something.

use serde_json::{Value, json};

use super::row::{Row, ask, group};
use super::world::{cared, consent, to};
use crate::emergency::stage::{REASON, parameters};

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = group("The life of a Consent", consents()).collect();
    rows.extend(group("Emergencies", emergencies()));
    rows.extend(group("Health IDs, and one patient known twice", identities()));
    rows.extend(group("Running the installation", running()));
    rows
}

/// Returns a new patient in the care of the house and its physician.
fn patient() -> Value {
    cared("p{n}", "{word}")
}

fn of_physician(patient: &str, status: &str) -> Vec<Value> {
    vec![consent("c{n}", patient, status, Some("Practitioner/phys"))]
}

fn consents() -> Vec<Row> {
    let asked = |patient: &str| {
        parameters(&[
            ("patient", "valueReference", to(patient)),
            ("purpose", "valueCoding", json!({"code": "TREAT"})),
            ("class", "valueCoding", json!({"code": "labs"})),
            ("validity", "valuePeriod", json!({"end": super::super::day(30)})),
        ])
    };
    let nothing = || json!({"resourceType": "Parameters"});
    vec![
        ask("POST Consent/$request").what("of a patient in care").given(vec![patient()]).body(asked("Patient/p{n}")),
        ask("POST Consent/$request")
            .what("of Otis")
            .body(asked("Patient/otis"))
            .note("He keeps everybody out, and may be asked all the same. A system needs the scope __ask_consent."),
        ask("POST Consent/c{n}/$grant")
            .what("Cara is asked by the physician")
            .given(of_physician("cara", "proposed"))
            .body(nothing()),
        ask("POST Consent/c{n}/$deny")
            .what("Cara is asked by the physician")
            .given(of_physician("cara", "proposed"))
            .body(nothing()),
        ask("POST Consent/c{n}/$revoke")
            .what("of Cara, to the physician")
            .given(of_physician("cara", "active"))
            .body(nothing()),
        ask("POST Consent/c{n}/$token")
            .what("of Cara, to the physician")
            .given(of_physician("cara", "active"))
            .body(nothing())
            .note(
                "For an app with an authorization of its own, which nobody here has: emergency/glass_tokens tests it.",
            ),
    ]
}

fn emergencies() -> Vec<Row> {
    let reason = || parameters(&[("reason", "valueString", json!(REASON))]);
    let end = || parameters(&[("grant", "valueString", json!("{grant}"))]);
    let finding = || parameters(&[("finding", "valueCode", json!("justified"))]);
    let action = |action: &str| parameters(&[("action", "valueCode", json!(action))]);
    vec![
        ask("POST Patient/p{n}/$break-glass").what("a new patient").given(vec![patient()]).body(reason()),
        ask("POST Patient/p{n}/$end-break-glass").what("broken by another").given(vec![patient()]).glass().body(end()),
        ask("POST Task/{task}/$review-break-glass").given(vec![patient()]).glass().body(finding()),
        ask("GET Task/{task}").what("the review of broken glass").given(vec![patient()]).glass().note(
            "For those who review, for systems of the house, and for the patient, who is another than Cara here.",
        ),
        ask("POST Patient/cara/$emergency-card").what("status").body(action("status")),
        ask("POST Patient/cara/$emergency-card").what("make").body(action("make")),
        ask("POST Patient/otis/$emergency-card").what("status").body(action("status")),
    ]
}

fn identities() -> Vec<Row> {
    let somebody = json!({"resourceType": "Patient", "active": true, "gender": "female", "birthDate": "{day}",
        "name": [{"family": "{word}", "given": ["{word}"]}], "telecom": [{"system": "phone", "value": "+49 30 {n}"}]});
    let number = json!({"system": "urn:none", "value": "{n}"});
    let two = || {
        vec![
            patient(),
            json!({"resourceType": "Patient", "id": "q{n}", "name": [{"family": "Twice"}],
            "managingOrganization": to("Organization/house"), "generalPractitioner": [to("Practitioner/phys")]}),
        ]
    };
    let merge = parameters(&[
        ("source-patient", "valueReference", to("Patient/p{n}")),
        ("target-patient", "valueReference", to("Patient/q{n}")),
    ]);
    let issue = json!({"resourceType": "Parameters", "parameter": [{"name": "patient", "resource": somebody}]});
    vec![
        ask("POST Patient/$issue-health-id").what("to a new patient").body(issue),
        ask("POST Patient/$verify-health-id")
            .what("a number that is none")
            .body(parameters(&[("identifier", "valueIdentifier", number.clone())]))
            .note("Says no. How often it may be asked is limited."),
        ask("POST Patient/p{n}/$link-health-id").what("a number of another place").given(vec![patient()]).body(
            parameters(&[("identifier", "valueIdentifier", number), ("relationship", "valueCode", json!("secondary"))]),
        ),
        ask("GET Patient/cara/$health-id-qr").note("Cara has no number yet."),
        ask("POST Patient/$merge")
            .what("two patients in care")
            .given(two())
            .body(merge)
            .note("Who manages Health IDs; a system needs the scope __manage_health_ids."),
    ]
}

fn running() -> Vec<Row> {
    vec![
        ask("POST $launch").what("of an app that is not there").body(parameters(&[(
            "client",
            "valueString",
            json!("none"),
        )])),
        ask("POST $convert")
            .what("a message that they send")
            .body(message())
            .note("Shows what was sent and nothing that is kept here."),
        ask("POST $convert?feed=none")
            .what("by the rules of a feed that is not there")
            .body(message())
            .note("Who runs feeds; a system needs the scope __manage_feeds."),
        ask("POST $reindex").body(parameters(&[("type", "valueCode", json!("Basic"))])),
    ]
}

fn message() -> Value {
    let text = "MSH|^~\\&|LAB|HOUSE|||20260102||ADT^A31|1|P|2.5\rEVN|A31|20260102\rPID|||1^^^HOUSE||Nobody";
    parameters(&[("inputData", "valueString", json!(text))])
}
