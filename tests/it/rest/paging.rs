//! Links between the pages of a search, and cursors that are not as they were given.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#paging>.

use std::time::{SystemTime, UNIX_EPOCH};

use medilink::interaction::cursor::{Cursor, question};
use medilink::store::search::Keyset;
use serde_json::Value;

use super::{by_identifier, check, given_identified, unique};
use crate::app::TestApp;
use crate::client::{Client, Response};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const LENIENT: (&str, &str) = ("Prefer", "handling=lenient");

/// Returns the query that finds seven new resources.
fn given_seven(client: &Client) -> String {
    let value = unique();
    (0..7).for_each(|_| drop(given_identified(client, &value)));
    by_identifier(&value)
}

fn ids(page: &Response) -> Vec<Value> {
    matches(page).iter().map(|resource| resource["id"].clone()).collect()
}

fn matches(page: &Response) -> Vec<Value> {
    page.resources().into_iter().filter(|r| r["resourceType"] != "OperationOutcome").collect()
}

/// Returns the words of the outcome entries.
fn remarks(page: &Response) -> String {
    let outcomes = page.entries().into_iter().filter(|entry| entry["search"]["mode"] == "outcome");
    outcomes.map(|entry| entry["resource"]["issue"][0]["diagnostics"].to_string()).collect()
}

fn cursor_of(link: &str) -> &str {
    link.split_once("_cursor=").expect("the link has a cursor").1
}

