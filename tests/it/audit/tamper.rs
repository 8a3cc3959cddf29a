//! Rows and links that somebody changes with SQL in their hands and all rights on the database: each is found, and named.

use medilink::audit::checkpoint;
use medilink::audit::{Change, chain, head, verify};
use medilink::store::Store;
use medilink::store::audit::chain::{Head, Linked};
use medilink::store::audit::row::link_hash;
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use super::{UNLINKED, expect_count, store};
use crate::app::TestApp;
use crate::rest::{patient, unique};

const TABLES: [&str; 4] = ["audit", "audit_patient", "audit_link", "audit_checkpoint"];
/// The record that is changed.
const PLACE: i64 = 9;

/// Returns a server that has been used, has chained all of it, and was stopped.
fn used() -> TestApp {
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    let id = unique();
    client.put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    for n in 0..8 {
        client.get(&format!("Patient/{id}")).expect(200);
        client.get(&format!("Patient?_id={id}&_count={}", n + 1)).expect(200);
        app.client().get(&format!("Patient/{id}")).expect(401);
    }
    expect_count(&app, "select count(*) from audit where action = 'read' and status = 200", 8);
    expect_count(&app, UNLINKED, 0);
    assert!(app.stop(), "{}", app.log());
    app
}

async fn connect(app: &TestApp) -> Client {
    let (client, connection) = tokio_postgres::connect(&app.database_url(), NoTls).await.expect("the database answers");
    tokio::spawn(connection);
    client
}

