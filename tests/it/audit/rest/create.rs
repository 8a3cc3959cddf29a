//! Events of other systems: created, found, and never changed.

use serde_json::json;

use super::{event, found, secured, wait};
use crate::client::JSON_PATCH;
use crate::rest::unique;

#[test]
fn an_event_is_created_and_found_by_what_it_says() {
    let client = secured().client_with("system/AuditEvent.crus");
    let (id, who) = (unique(), format!("who-{}", unique()));
    let answer = client.post("AuditEvent", &event(&id, &who)).expect(201);
    let own = answer.id();
    assert!(answer.header("location").is_some_and(|place| place.ends_with(&format!("AuditEvent/{own}/_history/1"))));
    for query in [
        format!("patient={id}"),
        format!("entity=Patient/{id}"),
        format!("agent-name={who}"),
        format!("patient={id}&date=2021-03-04"),
        format!("_id={own}"),
        format!("patient={id}&source:missing=true"),
        format!("patient={id}&action=R&type=rest&site=elsewhere"),
    ] {
        let wanted = usize::from(!query.contains("missing"));
        let events = found(&client, &format!("AuditEvent?{query}"), wanted);
        assert!(events.iter().all(|event| event["agent"][0]["name"] == *who), "{query}");
    }
    assert!(client.get(&format!("AuditEvent?patient={id}&date=ge2022")).expect(200).resources().is_empty());
    let read = client.get(&format!("AuditEvent/{own}")).expect(200).json();
    assert_eq!(read["recorded"], "2021-03-04T05:06:07.000Z");
    assert_ne!(read["meta"]["lastUpdated"], read["recorded"], "it came later than it says it happened");
    let submitter = read["extension"]
        .as_array()
        .expect("extensions")
        .iter()
        .find(|one| one["url"].as_str().is_some_and(|url| url.ends_with("/audit-submitter")));
    assert_eq!(submitter.expect("who sent it")["valueString"], "Practitioner/test");
}

#[test]
fn nothing_changes_an_event() {
    let client = secured().client_with("system/*.cruds");
    let id = unique();
    let mut sent = event("x", "y");
    sent["id"] = json!(id);
    let address = format!("AuditEvent/{id}");
    client.put(&address, &sent).expect(201);
    client.put(&address, &sent).expect(405).expect_issue("not-supported");
    client.delete(&address).expect(405);
    let patch = br#"[{"op": "replace", "path": "/action", "value": "D"}]"#;
    client.request("PATCH", &address, &[JSON_PATCH], patch).expect(405);
    client.request("DELETE", "AuditEvent?action=R", &[], b"").expect(405);
    client.put("AuditEvent?action=R", &sent).expect(405);
    client.send("POST", "AuditEvent", &[("If-None-Exist", "action=R")], &event("x", "y")).expect(400);
    client.post("Patient", &json!({"resourceType": "Patient"})).expect(201);
    let server_made = found(&client, "AuditEvent?action=C&_count=1&subtype=create&date=ge2022", 1);
    if let Some(own) = server_made[0]["id"].as_str() {
        let mut other = event("x", "y");
        other["id"] = json!(own);
        let refused = client.put(&format!("AuditEvent/{own}"), &other);
        assert!(matches!(refused.status, 400 | 405 | 422), "{}", refused.text());
        client.delete(&format!("AuditEvent/{own}")).expect(405);
    }
    let mut numbered = event("x", "y");
    numbered["id"] = json!("4711");
    let refused = client.put("AuditEvent/4711", &numbered);
    assert!((400..500).contains(&refused.status) && refused.text().contains("AuditEvent.id"), "{}", refused.text());
    let mut wrong = event("x", "y");
    wrong["action"] = json!("nonsense");
    client.post("AuditEvent", &wrong).expect(400);
    assert_eq!(client.get(&address).expect(200).json()["action"], "R");
}

#[test]
fn who_may_not_create_does_not() {
    let app = secured();
    app.client_with("system/AuditEvent.rs").post("AuditEvent", &event("x", "y")).expect(403);
    for role in ["physician", "system-auditor", "admin", "patient"] {
        let client = super::person(app, role, "Practitioner/other", "user/*.cruds");
        client.post("AuditEvent", &event("x", "y")).expect(403);
    }
}

#[test]
fn bundles_create_events_and_change_none() {
    let client = secured().client_with("system/*.cruds");
    for kind in ["transaction", "batch"] {
        let (patient, put) = (unique(), unique());
        let mut named = event(&patient, "named");
        named["id"] = json!(put);
        let entries = json!([
            {"fullUrl": "urn:uuid:5ce8ff3b-2dcd-4ae5-a2a3-c6a5b4ff5a01", "request": {"method": "PUT", "url": format!("Patient/{patient}")},
             "resource": crate::rest::patient(&patient)},
            {"request": {"method": "POST", "url": "AuditEvent"}, "resource": event(&patient, "posted")},
            {"request": {"method": "PUT", "url": format!("AuditEvent/{put}")}, "resource": named},
            {"request": {"method": "GET", "url": format!("AuditEvent/{put}")}},
        ]);
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
        let answer = client.post("", &bundle).expect(200).json();
        let status: Vec<&str> = answer["entry"]
            .as_array()
            .expect("entries")
            .iter()
            .filter_map(|e| e["response"]["status"].as_str())
            .collect();
        assert_eq!(status, ["201 Created", "201 Created", "201 Created", "200 OK"], "{kind}: {answer:#}");
        // With the write of the Patient, and the read of an event.
        wait(secured(), &patient, 4);
        found(&client, &format!("AuditEvent?patient={patient}"), 4);
        let delete = json!([{"request": {"method": "DELETE", "url": format!("AuditEvent/{put}")}}]);
        let answer = client.post("", &json!({"resourceType": "Bundle", "type": kind, "entry": delete}));
        let told = if kind == "batch" {
            answer.json()["entry"][0]["response"]["status"].to_string()
        } else {
            answer.status.to_string()
        };
        assert!(told.contains("405"), "{kind}: {told}");
    }
}

#[test]
fn a_transaction_that_fails_leaves_no_event() {
    let client = secured().client_with("system/*.cruds");
    let id = unique();
    let entries = json!([
        {"request": {"method": "POST", "url": "AuditEvent"}, "resource": event(&id, "x")},
        {"request": {"method": "PUT", "url": format!("Patient/{id}"), "ifMatch": "W/\"7\""}, "resource": crate::rest::patient(&id)},
    ]);
    client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).expect(412);
    assert!(client.get(&format!("AuditEvent?agent-name=x&patient={id}")).expect(200).resources().is_empty());
}

/// Of many who would create an event under one id, one does.
#[test]
fn one_of_many_creates_an_id() {
    let client = secured().client_with("system/*.cruds");
    let id = unique();
    let mut sent = event("x", "y");
    sent["id"] = json!(id);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let put = || client.put(&format!("AuditEvent/{id}"), &sent).status;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(put)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 405)), "{statuses:?}");
}
