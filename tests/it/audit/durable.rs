//! Rows of reads on their way into the database: killed servers, databases that are away, and spools that are full.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use medilink::audit::recorder::recover;
use medilink::audit::{Durability, Recorder, Settings, Unrecorded};
use medilink::store::audit::Entry;
use serde_json::json;
use tokio_postgres::NoTls;

use super::{expect_count, store};
use crate::app::TestApp;
use crate::rest::{patient, unique};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime can be made")
}

fn spooled(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "spool")).collect()
}

#[test]
fn a_killed_server_loses_no_row_of_a_read_that_it_answered() {
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    let id = unique();
    client.put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    for round in 0..3 {
        let request = unique();
        for _ in 0..100 {
            let headers = [("X-Request-Id", request.as_str())];
            client.request("GET", &format!("Patient/{id}"), &headers, b"").expect(200);
        }
        app.kill9();
        app.restart();
        expect_count(&app, &format!("select count(*) from audit where request = '{request}'"), 100);
        println!("round {round}: all rows are there");
    }
    expect_count(&app, super::UNLINKED, 0);
    let output = app.run("audit verify", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn settings(folder: &Path, spool_bytes_max: u64, durability: Durability) -> Settings {
    Settings { folder: folder.to_path_buf(), durability, spool_bytes_max }
}

/// While the database takes nothing, rows wait in the spool; when that is full, the accesses are refused.
#[test]
fn a_spool_that_is_full_refuses_and_what_it_took_comes_in_once() {
    let app = TestApp::start();
    let folder = app.data_dir().join("audit-elsewhere");
    let entry = |n: usize| Entry::event("read", &format!("spooled-{n}"), "p", 200).from("192.0.2.1");
    let taken = {
        let runtime = runtime();
        runtime.block_on(async {
            let lock = lock_audit(&app).await;
            let recorder = Recorder::start(store(&app), settings(&folder, 10_000, Durability::Process));
            let mut taken = 0;
            let began = Instant::now();
            while recorder.record(entry(taken)).await.is_ok() {
                taken += 1;
            }
            assert!(began.elapsed() < Duration::from_secs(15), "a refusal comes in a bounded time");
            assert!(taken > 20, "{taken} rows fit into the spool");
            assert_eq!(recorder.commit(entry(taken)).await, Err(Unrecorded));
            drop(lock);
            taken as i64
        })
        // The process ends here, its rows in the spool or just on their way.
    };
    runtime().block_on(async {
        let store = store(&app);
        let copies: Vec<(PathBuf, Vec<u8>)> =
            spooled(&folder).iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
        assert_eq!(recover(&store, &folder).await.expect("the folder can be read"), copies.len());
        assert!(spooled(&folder).is_empty());
        for (path, bytes) in &copies {
            // As if the process that brought it in had died before it removed the file.
            std::fs::write(path, bytes).expect("a file");
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
            let sql = format!("insert into audit_spool values ('{name}', {})", bytes.len());
            app_sql(&app, &sql).await;
        }
        recover(&store, &folder).await.expect("the folder can be read");
        assert!(spooled(&folder).is_empty());
    });
    let count = "select count(*) from audit where request like 'spooled-%'";
    let distinct = "select count(distinct request) from audit where request like 'spooled-%' and action = 'read'";
    let found: i64 = app.sql(distinct)[0].get(0);
    assert!(found >= taken, "{found} of {taken} rows");
    // The row that was not committed in time may have come in all the same; none came in twice.
    assert_eq!(app.sql(count)[0].get::<_, i64>(0), found);
}

async fn app_sql(app: &TestApp, sql: &str) {
    let (client, connection) = tokio_postgres::connect(&app.database_url(), NoTls).await.expect("the database answers");
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// Keeps everybody from writing audit rows until it is dropped.
async fn lock_audit(app: &TestApp) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&app.database_url(), NoTls).await.expect("the database answers");
    tokio::spawn(connection);
    client.batch_execute("begin; lock table audit in exclusive mode").await.expect("a lock");
    client
}

#[test]
fn reads_are_refused_while_they_cannot_be_recorded_and_go_on_afterwards() {
    let app = TestApp::builder().secured().set("audit-spool-bytes-max", "65536").start();
    let client = app.client_with("system/*.cruds");
    let id = unique();
    client.put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    let request = unique();
    let get = || client.request("GET", &format!("Patient/{id}"), &[("X-Request-Id", request.as_str())], b"");
    let runtime = runtime();
    let lock = runtime.block_on(lock_audit(&app));
    let mut answered = 0;
    let refused = loop {
        let answer = get();
        if answer.status != 200 {
            break answer;
        }
        answered += 1;
        assert!(answered < 10_000, "the spool has a bound");
    };
    assert!(answered > 50, "{answered} reads were answered while their rows waited");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(!refused.text().contains(&id), "nothing of the record is in the refusal: {}", refused.text());
    drop(lock);
    let began = Instant::now();
    while get().status != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "reads do not come back");
    }
    expect_count(&app, &format!("select count(*) from audit where request = '{request}'"), answered + 1);
}

#[test]
fn rows_reach_the_disk_before_the_answer_where_that_is_set() {
    let app = TestApp::builder().secured().set("audit-sync", "disk").start();
    let client = app.client_with("system/*.cruds");
    let request = unique();
    for _ in 0..20 {
        client.request("GET", "Patient?_count=1", &[("X-Request-Id", request.as_str())], b"").expect(200);
    }
    expect_count(&app, &format!("select count(*) from audit where request = '{request}'"), 20);
}

/// What a transaction or a batch reads, and what a conditional create finds, was given out as by a read.
#[test]
fn what_comes_back_within_a_bundle_is_recorded() {
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    let id = unique();
    client.put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    for kind in ["batch", "transaction"] {
        let request = unique();
        let headers = [("X-Request-Id", request.as_str())];
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [
            {"request": {"method": "GET", "url": format!("Patient/{id}")}},
            {"request": {"method": "GET", "url": format!("Patient?_id={id}")}},
        ]});
        client.send("POST", "", &headers, &bundle).expect(200);
        let query = format!(
            "select count(*) from audit where request = '{request}' and action in ('read', 'search-type') and status = 200"
        );
        expect_count(&app, &query, 2);
    }
}
