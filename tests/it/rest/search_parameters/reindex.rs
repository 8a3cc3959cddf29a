//! Stored resources are indexed anew while clients read and write, and whatever ends in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::{expect_unknown, ids, parameter, patients, put, settled, total, value};
use crate::app::TestApp;
use crate::client::Client;
use crate::faults::sound;

const MANY: usize = 3_000;

fn named(i: usize) -> Value {
    json!({"name": [{"use": if i.is_multiple_of(2) { "old" } else { "usual" }}], "gender": "other"})
}

fn name_use() -> Value {
    parameter("use", "name-use", "token", "Patient.name.use")
}

/// Asks until the parameter is answered; every answer before that says that it is being indexed.
#[track_caller]
fn refused_until_complete(client: &Client, query: &str) -> usize {
    let mut refused = 0;
    loop {
        let answer = client.get(&format!("{query}&_summary=count"));
        if answer.status == 200 {
            return refused;
        }
        let text = answer.expect(400).expect_issue("not-supported");
        assert!(text.contains("is being indexed") && text.contains('%'), "{text}");
        refused += 1;
        thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_parameter_is_refused_until_every_resource_is_indexed() {
    let app = TestApp::start();
    patients(app.client(), MANY, named);
    put(app.client(), &name_use());
    let progress = app.client().get("$reindex").expect(200).json();
    let refused = refused_until_complete(app.client(), "Patient?name-use=old");
    assert!(refused > 0, "{progress}");
    assert_eq!(total(app.client(), "Patient?name-use=old"), MANY as i64 / 2);
    sound::expect_index(&app);
}

#[test]
fn what_is_written_meanwhile_is_neither_lost_nor_doubled() {
    let app = TestApp::start();
    patients(app.client(), MANY, named);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (app, over) = (&app, &over);
        for writer in 0..4 {
            scope.spawn(move || write_until(app.client(), writer, over));
        }
        put(app.client(), &name_use());
        // Those of R4 are answered all the while, and rightly: everybody has a gender.
        while value(&app.client().get("$reindex").expect(200).json(), "state") != "complete" {
            assert_eq!(total(app.client(), "Patient?gender:missing=true"), 0);
        }
        put(app.client(), &parameter("second", "given-name", "string", "Patient.name.given.first()"));
        settled(app.client());
        over.store(true, Ordering::Relaxed);
    });
    settled(app.client());
    let stored =
        "select count(*) from fhir_resource where type = 'Patient' and content -> 'name' -> 0 ->> 'use' = 'old'";
    let want: i64 = app.sql(stored)[0].get(0);
    assert_eq!(total(app.client(), "Patient?name-use=old"), want);
    sound::expect_index(&app);
    sound::expect_sound(&app);
}

/// Creates, updates, deletes and brings back.
fn write_until(client: &Client, writer: usize, over: &AtomicBool) {
    let mut i = writer;
    while !over.load(Ordering::Relaxed) {
        let id = format!("p{}", (i * 37) % MANY);
        match i % 5 {
            0 => drop(client.delete(&format!("Patient/{id}")).expect(204)),
            1 => {
                let new = json!({"resourceType": "Patient", "name": [{"use": "old"}], "gender": "male"});
                client.post("Patient", &new).expect(201);
            }
            _ => {
                let mut changed = named(i);
                changed["resourceType"] = "Patient".into();
                changed["id"] = id.as_str().into();
                changed["name"][0]["given"] = json!([format!("G{i}")]);
                let status = client.put(&format!("Patient/{id}"), &changed).status;
                assert!(matches!(status, 200 | 201), "{status}");
            }
        }
        i += 4;
    }
}

#[test]
fn a_changed_expression_and_a_parameter_that_comes_back_are_indexed_anew() {
    let app = TestApp::start();
    let client = app.client();
    patients(client, 20, |i| json!({"name": [{"use": "old", "family": format!("F{i}")}], "gender": "other"}));
    put(client, &name_use());
    settled(client);
    assert_eq!(total(client, "Patient?name-use=old"), 20);
    let mut changed = name_use();
    changed["expression"] = "Patient.gender".into();
    put(client, &changed);
    settled(client);
    assert_eq!((total(client, "Patient?name-use=old"), total(client, "Patient?name-use=other")), (0, 20));
    client.delete("SearchParameter/use").expect(204);
    expect_unknown(client, "Patient?name-use=old");
    // Nobody keeps the rows of a parameter that is gone; those that stayed behind must not be found later.
    client.put("Patient/p1", &json!({"resourceType": "Patient", "id": "p1", "name": [{"use": "usual"}]})).expect(200);
    client.delete("Patient/p2").expect(204);
    put(client, &name_use());
    settled(client);
    let found = ids(client, "Patient?name-use=old&_count=100");
    assert_eq!(found.len(), 18);
    assert!(!found.contains("p1") && !found.contains("p2"), "{found:?}");
}

#[test]
fn a_parameter_that_only_changes_its_words_stays_searchable() {
    let app = TestApp::start();
    let client = app.client();
    patients(client, 10, named);
    put(client, &name_use());
    settled(client);
    let mut reworded = name_use();
    reworded["description"] = "Other words.".into();
    put(client, &reworded);
    assert_eq!(total(client, "Patient?name-use=old"), 5);
    reworded["code"] = "usage".into();
    put(client, &reworded);
    assert_eq!(total(client, "Patient?usage=old"), 5);
    expect_unknown(client, "Patient?name-use=old");
}

