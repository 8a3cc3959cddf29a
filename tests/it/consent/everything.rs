//! `$everything`: one record and all records, page by page, by URL and by Parameters, and for whom it is not.
//!
//! R4 <https://hl7.org/fhir/R4/patient-operation-everything.html>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, Response};
use crate::rest::unique;

/// Makes a record: a patient, three observations of three years, one without a date, and what these name.
fn given(client: &Client, id: &str) {
    let to = |t: &str| json!({"reference": format!("{t}/{id}")});
    let observation = |n: usize, date: Option<&str>| {
        let mut resource = json!({"resourceType": "Observation", "id": format!("{id}-{n}"), "status": "final",
            "code": {"text": "x"}, "subject": to("Patient"), "performer": [to("Practitioner")], "device": to("Device")});
        if let Some(date) = date {
            resource["effectiveDateTime"] = date.into();
        }
        resource
    };
    for resource in [
        json!({"resourceType": "Organization", "id": id, "name": "House"}),
        json!({"resourceType": "Practitioner", "id": id}),
        json!({"resourceType": "Device", "id": id}),
        json!({"resourceType": "Medication", "id": id}),
        json!({"resourceType": "Patient", "id": id, "managingOrganization": to("Organization")}),
        observation(1, Some("2012-05-01")),
        observation(2, Some("2013-05-01")),
        observation(3, Some("2014-05-01")),
        observation(4, None),
        json!({"resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
               "subject": to("Patient"), "medicationReference": to("Medication"), "requester": to("Practitioner")}),
    ] {
        let (t, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        client.put(&format!("{t}/{id}"), &resource).expect(201);
    }
}

fn found(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().map_or(&[][..], Vec::as_slice);
    let of_mode = entries.iter().filter(|entry| entry["search"]["mode"] == mode).map(|entry| &entry["resource"]);
    of_mode.map(|r| format!("{}/{}", r["resourceType"].as_str().unwrap(), r["id"].as_str().unwrap())).collect()
}

/// Returns what is on all pages: the matches in their order, and how many pages there were.
fn walked(client: &Client, path: &str) -> (Vec<String>, usize) {
    let (mut matches, mut pages, mut next) = (Vec::new(), 0, Some(path.to_string()));
    while let Some(path) = next {
        let bundle = client.get(&path).expect(200).json();
        matches.extend(found(&bundle, "match"));
        pages += 1;
        assert!(pages < 100, "the pages have no end");
        next = link(&bundle, "next");
    }
    (matches, pages)
}

fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array().map_or(&[][..], Vec::as_slice);
    links.iter().find(|link| link["relation"] == relation).and_then(|link| link["url"].as_str()).map(str::to_string)
}

/// Returns types and ends of ids, sorted.
fn told(names: &[String], id: &str) -> String {
    let mut names: Vec<String> = names.iter().map(|name| name.replace(&format!("/{id}"), "")).collect();
    names.sort_unstable();
    names.join(" ")
}

#[test]
fn a_record_comes_with_what_it_refers_to() {
    let app = TestApp::shared();
    let id = unique();
    given(app.client(), &id);
    given(app.client(), &unique());
    let all = "MedicationRequest Observation-1 Observation-2 Observation-3 Observation-4 Patient";
    for (query, matches, included) in [
        ("", all, "Device Medication Organization Practitioner"),
        ("?_type=Observation", "Observation-1 Observation-2 Observation-3 Observation-4", ""),
        ("?_type=Patient,Practitioner", "Patient", "Practitioner"),
        ("?_type=Practitioner", "", "Practitioner"),
        ("?_type=MedicationRequest&_type=Medication", "MedicationRequest", "Medication"),
        ("?_type=Questionnaire", "", ""),
        (
            "?start=2013&end=2013",
            "MedicationRequest Observation-2 Observation-4 Patient",
            "Device Medication Organization Practitioner",
        ),
        ("?start=2013-05-01&_type=Observation", "Observation-2 Observation-3 Observation-4", ""),
        ("?end=2013-04-30T23:59:59Z&_type=Observation", "Observation-1 Observation-4", ""),
        ("?_since=2020-01-01T00:00:00Z&_type=Patient", "Patient", ""),
        ("?_since=2099-01-01T00:00:00%2B02:00", "", ""),
    ] {
        let bundle = app.client().get(&format!("Patient/{id}/$everything{query}")).expect(200).json();
        assert_eq!(told(&found(&bundle, "match"), &id), matches, "{query}");
        assert_eq!(told(&found(&bundle, "include"), &id), included, "{query}");
        assert_eq!(
            (bundle["type"].as_str(), &bundle["total"]),
            (Some("searchset"), &json!(found(&bundle, "match").len()))
        );
        assert_eq!(link(&bundle, "next"), None, "{query}");
    }
}

