//! Text searches: `_content`, `_text`, `:text`, `$search`, and how soon they know of a write.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#text>, <https://hl7.org/fhir/R4/search.html#content>.

use std::collections::BTreeSet;

use medilink::catalog::Catalog;
use medilink::validation::structure;
use serde_json::{Value, json};

use super::{check, unique};
use crate::app::TestApp;
use crate::client::{Client, Response};

/// A word that no other test has; letters alone, so that typos in it are forgiven.
fn word() -> String {
    let letter = |c: char| char::from(b'g' + c.to_digit(16).unwrap_or(0) as u8);
    unique().chars().filter(|c| *c != '-').take(12).map(letter).collect()
}

fn condition(text: &str, narrative: &str) -> Value {
    json!({
        "resourceType": "Condition",
        "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{narrative}</div>")},
        "code": {"text": text, "coding": [{"system": "http://s", "code": "c1", "display": format!("Shown {text}")}]},
        "subject": {"display": "somebody"}
    })
}

fn ids(answer: &Response) -> Vec<String> {
    let found = answer.entries().into_iter().filter(|e| e["search"]["mode"] == "match");
    found.map(|e| e["resource"]["id"].as_str().unwrap_or_default().to_string()).collect()
}

#[track_caller]
fn finds(client: &Client, query: &str, expected: &[&String]) {
    let found: BTreeSet<String> = ids(&client.get(query).expect(200)).into_iter().collect();
    assert_eq!(found, expected.iter().map(|id| id.to_string()).collect(), "{query}");
}

#[test]
fn words_are_found_in_content_narrative_and_beside_codes() {
    let app = TestApp::shared();
    let (client, w) = (app.client(), word());
    let first =
        client.post("Condition", &condition(&format!("{w} Größe"), "<p>told <b>ch</b>ronic</p>")).expect(201).id();
    let second = client.post("Condition", &condition(&format!("other {w}"), "acute")).expect(201).id();
    let patient = json!({"resourceType": "Patient", "name": [{"family": w}], "active": true});
    let patient = client.post("Patient", &patient).expect(201).id();
    for (query, expected) in [
        (format!("Condition?_content={w}"), vec![&first, &second]),
        (format!("Condition?_content={w}%20grosse"), vec![&first]),
        (format!("Condition?_content=%22{w}%20gr%C3%B6%C3%9Fe%22"), vec![&first]),
        (format!("Condition?_content={w}%20-other"), vec![&first]),
        (format!("Condition?_content={w}&_text=chronic"), vec![&first]),
        (format!("Condition?_content={w}&_text=chronic%20or%20acute"), vec![&first, &second]),
        (format!("Condition?_content={w}&_text=chronic,acute"), vec![&first, &second]),
        (format!("Condition?_text={w}"), vec![]),
        (format!("Condition?code:text={}", w.to_uppercase()), vec![&first]),
        (format!("Condition?code:text=shown%20{w}"), vec![&first]),
        (format!("Condition?code:text={w},other%20{w}"), vec![&first, &second]),
        (format!("Condition?code:text=c1&_content={w}"), vec![]),
        (format!("Condition?_content={w}&_id={second}"), vec![&second]),
        (format!("?_content={w}"), vec![&first, &second, &patient]),
        (format!("Patient?_content={w}"), vec![&patient]),
    ] {
        finds(client, &query, &expected);
    }
    let counted = client.get(&format!("Condition?_content={w}&_summary=count")).expect(200).json();
    assert_eq!(counted["total"], 2);
}

#[test]
fn a_search_knows_every_write_that_was_answered_before_it() {
    let app = TestApp::shared();
    let client = app.client();
    for _ in 0..50 {
        let w = word();
        let id = client.post("Condition", &condition(&w, "x")).expect(201).id();
        finds(client, &format!("Condition?_content={w}"), &[&id]);
    }
    let (w, changed) = (word(), word());
    let id = client.post("Condition", &condition(&w, "x")).expect(201).id();
    let mut other = condition(&changed, "x");
    other["id"] = json!(id);
    client.put(&format!("Condition/{id}"), &other).expect(200);
    finds(client, &format!("Condition?code:text={w}"), &[]);
    finds(client, &format!("Condition?code:text={changed}"), &[&id]);
    client.delete(&format!("Condition/{id}"));
    finds(client, &format!("Condition?_content={changed}"), &[]);
}

#[test]
fn a_text_query_that_cannot_be_read_or_asked_is_refused() {
    let app = TestApp::shared();
    for (line, issue) in [
        ("GET Condition?_content=", "invalid"),
        ("GET Condition?_content=%22open", "invalid"),
        ("GET Condition?_content=(a", "invalid"),
        ("GET Condition?_text=-a", "invalid"),
        ("GET Condition?_text=***", "invalid"),
        ("GET Condition?_text:exact=a", "not-supported"),
        ("GET Bundle?_text=a", "not-supported"),
        ("GET Patient?gender:text=m", "not-supported"),
        ("GET Patient?name:text=m", "not-supported"),
        ("DELETE Condition?_content=abc", "not-supported"),
        ("GET $search", "invalid"),
        ("GET $search?query=---", "invalid"),
        ("GET $search?query=a&nope=1", "not-supported"),
        ("GET $search?query=a&_type=Nope", "invalid"),
        ("GET $search?query=a&_count=x", "invalid"),
        ("GET Patient/$search?query=a&_type=Patient", "not-supported"),
        ("GET Patient/1/$search?query=a", "not-found"),
    ] {
        check(app.client(), line, &[], if issue == "not-found" { 404 } else { 400 }, issue);
    }
}

