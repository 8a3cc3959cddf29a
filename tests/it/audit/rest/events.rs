//! What is done becomes an AuditEvent that can be found in every way.

use serde_json::{Value, json};

use super::{found, person, secured, wait};
use crate::rest::{patient, unique};

fn subtype(event: &Value) -> String {
    let codes = event["subtype"].as_array().into_iter().flatten().filter_map(|code| code["code"].as_str());
    codes.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_interaction_is_an_event_that_is_found_by_the_patient() {
    let app = secured();
    let client = app.client_with("system/*.cruds");
    let id = unique();
    client.put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    client.get(&format!("Patient/{id}")).expect(200);
    client.get(&format!("Patient/{id}/_history/1")).expect(200);
    app.client_with("system/Observation.r").get(&format!("Patient/{id}")).expect(403);
    app.client().get(&format!("Patient/{id}")).expect(401);
    client.delete(&format!("Patient/{id}")).expect(204);
    wait(app, &id, 6);
    let events = found(&client, &format!("AuditEvent?patient=Patient/{id}&_sort=date"), 6);
    let told: Vec<(String, &Value, &Value)> =
        events.iter().map(|event| (subtype(event), &event["action"], &event["outcome"])).collect();
    let told: Vec<String> =
        told.iter().map(|(subtype, action, outcome)| format!("{subtype} {action} {outcome}")).collect();
    for want in [
        r#"update "U" "0""#,
        r#"read "R" "0""#,
        r#"vread "R" "0""#,
        r#"AuthZ-Role read "E" "8""#,
        r#"read "R" "8""#,
        r#"delete "D" "0""#,
    ] {
        assert!(told.iter().any(|line| line == want), "{want}: {told:#?}");
    }
    for event in &events {
        let own = event["id"].as_str().expect("an id");
        let read = client.get(&format!("AuditEvent/{own}")).expect(200);
        assert_eq!(read.header("etag"), Some("W/\"1\""));
        // A place in the chain comes a moment later, and nothing else changes.
        let without_chain = |event: &Value| {
            let mut event = event.clone();
            event.as_object_mut().map(|event| event.remove("extension"));
            event
        };
        assert_eq!(without_chain(&read.json()), without_chain(event));
        assert_eq!(
            without_chain(&client.get(&format!("AuditEvent/{own}/_history/1")).expect(200).json()),
            without_chain(event)
        );
        client.get(&format!("AuditEvent/{own}/_history/2")).expect(404);
        let history = client.get(&format!("AuditEvent/{own}/_history")).expect(200).json();
        assert_eq!(history["entry"].as_array().map(Vec::len), Some(1));
    }
    client.get("AuditEvent/1").expect(404);
    client.get("AuditEvent/nobody").expect(404);
}

#[test]
fn each_parameter_finds_what_it_says() {
    let app = secured();
    let auditor = app.client_with("system/AuditEvent.rs");
    let (id, doctor) = (unique(), unique());
    let doctor = format!("Practitioner/{doctor}");
    app.client_with("system/*.cruds").put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    let token = app.forged(|claims| {
        claims.scope = "user/Patient.rs".into();
        (claims.roles, claims.fhir_user) = (vec!["physician".into()], Some(doctor.clone()));
        (claims.purpose_of_use, claims.jti) = (Some("TREAT".into()), format!("jti-{id}"));
        claims.client_id = Some(format!("app-{id}"));
    });
    let client = app.client().with_token(&token);
    client.get_with(&format!("Patient/{id}"), &[("X-Request-Id", &id)]).expect(200);
    let all = found(&auditor, &format!("AuditEvent?agent={doctor}"), 1);
    let event = &all[0];
    let own = event["id"].as_str().expect("an id");
    for query in [
        format!("agent={doctor}&patient={id}"),
        format!("agent=Device/app-{id}"),
        format!("policy=jti-{id}"),
        format!("entity=Patient/{id}&action=R"),
        format!("entity=Patient/{id}&subtype=http://hl7.org/fhir/restful-interaction|read"),
        format!("agent={doctor}&type=rest"),
        format!("agent={doctor}&outcome=0"),
        format!("agent={doctor}&date=ge2020-01-01"),
        format!("agent={doctor}&date=gt2020&_lastUpdated=gt2020"),
        format!("agent={doctor}&address=127.0.0.1"),
        format!("agent={doctor}&entity-role=4"),
        format!("agent={doctor}&entity-type=2"),
        format!("agent={doctor}&site={}", app.base()),
        format!("_id={own}"),
        format!("patient={id}&agent={doctor}&_summary=true"),
        format!("_id={own}&_elements=type"),
    ] {
        let answer = auditor.get(&format!("AuditEvent?{query}")).expect(200);
        let ids: Vec<Value> = answer.resources().iter().map(|event| event["id"].clone()).collect();
        assert_eq!(ids, [json!(own)], "{query}");
        assert_eq!(answer.json()["total"], 1, "{query}");
    }
    for query in [
        format!("agent={doctor}&action=U"),
        format!("agent={doctor}&outcome=8"),
        format!("agent={doctor}&date=lt2020"),
        format!("agent={doctor}&patient={}", unique()),
        format!("agent={doctor}&subtype=update"),
        format!("agent={doctor}&entity-role=1000"),
        format!("_id={own}&agent=Practitioner/nobody"),
        format!("agent={doctor}&address=127.0.0.2"),
    ] {
        assert_eq!(auditor.get(&format!("AuditEvent?{query}")).expect(200).json()["total"], 0, "{query}");
    }
    let by_form = auditor.request(
        "POST",
        "AuditEvent/_search",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        format!("agent={doctor}").as_bytes(),
    );
    assert_eq!(by_form.expect(200).resources().len(), 1);
    let count = auditor.get(&format!("AuditEvent?agent={doctor}&_summary=count")).expect(200);
    assert_eq!((&count.json()["total"], count.resources().len()), (&json!(1), 0));
}

#[test]
fn what_one_event_does_not_decide_is_refused_by_name() {
    let client = secured().client_with("system/*.rs");
    for (query, name) in [
        ("patient.name=x", "patient.name"),
        ("agent:Practitioner.name=x", "agent:Practitioner.name"),
        ("_has:Provenance:target:agent=x", "_has"),
        ("_include=AuditEvent:patient", "_include"),
        ("_contained=true", "_contained"),
        ("_list=x", "_list"),
        ("_sort=agent", "date"),
        ("nonsense=x", "nonsense"),
    ] {
        let answer = client.get(&format!("AuditEvent?{query}"));
        assert!((400..500).contains(&answer.status), "{query}: {}", answer.text());
        assert!(answer.text().contains(name), "{query}: {}", answer.text());
    }
    client.get("AuditEvent/_history").expect(400);
    client.get("AuditEvent?_cursor=x").expect(400);
}

#[test]
fn the_statement_says_what_is_offered() {
    let app = secured();
    let statement = app.client().get("metadata").expect(200).json();
    let resources = statement["rest"][0]["resource"].as_array().expect("resources");
    let trail = resources.iter().find(|resource| resource["type"] == "AuditEvent").expect("it is offered");
    let codes: Vec<&str> =
        trail["interaction"].as_array().expect("interactions").iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["read", "vread", "create", "history-instance", "search-type"]);
    assert_eq!(trail["operation"][0]["name"], "verify-chain");
    assert!(!statement.to_string().contains("\"AuditEvent:"), "nothing is included by way of an AuditEvent");
}

