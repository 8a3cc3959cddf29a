//! A person with a session, written straight into the database, and requests as our script sends them.

use serde_json::Value;

use super::browser::{Browser, Page};
use crate::app::TestApp;
use crate::client::json;

/// A person who is signed in.
pub struct Person {
    /// The id of the account, as the database writes it.
    pub id: String,
    pub browser: Browser,
}

/// Adds an active person without a password, with a session whose factor is fresh.
pub fn person(app: &TestApp, login: &str) -> Person {
    let id = uuid::Uuid::new_v4().to_string();
    app.sql(&format!(
        "insert into account (id, login, name, status, roles, created)
         values ('{id}', '{login}', '{login}', 2, '{{patient}}', {now})",
        now = now()
    ));
    let mut browser = Browser::new(app);
    browser.cookies.insert("medilink".to_string(), session(app, &id));
    Person { id, browser }
}

fn session(app: &TestApp, account: &str) -> String {
    let secret = medilink::account::secret();
    let (hash, now) = (hex(&medilink::store::identity::hash(&secret)), now());
    app.sql(&format!(
        "insert into session (hash, account, auth_at, methods, created, seen, ends, device, address)
         values (decode('{hash}', 'hex'), '{account}', {now}, '{{pwd}}', {now}, {now}, {now} + 3600000000, '', '')"
    ));
    secret
}

/// Lets the factor of all sessions of a person be shown an hour ago.
pub fn grow_stale(app: &TestApp, id: &str) {
    app.sql(&format!("update session set auth_at = auth_at - 3600000000 where account = '{id}'"));
}

/// Returns a browser that is not signed in, on a page with a form.
pub fn stranger(app: &TestApp) -> Browser {
    let mut browser = Browser::new(app);
    browser.get("/login/passkey").expect(200);
    browser
}

/// Sends JSON as our script does; returns status and answer, and keeps the cookie of a session.
pub fn send(app: &TestApp, browser: &mut Browser, path: &str, body: &Value) -> (u16, Value) {
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (cookies, origin) = (cookies.join("; "), browser.origin.clone().unwrap_or_default());
    let headers = [
        ("Content-Type", "application/json"),
        ("Cookie", &cookies),
        ("Origin", &origin),
        ("X-CSRF-Token", &browser.csrf),
    ];
    let answer = app.client().request("POST", path, &headers, body.to_string().as_bytes());
    for (_, cookie) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
        let value = cookie.split(';').next().and_then(|pair| pair.strip_prefix("medilink=")).unwrap_or("");
        if !value.is_empty() {
            browser.cookies.insert("medilink".to_string(), value.to_string());
        }
    }
    (answer.status, json(&answer.bytes))
}

/// Returns what the audit holds of an action: status and detail, the latest first.
pub fn audited(app: &TestApp, action: &str) -> Vec<(i32, String)> {
    // Rows of no write are written by a queue.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let rows = app.sql(&format!(
        "select status::int, coalesce(detail, '') from audit where action = '{action}' order by at desc, no desc"
    ));
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Checks what a page says, whatever its status.
#[track_caller]
pub fn says(page: &Page, words: &str) {
    let text = super::browser::unescaped(&page.text);
    assert!(text.contains(words), "{} ({}): no '{words}' in {text}", page.asked, page.status);
}

pub fn now() -> i64 {
    medilink::fhir::Instant::now().0
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
