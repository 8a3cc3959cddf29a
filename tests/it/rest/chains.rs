//! Chained parameters and `_has`.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#chaining>, <https://hl7.org/fhir/R4/search.html#has>.

use serde_json::json;

use super::unique;
use crate::app::TestApp;
use crate::client::Client;

/// Two wards of one hospital, a patient in each, an encounter and observations of both; the second patient is in a group
/// and has no birth date.
fn given(client: &Client, id: &str) {
    let to = |t: &str, name: &str| json!({"reference": format!("{t}/{id}-{name}")});
    let observation = |name: &str, patient: &str, code: &str, day: &str| {
        json!({"resourceType": "Observation", "id": format!("{id}-{name}"), "status": "final",
               "code": {"coding": [{"system": "http://c", "code": code}]}, "subject": to("Patient", patient),
               "encounter": to("Encounter", patient), "effectiveDateTime": day})
    };
    for resource in [
        json!({"resourceType": "Organization", "id": format!("{id}-h"), "name": format!("Hospital {id}")}),
        json!({"resourceType": "Organization", "id": format!("{id}-w1"), "name": "First", "partOf": to("Organization", "h")}),
        json!({"resourceType": "Organization", "id": format!("{id}-w2"), "name": "Second", "partOf": to("Organization", "h")}),
        json!({"resourceType": "Patient", "id": format!("{id}-a"), "name": [{"family": format!("Adler{id}")}], "gender": "male",
               "birthDate": "1950-01-01", "managingOrganization": to("Organization", "w1")}),
        json!({"resourceType": "Patient", "id": format!("{id}-b"), "name": [{"family": format!("Bär{id}")}], "gender": "female",
               "managingOrganization": to("Organization", "w2")}),
        json!({"resourceType": "Group", "id": format!("{id}-g"), "type": "person", "actual": true,
               "code": {"text": id}, "member": [{"entity": to("Patient", "b")}],
               "identifier": [{"system": "urn:g", "value": id}]}),
        json!({"resourceType": "Encounter", "id": format!("{id}-a"), "status": "finished", "class": {"code": "AMB"},
               "subject": to("Patient", "a"), "serviceProvider": to("Organization", "w1")}),
        json!({"resourceType": "Encounter", "id": format!("{id}-b"), "status": "planned", "class": {"code": "IMP"},
               "subject": to("Patient", "b"), "serviceProvider": to("Organization", "w2")}),
        observation("1", "a", "x", "2020-01-01"),
        observation("2", "a", "y", "2020-02-01"),
        observation("3", "b", "x", "2020-03-01"),
        json!({"resourceType": "Provenance", "id": format!("{id}-p"), "recorded": "2020-01-01T00:00:00Z",
               "target": [to("Observation", "3")], "agent": [{"who": to("Organization", "w2")}]}),
    ] {
        let path =
            format!("{}/{}", resource["resourceType"].as_str().unwrap_or(""), resource["id"].as_str().unwrap_or(""));
        client.put(&path, &resource).expect(201);
    }
}

/// Returns the ids of the matches without the test's own part, and checks that the exact total agrees.
fn found(client: &Client, query: &str, id: &str) -> String {
    let bundle = client.get(&format!("{query}&_total=accurate&_count=100")).expect(200).json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    assert_eq!(bundle["total"], entries.len(), "{query}");
    let name = |id_of: &str| id_of.replace(&format!("{id}-"), "");
    let mut names: Vec<String> = entries.iter().map(|e| name(e["resource"]["id"].as_str().unwrap_or(""))).collect();
    names.sort();
    names.join(" ")
}

