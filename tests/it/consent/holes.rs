//! Ways around the policy that somebody with an account of few rights may try, each of them closed.
//!
//! House rule: whoever writes must see what is there and what takes its place; nobody opens a record by what they write themselves.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::keeper;
use crate::app::TestApp;
use crate::client::{Client, JSON_PATCH, Response};
use crate::races::unique;

/// Returns a server where those see a record who care for the patient.
fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().set("consent-default", "treatment").start())
}

fn to(reference: &str) -> Value {
    json!({"reference": reference})
}

/// Returns somebody with a role and a practitioner of their own, with that practitioner.
fn somebody(role: &str) -> (Client, String) {
    let id = unique(role);
    keeper(app()).put(&format!("Practitioner/{id}"), &json!({"resourceType": "Practitioner", "id": id})).expect(201);
    let who = format!("Practitioner/{id}");
    let token = app().forged(|claims| {
        claims.sub = format!("account-{id}");
        claims.scope = "user/*.cruds".to_string();
        claims.roles = vec![role.to_string()];
        claims.fhir_user = Some(who.clone());
        claims.client_id = Some("some-app".to_string());
    });
    (app().client().with_token(&token), who)
}

/// Returns a patient for whom a practitioner cares.
fn patient_of(who: &str) -> String {
    let patient = json!({"resourceType": "Patient", "generalPractitioner": [to(who)]});
    format!("Patient/{}", keeper(app()).post("Patient", &patient).expect(201).id())
}

fn patient() -> String {
    format!("Patient/{}", keeper(app()).post("Patient", &json!({"resourceType": "Patient"})).expect(201).id())
}

fn observation(subject: Value) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "a finding"}, "subject": subject})
}

fn put(client: &Client, resource: &Value) -> Response {
    let name = |key: &str| resource[key].as_str().expect("a text").to_string();
    client.put(&format!("{}/{}", name("resourceType"), name("id")), resource)
}

#[track_caller]
fn refused(answer: &Response) {
    assert!([403, 404, 422].contains(&answer.status), "{answer:?}");
}

#[test]
fn a_record_stays_with_its_patient() {
    let (ada, who) = somebody("physician");
    let (eve, _) = somebody("physician");
    let (own, other) = (patient_of(&who), patient_of(&who));
    let mut resource = ada.post("Observation", &observation(to(&own))).expect(201).json();
    let id = resource["id"].as_str().expect("an id").to_string();
    eve.get(&format!("Observation/{id}")).expect(404);
    let group = keeper(app()).post("Group", &json!({"resourceType": "Group", "type": "person", "actual": true}));
    let group = format!("Group/{}", group.expect(201).id());
    for subject in [json!(null), to(&other), to(&group), json!({"display": "somebody"})] {
        resource["subject"] = subject.clone();
        if subject.is_null() {
            resource.as_object_mut().expect("an object").remove("subject");
        }
        refused(&put(&ada, &resource));
        let entry = json!({"resource": resource, "request": {"method": "PUT", "url": format!("Observation/{id}")}});
        refused(&ada.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})));
    }
    let patch = json!([{"op": "remove", "path": "/subject"}]).to_string();
    refused(&ada.request("PATCH", &format!("Observation/{id}"), &[JSON_PATCH], patch.as_bytes()));
    refused(&ada.request("PATCH", &format!("Observation?_id={id}"), &[JSON_PATCH], patch.as_bytes()));
    eve.get(&format!("Observation/{id}")).expect(404);
    // What stays the patient's is changed as ever.
    resource["subject"] = to(&own);
    resource["status"] = "amended".into();
    put(&ada, &resource).expect(200);
}

#[test]
fn who_is_named_without_a_reference_is_not_nobody() {
    let (eve, _) = somebody("physician");
    let keeper = keeper(app());
    for subject in [
        json!({"identifier": {"system": "urn:mrn", "value": "4711"}}),
        json!({"display": "Amina Diallo"}),
        to("https://other.example/fhir/Patient/1"),
        to("urn:uuid:9c1fbd7c-3f3f-4f6e-9f15-3f2f2d1f7a11"),
    ] {
        let id = keeper.post("Observation", &observation(subject.clone())).expect(201).id();
        assert_eq!(eve.get(&format!("Observation/{id}")).status, 404, "{subject}");
        assert_eq!(eve.get(&format!("Observation?_id={id}")).expect(200).json()["total"], 0, "{subject}");
    }
    // Nor does anybody come to care for all of them by caring for one.
    let (_, who) = somebody("physician");
    let visit = json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "subject": {"display": "Amina Diallo"}, "participant": [{"individual": to(&who)}]});
    keeper.post("Encounter", &visit).expect(201);
}

#[test]
fn what_tells_of_a_record_is_as_hidden_as_that() {
    let (eve, _) = somebody("physician");
    let keeper = keeper(app());
    let hidden = format!("Observation/{}", keeper.post("Observation", &observation(to(&patient()))).expect(201).id());
    for teller in [
        json!({"resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z", "target": [to(&hidden)],
            "agent": [{"who": {"display": "the psychiatric clinic"}}]}),
        json!({"resourceType": "List", "status": "current", "mode": "working", "entry": [{"item": to(&hidden)}]}),
        json!({"resourceType": "Linkage", "item": [{"type": "source", "resource": to(&hidden)}]}),
        json!({"resourceType": "Task", "status": "requested", "intent": "order", "focus": to(&hidden)}),
    ] {
        let t = teller["resourceType"].as_str().expect("a type");
        let id = keeper.post(t, &teller).expect(201).id();
        assert_eq!(eve.get(&format!("{t}/{id}")).status, 404, "{t}");
        assert_eq!(eve.get(&format!("{t}?_id={id}")).expect(200).json()["total"], 0, "{t}");
    }
}

