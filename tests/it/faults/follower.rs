//! Somebody who follows the outbox while transactions of very different length commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use medilink::catalog::Catalog;
use medilink::search::Registry;
use medilink::store::outbox::{Change, Position};
use medilink::store::{Blueprint, StoreSettings};
use serde_json::{Value, json};

use super::sound;
use crate::app::TestApp;

const WRITERS: usize = 8;
const ROUNDS: usize = 30;
/// Few, so that a page often ends within a transaction.
const PAGE: i64 = 7;
/// A transaction of another test in the same cluster may hold changes back for a while.
const IDLE_TIME_MAX: Duration = Duration::from_secs(3);

/// Long transactions take their own resources first and a shared one last, for which short ones overtake them.
#[test]
fn a_follower_sees_every_change_once_and_versions_in_order() {
    let app = TestApp::start();
    approach_longer_xids(&app);
    let done = AtomicBool::new(false);
    let followed = thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&app, &done));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn({
                    let app = &app;
                    move || write(app, writer)
                })
            })
            .collect();
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Release);
        let followed = follower.join().expect("the follower does not fail");
        assert!(ended.iter().all(Result::is_ok), "a writer failed");
        followed
    });
    let mut seen = BTreeSet::new();
    let mut newest: BTreeMap<i64, i32> = BTreeMap::new();
    let mut unordered = 0;
    for change in &followed {
        let Position { no, version, .. } = change.position;
        assert!(seen.insert((no, version)), "version {version} of {no} was given out twice");
        let before = newest.insert(no, version).unwrap_or(0);
        unordered += usize::from(version != before + 1);
    }
    let all = app.sql("select no, version from resource union all select no, version from resource_history");
    let all: BTreeSet<(i64, i32)> = all.iter().map(|row| (row.get(0), row.get(1))).collect();
    println!("{} changes followed", followed.len());
    assert_eq!(seen.len(), all.len());
    assert!(seen == all, "a change was skipped");
    assert_eq!(unordered, 0, "of {} changes came before an earlier version of their resource", followed.len());
    sound::expect_sound(&app);
}

/// Uses up transaction ids until the next have a digit more, soon after the test began: they are numbers, not text.
fn approach_longer_xids(app: &TestApp) {
    let next = app.sql("select pg_current_xact_id()::text::bigint")[0].get::<_, i64>(0);
    let longer = 10_i64.pow(next.ilog10() + 1);
    let wanted = (longer - 100 - next).min(100_000);
    app.sql(&format!("do $$ begin for i in 1..{wanted} loop perform pg_current_xact_id(); commit; end loop; end $$"));
}

fn write(app: &TestApp, writer: usize) {
    let resource = |id: &str, mark: String| json!({"resourceType": "Basic", "id": id, "code": {"text": mark}});
    let put = |id: &str, mark: String| json!({"resource": resource(id, mark), "request": {"method": "PUT", "url": format!("Basic/{id}")}});
    for round in 0..ROUNDS {
        let mark = format!("{writer}-{round}");
        let length = if writer.is_multiple_of(2) { 10 + 5 * writer } else { 0 };
        if length == 0 {
            for _ in 0..4 {
                let answer = app.client().put("Basic/z-shared", &resource("z-shared", mark.clone()));
                assert!(answer.status < 300, "{}", answer.text());
            }
            continue;
        }
        let mut entries: Vec<Value> = (0..length).map(|n| put(&format!("a-{writer}-{n}"), mark.clone())).collect();
        entries.push(put("z-shared", mark));
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        app.client().post("", &bundle).expect(200);
    }
}

/// Follows until the writers are done and everything was seen, or nothing more comes.
fn follow(app: &TestApp, done: &AtomicBool) -> Vec<Change> {
    let settings = StoreSettings {
        url: app.database_url(),
        pool_size: 2,
        statement_ms_max: 10_000,
        wait_ms_max: 10_000,
        implied: Default::default(),
    };
    let catalog = Arc::new(Catalog::load().expect("the definitions load"));
    let registry = Arc::new(Registry::new(catalog, app.base()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let store = Blueprint::new(settings, registry).store().expect("a store");
        let mut followed: Vec<Change> = Vec::new();
        let mut position = Position::default();
        let mut idle_since = Instant::now();
        while !done.load(Ordering::Acquire) || idle_since.elapsed() < IDLE_TIME_MAX {
            let page = store.follow(&position, PAGE).await.expect("the outbox can be followed");
            match page.last() {
                Some(last) => {
                    position = last.position.clone();
                    idle_since = Instant::now();
                }
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
            followed.extend(page);
        }
        followed
    })
}
