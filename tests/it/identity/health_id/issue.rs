//! Who gets a number, who gets the one they have, and who is to be looked at by a person first.

use serde_json::{Value, json};

use super::{identifier, issue, issue_to, number, parameters, part, patient_id, registered, somebody, system};
use crate::app::TestApp;

#[test]
fn a_new_patient_gets_one_number_and_keeps_it() {
    let app = TestApp::shared();
    let client = app.client();
    let answer = issue(client, &somebody()).expect(201);
    let (id, given) = (patient_id(&answer), number(&answer));
    let patient = client.get(&format!("Patient/{id}")).expect(200).json();
    let carried = &patient["identifier"][0];
    assert_eq!(carried["system"], system(&app).as_str());
    assert_eq!(carried["use"], "official");
    assert_eq!(carried["type"], json!({"text": "Health ID"}));
    assert_eq!(carried["value"], given.as_str());
    assert!(carried["period"]["start"].is_string());
    assert_eq!(given.len(), 15);
    let found = client.get(&format!("Patient?identifier={}|{given}", system(&app))).expect(200).resources();
    assert_eq!(found.len(), 1);
    let again = issue_to(client, &id).expect(200);
    assert_eq!(number(&again), given);
    assert_eq!(client.get(&format!("Patient/{id}/_history")).entries().len(), 1, "asking again writes nothing");
}

#[test]
fn a_patient_who_was_there_gets_a_number_and_it_comes_back_when_a_client_drops_it() {
    let app = TestApp::shared();
    let client = app.client();
    let mut patient = somebody();
    let id = client.post("Patient", &patient).expect(201).id();
    let given = number(&issue_to(client, &id).expect(200));
    patient["id"] = id.as_str().into();
    let dropped = client.put(&format!("Patient/{id}"), &patient).expect(200).json();
    assert_eq!(dropped.get("identifier"), None);
    assert_eq!(number(&issue_to(client, &id).expect(200)), given);
    let patient = client.get(&format!("Patient/{id}")).json();
    assert_eq!(patient["identifier"][0]["value"], given.as_str());
}

#[test]
fn a_person_who_is_certainly_known_gets_no_second_number() {
    let app = TestApp::shared();
    let client = app.client();
    let patient = somebody();
    let (id, _) = registered(client, &patient);
    let refused = issue(client, &patient).expect(409).expect_issue("duplicate");
    assert!(refused.contains(&format!("Patient/{id}")), "{refused}");
    // Nor does a second record of theirs.
    let second = client.post("Patient", &patient).expect(201).id();
    issue_to(client, &second).expect(409);
}

#[test]
fn a_person_who_resembles_another_waits_for_a_review() {
    let app = TestApp::shared();
    let client = app.client();
    let mut patient = somebody();
    let (known, _) = registered(client, &patient);
    patient["name"][0]["family"] = json!("Wolf");
    let answer = issue(client, &patient).expect(202);
    let task = part(&answer, "task")["resource"].clone();
    assert_eq!(task["status"], "requested");
    assert_eq!(task["input"][0]["valueReference"]["reference"], format!("Patient/{known}"));
    let again = issue(client, &patient).expect(202);
    assert_eq!(part(&again, "task")["resource"]["id"], task["id"], "one Task for one question");
    let id = task["id"].as_str().expect("a Task has an id").to_string();
    let reviewed = parameters(json!([{"name": "patient", "resource": patient},
        {"name": "review", "valueReference": {"reference": format!("Task/{id}")}}]));
    client.post("Patient/$issue-health-id", &reviewed).expect(422).expect_issue("business-rule");
    let mut done = task;
    done["status"] = "completed".into();
    client.put(&format!("Task/{id}"), &done).expect(200);
    client.post("Patient/$issue-health-id", &reviewed).expect(201);
    // A review is about one person.
    let mut other = somebody();
    let (_, _) = registered(client, &other);
    other["name"][0]["family"] = json!("Wolf");
    let foreign = parameters(json!([{"name": "patient", "resource": other},
        {"name": "review", "valueReference": {"reference": format!("Task/{id}")}}]));
    client.post("Patient/$issue-health-id", &foreign).expect(422).expect_issue("business-rule");
}

