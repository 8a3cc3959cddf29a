//! Attacks on people, apps and tokens: each is tried, refused, and found in the audit.
//!
//! RFC 6819, RFC 9700, OWASP ASVS 5 (V6 to V10). The table is kept as `target/tables/attacks.txt`; where it names no row of
//! the audit, nothing that is protected was reached.

mod access_tokens;
mod assertions;
mod codes;
mod forms;
mod guessing;
mod launches;
mod redirects;
mod registrations;
mod sessions;

use std::time::{Duration, Instant};

use super::browser::Page;
use super::smart::callback;
use super::stage::Stage;
use super::table::Table;
use crate::client::Response;

/// One attack.
struct Attack {
    /// What the attacker does.
    name: &'static str,
    /// What comes of it; several where each is good.
    answers: &'static [&'static str],
    /// The row that the audit has of it: action, status, and words of its detail.
    audit: Option<(&'static str, i16, &'static str)>,
    /// Tries it, and returns what came of it.
    attempt: fn(&Stage) -> String,
}

#[test]
fn attacks() {
    let stage = Stage::set();
    let mut table = Table::default();
    for (group, attacks) in [
        ("Authorization codes", codes::ATTACKS),
        ("Where the app is called back", redirects::ATTACKS),
        ("Access tokens", access_tokens::ATTACKS),
        ("Clients that sign", assertions::ATTACKS),
        ("Refresh tokens, launches and scopes", launches::ATTACKS),
        ("Forms", forms::ATTACKS),
        ("Sessions", sessions::ATTACKS),
        ("Guessing", guessing::ATTACKS),
        ("Registrations", registrations::ATTACKS),
    ] {
        table.group(group);
        for attack in attacks {
            table.check(title(attack), || check(&stage, attack, || (attack.attempt)(&stage)));
        }
    }
    table.group("Addresses that look like the one where the app is called back");
    for (name, change) in redirects::TRICKS {
        let attack =
            Attack { name, answers: &["page 400"], audit: Some(("authorize", 400, "")), attempt: |_| String::new() };
        table.check(title(&attack), || check(&stage, &attack, || redirects::try_trick(&stage, *change)));
    }
    table.finish("attacks");
}

fn title(attack: &Attack) -> String {
    let audit = match attack.audit {
        None => "not audited: it reached nothing".to_string(),
        Some((action, status, "")) => format!("audit: {action} {status}"),
        Some((action, status, words)) => format!("audit: {action} {status} '{words}'"),
    };
    format!("{} -> {}; {audit}", attack.name, attack.answers.join(" or "))
}

fn check(stage: &Stage, attack: &Attack, attempt: impl FnOnce() -> String) {
    // What others tried before must not count against this one.
    stage.server.sql("delete from attempt");
    // Numbers of rows are given out in parts, one for each process: the clock tells what came after.
    let before = super::person::now();
    let came = attempt();
    assert!(attack.answers.contains(&came.as_str()), "it was answered: {came}");
    let Some((action, status, words)) = attack.audit else { return };
    let began = Instant::now();
    let query = format!("select action, status, coalesce(detail, '') from audit where at >= {before} order by at, no");
    loop {
        let rows: Vec<(String, i16, String)> =
            stage.server.sql(&query).iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        if rows.iter().any(|row| row.0 == action && row.1 == status && row.2.contains(words)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "the audit has only {rows:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns status and error of an OAuth endpoint.
fn told(answer: &Response) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
    format!("{} {}", answer.status, body["error"].as_str().unwrap_or("without an error"))
}

/// Returns status and issue code of the FHIR API.
fn issued(answer: &Response) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
    format!("{} {}", answer.status, body["issue"][0]["code"].as_str().unwrap_or("without an issue"))
}

/// Returns what a browser was shown, or what the app was told through it.
fn shown(page: &Page) -> String {
    match (callback(page), page.location()) {
        (Some(came), _) => match came.get("error") {
            Some(error) => format!("the app is told {error}"),
            None => format!("the app is given {}", came.address),
        },
        (None, Some(to)) => format!("sent to {to}"),
        (None, None) => format!("page {}", page.status),
    }
}
