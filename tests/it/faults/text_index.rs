//! The text index after damage, kills and loads that went past the server: it repairs itself and catches up.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::app::{TestApp, run};

const REPAIR_TIME_MAX: Duration = Duration::from_secs(60);

fn condition(id: &str, text: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "code": {"text": text}, "subject": {"display": "somebody"}})
}

/// Searches until an answer is not 503; returns how many there were.
fn count(app: &TestApp, word: &str) -> usize {
    let began = Instant::now();
    loop {
        let answer = app.client().get(&format!("Condition?_content={word}&_count=1000"));
        if answer.status == 200 {
            return answer.resources().len();
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("Retry-After").is_some() && answer.text().contains("text index"), "{}", answer.text());
        // Everything else goes on meanwhile.
        assert_eq!(app.client().get("Condition?code=x").status, 200);
        assert!(began.elapsed() < REPAIR_TIME_MAX, "the index is not repaired:\n{}", app.log());
        sleep(Duration::from_millis(50));
    }
}

fn write(app: &TestApp, from: usize, to: usize) {
    for i in from..to {
        let id = format!("c{i}");
        app.client().put(&format!("Condition/{id}"), &condition(&id, "pneumonia")).expect(201);
    }
}

fn folder(app: &TestApp) -> PathBuf {
    app.data_dir().join("text/0")
}

fn segment(folder: &Path, extension: &str) -> PathBuf {
    let files = fs::read_dir(folder).expect("the index is there").map(|e| e.expect("a readable folder").path());
    let found = files.filter(|p| p.extension().is_some_and(|e| e == extension));
    found.max_by_key(|p| fs::metadata(p).map_or(0, |m| m.len())).expect("it has segments")
}

fn cut(path: &Path) {
    let whole = fs::read(path).expect("it can be read");
    fs::write(path, &whole[..whole.len() / 2]).expect("it can be written");
}

#[test]
fn a_damaged_index_repairs_itself() {
    let app = TestApp::start();
    write(&app, 0, 20);
    assert_eq!(count(&app, "pneumonia"), 20);
    let folder = folder(&app);
    let damages: [(&str, &dyn Fn()); 4] = [
        ("a file is cut off", &|| cut(&segment(&folder, "idx"))),
        ("a file is garbage", &|| fs::write(segment(&folder, "term"), "garbage").expect("it can be written")),
        ("the list of files is gone", &|| fs::remove_file(folder.join("meta.json")).expect("it can be removed")),
        ("a file is gone", &|| fs::remove_file(segment(&folder, "fast")).expect("it can be removed")),
    ];
    for (i, (what, damage)) in damages.iter().enumerate() {
        damage();
        assert_eq!(count(&app, "pneumonia"), 20 + 2 * i, "{what}, running");
        write(&app, 20 + 2 * i, 21 + 2 * i);
        app.kill9();
        damage();
        app.restart();
        assert_eq!(count(&app, "pneumonia"), 21 + 2 * i, "{what}, at start");
        write(&app, 21 + 2 * i, 22 + 2 * i);
    }
    app.kill9();
    fs::write(folder.join("meta.json"), "{\"garbage\":").expect("it can be written");
    app.restart();
    assert_eq!(count(&app, "pneumonia"), 28);
    app.kill9();
    fs::remove_dir_all(&folder).expect("it can be removed");
    app.restart();
    assert_eq!(count(&app, "pneumonia"), 28);
}

#[test]
fn after_a_kill_the_index_goes_on_where_it_was() {
    let app = TestApp::start();
    write(&app, 0, 30);
    assert_eq!(count(&app, "pneumonia"), 30);
    let made = fs::metadata(app.data_dir().join("text/0/.managed.json")).is_ok();
    write(&app, 30, 40);
    app.kill9();
    app.restart();
    assert!(made);
    assert_eq!(count(&app, "pneumonia"), 40);
    assert!(app.stop());
    app.restart();
    assert_eq!(count(&app, "pneumonia"), 40);
}

#[test]
fn an_index_of_another_database_is_not_believed() {
    let app = TestApp::start();
    write(&app, 0, 5);
    assert_eq!(count(&app, "pneumonia"), 5);
    app.kill9();
    app.sql(
        "with o as (delete from outbox), t as (delete from term), s as (delete from string_value) delete from resource",
    );
    app.restart();
    assert_eq!(count(&app, "pneumonia"), 0);
    write(&app, 0, 3);
    assert_eq!(count(&app, "pneumonia"), 3);
}

#[test]
fn two_servers_on_one_folder_have_an_index_each() {
    let app = TestApp::start();
    let other = TestApp::builder().database(&app.database_url()).data_dir(&app.data_dir()).start();
    write(&app, 0, 3);
    assert_eq!((count(&other, "pneumonia"), count(&app, "pneumonia")), (3, 3));
    assert!(app.data_dir().join("text/1").is_dir());
}

/// An answered write is found although a transaction that began before it has not ended.
#[test]
fn a_long_transaction_of_somebody_else_holds_no_search_up() {
    let app = TestApp::start();
    let url = app.database_url();
    let other = run(async {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("it connects");
        tokio::spawn(connection);
        client.batch_execute("begin; select pg_current_xact_id()").await.expect("it begins");
        client
    });
    for i in 0..3 {
        write(&app, i, i + 1);
        assert_eq!(count(&app, "pneumonia"), i + 1);
    }
    run(other.batch_execute("rollback")).expect("it ends");
    write(&app, 3, 6);
    assert_eq!(count(&app, "pneumonia"), 6);
}
