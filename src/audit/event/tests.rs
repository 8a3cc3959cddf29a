//! Every action as an AuditEvent: checked as any resource is, and by the rules of the profiles.

use super::*;
use crate::catalog::Catalog;
use crate::fhir::{Instant, ResourceType};
use crate::validation::Valid;
use std::sync::LazyLock;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().unwrap());
const FRAME: Frame = Frame { base_url: "http://h/fhir", canonical_base: "https://medilink.example/fhir" };

/// Returns a row of a clinician who did something to a Patient, by an app.
pub fn row(action: &str) -> Row {
    Row {
        no: 5000,
        at: Instant(1_767_607_200_000_000),
        request: "req-1".into(),
        principal: "acc-9".into(),
        action: action.into(),
        resource_type: ResourceType::parse("Patient"),
        id: Some("p-1".into()),
        version: Some(3),
        status: 200,
        client: Some("growth".into()),
        detail: None,
        agent: Some("Practitioner/dr".into()),
        purpose: Some("TREAT".into()),
        token: Some("jti-1".into()),
        address: Some("192.0.2.7".into()),
        query: None,
        consent: None,
        content: None,
        patients: vec![Subject { key: 77, id: Some("p-1".into()) }],
        link: Some(Link { seq: 12, hash: vec![0xab; 32], previous: vec![0; 32] }),
    }
}

fn one(row: &Row) -> Value {
    let mut events = events(row, &FRAME, true);
    assert_eq!(events.len(), 1);
    let event = events.remove(0).value;
    check(row, &event);
    event
}

/// Checks what holds for every event.
fn check(row: &Row, event: &Value) {
    Valid::check(&CATALOG, event.clone()).unwrap_or_else(|fault| panic!("{}: {fault}\n{event:#}", row.action));
    let agents = event["agent"].as_array().unwrap();
    assert_eq!(agents.iter().filter(|agent| agent["requestor"] == true).count(), 1, "{}", row.action);
    for entity in event["entity"].as_array().into_iter().flatten() {
        assert!(entity.get("name").is_none() || entity.get("query").is_none(), "sev-1: {entity}");
    }
}

fn subtypes(event: &Value) -> Vec<&str> {
    event["subtype"].as_array().into_iter().flatten().filter_map(|code| code["code"].as_str()).collect()
}

fn profile(event: &Value) -> &str {
    event["meta"]["profile"][0].as_str().and_then(|url| url.strip_prefix(BALP)).unwrap_or_default()
}

fn part<'a>(event: &'a Value, part: &str) -> &'a Value {
    let agents = event["agent"].as_array().unwrap();
    agents.iter().find(|agent| agent["type"]["coding"][0]["code"] == part).unwrap_or(&Value::Null)
}

#[test]
fn every_action_is_a_valid_event_with_and_without_a_patient_and_whoever_asks() {
    for action in kind::known().chain(["something-new", "match"]) {
        for status in [0, 200, 400, 401, 403, 404, 429, 500] {
            for principal in ["acc-9", "anonymous", "unrestricted", "growth", "Practitioner/test"] {
                let mut row = row(action);
                (row.status, row.principal) = (status, principal.into());
                one(&row);
                row.patients[0].id = None;
                one(&row);
                (row.agent, row.query, row.detail) = (None, Some("name=x".into()), Some("a detail".into()));
                row.patients.clear();
                one(&row);
                (row.client, row.link, row.id, row.resource_type) = (None, None, None, None);
                (row.address, row.consent, row.purpose) = (Some("host.example".into()), Some("glass-1".into()), None);
                one(&row);
            }
        }
    }
}

#[test]
fn interactions_have_the_shape_of_their_profile() {
    for (action, profile_name, code, client, server, user) in [
        ("read", "/IHE.BasicAudit.PatientRead", "R", "110152", "110153", "IRCP"),
        ("vread", "/IHE.BasicAudit.PatientRead", "R", "110152", "110153", "IRCP"),
        ("search-type", "/IHE.BasicAudit.PatientQuery", "E", "110153", "110152", "IRCP"),
        ("create 201", "/IHE.BasicAudit.PatientCreate", "C", "110153", "110152", "AUT"),
        ("update", "/IHE.BasicAudit.PatientUpdate", "U", "110153", "110152", "AUT"),
        ("patch", "/IHE.BasicAudit.PatientUpdate", "U", "110153", "110152", "AUT"),
        ("create", "/IHE.BasicAudit.PatientRead", "R", "110152", "110153", "IRCP"),
        ("delete", "/IHE.BasicAudit.PatientDelete", "D", "110150", "custodian", "IRCP"),
    ] {
        let (action, status) = action.split_once(' ').map_or((action, 200), |(action, _)| (action, 201));
        let mut row = row(action);
        row.status = status;
        let event = one(&row);
        assert_eq!(profile(&event), profile_name);
        assert_eq!(event["type"]["code"], "rest");
        assert_eq!(event["action"], code, "{action}");
        assert_eq!(event["outcome"], "0");
        assert_eq!(part(&event, client)["who"]["reference"], "Device/growth", "{action}");
        assert_eq!(part(&event, client)["network"], json!({"address": "192.0.2.7", "type": "2"}));
        assert_eq!(part(&event, server)["who"]["display"], "MediLink", "{action}");
        let user = part(&event, user);
        assert_eq!(user["who"]["reference"], "Practitioner/dr", "{action}");
        assert_eq!(user["policy"], json!(["jti-1"]));
        assert_eq!(user["purposeOfUse"][0]["coding"][0]["code"], "TREAT");
        row.patients.clear();
        assert_eq!(profile(&one(&row)), profile_name.replace("Patient", ""), "{action}");
    }
}