#[test]
fn ranked_search_forgives_typos_and_shows_where_it_found_them() {
    let app = TestApp::shared();
    let (client, w) = (app.client(), word());
    let most = client.post("Condition", &condition(&format!("{w} <i> {w}"), &w)).expect(201).id();
    let less = condition(&format!("{w} among many words that are of no matter at all here"), "x");
    let less = client.post("Condition", &less).expect(201).id();
    let patient = json!({"resourceType": "Patient", "name": [{"family": w}], "active": true});
    let patient = client.post("Patient", &patient).expect(201).id();
    let answer = client.get(&format!("$search?query={w}")).expect(200);
    let catalog = Catalog::load().expect("the definitions load");
    structure::check(&catalog, &answer.json()).unwrap_or_else(|issues| panic!("{issues:?}"));
    assert_eq!(answer.json()["total"], 3);
    let found = ids(&answer);
    assert!(found.iter().position(|id| *id == most) < found.iter().position(|id| *id == less), "{found:?}");
    assert!(found.contains(&patient));
    let best = &answer.entries()[0]["search"];
    assert_eq!(best["score"].as_f64(), Some(1.0));
    let marked = answer.entries().iter().find(|e| e["resource"]["id"] == json!(most)).expect("it was found")["search"]
        ["extension"][0]
        .clone();
    assert_eq!(marked["url"], "https://medilink.example/fhir/StructureDefinition/search-highlight");
    let shown = marked["valueString"].as_str().unwrap_or_default();
    assert!(shown.contains(&format!("<b>{w}</b>")) && !shown.contains("<i>"), "{shown}");
    // One letter gone, two exchanged, only the beginning.
    let exchanged: String = w[1..2].to_string() + &w[..1] + &w[2..];
    for typo in [&w[1..], &exchanged, &w[..10]] {
        assert_eq!(ids(&client.get(&format!("$search?query={typo}")).expect(200)).len(), 3, "{typo}");
    }
    finds(client, &format!("Patient/$search?query={w}"), &[&patient]);
    finds(client, &format!("$search?query={w}&_type=Patient"), &[&patient]);
    finds(client, &format!("$search?query={w}%20matter"), &[&less]);
    let body = json!({"resourceType": "Parameters", "parameter": [{"name": "query", "valueString": w}, {"name": "_count", "valueInteger": 1}]});
    let page = client.post("$search", &body).expect(200);
    assert_eq!(ids(&page), &found[..1]);
    let mut seen = ids(&page);
    let mut next = page.link("next");
    while let Some(path) = next {
        let page = client.get(&path).expect(200);
        seen.extend(ids(&page));
        next = page.link("next");
    }
    assert_eq!(seen, found);
}

#[test]
fn nobody_finds_by_text_what_the_token_does_not_show() {
    let app = TestApp::builder().secured().start();
    let all = app.client_with("system/*.cruds");
    let w = word();
    let condition = all.post("Condition", &condition(&w, "x")).expect(201).id();
    let patient = json!({"resourceType": "Patient", "name": [{"family": w}], "active": true});
    let patient = all.post("Patient", &patient).expect(201).id();
    finds(&all, &format!("$search?query={w}"), &[&condition, &patient]);
    let some = app.client_with("system/Patient.rs");
    finds(&some, &format!("$search?query={w}"), &[&patient]);
    finds(&some, &format!("?_content={w}"), &[&patient]);
    let answer = some.get(&format!("$search?query={w}&_type=Condition")).expect(200);
    assert_eq!((answer.json()["total"].clone(), ids(&answer).len()), (json!(0), 0));
    some.get(&format!("Condition/$search?query={w}")).expect(403);
    app.client().get(&format!("$search?query={w}")).expect(401);
}

#[test]
fn the_operation_is_declared_as_it_is_defined() {
    let app = TestApp::shared();
    let statement = app.client().get("metadata").expect(200).json();
    let system = statement["rest"][0]["operation"].as_array().cloned().unwrap_or_default();
    let own = system.iter().find(|o| o["name"] == "search").expect("it is listed");
    let catalog = Catalog::load().expect("the definitions load");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance");
    for file in ["OperationDefinition-search.json", "StructureDefinition-search-highlight.json"] {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("it is there");
        let definition: Value = serde_json::from_str(&text).expect("it is JSON");
        structure::check(&catalog, &definition).unwrap_or_else(|issues| panic!("{file}: {issues:?}"));
        if file.starts_with("Operation") {
            assert_eq!(definition["url"], own["definition"]);
        }
    }
    let patient = statement["rest"][0]["resource"].as_array().expect("a list").iter().find(|r| r["type"] == "Patient");
    assert_eq!(patient.expect("Patient is listed")["operation"][0]["name"], "search");
}
