//! `_contained` and `_containedType` over HTTP.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#contained>.

use serde_json::{Value, json};

use super::{check, unique};
use crate::app::TestApp;
use crate::client::{Client, Response};

const SYSTEM: &str = "urn:contained";

fn medication(id: &str, code: &str, status: &str) -> Value {
    let mut medication =
        json!({"resourceType": "Medication", "code": {"coding": [{"system": SYSTEM, "code": code}]}, "status": status});
    if !id.is_empty() {
        medication["id"] = id.into();
    }
    medication
}

/// Creates a request that contains the medications and refers to all of them.
fn given_request(client: &Client, contained: &[Value]) -> String {
    let note: Vec<Value> = contained
        .iter()
        .skip(1)
        .map(|c| json!({"reference": format!("#{}", c["id"].as_str().unwrap_or_default())}))
        .collect();
    let mut request = json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order",
        "subject": {"display": "x"}, "contained": contained,
        "medicationReference": {"reference": format!("#{}", contained[0]["id"].as_str().unwrap_or_default())}});
    if !note.is_empty() {
        request["supportingInformation"] = note.into();
    }
    client.post("MedicationRequest", &request).expect(201).id()
}

/// Returns type, id and the part of the full URL after the base, of every entry.
fn entries(answer: &Response, base: &str) -> Vec<String> {
    let entry = |entry: &Value| {
        assert_eq!(entry["search"]["mode"], "match", "{}", answer.asked);
        let url = entry["fullUrl"].as_str().unwrap_or_default();
        let tail = url.strip_prefix(base).unwrap_or(url).trim_start_matches('/').to_string();
        let resource = &entry["resource"];
        format!("{} {tail}", resource["resourceType"].as_str().unwrap_or_default())
    };
    answer.entries().iter().map(entry).collect()
}

#[test]
fn a_contained_resource_is_shown_as_its_container_or_as_itself() {
    let app = TestApp::shared();
    let (client, base) = (app.client(), app.base());
    let (x, y) = (unique(), unique());
    let own = client.post("Medication", &medication("", &x, "active")).expect(201).id();
    let one = given_request(client, &[medication("m", &x, "active"), medication("n", &y, "inactive")]);
    let two = given_request(client, &[medication("m", &x, "inactive"), medication("k", &x, "inactive")]);
    let own = format!("Medication Medication/{own}");
    let container = |id: &str| format!("MedicationRequest MedicationRequest/{id}");
    let inner = |id: &str, m: &str| format!("Medication MedicationRequest/{id}#{m}");
    for (query, mut want) in [
        (format!("code={x}"), vec![own.clone()]),
        (format!("code={x}&_contained=false"), vec![own.clone()]),
        (format!("code={x}&_contained=true"), vec![container(&one), container(&two)]),
        (format!("code={x}&_contained=both"), vec![own.clone(), container(&one), container(&two)]),
        (
            format!("code={x}&_contained=true&_containedType=contained"),
            vec![inner(&one, "m"), inner(&two, "k"), inner(&two, "m")],
        ),
        (
            format!("code={x}&_contained=both&_containedType=contained"),
            vec![own.clone(), inner(&one, "m"), inner(&two, "k"), inner(&two, "m")],
        ),
        (format!("code={x}&status=inactive&_contained=true"), vec![container(&two)]),
        (format!("code={x}&status=active&_contained=both"), vec![own.clone(), container(&one)]),
        (format!("code={y}&status=active&_contained=true"), vec![]),
        (
            format!("code={x},{y}&status:not=active&_contained=true&_containedType=container"),
            vec![container(&one), container(&two)],
        ),
        (format!("code={x}&_lastUpdated=gt2020&_contained=both"), vec![own.clone()]),
    ] {
        want.sort();
        let whole = client.get(&format!("Medication?{query}")).expect(200);
        assert_eq!(whole.json()["total"], want.len(), "{query}: {}", whole.text());
        let mut found = entries(&whole, app.base());
        found.sort();
        assert_eq!(found, want, "{query}");
        let counted = client.get(&format!("Medication?{query}&_summary=count")).expect(200);
        assert_eq!(counted.json()["total"], want.len(), "{query}");
        let (mut found, mut next) = (Vec::new(), Some(format!("Medication?{query}&_count=1")));
        while let Some(path) = next {
            let page = client.get(&path).expect(200);
            assert!(page.entries().len() <= 1, "{path}");
            found.extend(entries(&page, base));
            next = page.link("next");
        }
        found.sort();
        assert_eq!(found, want, "{query} in pages of one");
    }
    let deleted = client.delete(&format!("MedicationRequest/{one}"));
    assert!(deleted.status < 300, "{}", deleted.text());
    let left = client.get(&format!("Medication?code={x}&_contained=true")).expect(200);
    assert_eq!(entries(&left, base), [container(&two)]);
}

#[test]
fn an_update_changes_what_is_contained() {
    let app = TestApp::shared();
    let (x, y) = (unique(), unique());
    let id = given_request(app.client(), &[medication("m", &x, "active")]);
    let path = format!("MedicationRequest/{id}");
    let mut request = app.client().get(&path).expect(200).json();
    request["contained"][0]["code"]["coding"][0]["code"] = y.as_str().into();
    app.client().put(&path, &request).expect(200);
    for (code, number) in [(&x, 0), (&y, 1)] {
        let answer = app.client().get(&format!("Medication?code={code}&_contained=true")).expect(200);
        assert_eq!(answer.entries().len(), number, "{code}");
    }
}

#[test]
fn what_contained_cannot_be_combined_with_is_refused() {
    let app = TestApp::shared();
    let id = unique();
    for query in [
        "GET Medication?_contained=maybe".to_string(),
        "GET Medication?_contained=true&_containedType=maybe".to_string(),
        "GET Medication?_contained=true&_sort=code".to_string(),
        "GET Medication?_contained=true&_include=Medication:manufacturer".to_string(),
        "GET ?_contained=true&_id=x".to_string(),
        format!("GET Patient/{id}/Observation?_contained=true"),
        format!("DELETE Medication?code={id}&_contained=true"),
    ] {
        let answer = check(app.client(), &query, &[], 400, "");
        assert!(answer.text().contains("_contained"), "{query}: {}", answer.text());
    }
    let wrong = app.client().get(&format!("Medication?code={id}&_contained=true&_cursor=x"));
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}

#[test]
fn a_container_that_may_not_be_seen_is_not_found() {
    let app = TestApp::builder().secured().start();
    let with = |scope: &str| app.client().with_token(&app.token(scope));
    let code = unique();
    given_request(&with("system/*.cruds"), &[medication("m", &code, "active")]);
    let path = format!("Medication?code={code}&_contained=true&_containedType=contained");
    for (scope, number) in
        [("system/*.rs", 1), ("system/Medication.rs system/MedicationRequest.rs", 1), ("system/Medication.rs", 0)]
    {
        assert_eq!(with(scope).get(&path).expect(200).entries().len(), number, "{scope}");
    }
    with("system/MedicationRequest.rs").get(&path).expect(403);
    let both = format!("?_type=Medication,MedicationRequest&code={code}&_contained=both");
    assert_eq!(with("system/MedicationRequest.rs").get(&both).expect(200).entries().len(), 0);
}