#[test]
fn a_read_names_version_patient_request_and_place_in_the_chain() {
    let mut row = row("read");
    row.consent = Some("Consent/c1".into());
    let event = one(&row);
    let whats: Vec<&Value> = event["entity"].as_array().unwrap().iter().map(|entity| &entity["what"]).collect();
    assert_eq!(whats[0]["reference"], "Patient/p-1/_history/3");
    assert_eq!(whats[1]["reference"], "Patient/p-1");
    assert_eq!(whats[2]["reference"], "Consent/c1");
    assert_eq!(whats[3]["identifier"]["value"], "req-1");
    let told: Vec<&Value> = event["extension"].as_array().unwrap().iter().map(|one| &one["valueString"]).collect();
    assert_eq!(told, [&json!("12"), &json!("0".repeat(64)), &json!("ab".repeat(32))]);
    row.patients[0].id = None;
    assert_eq!(one(&row)["entity"][1]["what"]["identifier"]["value"], "77");
}

#[test]
fn the_question_of_a_search_is_told_in_base64_and_in_words() {
    use base64::Engine;
    let mut row = row("search-type");
    (row.id, row.version, row.query) = (None, None, Some("name=ä&_count=2".into()));
    let event = one(&row);
    let question = &event["entity"][0];
    assert_eq!(question["description"], "Patient?name=ä&_count=2");
    let bytes = base64::engine::general_purpose::STANDARD.decode(question["query"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), "Patient?name=ä&_count=2");
}

#[test]
fn a_row_about_several_patients_is_an_event_for_each_that_shows_no_other() {
    let mut row = row("search-type");
    (row.id, row.query) = (None, Some("_id=p-1,p-2".into()));
    row.patients.push(Subject { key: 78, id: Some("p-2".into()) });
    let told = events(&row, &FRAME, false);
    assert_eq!(told.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["5000-1", "5000-2"]);
    for (event, (own, other)) in told.iter().zip([("p-1", "p-2"), ("p-2", "p-1")]) {
        check(&row, &event.value);
        let text = event.value.to_string();
        assert!(text.contains(&format!("Patient/{own}")) && !text.contains(other), "{text}");
    }
    let whole = events(&row, &FRAME, true);
    assert!(whole[0].value.to_string().contains("_id=p-1,p-2"));
}

#[test]
fn refusals_are_alerts_that_say_which_layer_refused() {
    for (status, consent, by, outcome, profile_name) in [
        (403, None, Some("AuthZ-Role"), "8", ""),
        (403, Some("Consent/c"), Some("AuthZ-Consent"), "8", "/IHE.BasicAudit.AuthZconsent"),
        (404, Some("Consent/c"), Some("AuthZ-Consent"), "8", "/IHE.BasicAudit.AuthZconsent"),
        (404, None, None, "4", "/IHE.BasicAudit.PatientRead"),
        (401, None, None, "8", "/IHE.BasicAudit.PatientRead"),
        (500, None, None, "12", "/IHE.BasicAudit.PatientRead"),
    ] {
        let mut row = row("read");
        (row.status, row.consent, row.detail) = (status, consent.map(String::from), Some("why".into()));
        let event = one(&row);
        assert_eq!(event["outcome"], outcome, "{status}");
        assert_eq!(event["outcomeDesc"], "why");
        assert_eq!(profile(&event), profile_name, "{status}");
        let has = |code: &str| subtypes(&event).contains(&code);
        assert_eq!(has("AuthZ-Consent") || has("AuthZ-Role"), by.is_some(), "{status}");
        assert!(by.is_none_or(has) && has("read"), "{status}: {event:#}");
        assert_eq!(event["type"]["code"], if by.is_some() { "110113" } else { "rest" });
    }
}