#[test]
fn the_chain_is_checked_for_those_who_may() {
    let app = secured();
    let auditor = person(app, "system-auditor", "Practitioner/auditor", "user/*.rs");
    let system = app.client_with("system/AuditEvent.rs __audit");
    for client in [&auditor, &system] {
        let told = client.get("AuditEvent/$verify-chain?from=1").expect(200).json();
        assert_eq!(told["parameter"][0]["name"], "valid", "{told:#}");
        let body = json!({"resourceType": "Parameters", "parameter": [{"name": "from", "valueDecimal": 1}]});
        client.post("AuditEvent/$verify-chain", &body).expect(200);
    }
    for query in ["from=0", "from=x", "from=3&to=2", "to=1&to=2"] {
        auditor.get(&format!("AuditEvent/$verify-chain?{query}")).expect(400);
    }
    let wrong = json!({"resourceType": "Parameters", "parameter": [{"name": "from", "valueString": "1"}]});
    let refused = auditor.post("AuditEvent/$verify-chain", &wrong).expect(400);
    assert!(refused.text().contains("Parameters.parameter[0]"), "{}", refused.text());
    for role in ["physician", "admin", "patient"] {
        person(app, role, "Practitioner/other", "user/*.rs").get("AuditEvent/$verify-chain").expect(403);
    }
    app.client_with("system/AuditEvent.rs").get("AuditEvent/$verify-chain").expect(403);
    app.client().get("AuditEvent/$verify-chain").expect(401);
}