fn relations(page: &Response) -> Vec<String> {
    let links = page.json()["link"].as_array().cloned().unwrap_or_default();
    links.iter().map(|link| link["relation"].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn links_lead_to_the_pages_around() {
    let app = TestApp::shared();
    let query = given_seven(app.client());
    let get = |url: &str| app.client().get(url).expect(200);
    for order in ["", "&_sort=_id", "&_sort=-_lastUpdated", "&_sort=birthdate", "&_sort=family,-_id"] {
        let first = get(&format!("Patient?{query}{order}&_count=3"));
        assert_eq!(relations(&first), ["self", "next"], "{order}");
        let second = get(&first.link("next").unwrap());
        assert_eq!(relations(&second), ["self", "first", "previous", "next"], "{order}");
        assert_eq!(second.link("self"), first.link("next"), "{order}");
        let third = get(&second.link("next").unwrap());
        assert_eq!(relations(&third), ["self", "first", "previous"], "{order}");
        assert_eq!(ids(&third).len(), 1, "{order}");
        for (page, relation, expected) in
            [(&second, "previous", &first), (&third, "previous", &second), (&third, "first", &first)]
        {
            let found = get(&page.link(relation).unwrap());
            assert_eq!(ids(&found), ids(expected), "{order} {relation}");
        }
        let before = get(&second.link("previous").unwrap());
        assert_eq!(relations(&before), ["self", "first", "next"], "{order}");
        assert_eq!(ids(&get(&before.link("next").unwrap())), ids(&second), "{order}");
    }
}

#[test]
fn the_page_before_has_what_is_left_of_it() {
    let app = TestApp::shared();
    let query = given_seven(app.client());
    let first = app.client().get(&format!("Patient?{query}&_count=3")).expect(200);
    let second = app.client().get(&first.link("next").unwrap()).expect(200);
    let gone = ids(&first);
    for id in &gone[1..] {
        app.client().delete(&format!("Patient/{}", id.as_str().unwrap())).expect(204);
    }
    let before = app.client().get(&second.link("previous").unwrap()).expect(200);
    assert_eq!(ids(&before), gone[..1], "no row of the second page comes again");
    let again = app.client().get(&before.link("next").unwrap()).expect(200);
    assert_eq!(ids(&again), ids(&second), "and none is missed");
}

#[test]
fn a_cursor_that_was_not_given_out_is_refused() {
    let app = TestApp::shared();
    let query = given_seven(app.client());
    let first = app.client().get(&format!("Patient?{query}&_count=3")).expect(200);
    let link = first.link("next").unwrap();
    let cursor = cursor_of(&link);
    let middle = cursor.len() / 2;
    let changed = format!(
        "{}{}{}",
        &cursor[..middle],
        if cursor[middle..].starts_with('A') { 'B' } else { 'A' },
        &cursor[middle + 1..]
    );
    for wrong in ["", "x", "%00", "W10", "WzEsWzEuNV1d", &cursor[1..], &cursor[..middle], &changed] {
        let refused = check(app.client(), &format!("GET Patient?{query}&_cursor={wrong}"), &[], 400, "invalid");
        assert!(refused.expect_issue("invalid").contains("_cursor"), "{wrong}");
    }
    for other in [
        format!("Patient?{query}&_sort=_id&_cursor={cursor}"),
        format!("Patient?{query}&active=true&_cursor={cursor}"),
        format!("Patient?_cursor={cursor}"),
        format!("Practitioner?{query}&_cursor={cursor}"),
        format!("?{query}&_type=Patient&_cursor={cursor}"),
    ] {
        let refused = check(app.client(), &format!("GET {other}"), &[], 400, "");
        let said = refused.json()["issue"][0]["diagnostics"].to_string();
        assert!(said.contains("_cursor") || said.contains("identifier"), "{other}: {said}");
    }
    for same in [format!("Patient?_cursor={cursor}&_count=4&_total=accurate&{query}"), link.clone()] {
        app.client().get(&same).expect(200);
    }
}

#[test]
fn a_cursor_ends_and_says_so() {
    let app = TestApp::shared();
    let query = given_seven(app.client());
    app.client().get(&format!("Patient?{query}&_count=3")).expect(200);
    let key: Vec<u8> = app.sql("select value from secret where name = 'cursor'")[0].get(0);
    let (name, value) = query.split_once('=').unwrap();
    let pairs = [(name.to_string(), value.to_string())];
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let sealed = |age_s: i64| {
        let keyset = Keyset { sorts: Vec::new(), no: 0 };
        let question = question("Patient", pairs.iter());
        Cursor { keyset, backward: false, question, issued_s: now_s - age_s }.seal(&key)
    };
    let url = |age_s| format!("GET Patient?{query}&_cursor={}", sealed(age_s));
    assert_eq!(ids(&check(app.client(), &url(86_000), &[], 200, "")).len(), 7);
    let refused = check(app.client(), &url(87_000), &[], 410, "processing");
    assert!(refused.expect_issue("processing").contains("start the search anew"), "{}", refused.text());
}

#[test]
fn a_link_of_one_server_works_on_another() {
    let first = TestApp::start();
    let query = given_seven(first.client());
    let second = TestApp::builder().database(&first.database_url()).start();
    let mut all = Vec::new();
    let mut path = format!("Patient?{query}&_count=2");
    for n in 0.. {
        let app = if n % 2 == 0 { &first } else { &second };
        let page = app.client().get(&path).expect(200);
        all.extend(ids(&page));
        let Some(next) = page.link("next") else { break };
        path = next.strip_prefix(app.base()).expect("a link of this server").trim_start_matches('/').to_string();
    }
    assert_eq!(all.len(), 7);
    let keys: i64 = first.sql("select count(*) from secret")[0].get(0);
    assert_eq!(keys, 1);
}

#[test]
fn totals_are_as_they_were_asked_for() {
    let app = TestApp::shared();
    let query = given_seven(app.client());
    for (control, total, found) in [
        ("_count=3", None, 3),
        ("_count=7", Some(7), 7),
        ("_count=7&_total=none", None, 7),
        ("_count=3&_total=none", None, 3),
        ("_count=3&_total=accurate", Some(7), 3),
        ("_count=3&_total=estimate", Some(7), 3),
        ("_count=0", Some(7), 0),
        ("_summary=count", Some(7), 0),
        ("_count=0&_total=none", Some(7), 0),
    ] {
        let page = app.client().get(&format!("Patient?{query}&{control}")).expect(200);
        assert_eq!((page.json()["total"].as_u64(), page.entries().len()), (total, found), "{control}");
        assert_eq!(page.link("next").is_some(), found == 3, "{control}");
    }
}

#[test]
fn a_page_that_is_smaller_than_asked_for_says_so() {
    let app = TestApp::builder().set("page-size-max", "5").set("page-size-default", "5").start();
    let query = given_seven(app.client());
    let page = app.client().get(&format!("Patient?{query}&_count=6")).expect(200);
    assert_eq!(matches(&page).len(), 5);
    assert!(remarks(&page).contains("_count is 6") && remarks(&page).contains('5'), "{}", page.text());
    for relation in ["self", "next"] {
        let link = page.link(relation).unwrap();
        assert!(link.contains("_count=5") && !link.contains("_count=6"), "{link}");
    }
    let last = app.client().get(&page.link("next").unwrap()).expect(200);
    assert_eq!((matches(&last).len(), remarks(&last)), (2, String::new()));
}

#[test]
fn what_a_lenient_search_leaves_out_is_said_on_the_way() {
    let app = TestApp::shared();
    let query = given_seven(app.client());
    let unknown = "nope=1&name:nope=x&_query=x";
    let by_get = app.client().get_with(&format!("Patient?{query}&{unknown}&_count=3"), &[LENIENT]);
    let form = format!("{query}&{unknown}&_count=3");
    let by_post = app.client().request("POST", "Patient/_search", &[FORM, LENIENT], form.as_bytes());
    for page in [by_get.expect(200), by_post.expect(200)] {
        assert_eq!(matches(&page).len(), 3);
        for name in ["'nope'", "'name:nope'", "'_query'"] {
            assert!(remarks(&page).contains(name), "{name}: {}", page.text());
        }
        for relation in ["self", "next"] {
            let link = page.link(relation).unwrap();
            assert!(!link.contains("nope") && !link.contains("_query"), "{link}");
        }
        // The link has only what was understood, so it needs no leniency.
        let next = app.client().get(&page.link("next").unwrap()).expect(200);
        assert_eq!((matches(&next).len(), remarks(&next)), (3, String::new()));
    }
    for malformed in
        ["_count=x", "_count=-1", "_total=some", "_summary=x", "_sort=", "birthdate=x", "_cursor=x", "_type=X"]
    {
        let line = format!("GET Patient?{query}&{malformed}");
        let refused = check(app.client(), &line, &[LENIENT], 400, "invalid");
        let name = malformed.split('=').next().unwrap();
        assert!(refused.expect_issue("invalid").contains(name), "{malformed}: {}", refused.text());
    }
}
