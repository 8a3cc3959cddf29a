//! Searches by value sets, by kinds of concepts, by URLs in part, and up and down trees of resources.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#token>, <https://hl7.org/fhir/R4/search.html#uri>,
//! <https://hl7.org/fhir/R4/search.html#recursive>.

use serde_json::{Value, json};

use super::unique;
use crate::app::TestApp;
use crate::client::Client;

/// Returns the short names of the resources that a query finds, sorted; ids are the test's own followed by the name.
fn found(client: &Client, query: &str, own: &str) -> String {
    let answer = client.get(query).expect(200);
    let mut names: Vec<String> = answer
        .resources()
        .iter()
        .filter_map(|r| r["id"].as_str()?.strip_prefix(own).map(|name| name.trim_start_matches('-').to_string()))
        .collect();
    names.sort();
    names.join(" ")
}

fn put(client: &Client, id: &str, mut resource: Value) {
    resource["id"] = id.into();
    let path = format!("{}/{id}", resource["resourceType"].as_str().expect("a resource has a type"));
    client.put(&path, &resource).expect(201);
}

/// Stores a code system of fruits and observations of some of them, all found by `identifier={own}`.
fn given_fruits(client: &Client, own: &str) {
    let system = format!("http://{own}/fruits");
    put(
        client,
        own,
        json!({"resourceType": "CodeSystem", "url": system, "status": "active", "content": "complete",
        "hierarchyMeaning": "is-a", "property": [{"code": "colour", "type": "code"}],
        "concept": [{"code": "fruit", "concept": [
            {"code": "citrus", "concept": [{"code": "lemon", "property": [{"code": "colour", "valueCode": "yellow"}]}, {"code": "lime"}]},
            {"code": "apple"}]}]}),
    );
    for code in ["fruit", "citrus", "lemon", "lime", "apple"] {
        observe(client, own, code, &system, code);
    }
    observe(client, own, "foreign", "http://elsewhere", "lemon");
}

fn observe(client: &Client, own: &str, name: &str, system: &str, code: &str) {
    put(
        client,
        &format!("{own}-{name}"),
        json!({"resourceType": "Observation", "status": "final", "identifier": [{"value": own}],
        "code": {"coding": [{"system": system, "code": code}]}}),
    );
}

fn given_set(client: &Client, own: &str, name: &str, compose: Value) {
    put(
        client,
        &format!("{own}-{name}"),
        json!({"resourceType": "ValueSet", "url": format!("http://{own}/{name}"), "status": "active", "compose": compose}),
    );
}