#[test]
fn parameters_in_a_body_say_the_same_as_in_a_url() {
    let app = TestApp::shared();
    let (client, id) = (app.client(), unique());
    given(client, &id);
    let path = format!("Patient/{id}/$everything");
    let post = |list: Value| client.post(&path, &json!({"resourceType": "Parameters", "parameter": list}));
    let answer = post(json!([
        {"name": "start", "valueDate": "2013"}, {"name": "end", "valueDate": "2014"},
        {"name": "_type", "valueCode": "Observation"}, {"name": "_type", "valueCode": "Patient"},
        {"name": "_count", "valueInteger": 2}, {"name": "_since", "valueInstant": "2020-01-01T00:00:00Z"}
    ]));
    let first = answer.expect(200).json();
    let (second, pages) = walked(client, &link(&first, "next").expect("a second page"));
    let matches = [found(&first, "match"), second].concat();
    assert_eq!((told(&matches, &id).as_str(), pages), ("Observation-2 Observation-3 Observation-4 Patient", 1));
    client.request("POST", &path, &[], b"").expect(200);
    for (list, status, at) in [
        (
            json!([{"name": "start", "valueDate": "2013"}, {"name": "start", "valueDate": "2014"}]),
            400,
            "parameter[1].valueDate",
        ),
        (json!([{"name": "_count", "valueInteger": 0}]), 400, "parameter[0].valueInteger"),
        (json!([{"name": "_type", "valueCode": "Nope"}]), 400, "parameter[0].valueCode"),
        (json!([{"name": "_type"}]), 400, "parameter[0]"),
        (json!([{"name": "patient", "valueString": "x"}]), 400, "parameter[0].name"),
    ] {
        let refused = post(list.clone());
        assert_eq!(refused.status, status, "{list}: {}", refused.text());
        assert!(refused.text().contains(at), "{list}: {}", refused.text());
    }
    let refused = |query: &str| -> Response { client.get(&format!("{path}?{query}")).expect(400) };
    for query in ["start=x", "_count=many", "_type=nope", "color=red", "start=2014&end=2013", "_cursor=x", "_since=9"] {
        let name = query.split('=').next().unwrap();
        let text = refused(query).text();
        assert!(text.contains(name) || text.contains("start"), "{query}: {text}");
    }
}

#[test]
fn pages_go_on_where_they_stopped_whatever_is_written_meanwhile() {
    let app = TestApp::shared();
    let (client, id) = (app.client(), unique());
    given(client, &id);
    let path = format!("Patient/{id}/$everything");
    let (whole, pages) = walked(client, &path);
    assert_eq!((whole.len(), pages), (6, 1));
    for count in 1..=7 {
        let (matches, pages) = walked(client, &format!("{path}?_count={count}"));
        assert_eq!(matches, whole, "{count} a page");
        assert_eq!(pages, 6_usize.div_ceil(count));
    }
    let first = client.get(&format!("{path}?_count=2")).expect(200).json();
    assert_eq!(first["total"], Value::Null, "what was not counted is not told");
    assert_eq!(found(&first, "include").len(), 3, "the first page has what its own matches name");
    client.delete(&format!("Observation/{id}-1")).expect(204);
    let next = link(&first, "next").expect("a second page");
    let (rest, _) = walked(client, &next);
    assert!(!rest.iter().any(|name| found(&first, "match").contains(name)), "{rest:?}");
    let again = client.get(&next).expect(200).json();
    assert!(link(&again, "first").is_some_and(|url| !url.contains("_cursor")));
    // A place in one record is none in another.
    let other = unique();
    given(client, &other);
    client.get(&next.replace(&format!("Patient/{id}"), &format!("Patient/{other}"))).expect(400);
    client.get(&format!("{next}&_type=Observation")).expect(400);
}

