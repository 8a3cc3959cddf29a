//! What changes while somebody reads: labels that come later, and what is revoked between two pages and on another server.

use std::sync::OnceLock;

use medilink::oauth::Claims;
use serde_json::{Value, json};

use super::{Case, OURS, actor, labels, sees, with};
use crate::app::TestApp;
use crate::client::Client;

#[test]
fn a_label_hides_the_versions_before_it() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    let before = case.keeper.get(&observation).expect(200).json();
    let permit = json!({"type": "permit", "actor": actor("Practitioner/nurse"), "securityLabel": labels(&["N"])});
    case.rules(permit);
    let (doctor, nurse) = (case.doctor(), case.person("nurse", "Practitioner/nurse", |_| {}));
    for (label, doctor_sees, nurse_sees) in [("N", true, true), ("R", true, false), ("V", false, false)] {
        case.put(with(before.clone(), json!({"meta": {"security": labels(&[label])}})));
        for (who, client, want) in [("doctor", &doctor, doctor_sees), ("nurse", &nurse, nurse_sees)] {
            assert_eq!(sees(client, &observation), want, "{label}: {who}");
            assert_eq!(
                client.get(&format!("{observation}/_history/1")).status == 200,
                want,
                "{label}: {who}: the first"
            );
        }
        let told = doctor.get("Observation/_history?_count=100").expect(200).text();
        assert_eq!(told.contains(&observation[12..]), doctor_sees, "{label}: history of the type");
    }
    // The label of an old version keeps that version hidden when the newest has none.
    case.put(before);
    assert!(doctor.get(&observation).status == 200, "a label that a client has taken off is off");
    assert_ne!(doctor.get(&format!("{observation}/_history/4")).status, 200, "the version that had it");
    assert_eq!(doctor.get(&format!("{observation}/_history/1")).status, 200);
}

/// Returns two servers of one database.
pub fn servers() -> &'static [TestApp; 2] {
    static SERVERS: OnceLock<[TestApp; 2]> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let server = || TestApp::builder().secured().set("base-url", OURS).set("consent-default", "treatment");
        let one = server().start();
        let two = server().database(&one.database_url()).data_dir(&one.data_dir()).start();
        [one, two]
    })
}

/// Returns a client of one of the two, which call themselves by another name.
pub fn client(app: &TestApp, change: impl FnOnce(&mut Claims)) -> Client {
    app.client().with_token(&servers()[0].forged(|claims| {
        (claims.iss, claims.aud) = (OURS.into(), OURS.into());
        change(claims);
    }))
}

/// Returns a client of one of the two for a physician.
pub fn physician(app: &TestApp, who: &str) -> Client {
    client(app, |claims| {
        (claims.scope, claims.roles) = ("user/*.cruds".into(), vec!["physician".into()]);
        claims.fhir_user = Some(who.into());
        (claims.auth_time, claims.amr) = (Some(claims.iat), vec!["otp".into()]);
    })
}

#[track_caller]
pub fn put(resource: &Value) {
    let path = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    let answer = client(&servers()[0], |_| {}).put(&path, resource);
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
}

fn consent(id: &str, who: &str) -> Value {
    json!({"resourceType": "Consent", "id": id, "status": "active", "patient": {"reference": format!("Patient/{id}")},
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policy": [{"uri": "http://policy.example"}],
        "provision": {"type": "permit", "actor": actor(who)}})
}

#[test]
fn who_is_removed_from_a_group_on_one_server_is_out_on_the_other_at_once() {
    let [one, two] = servers();
    put(&json!({"resourceType": "Patient", "id": "grouped"}));
    put(&consent("grouped", "Group/g"));
    let group = |members: &[&str]| {
        let members: Vec<Value> = members.iter().map(|who| json!({"entity": {"reference": who}})).collect();
        put(&json!({"resourceType": "Group", "id": "g", "type": "practitioner", "actual": true, "member": members}));
    };
    let (here, there) = (physician(one, "Practitioner/m"), physician(two, "Practitioner/m"));
    for round in 0..4 {
        group(&["Practitioner/m", "Practitioner/n"]);
        assert_eq!((there.get("Patient/grouped").status, here.get("Patient/grouped").status), (200, 200), "{round}");
        group(&["Practitioner/n"]);
        assert_eq!((there.get("Patient/grouped").status, here.get("Patient/grouped").status), (404, 404), "{round}");
    }
}

#[test]
fn what_is_revoked_closes_between_two_pages_and_on_another_server_at_once() {
    let [one, two] = servers();
    put(&json!({"resourceType": "Patient", "id": "p"}));
    for i in 0..5 {
        put(&json!({"resourceType": "Observation", "id": format!("o{i}"), "status": "final", "code": {"text": "x"},
                    "subject": {"reference": "Patient/p"}}));
    }
    let (here, there) = (physician(one, "Practitioner/d"), physician(two, "Practitioner/d"));
    let consent = consent("p", "Practitioner/d");
    let revoked = with(consent.clone(), json!({"status": "inactive"}));
    // Each time on the very next request, however often.
    for round in 0..8 {
        put(&consent);
        assert_eq!(there.get("Observation/o0").status, 200, "{round}");
        put(&revoked);
        assert_eq!(there.get("Observation/o0").status, 404, "{round}");
        assert_eq!(there.get("Observation?patient=p&_total=accurate").expect(200).json()["total"], 0, "{round}");
        assert_eq!(here.get("Observation/o0").status, 404, "{round}");
    }
    for (name, client) in [("here", &here), ("there", &there)] {
        put(&consent);
        let path = |link: String| link.strip_prefix(OURS).expect("our own link").trim_start_matches('/').to_string();
        for start in
            ["Observation?patient=p&_count=2", "Observation/_history?_count=2", "Patient/p/$everything?_count=2"]
        {
            put(&consent);
            let first = client.get(start).expect(200);
            assert_eq!(first.resources().len(), 2, "{name}: {start}");
            let next =
                path(first.link("next").unwrap_or_else(|| panic!("{name}: {start}: one page: {}", first.text())));
            put(&revoked);
            let second = client.get(&next);
            let shown = if second.status == 200 { second.resources() } else { Vec::new() };
            assert!(shown.is_empty(), "{name}: {start}: {}", second.text());
        }
    }
}