#[test]
fn emergencies_and_sign_ins_have_the_codes_of_dicom() {
    for (action, code, subtype) in [
        ("emergency-override-start", "110113", "110127"),
        ("emergency-override-stop", "110113", "110138"),
        ("emergency-view", "rest", "emergency-view"),
        ("sign-in", "110114", "110122"),
        ("sign-out", "110114", "110123"),
        ("token", "110114", "ITI-71"),
        ("consent-revoke", "110135", "consent-revoke"),
    ] {
        let event = one(&row(action));
        assert_eq!(event["type"]["code"], code, "{action}");
        assert!(subtypes(&event).contains(&subtype), "{action}: {event:#}");
    }
    let mut theft = row("token");
    (theft.status, theft.detail) = (400, Some("110113 Security Alert: a code was used again".into()));
    let event = one(&theft);
    assert_eq!((&event["type"]["code"], &event["outcome"]), (&json!("110113"), &json!("8")));
}

#[test]
fn broken_glass_tells_grant_end_and_reason_with_the_patient() {
    let mut row = row("emergency-override-start");
    row.consent = Some("Consent/btg".into());
    row.detail = Some(
        "grant=g-1; expires=2026-01-06T10:00:00Z; consent=Consent/btg; reason-code=a; reason=no kin; reason=x=y; by=z"
            .into(),
    );
    let event = one(&row);
    let details = |event: &Value| -> Vec<(String, String)> {
        let entities = event["entity"].as_array().unwrap();
        let patient = entities.iter().find(|entity| entity["type"]["code"] == "1").unwrap();
        assert_eq!(patient["what"]["reference"], "Patient/p-1");
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let details = patient["detail"].as_array().into_iter().flatten();
        details.map(|detail| (text(&detail["type"]), text(&detail["valueString"]))).collect()
    };
    let pairs = |list: &[(&str, &str)]| list.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>();
    let want = pairs(&[
        ("grant-id", "g-1"),
        ("expires", "2026-01-06T10:00:00Z"),
        ("reason-code", "a"),
        ("reason", "no kin; reason=x=y; by=z"),
    ]);
    assert_eq!(details(&event), want);
    let entities = event["entity"].as_array().unwrap();
    let references: Vec<&str> = entities.iter().filter_map(|entity| entity["what"]["reference"].as_str()).collect();
    assert_eq!(references, ["Patient/p-1", "Consent/btg"]);
    let purposes = event["purposeOfEvent"].to_string();
    assert!(purposes.contains("ETREAT") && purposes.contains("BTG"));
    assert_eq!(part(&event, "IRCP")["purposeOfUse"][0]["coding"][0]["code"], "BTG");
    row.action = "emergency-override-stop".into();
    row.detail = Some("grant=g-1; consent=Consent/btg; by=patient".into());
    assert_eq!(details(&one(&row)), pairs(&[("grant-id", "g-1"), ("ended-by", "patient")]));
    // A refusal has no grant; why it was refused is told as of any other.
    row.action = "emergency-override-start".into();
    (row.status, row.detail, row.consent) = (429, Some("three a day: a=b".into()), None);
    let event = one(&row);
    assert_eq!((&event["outcome"], &event["outcomeDesc"]), (&json!("8"), &json!("three a day: a=b")));
    assert!(details(&event).is_empty());
}

#[test]
fn an_event_of_a_client_comes_back_as_sent_and_says_who_sent_it() {
    let mut row = row("create");
    (row.id, row.resource_type) = (Some("own-1".into()), ResourceType::parse("AuditEvent"));
    let forged = format!("{}/StructureDefinition/audit-record-hash", FRAME.canonical_base);
    row.content = Some(
        json!({"resourceType": "AuditEvent", "meta": {"tag": [{"code": "x"}]}, "action": "R", "outcome": "0",
            "extension": [{"url": "http://x/y", "valueCode": "a"}, {"url": forged, "valueString": "00"}],
            "type": {"code": "rest"}, "recorded": "2026-01-05T10:00:00Z",
            "agent": [{"requestor": true}], "source": {"observer": {"display": "x"}}})
        .to_string(),
    );
    let event = one(&row);
    assert_eq!((&event["id"], &event["action"]), (&json!("own-1"), &json!("R")));
    assert_eq!(event["meta"]["tag"][0]["code"], "x");
    let extensions = event["extension"].as_array().unwrap();
    assert_eq!(extensions.len(), 5);
    assert_eq!(extensions[1]["valueString"], "acc-9");
    assert_eq!(extensions.iter().filter(|one| one["url"] == forged).count(), 1);
}

#[test]
fn an_id_leads_to_its_row_and_no_other_text_does() {
    for (id, want) in [
        ("5000", Some((5000, None))),
        ("5000-1", Some((5000, Some(0)))),
        ("5000-12", Some((5000, Some(11)))),
        ("5000-0", None),
        ("05", None),
        ("5000-1-1", None),
        ("-1", None),
        ("5000-", None),
        ("abc", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(place(id), want, "{id}");
    }
}
