//! Links between the entries of a transaction, and conditional references.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#trules>: "replaced wherever they are used as a link".

use serde_json::{Value, json};

use super::{SYSTEM, by_identifier, count, given_identified, identified, unique};
use crate::app::TestApp;
use crate::client::{Client, Response};

fn transaction(client: &Client, entries: &[Value]) -> Response {
    client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
}

fn create(full_url: &str, resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": url}})
}

/// Returns `Type/id` of an answered entry.
fn made(entry: &Value) -> String {
    let location = entry["response"]["location"].as_str().unwrap_or_else(|| panic!("nothing made: {entry}"));
    let parts: Vec<&str> = location.split('/').collect();
    let at = parts.iter().position(|part| *part == "_history").expect("a location names the version");
    parts[at - 2..at].join("/")
}

#[test]
fn links_between_entries_become_addresses() {
    let app = TestApp::shared();
    let (patient, binary) = (format!("urn:uuid:{}", unique()), format!("urn:uuid:{}", unique()));
    let div = |link: &str, image: &str| {
        format!(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{link}\">p</a><img src=\"{image}\" alt=\"i\"/></div>"
        )
    };
    let document = json!({
        "resourceType": "DocumentReference", "status": "current",
        "text": {"status": "generated", "div": div(&patient, &binary)},
        "contained": [{"resourceType": "Provenance", "id": "c", "target": [{"reference": patient}],
            "recorded": "2020-01-01T00:00:00Z", "agent": [{"who": {"reference": patient}}]}],
        "subject": {"reference": patient, "display": patient},
        "author": [{"reference": patient}, {"reference": "#c", "type": "Provenance"}],
        "content": [{"attachment": {"url": binary, "title": binary}}],
        "extension": [
            {"url": "http://example.org/uri", "valueUri": patient},
            {"url": "http://example.org/reference", "valueReference": {"reference": patient}},
            {"url": "http://example.org/string", "valueString": patient},
        ],
    });
    // A link may point to an entry that comes later.
    let entries = transaction(
        app.client(),
        &[
            create(&format!("urn:uuid:{}", unique()), document),
            create(&patient, json!({"resourceType": "Patient", "active": true})),
            create(&binary, json!({"resourceType": "Binary", "contentType": "text/plain", "data": "YQ=="})),
        ],
    )
    .expect(200)
    .entries();
    let (document, patient_at, binary_at) = (made(&entries[0]), made(&entries[1]), made(&entries[2]));
    let stored = app.client().get(&document).expect(200).json();
    for (pointer, want) in [
        ("/subject/reference", patient_at.as_str()),
        ("/author/0/reference", &patient_at),
        ("/author/1/reference", "#c"),
        ("/contained/0/target/0/reference", &patient_at),
        ("/content/0/attachment/url", &binary_at),
        ("/extension/0/valueUri", &patient_at),
        ("/extension/1/valueReference/reference", &patient_at),
        ("/text/div", &div(&patient_at, &binary_at)),
        // Text stays text.
        ("/subject/display", &patient),
        ("/content/0/attachment/title", &binary),
        ("/extension/2/valueString", &patient),
    ] {
        assert_eq!(stored.pointer(pointer), Some(&json!(want)), "{pointer}");
    }
    let found = app.client().get(&format!("DocumentReference?subject={patient_at}")).expect(200).resources();
    assert_eq!(found.len(), 1, "the link is indexed as it is stored");
}

#[test]
fn two_entries_may_point_to_each_other() {
    let app = TestApp::shared();
    let (a, b) = (format!("urn:uuid:{}", unique()), format!("urn:uuid:{}", unique()));
    let patient =
        |other: &str| json!({"resourceType": "Patient", "link": [{"other": {"reference": other}, "type": "seealso"}]});
    let entries = transaction(app.client(), &[create(&a, patient(&b)), create(&b, patient(&a))]).expect(200).entries();
    for (own, other) in [(0, 1), (1, 0)] {
        let stored = app.client().get(&made(&entries[own])).expect(200).json();
        assert_eq!(stored["link"][0]["other"]["reference"], json!(made(&entries[other])));
    }
}

