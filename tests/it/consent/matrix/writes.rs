//! Rows that write, alone and in Bundles.

use serde_json::{Value, json};

use super::row::{Row, ask, group};
use super::world::{consent, labelled, observation, to};

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = group("Creating", creating()).collect();
    rows.extend(group("Changing", changing()));
    rows.extend(group("Deleting", deleting()));
    rows.extend(group("Many at once", bundles()));
    rows
}

/// Returns an Observation without an id, of a patient.
fn fresh(patient: &str) -> Value {
    let mut it = observation("x{n}", patient);
    it.as_object_mut().expect("an object").remove("id");
    it
}

/// Returns one that is there already, and what it is to become.
fn stored(patient: &str) -> Vec<Value> {
    vec![observation("w{n}", patient)]
}

fn amended(patient: &str) -> Value {
    let mut it = observation("w{n}", patient);
    it["status"] = json!("amended");
    it
}

fn creating() -> Vec<Row> {
    let text = json!({"text": "something"});
    let patient = json!({"resourceType": "Patient", "name": [{"family": "New"}]});
    let task = json!({"resourceType": "Task", "status": "requested", "intent": "order", "for": to("Patient/cara")});
    let message = json!({"resourceType": "Communication", "status": "completed", "subject": to("Patient/cara")});
    let parameter = json!({"resourceType": "SearchParameter", "url": "http://matrix.example/{n}", "name": "M{n}", "status": "draft",
        "description": "nothing", "code": "m{n}", "base": ["Basic"], "type": "string", "expression": "Basic.language"});
    let event = json!({"resourceType": "AuditEvent", "type": {"code": "rest"}, "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"requestor": true}], "source": {"observer": to("Device/x")}});
    let signed = |mut it: Value| {
        it["sourceAttachment"] = json!({"contentType": "application/pdf", "data": "JVBERg=="});
        it
    };
    let without_id = |mut it: Value| {
        it.as_object_mut().expect("an object").remove("id");
        it
    };
    let consent = |patient: &str, status: &str| without_id(consent("", patient, status, Some("Practitioner/nobody")));
    vec![
        ask("POST Observation").what("of Cara").body(fresh("cara")),
        ask("POST Observation").what("of Noor").body(fresh("noor")),
        ask("POST Observation").what("of Otis").body(fresh("otis")),
        ask("POST Observation").what("of Rita, labelled R").body(labelled(fresh("rita"), "R")),
        ask("POST Observation")
            .what("of Otis, if he has none such; he has")
            .headers(&[("If-None-Exist", "identifier=urn:matrix|w{n}")])
            .given(stored("otis"))
            .body(fresh("otis")),
        ask("POST Observation")
            .what("of Cara, if nobody has such; Otis has")
            .headers(&[("If-None-Exist", "identifier=urn:matrix|w{n}")])
            .given(stored("otis"))
            .body(fresh("cara"))
            .note("What cannot be seen is not found: it neither stops a create nor shows by one."),
        ask("POST Patient").body(patient),
        ask("POST Condition")
            .what("of Cara")
            .body(json!({"resourceType": "Condition", "subject": to("Patient/cara"), "code": text})),
        ask("POST Task").what("for Cara").body(task),
        ask("POST Communication").what("about Cara").body(message),
        ask("POST Consent").what("of Cara, proposed").body(consent("cara", "proposed")),
        ask("POST Consent").what("of Cara, active").body(consent("cara", "active")),
        ask("POST Consent").what("of Noor, active").body(consent("noor", "active")).note("A system that consents bind makes none active, or it would open records to itself."),
        ask("POST Consent")
            .what("of Cara, active, on signed paper")
            .body(signed(consent("cara", "active")))
            .note("Reception records what was signed on paper, and the patient is told; nobody else gives consent for a patient."),
        ask("POST Binary")
            .what("of nobody")
            .headers(&[("Content-Type", "text/plain")])
            .body(json!("plain words"))
            .note("Belongs to nobody until something links it. Patients and their apps store none: see src/access/reach.rs."),
        ask("POST Binary")
            .what("of Cara")
            .headers(&[("Content-Type", "text/plain"), ("X-Security-Context", "Patient/cara")])
            .body(json!("plain words")),
        ask("POST Practitioner").body(json!({"resourceType": "Practitioner"})),
        ask("POST SearchParameter").body(parameter),
        ask("POST AuditEvent").body(event),
    ]
}

fn changing() -> Vec<Row> {
    let patch = json!([{"op": "replace", "path": "/status", "value": "amended"}]);
    const PATCH: &[(&str, &str)] = &[("Content-Type", "application/json-patch+json")];
    vec![
        ask("PUT Observation/new-{n}").what("of Cara, not there yet").body(observation("new-{n}", "cara")),
        ask("PUT Observation/new-{n}").what("of Otis, not there yet").body(observation("new-{n}", "otis")),
        ask("PUT Observation/w{n}").what("of Cara").given(stored("cara")).body(amended("cara")),
        ask("PUT Observation/w{n}").what("of Noor").given(stored("noor")).body(amended("noor")),
        ask("PUT Observation/w{n}")
            .what("of Otis")
            .given(stored("otis"))
            .body(amended("otis"))
            .note("403 and not 404, for a PUT of what is not there creates it."),
        ask("PUT Observation/w{n}").what("of Otis, made one of Cara").given(stored("otis")).body(amended("cara")),
        ask("PUT Observation/w{n}").what("of Cara, made one of Otis").given(stored("cara")).body(amended("otis")),
        ask("PUT Observation?identifier=urn:matrix|w{n}").what("of Cara").given(stored("cara")).body(amended("cara")),
        ask("PUT Observation?identifier=urn:matrix|w{n}").what("of Otis").given(stored("otis")).body(amended("otis")),
        ask("PUT Observation?identifier=urn:matrix|w{n}")
            .what("of Cara, while Otis has such")
            .given(stored("otis"))
            .body(fresh("cara")),
        ask("PATCH Observation/w{n}").what("of Cara").given(stored("cara")).headers(PATCH).body(patch.clone()),
        ask("PATCH Observation/w{n}").what("of Otis").given(stored("otis")).headers(PATCH).body(patch.clone()),
        ask("PATCH Observation/absent-{n}")
            .headers(PATCH)
            .body(patch.clone())
            .note("As the line above for whoever may not see it."),
        ask("PATCH Observation?identifier=urn:matrix|w{n}")
            .what("of Cara")
            .given(stored("cara"))
            .headers(PATCH)
            .body(patch.clone()),
        ask("PATCH Observation?identifier=urn:matrix|w{n}")
            .what("of Otis")
            .given(stored("otis"))
            .headers(PATCH)
            .body(patch),
        ask("PUT Practitioner/w{n}")
            .given(vec![json!({"resourceType": "Practitioner", "id": "w{n}"})])
            .body(json!({"resourceType": "Practitioner", "id": "w{n}", "active": true})),
    ]
}

fn deleting() -> Vec<Row> {
    vec![
        ask("DELETE Observation/w{n}").what("of Cara").given(stored("cara")),
        ask("DELETE Observation/w{n}").what("of Noor").given(stored("noor")),
        ask("DELETE Observation/w{n}").what("of Otis").given(stored("otis")),
        ask("DELETE Observation/absent-{n}")
            .note("204 says that there is nothing (any more) that this one may see; in the line above nothing was deleted where it was hidden."),
        ask("DELETE Observation?identifier=urn:matrix|w{n}").what("of Cara").given(stored("cara")),
        ask("DELETE Observation?identifier=urn:matrix|w{n}").what("of Otis").given(stored("otis")),
        ask("DELETE Consent/w{n}").what("of Cara, active").given(vec![consent(
            "w{n}",
            "cara",
            "active",
            Some("Practitioner/nobody"),
        )]),
        ask("DELETE AuditEvent/1"),
    ]
}

fn bundles() -> Vec<Row> {
    let entry = |method: &str, url: &str, resource: Option<Value>| {
        let mut entry = json!({"request": {"method": method, "url": url}});
        if let Some(resource) = resource {
            entry["resource"] = resource;
        }
        entry
    };
    let bundle = |kind: &str, entries: Vec<Value>| json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    let reads = || ["cara", "noor", "otis"].map(|id| entry("GET", &format!("Observation/{id}"), None)).to_vec();
    let creates = |patients: &[&str]| -> Vec<Value> {
        patients.iter().map(|id| entry("POST", "Observation", Some(fresh(id)))).collect()
    };
    let searches = || ["Observation?_id=cara", "Observation?_id=otis"].map(|url| entry("GET", url, None)).to_vec();
    vec![
        ask("POST ").what("a batch: reads of Cara, Noor and Otis").body(bundle("batch", reads())),
        ask("POST ")
            .what("a batch: creates for Cara, Noor and Otis")
            .body(bundle("batch", creates(&["cara", "noor", "otis"]))),
        ask("POST ").what("a transaction: creates for Cara").body(bundle("transaction", creates(&["cara"]))),
        ask("POST ")
            .what("a transaction: creates for Cara and Otis")
            .body(bundle("transaction", creates(&["cara", "otis"]))),
        ask("POST ").what("a transaction: two searches").body(bundle("transaction", searches())),
        ask("POST ")
            .what("a transaction: reads of Cara and Otis")
            .body(bundle("transaction", vec![reads()[0].clone(), reads()[2].clone()])),
    ]
}