#[test]
fn a_code_is_searched_for_by_value_sets() {
    let app = TestApp::shared();
    let (client, own) = (app.client(), &unique());
    given_fruits(client, own);
    let system = format!("http://{own}/fruits");
    let concepts = |codes: &[&str]| codes.iter().map(|code| json!({"code": code})).collect::<Vec<Value>>();
    given_set(client, own, "sour", json!({"include": [{"system": system, "concept": concepts(&["lemon", "lime"])}]}));
    given_set(client, own, "all", json!({"include": [{"system": system}]}));
    given_set(
        client,
        own,
        "nested",
        json!({"include": [{"valueSet": [format!("http://{own}/sour")]}, {"system": system, "concept": concepts(&["apple"])}]}),
    );
    given_set(
        client,
        own,
        "kinds",
        json!({"include": [{"system": system, "filter": [{"property": "concept", "op": "is-a", "value": "citrus"}]}],
        "exclude": [{"system": system, "filter": [{"property": "colour", "op": "=", "value": "yellow"}]}]}),
    );
    given_set(
        client,
        own,
        "rest",
        json!({"include": [{"system": system}], "exclude": [{"valueSet": [format!("http://{own}/sour")]}]}),
    );
    put(
        client,
        &format!("{own}-expanded"),
        json!({"resourceType": "ValueSet", "url": format!("http://{own}/expanded"), "status": "active",
        "expansion": {"timestamp": "2020-01-01", "contains": [{"system": system, "code": "apple"}]}}),
    );
    for (query, expected) in [
        (format!("code:in=http://{own}/sour"), "lemon lime"),
        (format!("code:in=ValueSet/{own}-sour"), "lemon lime"),
        (format!("code:in={}/ValueSet/{own}-sour", app.base()), "lemon lime"),
        (format!("code:in=http://{own}/all"), "apple citrus fruit lemon lime"),
        (format!("code:in=http://{own}/nested"), "apple lemon lime"),
        (format!("code:in=http://{own}/kinds"), "citrus lime"),
        (format!("code:in=http://{own}/rest"), "apple citrus fruit"),
        (format!("code:in=http://{own}/expanded"), "apple"),
        (format!("code:in=http://{own}/expanded,http://{own}/kinds"), "apple citrus lime"),
        (format!("code:not-in=http://{own}/sour"), "apple citrus foreign fruit"),
        (format!("code:not-in=http://{own}/all"), "foreign"),
        (format!("combo-code:in=http://{own}/expanded"), "apple"),
        (format!("code:in=http://{own}/sour&code=lime"), "lime"),
        ("status:in=http://hl7.org/fhir/ValueSet/observation-status&code=lime".to_string(), "lime"),
        ("status:not-in=http://hl7.org/fhir/ValueSet/observation-status|4.0.1&code=lime".to_string(), ""),
    ] {
        assert_eq!(found(client, &format!("Observation?identifier={own}&{query}"), own), expected, "{query}");
    }
    let total =
        client.get(&format!("Observation?identifier={own}&code:in=http://{own}/nested&_summary=count")).expect(200);
    assert_eq!(total.json()["total"], 3);
}

#[test]
fn a_value_set_of_thousands_of_codes_is_answered_and_one_of_more_than_the_limit_is_refused() {
    let app = TestApp::shared();
    let (client, own) = (app.client(), &unique());
    given_fruits(client, own);
    let many = |count: usize| {
        (0..count).map(|i| json!({"code": format!("c{i}")})).chain([json!({"code": "lemon"})]).collect::<Vec<Value>>()
    };
    let system = format!("http://{own}/fruits");
    given_set(client, own, "many", json!({"include": [{"system": system, "concept": many(5_000)}]}));
    given_set(client, own, "too-many", json!({"include": [{"system": system, "concept": many(20_000)}]}));
    assert_eq!(found(client, &format!("Observation?code:in=http://{own}/many"), own), "lemon");
    assert_eq!(found(client, &format!("Observation?identifier={own}&code:in=http://{own}/many"), own), "lemon");
    assert_eq!(
        found(client, &format!("Observation?identifier={own}&code:not-in=http://{own}/many"), own),
        "apple citrus foreign fruit lime"
    );
    let refused = client.get(&format!("Observation?code:in=http://{own}/too-many")).expect(400);
    refused.expect_issue("too-costly");
}

#[test]
fn the_newest_version_is_meant_unless_one_is_named() {
    let app = TestApp::shared();
    let (client, own) = (app.client(), &unique());
    given_fruits(client, own);
    for (version, code) in [("1.9", "lemon"), ("1.10", "lime")] {
        put(
            client,
            &format!("{own}-v{version}"),
            json!({"resourceType": "ValueSet", "url": format!("http://{own}/set"), "version": version,
            "status": "active", "compose": {"include": [{"system": format!("http://{own}/fruits"), "concept": [{"code": code}]}]}}),
        );
    }
    for (version, expected) in [("", "lime"), ("|1.9", "lemon"), ("|1.10", "lime")] {
        assert_eq!(found(client, &format!("Observation?code:in=http://{own}/set{version}"), own), expected);
    }
    let text = client.get(&format!("Observation?code:in=http://{own}/set|2")).expect(400).text();
    assert!(text.contains(&format!("http://{own}/set|2 is not stored")), "{text}");
}