#[test]
fn a_search_follows_references_both_ways_and_as_deep_as_it_says() {
    let app = TestApp::shared();
    let id = unique();
    given(app.client(), &id);
    let g = format!("urn:g|{id}");
    for (query, expected) in [
        (format!("Observation?subject:Patient.name=adler{id}"), "1 2"),
        (format!("Observation?subject.name=adler{id}"), "1 2"),
        (format!("Observation?patient.name=adler{id}"), "1 2"),
        (format!("Observation?patient.family:exact=Adler{id}"), "1 2"),
        (format!("Observation?patient.family:exact=adler{id}"), ""),
        (format!("Observation?patient.name=adler{id}&code=http://c|x"), "1"),
        (format!("Observation?patient.name=adler{id},bar{id}&code=x"), "1 3"),
        (format!("Observation?patient._id={id}-a"), "1 2"),
        (format!("Observation?patient.organization._id={id}-w1"), "1 2"),
        (format!("Observation?patient.organization.partof.name=hospital+{id}"), "1 2 3"),
        (format!("Observation?patient.organization.partof.name=hospital+{id}&patient.birthdate=lt1960"), "1 2"),
        (format!("Observation?encounter.subject:Patient.name=bar{id}"), "3"),
        (format!("Observation?encounter.service-provider.name:contains=cond&patient.name=bar{id}"), "3"),
        (format!("Observation?patient.name=adler{id}&_sort=-date"), "1 2"),
        (format!("Observation?patient.name=adler{id}&date=ge2020-02"), "2"),
        (format!("Patient?organization.partof._id={id}-h&birthdate:missing=true"), "b"),
        (format!("Observation?patient.birthdate:missing=true&patient.organization.partof._id={id}-h"), "3"),
        (format!("Observation?patient.gender:not=male&patient.organization.partof._id={id}-h"), "3"),
        (format!("Patient?_has:Observation:patient:code=y&name=adler{id}"), "a"),
        (format!("Patient?_has:Observation:patient:code=x&organization.partof._id={id}-h"), "a b"),
        (format!("Patient?_has:Observation:subject:code=x&_has:Observation:subject:code=y&name=adler{id}"), "a"),
        (format!("Observation?patient.name=adler{id}&code=http://c|y&date=ge2020-02"), "2"),
        (format!("Observation?patient.name=adler{id}&code=http://c|y&date=lt2020-02"), ""),
        (format!("Observation?patient.name=adler{id}&date=lt2020-02"), "1"),
        (format!("Observation?patient.name=adler{id},bar{id}&code=http://c|x&status=final&_sort=date"), "1 3"),
        (format!("Patient?_has:Observation:patient:code=http://c|y&name=adler{id}"), "a"),
        (format!("Patient?_has:Observation:patient:code=http://c|y&name=bar{id}"), ""),
        (format!("Patient?_has:Observation:patient:date=2020-03-01&name=bar{id}"), "b"),
        (format!("Patient?_has:Observation:patient:date=2020-03-01&name=adler{id}"), ""),
        (format!("Patient?_has:Observation:patient:_id={id}-3"), "b"),
        (format!("Patient?_has:Group:member:identifier={g}"), "b"),
        (format!("Observation?patient._has:Group:member:identifier={g}"), "3"),
        (format!("Organization?_has:Patient:organization:_has:Group:member:identifier={g}"), "w2"),
        (format!("Organization?_has:Patient:organization:_has:Observation:patient:code=y&partof._id={id}-h"), "w1"),
        (format!("Patient?_has:Observation:patient:encounter.status=planned&name=bar{id}"), "b"),
        (format!("Patient?_has:Observation:patient:encounter.service-provider.partof._id={id}-h"), "a b"),
        (format!("Patient?_has:Observation:patient:_has:Provenance:target:recorded=2020-01-01&name=bar{id}"), "b"),
        (format!("Encounter?_has:Observation:encounter:_has:Provenance:target:_id={id}-p"), "b"),
        (format!("Organization?_has:Encounter:service-provider:patient._has:Group:member:identifier={g}"), "w2"),
        (format!("Provenance?target:Observation.patient.organization.partof._id={id}-h"), "p"),
        (format!("Provenance?target.subject:Patient.name=bar{id}"), "p"),
        (format!("Patient?_has:Observation:patient:code=nothing&name=adler{id}"), ""),
        (format!("?_type=Observation,Encounter&subject:Patient.name=bar{id}"), "3 b"),
    ] {
        assert_eq!(found(app.client(), &query, &id), expected, "{query}");
    }
}