#[test]
fn nobody_joins_what_a_consent_names() {
    let keeper = keeper(app());
    let (eve, who) = somebody("physician");
    let (patient, group) = (patient(), unique("group"));
    let members = |list: &[&str]| {
        let list: Vec<Value> = list.iter().map(|member| json!({"entity": to(member)})).collect();
        json!({"resourceType": "Group", "id": group, "type": "practitioner", "actual": true, "member": list})
    };
    put(&keeper, &members(&["Practitioner/trusted"])).expect(201);
    keeper.post("Consent", &consent(&patient, &format!("Group/{group}"))).expect(201);
    let id = keeper.post("Observation", &observation(to(&patient))).expect(201).id();
    let sees = || eve.get(&format!("Observation/{id}")).status;
    assert_eq!(sees(), 404);
    refused(&put(&eve, &members(&["Practitioner/trusted", &who])));
    let mine = patient_of(&who);
    refused(&put(&eve, &members(&[&mine, &who])));
    assert_eq!(sees(), 404);
    // Whoever keeps the record lets them in and out, and it holds at once.
    put(&keeper, &members(&[&who])).expect(200);
    assert_eq!(sees(), 200);
    refused(&eve.delete(&format!("Group/{group}")));
    put(&keeper, &members(&["Practitioner/trusted"])).expect(200);
    assert_eq!(sees(), 404);
}

fn consent(patient: &str, actor: &str) -> Value {
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    json!({
        "resourceType": "Consent", "status": "active", "patient": to(patient), "dateTime": "2026-01-01",
        "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coding("http://loinc.org", "59284-0")],
        "policyRule": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": {"type": "permit", "actor": [{
            "role": coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
            "reference": to(actor)
        }]}
    })
}

#[test]
fn a_team_of_no_patient_is_joined_by_nobody_alone() {
    let keeper = keeper(app());
    let (eve, who) = somebody("physician");
    let (patient, team) = (patient(), unique("team"));
    let of = |subject: Option<&str>, members: &[&str]| {
        let members: Vec<Value> = members.iter().map(|member| json!({"member": to(member)})).collect();
        let mut team = json!({"resourceType": "CareTeam", "id": team, "status": "active", "participant": members});
        if let Some(subject) = subject {
            team["subject"] = to(subject);
        }
        team
    };
    put(&keeper, &of(None, &["Practitioner/trusted"])).expect(201);
    let episode = json!({"resourceType": "EpisodeOfCare", "status": "active", "patient": to(&patient),
        "team": [to(&format!("CareTeam/{team}"))]});
    keeper.post("EpisodeOfCare", &episode).expect(201);
    let sees = || eve.get(&patient).status;
    assert_eq!(sees(), 404);
    refused(&put(&eve, &of(None, &["Practitioner/trusted", &who])));
    refused(&put(&eve, &of(Some(&patient_of(&who)), &[&who])));
    assert_eq!(sees(), 404);
    // The team of a patient of one's own is another thing.
    let own = json!({"resourceType": "CareTeam", "status": "active", "subject": to(&patient_of(&who)),
        "participant": [{"member": to(&who)}]});
    eve.post("CareTeam", &own).expect(201);
}

#[test]
fn no_visit_opens_a_record_to_who_writes_it() {
    let (eve, who) = somebody("physician");
    let (patient, own) = (patient(), patient_of(&who));
    let id = patient.split_once('/').expect("a reference").1.to_string();
    let actor = |reference: &str| json!({"actor": to(reference), "status": "accepted"});
    for (t, resource) in [
        (
            "Encounter",
            json!({"status": "in-progress", "class": {"code": "EMER"}, "subject": to(&patient),
            "participant": [{"individual": to(&who)}]}),
        ),
        ("EpisodeOfCare", json!({"status": "active", "patient": to(&patient), "careManager": to(&who)})),
        ("CareTeam", json!({"status": "active", "subject": to(&patient), "participant": [{"member": to(&who)}]})),
        ("Appointment", json!({"status": "booked", "participant": [actor(&patient), actor(&own), actor(&who)]})),
        ("Patient", json!({"id": id, "generalPractitioner": [to(&who)]})),
    ] {
        let mut resource = resource;
        resource["resourceType"] = t.into();
        let url = resource["id"].as_str().map_or(t.to_string(), |id| format!("{t}/{id}"));
        let method = if url == t { "POST" } else { "PUT" };
        let entry = json!({"resource": resource, "request": {"method": method, "url": url}});
        let bundle = |kind: &str| json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
        if method == "POST" {
            refused(&eve.post(t, &resource));
        } else {
            refused(&eve.put(&url, &resource));
        }
        refused(&eve.post("", &bundle("transaction")));
        let batch = eve.post("", &bundle("batch")).expect(200).json();
        let status = batch["entry"][0]["response"]["status"].as_str().unwrap_or_default().to_string();
        assert!(status.starts_with('4'), "{t}: {status}");
        eve.get(&patient).expect(404);
    }
}

#[test]
fn an_active_consent_that_nobody_would_hear_is_refused() {
    let keeper = keeper(app());
    let patient = patient();
    for named in [
        json!({"identifier": {"system": "urn:mrn", "value": "4711"}}),
        to("https://other.example/fhir/Patient/1"),
        to("urn:uuid:9c1fbd7c-3f3f-4f6e-9f15-3f2f2d1f7a11"),
    ] {
        let mut consent = consent(&patient, "Practitioner/trusted");
        consent["patient"] = named.clone();
        keeper.post("Consent", &consent).expect(422);
        consent["status"] = "draft".into();
        keeper.post("Consent", &consent).expect(201);
    }
}