#[test]
fn a_code_is_searched_for_by_its_place_in_the_hierarchy() {
    let app = TestApp::shared();
    let (client, own) = (app.client(), &unique());
    given_fruits(client, own);
    for (query, expected) in [
        (format!("code:below=http://{own}/fruits|citrus"), "citrus lemon lime"),
        (format!("code:below=http://{own}/fruits|apple"), "apple"),
        (format!("code:below=http://{own}/fruits|apple,http://{own}/fruits|lime"), "apple lime"),
        (format!("code:above=http://{own}/fruits|lemon"), "citrus fruit lemon"),
        (format!("code:above=http://{own}/fruits|fruit"), "fruit"),
    ] {
        assert_eq!(found(client, &format!("Observation?identifier={own}&{query}"), own), expected, "{query}");
    }
}

#[test]
fn what_is_missing_or_malformed_is_said_with_the_parameter() {
    let app = TestApp::shared();
    let (client, own) = (app.client(), &unique());
    let url = |name: &str| format!("http://{own}/{name}");
    put(
        client,
        own,
        json!({"resourceType": "CodeSystem", "url": url("empty"), "status": "active", "content": "not-present"}),
    );
    given_set(client, own, "a", json!({"include": [{"valueSet": [url("b")]}]}));
    given_set(client, own, "b", json!({"include": [{"valueSet": [url("a")]}]}));
    let filter = |system: &str| json!({"include": [{"system": url(system), "filter": [{"property": "concept", "op": "is-a", "value": "x"}]}]});
    given_set(client, own, "no-system", filter("gone"));
    given_set(client, own, "empty-system", filter("empty"));
    given_set(client, own, "no-set", json!({"include": [{"valueSet": [url("nowhere")]}]}));
    put(
        client,
        &format!("{own}-nothing"),
        json!({"resourceType": "ValueSet", "url": url("nothing"), "status": "active"}),
    );
    for (query, parts) in [
        (format!("code:in={}", url("nowhere")), ["'code:in'", "nowhere is not stored"]),
        ("code:not-in=ValueSet/nowhere".to_string(), ["'code:not-in'", "ValueSet/nowhere is not stored"]),
        (format!("code:in={}", url("a")), ["'code:in'", "include each other"]),
        (format!("code:in={}", url("no-system")), ["'code:in'", "gone is not stored"]),
        (format!("code:in={}", url("empty-system")), ["'code:in'", "without its concepts"]),
        (format!("code:in={}", url("no-set")), ["'code:in'", "nowhere is not stored"]),
        (format!("code:in={}", url("nothing")), ["'code:in'", "without its codes"]),
        ("code:in=http://hl7.org/fhir/ValueSet/mimetypes".to_string(), ["'code:in'", "mimetypes is not stored"]),
        (format!("code:below={}|x", url("gone")), ["'code:below'", "gone is not stored"]),
        (format!("code:above={}|x", url("empty")), ["'code:above'", "without its concepts"]),
        ("code:below=x".to_string(), ["'code:below'", "system|code"]),
        ("code:in=x".to_string(), ["'code:in'", "neither the URL"]),
        ("code:in=Patient/1".to_string(), ["'code:in'", "another type than ValueSet"]),
        ("identifier:in=http://x".to_string(), ["'identifier:in'", "does not search"]),
        ("subject:below=Patient/1".to_string(), ["'subject:below'", "part of others"]),
    ] {
        let text = client.get(&format!("Observation?{query}")).expect(400).text();
        assert!(parts.iter().all(|part| text.contains(part)), "{query}: {text}");
    }
}

#[test]
fn a_token_for_observations_alone_searches_them_by_value_sets_and_not_by_what_it_does_not_show() {
    let app = TestApp::builder().secured().start();
    let (all, own) = (app.client_with("system/*.cruds"), &unique());
    given_fruits(&all, own);
    given_set(
        &all,
        own,
        "sour",
        json!({"include": [{"system": format!("http://{own}/fruits"), "concept": [{"code": "lemon"}]}]}),
    );
    let narrow = app.client_with("system/Observation.rs");
    assert_eq!(found(&narrow, &format!("Observation?code:in=http://{own}/sour"), own), "lemon");
    assert_eq!(found(&narrow, &format!("Observation?code:below=http://{own}/fruits|citrus"), own), "citrus lemon lime");
    narrow.get("ValueSet?_count=1").expect(403);
    let text = app.client_with("system/Procedure.rs").get("Procedure?location:below=1").expect(403).text();
    assert!(text.contains("'location:below'"), "{text}");
}