#[test]
fn what_changes_or_goes_is_no_longer_followed() {
    let app = TestApp::shared();
    let id = unique();
    let client = app.client();
    given(client, &id);
    let query = format!("Observation?patient.organization._id={id}-w2");
    let back = format!("Organization?_has:Patient:organization:name=bar{id}");
    assert_eq!((found(client, &query, &id).as_str(), found(client, &back, &id).as_str()), ("3", "w2"));
    let moved = json!({"resourceType": "Patient", "id": format!("{id}-b"), "name": [{"family": format!("Bär{id}")}],
                       "managingOrganization": {"reference": format!("Organization/{id}-w1")}});
    client.put(&format!("Patient/{id}-b"), &moved).expect(200);
    assert_eq!((found(client, &query, &id).as_str(), found(client, &back, &id).as_str()), ("", "w1"));
    client.delete(&format!("Patient/{id}-b")).expect(204);
    assert_eq!(found(client, &back, &id), "");
    assert_eq!(found(client, &format!("Observation?patient.name=bar{id}"), &id), "");
}

#[test]
fn a_chain_never_leads_through_what_the_caller_may_not_see() {
    let app = TestApp::builder().secured().start();
    let all = app.client_with("system/*.cruds");
    given(&all, "s");
    let through = "Observation?patient.name=adler";
    let back = "Patient?_has:Observation:patient:code=y";
    assert_eq!(found(&all, through, "s"), "1 2");
    assert_eq!(found(&all, back, "s"), "a");
    for (scope, query) in [
        ("system/Observation.rs", through),
        ("system/Patient.rs", back),
        ("system/Observation.rs system/Organization.rs", "Observation?patient.organization.name=first"),
    ] {
        assert_eq!(found(&app.client_with(scope), query, "s"), "", "{scope} {query}");
    }
    // Nor does the absence of what cannot be seen tell anything.
    let none = app.client_with("system/Patient.rs");
    let negated = "Patient?_has:Observation:patient:code:not=y";
    assert_eq!(found(&none, negated, "s"), "");
}

#[test]
fn a_hop_that_makes_no_sense_is_refused_by_name() {
    let app = TestApp::shared();
    for (query, reason) in [
        ("Observation?patient.nonsense=x", "'patient.nonsense'"),
        ("Observation?nonsense.name=x", "'nonsense.name'"),
        ("Observation?code.name=x", "not a reference"),
        ("Observation?subject:Nonsense.name=x", "'Nonsense'"),
        ("Observation?subject:Organization.name=x", "never refers to a Organization"),
        ("Observation?patient.birthdate=x", "'patient.birthdate'"),
        ("Observation?patient.=x", "'patient.'"),
        ("Observation?.name=x", "'.name'"),
        ("Observation?subject:.name=x", "'subject:.name'"),
        ("Observation?patient.name:nonsense=x", "'patient.name:nonsense'"),
        ("Observation?patient.gender:exact=x", "'patient.gender:exact'"),
        ("Patient?_has=x", "'_has'"),
        ("Patient?_has:Observation=x", "_has:Type:reference-parameter:parameter"),
        ("Patient?_has:Observation:patient=x", "_has:Type:reference-parameter:parameter"),
        ("Patient?_has:Observation:patient:=x", "_has:Type:reference-parameter:parameter"),
        ("Patient?_has:Nonsense:patient:code=x", "'Nonsense'"),
        ("Patient?_has:Observation:nonsense:code=x", "'nonsense'"),
        ("Patient?_has:Observation:code:code=x", "not a reference"),
        ("Patient?_has:Observation:patient:nonsense=x", "nonsense"),
        ("Patient?_has:Observation:patient:date=x", "_has:Observation:patient:date"),
        ("Patient?_has:Observation:encounter:code=x", "never refers to a Patient"),
        ("Patient?_hasty=x", "'_hasty'"),
        ("Patient?_has:Observation:patient:_sort=date", "_sort"),
    ] {
        let response = app.client().get(query).expect(400);
        let text = response.json()["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_string();
        assert!(text.contains(reason), "{query}: {text}");
    }
    let deep = "organization.partof".to_string() + &".partof".repeat(30) + ".name";
    app.client().get(&format!("Patient?{deep}=x")).expect(400);
}