#[test]
fn a_killed_server_goes_on_where_it_was() {
    let app = TestApp::start();
    patients(app.client(), MANY, named);
    put(app.client(), &name_use());
    let done = || app.sql("select done, pending from index_type where type = 102")[0].get::<_, i64>(0);
    while done() == 0 {
        thread::sleep(std::time::Duration::from_millis(5));
    }
    app.kill9();
    let before = done();
    app.restart();
    assert!(done() >= before && before > 0, "{before}");
    settled(app.client());
    assert_eq!(done(), MANY as i64, "no resource twice");
    assert_eq!(total(app.client(), "Patient?name-use=old"), MANY as i64 / 2);
    sound::expect_index(&app);
}

#[test]
fn two_servers_on_one_database_agree() {
    let first = TestApp::start();
    let second = TestApp::builder().database(&first.database_url()).start();
    patients(first.client(), 1_000, named);
    put(first.client(), &name_use());
    // The second knows nothing of it yet; what it writes is indexed all the same.
    for i in 0..100 {
        let new = json!({"resourceType": "Patient", "name": [{"use": "old"}]});
        let client = if i % 2 == 0 { second.client() } else { first.client() };
        client.post("Patient", &new).expect(201);
    }
    settled(first.client());
    settled(second.client());
    for app in [&first, &second] {
        refused_until_complete(app.client(), "Patient?name-use=old");
        assert_eq!(total(app.client(), "Patient?name-use=old"), 600);
    }
    first.client().delete("SearchParameter/use").expect(204);
    thread::sleep(std::time::Duration::from_millis(1_500));
    expect_unknown(second.client(), "Patient?name-use=old");
}

/// As a database of another release: its fingerprints differ, and rows that this one makes are not there.
#[test]
fn another_release_completes_the_rows_of_a_database() {
    let app = TestApp::start();
    patients(app.client(), 500, |i| {
        json!({
            "birthDate": "1970-01-01", "name": [{"family": format!("F{i}")}], "multipleBirthInteger": i,
            "managingOrganization": {"reference": "Organization/o"},
        })
    });
    app.kill9();
    for damage in [
        "update resource set refs = '{}'",
        "delete from term where key % 2 = 0",
        "delete from date_value where no % 3 = 0",
        "update string_value set value = 'stale' || value where no % 5 = 0",
        "update index_type set fingerprint = 1",
        "update index_state set release = 1",
    ] {
        app.sql(damage);
    }
    app.restart();
    settled(app.client());
    sound::expect_index(&app);
    let linked: i64 = app.sql("select count(*) from resource where cardinality(refs) = 1")[0].get(0);
    assert_eq!(linked, 500);
}

/// A server must not write rows that a newer one on the same database would miss.
#[test]
fn a_server_that_another_release_has_superseded_reads_and_does_not_write() {
    let app = TestApp::start();
    patients(app.client(), 1, named);
    app.sql("update index_state set release = 1, epoch = epoch + 1, revision = revision + 1");
    let new = json!({"resourceType": "Patient"});
    app.client().post("Patient", &new).expect(503);
    app.client().get("Patient/p0").expect(200);
    app.restart();
    app.client().post("Patient", &new).expect(201);
}

#[test]
fn the_command_indexes_to_the_end() {
    let app = TestApp::start();
    patients(app.client(), 1_500, named);
    app.sql("delete from date_value");
    app.sql("delete from string_value where no % 2 = 0");
    app.kill9();
    for arguments in [&["--type", "Patient"][..], &[]] {
        let output = app.run("reindex", arguments);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{told} {}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("indexed 1500 resources in") && told.contains("resources/s"), "{told}");
    }
    sound::expect_index(&app);
    assert_eq!(app.run("reindex", &["--type", "Patients"]).status.code(), Some(2));
    app.restart();
}

#[test]
fn an_operation_shows_the_progress_and_begins_anew() {
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    patients(&client, 200, named);
    let progress = client.get("$reindex").expect(200).json();
    assert_eq!(value(&progress, "state"), "complete");
    app.sql("delete from string_value");
    let only = json!({"resourceType": "Parameters", "parameter": [{"name": "type", "valueCode": "Patient"}]});
    let begun = client.post("$reindex", &only).expect(200).json();
    assert!(begun.to_string().contains("Patient"), "{begun}");
    settled(&client);
    sound::expect_index(&app);
    client.post("$reindex?type=Patient", &Value::Null).expect(200);
    settled(&client);
    for wrong in [
        json!({"resourceType": "Parameters", "parameter": [{"name": "type", "valueCode": "Patients"}]}),
        json!({"resourceType": "Parameters", "parameter": [{"name": "kind", "valueCode": "Patient"}]}),
    ] {
        client.post("$reindex", &wrong).expect(400);
    }
    app.client_with("system/Patient.cruds").get("$reindex").expect(403);
    app.client_with("system/SearchParameter.r").post("$reindex", &only).expect(403);
    app.client().get("$reindex").expect(401);
    let metrics = app.client().request("GET", "/metrics", &[], b"").text();
    assert!(metrics.contains("medilink_reindex_done") && metrics.contains("medilink_reindex_total"));
}

#[test]
fn the_definition_of_the_operation_is_valid() {
    let text = include_str!("../../../../conformance/OperationDefinition-reindex.json");
    let definition: Value = serde_json::from_str(text).expect("it is JSON");
    let catalog = medilink::catalog::Catalog::load().expect("the definitions load");
    medilink::validation::structure::check(&catalog, &definition).unwrap_or_else(|issues| panic!("{issues:?}"));
}