#[test]
fn urls_are_searched_for_in_part() {
    let app = TestApp::shared();
    let (client, own) = (app.client(), &unique());
    for (name, path) in [("top", "fhir"), ("one", "fhir/ValueSet/1"), ("ten", "fhir/ValueSet/10")] {
        put(
            client,
            &format!("{own}-{name}"),
            json!({"resourceType": "ValueSet", "url": format!("http://{own}/{path}"), "status": "active"}),
        );
    }
    for (query, expected) in [
        (format!("url:below=http://{own}/"), "one ten top"),
        (format!("url:below=http://{own}/fhir/ValueSet/1"), "one ten"),
        (format!("url:below=http://{own}/fhir/ValueSet/10"), "ten"),
        (format!("url:below=http://{own}/x"), ""),
        (format!("url:above=http://{own}/fhir/ValueSet/1/_history/5"), "one top"),
        (format!("url:above=http://{own}/fhir"), "top"),
        (format!("url:above=http://{own}/"), ""),
    ] {
        assert_eq!(found(client, &format!("ValueSet?{query}"), own), expected, "{query}");
    }
    let one = format!("ValueSet/{own}-one");
    client.put(&one, &json!({"resourceType": "ValueSet", "id": format!("{own}-one"), "url": format!("http://{own}/moved"), "status": "active"})).expect(200);
    assert_eq!(found(client, &format!("ValueSet?url:below=http://{own}/fhir/ValueSet"), own), "ten");
    assert_eq!(found(client, &format!("ValueSet?url:below=http://{own}/moved"), own), "one");
}

#[test]
fn references_lead_up_and_down_a_tree_of_locations_even_in_a_circle() {
    let app = TestApp::shared();
    let (client, own) = (app.client(), &unique());
    let reference = |name: &str| json!({"reference": format!("Location/{own}-{name}")});
    // Two wards of one wing of one house of one site; and two rooms that are part of each other.
    for (name, parent) in [
        ("site", ""),
        ("house", "site"),
        ("wing", "house"),
        ("ward1", "wing"),
        ("ward2", "wing"),
        ("ring1", "ring2"),
        ("ring2", "ring1"),
    ] {
        let mut location = json!({"resourceType": "Location", "name": name});
        if !parent.is_empty() {
            location["partOf"] = reference(parent);
        }
        put(client, &format!("{own}-{name}"), location);
        put(
            client,
            &format!("{own}-{name}"),
            json!({"resourceType": "Procedure", "status": "completed",
            "subject": {"reference": "Patient/x"}, "location": reference(name)}),
        );
    }
    for (query, expected) in [
        (format!("Procedure?location:below={own}-site"), "house site ward1 ward2 wing"),
        (format!("Procedure?location:below=Location/{own}-wing"), "ward1 ward2 wing"),
        (format!("Procedure?location:below={}/Location/{own}-ward1", app.base()), "ward1"),
        (format!("Procedure?location:below={own}-ward1,{own}-ring1"), "ring1 ring2 ward1"),
        (format!("Procedure?location:above={own}-ward2"), "house site ward2 wing"),
        (format!("Procedure?location:above={own}-site"), "site"),
        (format!("Procedure?location:above={own}-ring1"), "ring1 ring2"),
        (format!("Procedure?location:below={own}-nowhere"), ""),
        (format!("Location?partof:below={own}-house"), "ward1 ward2 wing"),
        (format!("Location?partof:below={own}-ring1"), "ring1 ring2"),
        (format!("Location?partof:above={own}-wing"), "house ward1 ward2 wing"),
    ] {
        assert_eq!(found(client, &query, own), expected, "{query}");
    }
    client.delete(&format!("Location/{own}-wing")).expect(204);
    assert_eq!(found(client, &format!("Procedure?location:below={own}-site"), own), "house site");
}