#[test]
fn a_proof_is_kept_hashed_and_is_good_for_one_patient() {
    let app = TestApp::start();
    let client = app.client();
    let proven = |patient: &Value, value: &str| {
        let proof = json!({"system": "http://hl7.org/fhir/sid/us-ssn", "value": value});
        let list = json!([{"name": "patient", "resource": patient}, {"name": "proof", "valueIdentifier": proof}]);
        client.post("Patient/$issue-health-id", &parameters(list))
    };
    let first = patient_id(&proven(&somebody(), "123-45-6789").expect(201));
    let refused = proven(&somebody(), "123 45 6789").expect(409).expect_issue("duplicate");
    assert!(refused.contains(&format!("Patient/{first}")), "{refused}");
    proven(&somebody(), "987-65-4321").expect(201);
    let rows = app.sql(
        "select row_to_json(p)::text from identity_proof p union all select row_to_json(h)::text from health_id h",
    );
    assert_eq!(rows.len(), 4);
    for row in rows {
        let text: String = row.get(0);
        assert!(!text.contains("45") || !text.contains("6789") || !text.contains("123456789"), "{text}");
    }
    let content = app.sql(
        "select count(*) from resource where translate(content::text, '- ', '') like '%123456789%' or content::text like '%987-65-4321%'",
    );
    assert_eq!(content[0].get::<_, i64>(0), 0, "a proof stands in no resource");
}

#[test]
fn a_number_is_never_given_out_again() {
    let app = TestApp::shared();
    let client = app.client();
    let (id, given) = registered(client, &somebody());
    let kept = client.get(&format!("Patient/{id}")).json();
    client.delete(&format!("Patient/{id}")).expect(204);
    let rows = app.sql(&format!("select patient from health_id where number = '{given}'"));
    assert_eq!(rows[0].get::<_, String>(0), id, "the row outlives the Patient");
    // Whom it was given to may come back with it; nobody else may.
    client.put(&format!("Patient/{id}"), &kept).expect(201);
    let mut thief = somebody();
    thief["identifier"] = json!([identifier(&app, &given)]);
    client.post("Patient", &thief).expect(422);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let app = TestApp::shared();
    let client = app.client();
    let mut nameless = somebody();
    nameless.as_object_mut().expect("an object").remove("birthDate");
    let claimed = |number: &str| {
        let mut patient = somebody();
        patient["identifier"] = json!([identifier(&app, number)]);
        patient
    };
    let rows = [
        (json!([]), 400, "required", "patient"),
        (json!([{"name": "patient", "resource": nameless}]), 400, "required", "birthDate"),
        (
            json!([{"name": "patient", "resource": {"resourceType": "Group", "type": "person", "actual": true}}]),
            400,
            "invalid",
            "patient",
        ),
        (json!([{"name": "patient", "valueReference": {"reference": "Patient/nobody"}}]), 404, "not-found", "nobody"),
        (json!([{"name": "patient", "valueReference": {"reference": "Group/x"}}]), 400, "invalid", "patient"),
        (
            json!([{"name": "patient", "valueReference": {"reference": "http://else.example/Patient/x"}}]),
            400,
            "invalid",
            "patient",
        ),
        (
            json!([{"name": "patient", "resource": somebody()}, {"name": "otp", "valueString": "1"}]),
            400,
            "not-supported",
            "otp",
        ),
        (
            json!([{"name": "patient", "resource": somebody()}, {"name": "proof", "valueIdentifier": {"value": "1"}}]),
            400,
            "required",
            "proof",
        ),
        (
            json!([{"name": "patient", "resource": somebody()}, {"name": "nope", "valueString": "1"}]),
            400,
            "not-supported",
            "nope",
        ),
        (json!([{"name": "patient", "resource": claimed("100000000000000")}]), 422, "business-rule", "identifier"),
    ];
    for (list, status, code, named) in rows {
        let answer = client.post("Patient/$issue-health-id", &parameters(list.clone()));
        let said = answer.expect(status).expect_issue(code);
        assert!(said.contains(named), "{list}: {said}");
    }
    client.get("Patient/$issue-health-id").expect(405);
}

