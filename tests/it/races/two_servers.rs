//! The same races with two servers on one database: what decides is there, and not in a process.

use serde_json::{Value, json};

use super::{CLIENTS, SYSTEM, count, expect_current, expect_statuses, identifier, together, unique, whole_history};
use crate::app::TestApp;
use crate::client::{Client, JSON_PATCH};
use crate::faults::sound;

/// Returns two servers on the database of the first.
fn two() -> [TestApp; 2] {
    let first = TestApp::start();
    let second = TestApp::builder().database(&first.database_url()).start();
    [first, second]
}

fn patient(id: &str, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [identifier(id)], "name": [{"family": family}]})
}

#[test]
fn races_end_alike_when_two_servers_share_a_database() {
    let apps = two();
    let client = |i: usize| apps[i % 2].client();
    for race in [conditional_creates, conditional_updates, updates_of_one_version, puts_to_a_new_id, patches] {
        race(&client);
    }
    for app in &apps {
        sound::expect_sound(app);
    }
    sound::expect_index(&apps[0]);
}

/// Gives the client of the server that serves this number.
type Clients<'a> = &'a (dyn Fn(usize) -> &'a Client + Sync);

fn conditional_creates(client: Clients) {
    let t = unique("create");
    let condition = format!("identifier={SYSTEM}|{t}");
    let resource = json!({"resourceType": "Patient", "identifier": [identifier(&t)]});
    let answers = together(CLIENTS, |i| client(i).send("POST", "Patient", &[("If-None-Exist", &condition)], &resource));
    expect_statuses("conditional creates", &answers, &[(200, CLIENTS - 1), (201, 1)]);
    assert_eq!(count(client(0), &format!("Patient?{condition}")), 1);
}

fn conditional_updates(client: Clients) {
    let t = unique("update");
    let path = format!("Patient?identifier={SYSTEM}|{t}");
    let resource = json!({"resourceType": "Patient", "identifier": [identifier(&t)]});
    let answers = together(CLIENTS, |i| client(i).put(&path, &resource));
    expect_statuses("conditional updates", &answers, &[(200, CLIENTS - 1), (201, 1)]);
    assert_eq!(whole_history(client(1), &format!("Patient/{}", answers[0].id())).len(), CLIENTS);
}

fn updates_of_one_version(client: Clients) {
    let id = unique("match");
    let path = format!("Patient/{id}");
    client(0).put(&path, &patient(&id, "first")).expect(201);
    let update = |i| client(i).send("PUT", &path, &[("If-Match", "W/\"1\"")], &patient(&id, &format!("family-{i}")));
    expect_statuses("If-Match", &together(CLIENTS, update), &[(200, 1), (412, CLIENTS - 1)]);
}

fn puts_to_a_new_id(client: Clients) {
    let id = unique("new");
    let path = format!("Patient/{id}");
    let answers = together(CLIENTS, |i| client(i).put(&path, &patient(&id, &format!("family-{i}"))));
    expect_statuses("PUT", &answers, &[(200, CLIENTS - 1), (201, 1)]);
    let history = whole_history(client(0), &path);
    assert_eq!(history.len(), CLIENTS);
    expect_current(client(1), &path, &history);
}

fn patches(client: Clients) {
    let id = unique("patched");
    let path = format!("Patient/{id}");
    client(0).put(&path, &patient(&id, "first")).expect(201);
    let answers = together(CLIENTS, |i| {
        let patch = json!([{"op": "add", "path": "/name/-", "value": {"family": format!("family-{i}")}}]).to_string();
        client(i).request("PATCH", &path, &[JSON_PATCH], patch.as_bytes())
    });
    expect_statuses("PATCH", &answers, &[(200, CLIENTS)]);
    let names = client(1).get(&path).expect(200).json()["name"].clone();
    assert_eq!(names.as_array().map(Vec::len), Some(CLIENTS + 1));
}

/// The first requests of a server find connections that have prepared nothing yet.
#[test]
fn the_first_writes_of_a_server_lose_nothing_either() {
    const ROUNDS: usize = 4;
    const RESOURCES: usize = 4;
    let app = TestApp::start();
    let ids: Vec<String> = (0..RESOURCES).map(|_| unique("first")).collect();
    for id in &ids {
        app.client().put(&format!("Patient/{id}"), &patient(id, "first")).expect(201);
    }
    for _ in 0..ROUNDS {
        app.restart();
        let answers = together(CLIENTS, |i| {
            let id = &ids[i % RESOURCES];
            app.client().put(&format!("Patient/{id}"), &patient(id, &format!("family-{i}")))
        });
        expect_statuses("PUT", &answers, &[(200, CLIENTS)]);
    }
    for id in &ids {
        assert_eq!(whole_history(app.client(), &format!("Patient/{id}")).len(), ROUNDS * CLIENTS / RESOURCES + 1);
    }
    sound::expect_sound(&app);
    sound::expect_index(&app);
}
