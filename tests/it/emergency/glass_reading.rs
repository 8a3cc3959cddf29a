//! What broken glass opens: the whole record of one patient, for as long as it lasts, but for what is very restricted.

use serde_json::{Value, json};

use super::stage::*;
use crate::app::TestApp;
use crate::client::Client;

/// Stores an Observation of a patient with a confidentiality, and returns its address.
fn observation(patient: &str, confidentiality: Option<&str>) -> String {
    let mut observation = json!({
        "resourceType": "Observation", "status": "final", "code": {"text": "something"},
        "subject": {"reference": format!("Patient/{patient}")}
    });
    if let Some(code) = confidentiality {
        let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
        observation["meta"] = json!({"security": [{"system": system, "code": code}]});
    }
    format!("Observation/{}", operator().post("Observation", &observation).expect(201).id())
}

/// Stores a Consent by which a patient keeps everybody out.
fn closed(patient: &str) {
    let consent: Value = json!({
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": format!("Patient/{patient}")},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
        "provision": {"type": "deny"}
    });
    operator().post("Consent", &consent).expect(201);
}

/// Returns a client of a physician whose token carries a grant.
fn breaking(app: &TestApp, who: &str, grant: &str) -> Client {
    let token = app.forged(|claims| {
        claims.scope = "user/*.cruds".into();
        claims.roles = vec!["physician".into()];
        claims.fhir_user = Some(who.into());
        claims.auth_time = Some(claims.iat);
        claims.purpose_of_use = Some("BTG".into());
        claims.btg = Some(grant.into());
    });
    app.client().with_token(&token)
}

fn is_open(client: &Client, address: &str) -> bool {
    let answer = client.get(address);
    assert!([200, 403, 404].contains(&answer.status), "{}: {}", answer.asked, answer.text());
    let id = address.rsplit('/').next().expect("an id");
    let found = client.get(&format!("Observation?_id={id}")).expect(200).resources();
    let is_found = found.iter().any(|it| it["resourceType"] == "Observation");
    assert_eq!(is_found, answer.status == 200, "reading and searching agree on {address}");
    is_found
}

#[test]
fn broken_glass_opens_one_closed_record_and_ends_at_once() {
    let (doctor, id, other) = (physician(), patient(), patient());
    let who = doctor.who.clone().expect("a practitioner");
    let (plain, restricted) = (observation(&id, None), observation(&id, Some("R")));
    let elsewhere = observation(&other, None);
    closed(&id);
    closed(&other);
    assert!(!is_open(&doctor.client(), &plain), "closed before");
    let grant = word(&break_glass(&doctor.client(), &id).expect(200), "grant");
    let inside = breaking(app(), &who, &grant);
    assert!(is_open(&inside, &plain) && is_open(&inside, &restricted), "open");
    assert!(!is_open(&inside, &elsewhere), "no other record");
    assert!(!is_open(&doctor.client(), &plain), "a token with another purpose opens nothing by it");
    assert!(!is_open(&breaking(app(), "Practitioner/somebody-else", &grant), &plain), "nobody else's");
    assert!(!is_open(&breaking(app(), &who, "00000000-0000-0000-0000-000000000000"), &plain), "no grant, no record");
    end_glass(&doctor.client(), &id, &grant).expect(200);
    assert!(!is_open(&inside, &plain), "closed on the next request");
}

#[test]
fn broken_glass_does_not_open_what_is_very_restricted() {
    let (doctor, id) = (physician(), patient());
    let secret = observation(&id, Some("V"));
    let grant = word(&break_glass(&doctor.client(), &id).expect(200), "grant");
    let inside = breaking(app(), doctor.who.as_deref().expect("a practitioner"), &grant);
    assert!(!is_open(&inside, &secret));
}

#[test]
fn a_grant_that_runs_out_closes_the_record_also_between_two_pages() {
    let (doctor, id) = (physician(), patient());
    for _ in 0..4 {
        observation(&id, None);
    }
    closed(&id);
    let grant = word(&break_glass(&doctor.client(), &id).expect(200), "grant");
    let inside = breaking(app(), doctor.who.as_deref().expect("a practitioner"), &grant);
    let first = inside.get(&format!("Observation?patient={id}&_count=2")).expect(200);
    assert_eq!(first.resources().len(), 2);
    let next = first.link("next").expect("there is more");
    let key = medilink::search::key::Keyer::fixed().target("Patient", &id);
    app().sql(&format!("update break_glass set expires = {} where id = '{grant}'", now_us() - 1_000));
    app().sql(&format!("insert into policy_change (kind, key) values (3, {key})"));
    // Other processes hear of it within a second.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let later = inside.get(&next);
    assert!(later.status != 200 || later.resources().is_empty(), "{}", later.text());
}

#[test]
fn a_consent_that_somebody_wrote_is_no_broken_glass() {
    let (doctor, id) = (physician(), patient());
    let who = doctor.who.clone().expect("a practitioner");
    let plain = observation(&id, None);
    closed(&id);
    let answer = break_glass(&doctor.client(), &id).expect(200);
    let mut copy = operator().get(&consent_of(&answer)).expect(200).json();
    copy.as_object_mut().expect("a Consent").remove("id");
    end_glass(&doctor.client(), &id, &word(&answer, "grant")).expect(200);
    operator().post("Consent", &copy).expect(403).expect_issue("forbidden");
    copy.as_object_mut().expect("a Consent").remove("meta");
    let forged = operator().post("Consent", &copy).expect(201).id();
    assert!(!is_open(&breaking(app(), &who, &forged), &plain));
}