#[test]
fn each_operation_wants_its_scopes() {
    let app = TestApp::builder().secured().start();
    let all = app.client_with("system/*.cruds __manage_health_ids");
    let (id, given) = registered(&all, &somebody());
    let link = parameters(json!([{"name": "identifier", "valueIdentifier": identifier(&app, &given)},
        {"name": "relationship", "valueCode": "seealso"}]));
    let rows = [
        ("POST", "Patient/$issue-health-id".to_string(), "system/Patient.c __manage_health_ids", json!({})),
        ("POST", "Patient/$issue-health-id".into(), "system/Patient.s __manage_health_ids", json!({})),
        (
            "POST",
            "Patient/$issue-health-id".into(),
            "system/*.cruds",
            parameters(json!([{"name": "patient", "resource": somebody()}])),
        ),
        ("POST", "Patient/$merge".into(), "system/*.cruds", json!({})),
        ("POST", "Patient/$match".into(), "system/Patient.r", json!({})),
        ("POST", "Patient/$merge".into(), "system/Patient.u __manage_health_ids", json!({})),
        ("POST", format!("Patient/{id}/$link-health-id"), "system/Patient.rs __manage_health_ids", link),
        ("GET", format!("Patient/{id}/$health-id-qr"), "system/Patient.s", Value::Null),
    ];
    for (method, path, scope, body) in rows {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        app.client().request(method, &path, &[crate::client::JSON], &bytes).expect(401);
        app.client_with(scope)
            .request(method, &path, &[crate::client::JSON], &bytes)
            .expect(403)
            .expect_issue("forbidden");
    }
}

#[test]
fn the_qr_code_is_an_image_without_a_person_in_it() {
    let app = TestApp::shared();
    let client = app.client();
    let (id, given) = registered(client, &somebody());
    let path = format!("Patient/{id}/$health-id-qr");
    let binary = client.get(&path).expect(200).json();
    assert_eq!((&binary["resourceType"], &binary["contentType"]), (&json!("Binary"), &json!("image/svg+xml")));
    let image = client
        .get_with(&path, &[("Accept", "image/svg+xml")])
        .expect(200)
        .expect_header("Content-Type", "image/svg+xml");
    assert!(image.text().contains("<svg"));
    assert!(!image.text().contains(&given), "an image has no text");
    let other = client.post("Patient", &somebody()).expect(201).id();
    client.get(&format!("Patient/{other}/$health-id-qr")).expect(404).expect_issue("not-found");
    client.get("Patient/nobody/$health-id-qr").expect(404);
}

/// A person needs a role for others; for their own record a patient needs none.
#[test]
fn a_persons_role_decides_about_others() {
    let app = TestApp::builder().secured().start();
    let all = app.client_with("system/*.cruds __manage_health_ids");
    let id = all.post("Patient", &somebody()).expect(201).id();
    let (_, other) = registered(&all, &somebody());
    let person = |role: &str, fhir_user: &str| {
        let token = app.forged(|claims| {
            claims.scope = "user/*.cruds".into();
            claims.roles = vec![role.into()];
            claims.fhir_user = Some(fhir_user.into());
        });
        app.client().with_token(&token)
    };
    let link = parameters(json!([{"name": "identifier", "valueIdentifier": identifier(&app, &other)},
        {"name": "relationship", "valueCode": "seealso"}]));
    for role in ["nurse", "physician", "pharmacist", "insurer-auditor", "patient"] {
        let client = person(role, "Practitioner/somebody");
        issue_to(&client, &id).expect(403).expect_issue("forbidden");
        issue(&client, &somebody()).expect(403);
        client.post(&format!("Patient/{id}/$link-health-id"), &link).expect(403);
        client.post("Patient/$merge", &parameters(json!([]))).expect(403);
    }
    issue_to(&person("patient", &format!("Patient/{id}")), &id).expect(200);
    issue(&person("receptionist", "Practitioner/somebody"), &somebody()).expect(201);
    person("admin", "Practitioner/somebody").post(&format!("Patient/{id}/$link-health-id"), &link).expect(200);
}

#[test]
fn what_the_qr_code_holds_leads_to_a_page_that_tells_nothing_of_anybody() {
    let app = TestApp::builder().secured().start();
    let (_, given) = registered(&app.client_with("system/*.cruds __manage_health_ids"), &somebody());
    let other = loop {
        let number = medilink::health_id::HealthId::random();
        if number.as_str() != given {
            break number;
        }
    };
    let page = |number: &str| app.client().get(&format!("sid/health-id/{number}"));
    let of_given = page(&given).expect(200).text();
    assert!(of_given.contains("A Health ID"), "{of_given}");
    let number = medilink::health_id::HealthId::parse(&given).expect("it is one").to_string();
    assert_eq!(
        of_given.replace(&number, "N"),
        page(other.as_str()).expect(200).text().replace(&other.to_string(), "N")
    );
    for wrong in ["123456789012345", "x", "%3Cb%3E"] {
        let text = page(wrong).expect(404).text();
        assert!(text.contains("This is not a Health ID") && !text.contains("<b>"), "{text}");
    }
}
