//! Starts, crashes and recoveries of a real PostgreSQL in temporary folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// A folder below /tmp that every user can enter, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        Folder(PathBuf::from(format!("/tmp/medilink-test-{}/{name}", uuid::Uuid::new_v4().simple())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let top = self.0.ancestors().find(|folder| folder.parent() == Some(Path::new("/tmp")));
        let _ = top.map(fs::remove_dir_all);
    }
}

async fn run(cluster: &Cluster, sql: &str) {
    let client = connect(&cluster.url()).await.expect("connect");
    client.batch_execute(sql).await.expect(sql);
}

async fn count(cluster: &Cluster) -> i64 {
    let client = connect(&cluster.url()).await.expect("connect");
    client.query_one("SELECT count(*) FROM kept", &[]).await.expect("count").get(0)
}

fn pid(folder: &Path) -> Option<i32> {
    fs::read_to_string(folder.join("postgres/postmaster.pid")).ok()?.lines().next()?.parse().ok()
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).expect("a process id"), Signal::KILL).expect("kill");
}

#[tokio::test]
async fn rows_outlive_a_stop_and_the_settings_are_ours() {
    let folder = Folder::new("data");
    let cluster = start(&folder.0).await.expect("first start");
    assert_eq!(cluster.data_dir(), folder.0);
    run(&cluster, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)").await;
    let client = connect(&cluster.url()).await.expect("connect");
    for (name, expected) in [
        ("fsync", "on"),
        ("listen_addresses", ""),
        ("data_checksums", "on"),
        ("jit", "off"),
        ("server_encoding", "UTF8"),
        ("log_min_error_statement", "panic"),
    ] {
        let value: String = client.query_one(&format!("SHOW {name}"), &[]).await.expect(name).get(0);
        assert_eq!(value, expected, "{name}");
    }
    drop(client);
    cluster.stop().await;
    assert_eq!(pid(&folder.0), None, "stopped");
    let cluster = start(&folder.0).await.expect("second start");
    assert_eq!(count(&cluster).await, 1);
    cluster.stop().await;
}

#[tokio::test]
async fn a_second_server_joins_and_the_last_one_stops_the_cluster() {
    let folder = Folder::new("data");
    let (first, second) = tokio::join!(start(&folder.0), start(&folder.0));
    let (first, second) = (first.expect("first"), second.expect("second"));
    let one = pid(&folder.0);
    run(&first, "CREATE TABLE kept (n int)").await;
    first.stop().await;
    assert_eq!(pid(&folder.0), one, "still there");
    assert_eq!(count(&second).await, 0);
    second.stop().await;
    assert_eq!(pid(&folder.0), None, "stopped");
}

#[tokio::test]
async fn a_cluster_left_by_a_killed_server_is_taken_over() {
    let folder = Folder::new("data");
    let killed = start(&folder.0).await.expect("start");
    run(&killed, "CREATE TABLE kept (n int)").await;
    killed.abandon();
    let orphan = pid(&folder.0);
    assert!(orphan.is_some());
    let next = start(&folder.0).await.expect("take over");
    assert_eq!(pid(&folder.0), orphan);
    assert_eq!(count(&next).await, 0);
    next.stop().await;
    assert_eq!(pid(&folder.0), None);
}

#[tokio::test]
async fn a_killed_postgresql_comes_back_by_itself_with_every_commit() {
    let folder = Folder::new("data");
    let cluster = start(&folder.0).await.expect("start");
    run(&cluster, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1), (2)").await;
    let killed = pid(&folder.0).expect("running");
    kill(killed);
    let began = Instant::now();
    let client = loop {
        match connect(&cluster.url()).await {
            Ok(client) if pid(&folder.0) != Some(killed) => break client,
            _ => assert!(began.elapsed() < Duration::from_secs(30), "it stayed away"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    println!("back after {} ms", began.elapsed().as_millis());
    let rows: i64 = client.query_one("SELECT count(*) FROM kept", &[]).await.expect("count").get(0);
    assert_eq!(rows, 2);
    drop(client);
    cluster.stop().await;
}

#[tokio::test]
async fn a_stale_lock_file_that_names_a_living_stranger_is_no_hindrance() {
    let folder = Folder::new("data");
    let cluster = start(&folder.0).await.expect("start");
    run(&cluster, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)").await;
    let killed = pid(&folder.0).expect("running");
    cluster.abandon();
    kill(killed);
    let path = folder.0.join("postgres/postmaster.pid");
    let text = fs::read_to_string(&path).expect("the dead leave their lock file");
    fs::write(&path, text.replacen(&killed.to_string(), &std::process::id().to_string(), 1)).expect("write");
    let cluster = start(&folder.0).await.expect("start again");
    assert_eq!(count(&cluster).await, 1);
    cluster.stop().await;
}

#[tokio::test]
async fn a_dropped_cluster_stops_soon() {
    let folder = Folder::new("data");
    drop(start(&folder.0).await.expect("start"));
    let began = Instant::now();
    while pid(&folder.0).is_some() {
        assert!(began.elapsed() < Duration::from_secs(20), "it runs on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Started again while the last is just going or gone.
    start(&folder.0).await.expect("start").stop().await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_and_an_odd_one_serve_too() {
    let folder = Folder::new(&format!("it's a long name/{}", "x".repeat(120)));
    let cluster = start(&folder.0).await.expect("start");
    run(&cluster, "SELECT 1").await;
    let socket = PathBuf::from(cluster.url().split('@').nth(1).unwrap_or_default().replace("%2F", "/"));
    assert!(socket.starts_with("/tmp"), "{}", socket.display());
    cluster.stop().await;
    let _ = socket.parent().map(fs::remove_dir_all);
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_refused_and_kept() {
    let folder = Folder::new("data");
    fs::create_dir_all(folder.0.join("postgres")).expect("create");
    fs::write(folder.0.join("postgres/letter"), "dear").expect("write");
    let refusal = start(&folder.0).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refusal.contains("neither empty nor a PostgreSQL cluster"), "{refusal}");
    assert!(folder.0.join("postgres/letter").exists());
}

#[tokio::test]
async fn a_cluster_of_another_version_is_refused_by_name() {
    let folder = Folder::new("data");
    fs::create_dir_all(folder.0.join("postgres")).expect("create");
    fs::write(folder.0.join("postgres/PG_VERSION"), "9\n").expect("write");
    let refusal = start(&folder.0).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refusal.contains("was made by PostgreSQL 9, but only "), "{refusal}");
}

#[tokio::test]
async fn settings_that_postgresql_refuses_are_reported_in_its_words() {
    let folder = Folder::new("data");
    start(&folder.0).await.expect("start").stop().await;
    fs::write(folder.0.join("postgres/local.conf"), "no_such_setting = 1\n").expect("write");
    let refusal = start(&folder.0).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refusal.contains("no_such_setting"), "{refusal}");
}