/// Does something as somebody with all rights would, past the triggers.
async fn tamper(client: &Client, sql: &str) {
    let sql = format!("set session_replication_role = replica; {sql}; reset session_replication_role");
    client.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

async fn save(client: &Client) {
    for table in TABLES {
        client.batch_execute(&format!("create table saved_{table} as table {table}")).await.expect("a copy");
    }
}

async fn restore(client: &Client) {
    for table in TABLES {
        tamper(client, &format!("truncate {table}; insert into {table} select * from saved_{table}")).await;
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(work)
}

/// What is done, and where which change is found; no place is a row outside the chain.
type Case = (String, Change, Option<i64>);

fn columns() -> Vec<Case> {
    let at = format!("where no = (select no from audit_link where seq = {PLACE})");
    let texts = [
        "id",
        "client",
        "detail",
        "agent",
        "purpose",
        "token",
        "address",
        "query",
        "consent",
        "request",
        "principal",
        "action",
    ];
    let text = |column: &&str| format!("update audit set {column} = coalesce({column}, '') || 'x' {at}");
    let mut cases: Vec<String> = texts.iter().map(text).collect();
    for change in ["at = at + 1", "status = 201", "version = coalesce(version, 0) + 1", "type = coalesce(type, 0) + 1"]
    {
        cases.push(format!("update audit set {change} {at}"));
    }
    for change in ["patients = array[1]::bigint[]", "content = '{}'", "mac = '\\x00'", "detail = ''", "principal = ''"]
    {
        cases.push(format!("update audit set {change} {at}"));
    }
    cases.into_iter().map(|sql| (sql, Change::Altered, Some(PLACE))).collect()
}

fn chain_cases(last: i64) -> Vec<Case> {
    let no = |seq: i64| format!("(select no from audit_link where seq = {seq})");
    let (here, there, lost) = (PLACE, PLACE + 4, last - 3);
    let swap = |column: &str| {
        format!(
            "create temporary table two as select * from audit_link where seq in ({here}, {there}); \
             delete from audit_link where seq in ({here}, {there}); \
             insert into audit_link select {column} from two a join two b on a.seq <> b.seq; drop table two"
        )
    };
    let forged = |no: &str, xid: &str| {
        format!(
            "insert into audit (no, at, request, principal, action, status, mac{}) \
             values ({no}, 1, 'r', 'eve', 'read', 200, '\\x00000000000000000000000000000000'{xid})",
            if xid.is_empty() { "" } else { ", xid" }
        )
    };
    [
        (format!("delete from audit where no = {}", no(here)), Change::Missing, Some(here)),
        (format!("update audit set no = 5 where no = {}", no(here)), Change::Missing, Some(here)),
        (format!("delete from audit_link where seq = {here}"), Change::Missing, Some(here)),
        (
            format!("delete from audit where no = {}; delete from audit_link where seq = {here}", no(here)),
            Change::Missing,
            Some(here),
        ),
        (
            format!(
                "delete from audit where no = {}; delete from audit_link where seq = {here}; \
                 update audit_link set seq = -seq where seq > {here}; update audit_link set seq = -seq - 1 where seq < 0",
                no(here)
            ),
            Change::Missing,
            Some(here),
        ),
        (swap("b.seq, a.no, a.xid, a.sound, a.hash, a.mac"), Change::Reordered, Some(here)),
        (swap("a.seq, b.no, b.xid, a.sound, a.hash, a.mac"), Change::Reordered, Some(here)),
        (swap("a.seq, a.no, a.xid, a.sound, b.hash, a.mac"), Change::Altered, Some(here)),
        (format!("update audit_link set hash = sha256(hash) where seq = {here}"), Change::Altered, Some(here)),
        (format!("update audit_link set sound = false where seq = {here}"), Change::Altered, Some(here)),
        (forged("7", ""), Change::Inserted, None),
        (forged("9000000000000000000", ""), Change::Inserted, None),
        (forged("7", ", '3'"), Change::Inserted, None),
        (
            format!("delete from audit_link where seq >= {lost}; delete from audit a where not exists (select from audit_link l where l.no = a.no)"),
            Change::Truncated,
            Some(lost),
        ),
        (format!("delete from audit_link where seq >= {lost}"), Change::Truncated, Some(lost)),
        ("truncate audit, audit_link".to_string(), Change::Truncated, Some(1)),
        ("truncate audit, audit_link, audit_patient, audit_checkpoint".to_string(), Change::Truncated, Some(1)),
        ("delete from audit_patient where no = (select max(no) from audit_patient)".into(), Change::Altered, None),
        ("insert into audit_patient values (1, (select max(no) from audit_patient))".into(), Change::Altered, None),
    ]
    .into()
}

#[test]
fn whatever_is_changed_is_found_and_the_first_of_it_named() {
    let app = used();
    run(async {
        let (store, client) = (store(&app), connect(&app).await);
        let whole = verify(&store, None, None).await.expect("a check");
        assert_eq!(whole.first_broken, None);
        assert!(whole.seq > PLACE + 10 && whole.checked == whole.seq as u64, "{whole:?}");
        save(&client).await;
        for (sql, kind, seq) in columns().into_iter().chain(chain_cases(whole.seq)) {
            let number: i64 = client
                .query_one("select no from audit_link where seq = $1", &[&PLACE])
                .await
                .expect("the record is there")
                .get(0);
            tamper(&client, &sql).await;
            let report = verify(&store, None, None).await.expect("a check");
            let found = report.first_broken.unwrap_or_else(|| panic!("not found: {sql}"));
            assert_eq!((found.kind, found.seq), (kind, seq), "{sql}: {found}");
            if kind == Change::Altered && seq == Some(PLACE) {
                assert_eq!(found.number, Some(number), "{sql}");
                assert_eq!(report.checked, PLACE as u64 - 1, "{sql}");
            }
            restore(&client).await;
        }
        assert_eq!(verify(&store, None, None).await.expect("a check").first_broken, None);
    });
}

#[test]
fn parts_of_the_chain_are_checked_alone() {
    let app = used();
    run(async {
        let (store, client) = (store(&app), connect(&app).await);
        let whole = verify(&store, None, None).await.expect("a check");
        let part = verify(&store, Some(5), Some(12)).await.expect("a check");
        assert_eq!((part.checked, part.seq, part.first_broken), (8, 12, None));
        let rest = verify(&store, Some(5), None).await.expect("a check");
        assert_eq!((rest.checked as i64, rest.head), (whole.seq - 4, whole.head));
        tamper(&client, "update audit set status = 299 where no = (select no from audit_link where seq = 9)").await;
        assert_eq!(verify(&store, Some(10), None).await.expect("a check").first_broken, None);
        let found = verify(&store, Some(9), Some(9)).await.expect("a check").first_broken.expect("it is found");
        assert_eq!((found.kind, found.seq), (Change::Altered, Some(9)));
    });
}

/// Who can compute SHA-256 can write another chain over other rows; its macs cannot be had from the database.
#[test]
fn a_chain_that_is_written_anew_is_found_where_it_begins() {
    let app = used();
    run(async {
        let (store, client) = (store(&app), connect(&app).await);
        let change =
            format!("update audit set principal = 'nobody' where no = (select no from audit_link where seq = {PLACE})");
        tamper(&client, &change).await;
        let links = store.walk_audit(0, 1000).await.expect("links");
        let mut hash = [0; 32];
        for link in &links {
            let row = link.row.as_ref().expect("no row was taken away");
            hash = link_hash(&hash, row.no, &row.bytes, &row.mac);
            let hex = head::hex(&hash);
            tamper(&client, &format!("update audit_link set hash = decode('{hex}', 'hex') where seq = {}", link.seq))
                .await;
        }
        let found = verify(&store, None, None).await.expect("a check").first_broken.expect("it is found");
        assert_eq!((found.kind, found.seq, found.who.as_deref()), (Change::Altered, Some(PLACE), Some("nobody")));
    });
}

#[test]
fn a_row_that_the_server_did_not_make_is_found_also_once_it_is_chained() {
    let app = used();
    run(async {
        let (store, client) = (store(&app), connect(&app).await);
        let last = store.audit_head().await.expect("a head").seq;
        let sql =
            "insert into audit (no, at, request, principal, action, status) values (7, 1, 'r', 'eve', 'read', 200)";
        tamper(&client, sql).await;
        link_all(&store, last + 1).await;
        let found = verify(&store, None, None).await.expect("a check").first_broken.expect("it is found");
        assert_eq!((found.kind, found.seq, found.number), (Change::Inserted, Some(last + 1), Some(7)));
        assert_eq!((found.who.as_deref(), found.what.as_deref()), (Some("eve"), Some("read")));
    });
}

/// Waits until the chain has come so far: a transaction of another test in the same cluster may hold rows back.
async fn link_all(store: &Store, seq: i64) -> Head {
    loop {
        match store.link_audit().await.expect("rows are linked") {
            Linked::Rows(_, head, _) if head.seq >= seq => return head,
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

/// The end is cut off, and new rows take its place: the head in the data folder must not follow.
#[test]
fn a_chain_that_grew_again_after_its_end_was_cut_off_is_found() {
    let app = used();
    run(async {
        let (store, client) = (store(&app), connect(&app).await);
        let last = store.audit_head().await.expect("a head").seq;
        tamper(
            &client,
            &format!(
                "delete from audit where no in (select no from audit_link where seq > {PLACE}); \
                 delete from audit_link where seq > {PLACE}; delete from audit_patient p \
                 where not exists (select from audit a where a.no = p.no)"
            ),
        )
        .await;
        for _ in 0..last {
            let entry = medilink::store::audit::Entry::event("sign-in", "r", "p", 200);
            store.audit(&[entry]).await.expect("a row");
        }
        while store.audit_head().await.expect("a head").seq < last + PLACE {
            chain::link(&store).await.expect("rows are linked");
        }
        let found = verify(&store, None, None).await.expect("a check").first_broken.expect("it is found");
        assert_eq!((found.kind, found.seq), (Change::Altered, Some(last)), "{found}");
    });
}

#[test]
fn a_checkpoint_kept_elsewhere_finds_what_the_data_folder_cannot() {
    let app = used();
    let kept = app.data_dir().with_extension("kept");
    let kept = kept.display().to_string();
    let told = |command: &str, arguments: &[&str]| {
        let output = app.run(&format!("audit {command}"), arguments);
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status.code(), String::from_utf8(text).expect("words"))
    };
    let (code, text) = told("checkpoint", &["--out", &kept]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = told("verify", &["--checkpoint", &kept]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("records checked: ") && text.contains("head hash: "), "{text}");
    let last: i64 = app.sql("select max(seq) from audit_link")[0].get(0);
    run(async {
        let client = connect(&app).await;
        tamper(
            &client,
            &format!(
                "delete from audit where no = (select no from audit_link where seq = {last}); \
                 delete from audit_link where seq = {last}; truncate audit_checkpoint; \
                 delete from audit_patient p where not exists (select from audit a where a.no = p.no)"
            ),
        )
        .await;
    });
    let (code, text) = told("verify", &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("truncated: record {last}")), "{text}");
    // Whoever has the data folder too can take away what it knows.
    for file in ["head", "checkpoints.jsonl"] {
        std::fs::remove_file(app.data_dir().join("audit").join(file)).expect("it is there");
    }
    assert_eq!(told("verify", &[]).0, Some(0));
    let (code, text) = told("verify", &["--checkpoint", &kept]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("truncated: record {last}")), "{text}");
    let statement = std::fs::read_to_string(&kept).expect("a checkpoint");
    let public = checkpoint::public(&app.data_dir().join("audit")).expect("readable").expect("a key");
    assert_eq!(checkpoint::read(&statement, &public).expect("it is signed").seq, last);
    std::fs::write(&kept, statement.replace('.', "x.")).expect("a file");
    let (code, text) = told("verify", &["--checkpoint", &kept]);
    assert_eq!(code, Some(1));
    assert!(text.contains("not signed with this key"), "{text}");
}

#[test]
fn the_database_refuses_to_change_what_is_in_the_audit() {
    let app = used();
    run(async {
        let client = connect(&app).await;
        client.batch_execute("insert into audit_checkpoint values (1, 1, 'x')").await.expect("rows are added");
        for table in TABLES {
            let column = if table == "audit_patient" { "patient" } else { "at" };
            let column = if table == "audit_link" { "seq" } else { column };
            for sql in [
                format!("update {table} set {column} = {column} + 1"),
                format!("delete from {table}"),
                format!("truncate {table}"),
            ] {
                let refused = client.batch_execute(&sql).await.expect_err(&sql);
                assert_eq!(refused.code().map(|code| code.code()), Some("ML002"), "{sql}: {refused:?}");
            }
        }
    });
}

/// Rows of releases that had no macs are taken over once, and not again when a chain is there.
#[test]
fn rows_of_before_are_authenticated_when_the_chain_begins() {
    let app = TestApp::start();
    app.stop();
    run(async {
        let (store, client) = (store(&app), connect(&app).await);
        tamper(&client, "truncate audit, audit_patient, audit_link").await;
        let bare = "insert into audit (no, at, request, principal, action, status) values ";
        client
            .batch_execute(&format!("{bare} (1, 1, 'r', 'p', 'read', 200), (2, 2, 'r', 'p', 'read', 200)"))
            .await
            .unwrap();
        assert_eq!(store.adopt_audit().await.expect("rows of before"), 2);
        link_all(&store, 2).await;
        client.batch_execute(&format!("{bare} (3, 1, 'r', 'eve', 'read', 200)")).await.unwrap();
        assert_eq!(store.adopt_audit().await.expect("nothing"), 0);
        let report = verify(&store, Some(1), None).await.expect("a check");
        let found = report.first_broken.expect("the third is not the server's");
        assert_eq!((report.checked, found.kind, found.number), (2, Change::Inserted, Some(3)));
    });
}

/// What a read and a write say of themselves.
#[test]
fn a_row_says_who_why_from_where_and_about_whom() {
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    let (id, request) = (unique(), unique());
    let headers = [("X-Request-Id", request.as_str())];
    client.send("PUT", &format!("Patient/{id}"), &headers, &patient(&id)).expect(201);
    client.request("GET", &format!("Patient?_id={id}&_count=3"), &headers, b"").expect(200);
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": format!("Patient/{id}")}});
    client.send("POST", "Observation", &headers, &observation).expect(201);
    expect_count(&app, &format!("select count(*) from audit where request = '{request}'"), 3);
    let rows = app.sql(&format!(
        "select action, address, query, token is not null, \
         patients is not distinct from array[(select target from resource where id = '{id}')] \
         and exists (select from audit_patient p where p.no = audit.no and p.patient = patients[1]) \
         from audit where request = '{request}' order by action"
    ));
    let told: Vec<(String, Option<String>, Option<String>, bool)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let address = || Some("127.0.0.1".to_string());
    let query = Some(format!("_id={id}&_count=3"));
    assert_eq!(
        told,
        [
            ("create".to_string(), address(), None, true),
            ("search-type".to_string(), address(), query, true),
            ("update".to_string(), address(), None, true),
        ]
    );
    for row in rows.iter().filter(|row| row.get::<_, &str>(0) != "search-type") {
        assert!(row.get::<_, bool>(4), "{} names its patient", row.get::<_, &str>(0));
    }
}
