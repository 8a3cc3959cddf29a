//! Search as far as conditions and the demo need it; the rest of search has tests of its own.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>.

use std::collections::BTreeSet;

use serde_json::json;

use super::{SYSTEM, by_identifier, check, given_identified, unique};
use crate::app::TestApp;
use crate::client::Response;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn ids(answer: &Response) -> BTreeSet<String> {
    answer.resources().iter().map(|r| r["id"].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn a_search_answers_by_get_and_by_post() {
    let app = TestApp::shared();
    let value = unique();
    let want: BTreeSet<String> = (0..3).map(|_| given_identified(app.client(), &value)).collect();
    let query = by_identifier(&value);
    let by_get = app.client().get(&format!("Patient?{query}")).expect(200);
    let body = by_get.json();
    assert_eq!(body["type"], "searchset");
    assert!(by_get.link("self").is_some_and(|link| link.contains(&value)), "{body}");
    for entry in by_get.entries() {
        assert_eq!(entry["search"]["mode"], "match");
        let id = entry["resource"]["id"].as_str().unwrap_or_default();
        assert_eq!(entry["fullUrl"], format!("{}/Patient/{id}", app.base()));
    }
    let by_post = app.client().request("POST", "Patient/_search", &[FORM], query.as_bytes()).expect(200);
    let by_both = app.client().request("POST", &format!("Patient/_search?{query}"), &[FORM], b"").expect(200);
    for answer in [by_get, by_post, by_both] {
        assert_eq!(ids(&answer), want, "{}", answer.asked);
    }
}

#[test]
fn pages_hold_every_match_exactly_once() {
    let app = TestApp::shared();
    let value = unique();
    let want: BTreeSet<String> = (0..7).map(|_| given_identified(app.client(), &value)).collect();
    for count in [1, 3, 7, 100] {
        let (mut found, mut number) = (BTreeSet::new(), 0);
        let mut next = Some(format!("Patient?{}&_count={count}", by_identifier(&value)));
        while let Some(path) = next {
            let page = app.client().get(&path).expect(200);
            assert!(page.resources().len() <= count, "{path}");
            number += page.resources().len();
            found.extend(ids(&page));
            next = page.link("next");
        }
        assert_eq!((found, number), (want.clone(), 7), "pages of {count}");
    }
}

#[test]
#[rustfmt::skip]
fn the_parameters_of_the_foundation_find_what_they_should() {
    let app = TestApp::shared();
    let client = app.client();
    let (value, family) = (unique(), unique());
    let id = client.post("Patient", &json!({
        "resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": value}], "active": true, "gender": "female",
        "name": [{"family": format!("Müller-{family}"), "given": ["Zoë"]}],
        "meta": {"tag": [{"system": "urn:t", "code": value}]},
    })).expect(201).id();
    let only = by_identifier(&value);
    for (query, hit) in [
        (format!("_id={id}"), true),
        (format!("_id={id},{}", unique()), true),
        (format!("_id={id}&_id={}", unique()), false),
        (format!("identifier={value}"), true),
        (format!("identifier=urn:other|{value}"), false),
        (format!("{only}&active=true&gender=female"), true),
        (format!("{only}&gender=male"), false),
        (format!("{only}&gender=male,female"), true),
        (format!("{only}&gender:not=male"), true),
        (format!("family=muller-{family}"), true),
        (format!("family=M%C3%BCLLER-{}", &family[..8]), true),
        (format!("family:exact=Müller-{family}").replace('ü', "%C3%BC"), true),
        (format!("family:exact=muller-{family}"), false),
        (format!("family:contains={family}"), true),
        (format!("{only}&given=zoe"), true),
        (format!("_tag=urn:t|{value}"), true),
        (format!("{only}&_lastUpdated=gt2020-01-01"), true),
        (format!("{only}&_lastUpdated=lt2020-01-01"), false),
        (format!("{only}&birthdate:missing=true"), true),
    ] {
        let found = ids(&client.get(&format!("Patient?{query}")).expect(200));
        assert_eq!(found.contains(&id), hit, "{query}");
        assert!(found.len() <= 1, "{query}: {found:?}");
    }
}

#[test]
fn a_parameter_that_is_not_known_is_refused_unless_the_client_is_lenient() {
    let app = TestApp::shared();
    let value = unique();
    given_identified(app.client(), &value);
    let line = format!("GET Patient?{}&nope=1", by_identifier(&value));
    check(app.client(), &line, &[], 400, "not-supported");
    check(app.client(), &line, &[("Prefer", "handling=strict")], 400, "not-supported");
    let lenient = check(app.client(), &line, &[("Prefer", "handling=lenient")], 200, "");
    let patients = lenient.resources().iter().filter(|r| r["resourceType"] == "Patient").count();
    assert_eq!(patients, 1);
    let own = lenient.link("self").unwrap_or_default();
    assert!(!own.contains("nope"), "the self link says what was searched by: {own}");
}