/// Whatever an entry does, its full URL stands for the resource it ends with.
#[test]
fn links_lead_to_what_is_found_updated_or_patched_too() {
    let app = TestApp::shared();
    let client = app.client();
    let (found, updated, own) = (unique(), unique(), unique());
    let (found_id, updated_id) = (given_identified(client, &found), given_identified(client, &updated));
    let urls: Vec<String> = (0..3).map(|_| format!("urn:uuid:{}", unique())).collect();
    let reference = |url: &String| json!({"reference": url});
    let entries = [
        json!({"fullUrl": urls[0], "resource": identified(&found),
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": by_identifier(&found)}}),
        json!({"fullUrl": urls[1], "resource": identified(&updated),
            "request": {"method": "PUT", "url": format!("Patient?{}", by_identifier(&updated))}}),
        json!({"fullUrl": urls[2], "resource": {"resourceType": "Patient", "id": own},
            "request": {"method": "PUT", "url": format!("Patient/{own}")}}),
        create(
            "urn:uuid:00000000-0000-4000-8000-000000000001",
            json!({"resourceType": "Group", "type": "person", "actual": true,
            "member": urls.iter().map(|url| json!({"entity": reference(url)})).collect::<Vec<_>>()}),
        ),
    ];
    let answers = transaction(client, &entries).expect(200).entries();
    let group = client.get(&made(&answers[3])).expect(200).json();
    for (i, id) in [found_id, updated_id, own].iter().enumerate() {
        assert_eq!(group["member"][i]["entity"]["reference"], format!("Patient/{id}"), "member {i}");
    }
}

#[test]
fn an_absolute_full_url_is_a_link_too() {
    let app = TestApp::shared();
    let url = "http://other.example.org/fhir/Patient/77";
    let observation = |reference: &str| {
        create(
            &format!("urn:uuid:{}", unique()),
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": reference}}),
        )
    };
    let entries = transaction(
        app.client(),
        &[
            create(url, json!({"resourceType": "Patient"})),
            observation(url),
            observation("http://third.example.org/fhir/Patient/77"),
        ],
    )
    .expect(200)
    .entries();
    let subject = |entry: &Value| app.client().get(&made(entry)).expect(200).json()["subject"]["reference"].clone();
    assert_eq!(subject(&entries[1]), json!(made(&entries[0])));
    assert_eq!(subject(&entries[2]), "http://third.example.org/fhir/Patient/77");
}

#[test]
fn a_conditional_reference_finds_exactly_one() {
    let app = TestApp::shared();
    let client = app.client();
    for (number, status, issue) in [(0, 422, "processing"), (1, 200, ""), (2, 412, "multiple-matches")] {
        let value = unique();
        let ids: Vec<String> = (0..number).map(|_| given_identified(client, &value)).collect();
        let reference = format!("Patient?{}", by_identifier(&value));
        let resource = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": reference}});
        let answer = transaction(client, &[create(&format!("urn:uuid:{}", unique()), resource)]);
        assert_eq!(answer.status, status, "{number}: {}", answer.text());
        if number == 1 {
            let stored = client.get(&made(&answer.entries()[0])).expect(200).json();
            assert_eq!(stored["subject"]["reference"], format!("Patient/{}", ids[0]));
        } else {
            let said = answer.expect_issue(issue);
            assert!(said.contains("entry[0]") && said.contains(&value), "{said}");
        }
    }
}

#[test]
fn a_conditional_reference_may_find_an_entry_of_the_same_bundle() {
    let app = TestApp::shared();
    let value = unique();
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": format!("Patient?identifier={SYSTEM}|{value}")}});
    let entries = transaction(
        app.client(),
        &[
            create(&format!("urn:uuid:{}", unique()), observation),
            create(&format!("urn:uuid:{}", unique()), identified(&value)),
        ],
    )
    .expect(200)
    .entries();
    let stored = app.client().get(&made(&entries[0])).expect(200).json();
    assert_eq!(stored["subject"]["reference"], json!(made(&entries[1])));
    assert_eq!(count(app.client(), &value), 1);
}

/// Outside a transaction nothing is resolved, so a link that cannot lead anywhere must not be stored as if it could.
#[test]
fn a_conditional_reference_outside_a_transaction_is_refused() {
    let app = TestApp::shared();
    let value = unique();
    given_identified(app.client(), &value);
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": format!("Patient?{}", by_identifier(&value))}});
    let answer = app.client().post("Observation", &observation);
    assert!((400..=422).contains(&answer.status), "{}: {}", answer.status, answer.text());
    assert!(answer.text().contains(&value), "{}", answer.text());
}

/// R4 bundle.html#references: a relative reference counts as below the base of its entry's full URL.
#[test]
fn a_relative_reference_follows_the_base_of_its_entry() {
    let app = TestApp::shared();
    let (theirs, other) = ("http://other.example.org/fhir", unique());
    let observation = |full_url: &str, reference: &str| {
        create(
            full_url,
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": reference}}),
        )
    };
    let patient = format!("{theirs}/Patient/{other}");
    let relative = format!("Patient/{other}");
    let entries = transaction(
        app.client(),
        &[
            create(&patient, json!({"resourceType": "Patient", "id": other})),
            observation(&format!("{theirs}/Observation/1"), &relative),
        ],
    )
    .expect(200)
    .entries();
    let made_at = made(&entries[0]);
    assert_ne!(made_at, relative, "the id of a POST is the server's");
    let stored = app.client().get(&made(&entries[1])).expect(200).json();
    assert_eq!(stored["subject"]["reference"], json!(made_at));
}
