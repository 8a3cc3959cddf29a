//! Processes that are killed while sixteen clients write: the server, PostgreSQL, both.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::journal::{Journal, while_writing};
use super::sound;
use crate::app::TestApp;

const ROUNDS: usize = 3;
const WRITING: Duration = Duration::from_millis(900);
const RETURN_TIME_MAX: Duration = Duration::from_secs(60);

fn kill(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("the process is there");
}

/// Waits until the server is ready again, and returns how long that took.
fn wait_until_ready(app: &TestApp) -> Duration {
    let began = Instant::now();
    loop {
        let answer = app.client().try_request("GET", "/health/ready", &[], b"");
        if answer.is_ok_and(|answer| answer.status == 200) {
            return began.elapsed();
        }
        assert!(began.elapsed() < RETURN_TIME_MAX, "service does not return");
        thread::sleep(Duration::from_millis(20));
    }
}

fn report(name: &str, journal: &Journal) {
    let (acknowledged, unavailable, unanswered) = (journal.acknowledged(), journal.unavailable, journal.unanswered);
    println!("{name}: {acknowledged} acknowledged writes, {unavailable} answered 503, {unanswered} unanswered");
}

#[test]
fn a_killed_server_loses_nothing_that_it_acknowledged() {
    let app = TestApp::start();
    let mut journal = Journal::default();
    for _ in 0..ROUNDS {
        journal.add(while_writing(&app, || {
            thread::sleep(WRITING);
            app.kill9();
            thread::sleep(Duration::from_millis(100));
        }));
        app.restart();
    }
    report("kill -9 of the server", &journal);
    assert_eq!(journal.unavailable, 0);
    assert!(journal.acknowledged() > 100, "too few writes to show anything");
    journal.check(&app);
    sound::expect_index(&app);
}

#[test]
fn a_killed_postgresql_comes_back_without_a_restart_of_the_server() {
    let app = TestApp::builder().embedded().start();
    let (server, mut postmaster) = (app.pid(), app.postmaster());
    let mut journal = Journal::default();
    for round in 0..ROUNDS {
        journal.add(while_writing(&app, || {
            thread::sleep(WRITING);
            kill(postmaster, Signal::KILL);
            let began = Instant::now();
            // Processes of the old one may answer for a moment longer.
            while app.postmaster_now().is_none_or(|now| now == postmaster) && began.elapsed() < RETURN_TIME_MAX {
                thread::sleep(Duration::from_millis(10));
            }
            wait_until_ready(&app);
            println!("round {round}: ready again after {:?}", began.elapsed());
            thread::sleep(WRITING / 2);
        }));
        assert_eq!(app.pid(), server, "the server is the same");
        assert_ne!(app.postmaster(), postmaster, "PostgreSQL is another one");
        postmaster = app.postmaster();
    }
    report("kill -9 of PostgreSQL", &journal);
    assert!(journal.unavailable > 0, "clients were told of the outage");
    assert_eq!(journal.unanswered, 0, "the server went on answering");
    assert!(journal.acknowledged() > 100, "too few writes to show anything");
    journal.check(&app);
    sound::expect_index(&app);
}

/// A crash of one backend makes PostgreSQL end all of them and recover by itself.
#[test]
fn a_killed_backend_is_an_outage_of_a_moment() {
    let app = TestApp::builder().embedded().start();
    let mut journal = Journal::default();
    for _ in 0..ROUNDS {
        journal.add(while_writing(&app, || {
            thread::sleep(WRITING);
            let busy = "select pid from pg_stat_activity where application_name = 'medilink' order by query_start desc";
            let pid: i32 = app.sql(busy)[0].get(0);
            kill(pid as u32, Signal::KILL);
            thread::sleep(Duration::from_millis(200));
            wait_until_ready(&app);
            thread::sleep(WRITING / 2);
        }));
    }
    report("kill -9 of a backend", &journal);
    assert_eq!(journal.unanswered, 0, "the server went on answering");
    journal.check(&app);
    sound::expect_index(&app);
}

/// As when the machine loses its power: nobody is left, and the next start recovers.
#[test]
fn server_and_postgresql_killed_together_recover_at_the_next_start() {
    let app = TestApp::builder().embedded().start();
    let mut journal = Journal::default();
    for _ in 0..ROUNDS - 1 {
        journal.add(while_writing(&app, || {
            thread::sleep(WRITING);
            let postmaster = app.postmaster();
            app.kill9();
            kill(postmaster, Signal::KILL);
        }));
        app.restart();
    }
    report("kill -9 of both", &journal);
    assert!(journal.acknowledged() > 100, "too few writes to show anything");
    journal.check(&app);
    sound::expect_index(&app);
}

/// SIGTERM while clients write: what was stored was answered, and what was answered is stored. One answer too few or
/// too many would show in the number of versions.
#[test]
fn a_stopping_server_answers_what_it_accepted() {
    let app = TestApp::start();
    let mut journal = Journal::default();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        journal.add(while_writing(&app, || {
            thread::sleep(WRITING);
            assert!(app.stop(), "the server ends well");
        }));
        println!("stopped and all clients ended after {:?}", began.elapsed());
        app.restart();
        let rows = app.sql("select (select count(*) from resource) + (select count(*) from resource_history)");
        let stored: i64 = rows[0].get(0);
        assert_eq!(stored, journal.versions() as i64, "versions stored, and versions that clients were told of");
    }
    report("SIGTERM", &journal);
    journal.check(&app);
}