#[test]
fn all_records_come_patient_by_patient() {
    let app = TestApp::start();
    let client = app.client();
    let ids: Vec<String> = (0..35).map(|n| format!("p{n}")).collect();
    for id in &ids {
        client.put(&format!("Patient/{id}"), &json!({"resourceType": "Patient", "id": id})).expect(201);
    }
    // The last patient has the resource that was written first after them all.
    for id in ids.iter().rev() {
        let of = json!({"reference": format!("Patient/{id}")});
        let flag = json!({"resourceType": "Flag", "id": id, "status": "active", "code": {"text": "x"}, "subject": of});
        client.put(&format!("Flag/{id}"), &flag).expect(201);
    }
    let expected: BTreeSet<String> =
        ids.iter().flat_map(|id| [format!("Patient/{id}"), format!("Flag/{id}")]).collect();
    for query in ["", "?_count=1", "?_count=7", "?_count=32", "?_count=70"] {
        let (matches, _) = walked(client, &format!("Patient/$everything{query}"));
        assert_eq!(matches.len(), 70, "{query}");
        assert_eq!(matches.into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
    }
    let (flags, _) = walked(client, "Patient/$everything?_type=Flag&_count=10");
    assert_eq!(flags.len(), 35);
    assert_eq!(walked(client, "Patient/$everything?_type=Condition").0, [""; 0]);
}

#[test]
fn what_is_not_to_be_seen_is_not_in_it() {
    let app = TestApp::builder().secured().start();
    let (own, other) = (unique(), unique());
    let keeper = app.client_with("system/*.cruds");
    given(&keeper, &own);
    given(&keeper, &other);
    let as_patient = |scope: &str| {
        let (scope, own) = (scope.to_string(), own.clone());
        app.client().with_token(&app.forged(move |claims| {
            claims.scope = scope;
            claims.patient = Some(own);
        }))
    };
    let whole = as_patient("patient/*.rs");
    let (matches, _) = walked(&whole, &format!("Patient/{own}/$everything"));
    assert_eq!(matches.len(), 6);
    // One record or all: for whoever sees one it is the same.
    assert_eq!(walked(&whole, "Patient/$everything").0, matches);
    let hidden = whole.get(&format!("Patient/{other}/$everything")).expect(404);
    let absent = whole.get(&format!("Patient/{}/$everything", unique())).expect(404);
    let issue = |response: &Response| response.json()["issue"][0]["code"].clone();
    assert_eq!(issue(&hidden), issue(&absent));
    let some = as_patient("patient/Patient.rs patient/Observation.rs patient/Practitioner.rs");
    let bundle = some.get(&format!("Patient/{own}/$everything")).expect(200).json();
    assert_eq!(told(&found(&bundle, "match"), &own), "Observation-1 Observation-2 Observation-3 Observation-4 Patient");
    assert_eq!(told(&found(&bundle, "include"), &own), "Practitioner");
    assert_eq!(bundle["total"], 5);
    as_patient("patient/Observation.rs").get(&format!("Patient/{own}/$everything")).expect(403);
    app.client().get(&format!("Patient/{own}/$everything")).expect(401);
    keeper.get(&format!("Patient/{}/$everything", unique())).expect(404);
    keeper.delete(&format!("Patient/{other}"));
}

#[test]
fn a_call_within_a_batch_is_answered_and_other_methods_are_not() {
    let app = TestApp::shared();
    let (client, id) = (app.client(), unique());
    given(client, &id);
    let path = format!("Patient/{id}/$everything");
    for kind in ["batch", "transaction"] {
        let entry = json!([{"request": {"method": "GET", "url": path}}]);
        let answer =
            client.post("", &json!({"resourceType": "Bundle", "type": kind, "entry": entry})).expect(200).json();
        assert_eq!(found(&answer["entry"][0]["resource"], "match").len(), 6, "{answer}");
    }
    client.put(&path, &json!({"resourceType": "Patient"})).expect(405);
    client.get(&format!("Observation/{id}-1/$everything")).expect(404);
    client.get("$everything").expect(404);
}
