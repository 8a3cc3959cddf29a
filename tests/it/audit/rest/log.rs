//! Who may see which events: patients those about themselves, compliance all, others none.

use super::{event, found, person, rows, secured, wait};
use crate::rest::{patient, unique};
use serde_json::json;

const BASE_US: i64 = 1_500_000_000_000_000;

#[test]
fn a_patient_sees_what_is_about_the_own_record_and_nothing_of_others() {
    let app = secured();
    // To look is in the log too, so that each way has patients of its own.
    for by_role in [false, true] {
        let all = app.client_with("system/*.cruds");
        let (own, other) = (unique(), unique());
        for id in [&own, &other] {
            all.put(&format!("Patient/{id}"), &patient(id)).expect(201);
            all.get(&format!("Patient/{id}")).expect(200);
        }
        rows(
            app,
            &[
                (BASE_US, "Practitioner/x", "r", &[&own, &other]),
                (BASE_US, "Practitioner/x", "r", &[&other]),
                (BASE_US, "Practitioner/x", "r", &[]),
            ],
        );
        let mut both = event(&own, "y");
        let of_other = json!({"what": {"reference": format!("Patient/{other}")}});
        both["entity"].as_array_mut().expect("entities").push(of_other);
        let both = all.post("AuditEvent", &both).expect(201).id();
        let single = all.post("AuditEvent", &event(&own, "y")).expect(201).id();
        wait(app, &other, 5);
        wait(app, &own, 5);
        let whole = found(&all, &format!("AuditEvent?patient={other}&_count=50"), 5);
        let by_app = app.forged(|claims| {
            (claims.scope, claims.patient) = ("patient/AuditEvent.rs".into(), Some(own.clone()));
        });
        let client = match by_role {
            true => person(app, "patient", &format!("Patient/{own}"), "user/AuditEvent.rs"),
            false => app.client().with_token(&by_app),
        };
        // A write, a read, one of two patients, and what another system told of the one; then also that this was looked at.
        let seen = client.get("AuditEvent?_count=50").expect(200).resources();
        assert!(seen.len() >= 4, "{seen:#?}");
        client.get(&format!("AuditEvent/{single}")).expect(200);
        for event in &seen {
            let text = event.to_string();
            assert!(text.contains(&own) && !text.contains(&other), "{text}");
            assert!(!text.contains("name=x"), "the question that found several patients is not told: {text}");
        }
        for hidden in whole.iter().filter_map(|event| event["id"].as_str()).chain([both.as_str()]) {
            client.get(&format!("AuditEvent/{hidden}")).expect(404);
        }
        assert_eq!(client.get(&format!("AuditEvent?patient={other}")).expect(200).json()["total"], 0);
    }
}

#[test]
fn compliance_sees_all_and_others_nothing() {
    let app = secured();
    let id = unique();
    app.client_with("system/*.cruds").put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    let query = format!("AuditEvent?patient={id}");
    for role in ["system-auditor", "admin"] {
        found(&person(app, role, "Practitioner/compliance", "user/AuditEvent.rs"), &query, 1);
    }
    for role in ["nurse", "receptionist", "pharmacist", "lab-technician", "insurer-auditor", "facility-admin"] {
        person(app, role, "Practitioner/other", "user/*.rs").get(&query).expect(403);
    }
    app.client_with("system/Patient.rs").get(&query).expect(403);
    app.client().get(&query).expect(401);
}

/// To look at a patient's log is an access of its own, and stands in it.
#[test]
fn whoever_looks_at_a_log_stands_in_it() {
    let app = secured();
    let id = unique();
    app.client_with("system/*.cruds").put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    let looker = format!("Practitioner/{}", unique());
    let auditor = person(app, "system-auditor", &looker, "user/AuditEvent.rs");
    auditor.get(&format!("AuditEvent?patient={id}")).expect(200);
    let all = app.client_with("system/AuditEvent.rs");
    found(&all, &format!("AuditEvent?patient={id}&agent={looker}"), 1);
}
