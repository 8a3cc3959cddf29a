//! Apps and systems: how they register, who lets them in, and how they are stopped.
//!
//! RFC 7591, RFC 7592; SMART App Launch 2.2 (management_endpoint, CORS).

use serde_json::{Value, json};

use super::browser::Browser;
use crate::app::TestApp;
use crate::client::{Client, Response};

fn app() -> Value {
    json!({
        "client_name": "Growth",
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "none",
        "scope": "openid launch/patient patient/*.rs nonsense"
    })
}

fn with(mut body: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        body[*name] = value.clone();
    }
    body
}

fn register(client: &Client, body: &Value) -> Response {
    client.request("POST", "/oauth/register", &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

/// Returns a browser of a person with these roles who showed a factor so many seconds ago.
pub fn person(app: &TestApp, login: &str, roles: &str, shown_s_ago: i64) -> Browser {
    let now = medilink::fhir::Instant::now().0;
    let (id, secret) = (uuid::Uuid::new_v4(), format!("secret-{login}-{shown_s_ago}"));
    let hash: String = medilink::store::identity::hash(&secret).iter().map(|b| format!("{b:02x}")).collect();
    app.sql(&format!(
        "insert into account (id, login, name, status, roles, created) values ('{id}', '{login}', 'Dr. {login}', 2, '{{{roles}}}', {now})
         on conflict do nothing"
    ));
    app.sql(&format!(
        "insert into session (hash, account, auth_at, methods, created, seen, ends, device, address)
         select decode('{hash}', 'hex'), id, {auth_at}, '{{pwd}}', {now}, {now}, {ends}, 'a browser', '127.0.0.1' from account where login = '{login}'",
        auth_at = now - shown_s_ago * 1_000_000,
        ends = now + 3_600_000_000,
    ));
    let mut browser = Browser::new(app);
    browser.cookies.insert("medilink".to_string(), secret);
    browser
}

fn status_of(app: &TestApp, id: &str) -> Option<i16> {
    app.sql(&format!("select status from client where id = '{id}'")).first().map(|row| row.get(0))
}

/// Lets a person have allowed a client something, and returns its id.
fn allow(app: &TestApp, login: &str, client: &str, scope: &str, patient: &str) -> String {
    let (id, now) = (uuid::Uuid::new_v4(), medilink::fhir::Instant::now().0);
    let data = json!({"scope": scope, "patient": patient});
    app.sql(&format!(
        "insert into authorization_grant (id, client, account, data, created, used)
         select '{id}', '{client}', id, '{data}', {now}, {now} from account where login = '{login}'"
    ));
    id.to_string()
}

fn has_ended(app: &TestApp, authorization: &str) -> bool {
    let ended =
        app.sql(&format!("select 1 from authorization_grant where id = '{authorization}' and ended is not null"));
    let revoked = app.sql(&format!("select 1 from revocation where kind = 'grant' and name = '{authorization}'"));
    assert_eq!(ended.len(), revoked.len(), "what has ended is revoked");
    !ended.is_empty()
}

fn is_revoked(app: &TestApp, client: &str) -> bool {
    !app.sql(&format!("select 1 from revocation where kind = 'client' and name = '{client}'")).is_empty()
}

pub fn audited(app: &TestApp, action: &str, detail: &str) -> bool {
    let query = format!("select 1 from audit where action = '{action}' and detail = '{detail}'");
    // The queue of the audit is written a moment later.
    (0..100).any(|_| {
        let found = !app.sql(&query).is_empty();
        if !found {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        found
    })
}

#[test]
fn an_app_for_patients_registers_itself_and_looks_after_that() {
    let server = TestApp::builder().secured().start();
    let client = server.client();
    let given = register(client, &app()).expect(201).expect_header("cache-control", "no-store").json();
    let id = given["client_id"].as_str().expect("it has an id").to_string();
    assert_eq!(given["scope"], "openid launch/patient patient/*.rs", "what is never granted is left out");
    assert_eq!((&given["status"], &given["response_types"]), (&json!("active"), &json!(["code"])));
    assert_eq!(given.get("client_secret"), None);
    assert_eq!(status_of(&server, &id), Some(2));
    assert!(audited(&server, "register", "active"));

    let place = given["registration_client_uri"].as_str().expect("it has an address").to_string();
    let key = format!("Bearer {}", given["registration_access_token"].as_str().expect("it has a key"));
    let key = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
    for wrong in [&[][..], &[("Authorization", "Bearer x")], &[("Authorization", "Basic eDp5")]] {
        client.get_with(&place, wrong).expect(401);
        client.request("DELETE", &place, wrong, b"").expect(401);
    }
    client.get_with(&format!("{place}x"), &key).expect(401);
    let seen = client.get_with(&place, &key).expect(200).json();
    assert_eq!((&seen["client_name"], seen.get("registration_access_token")), (&json!("Growth"), None));

    let put = |body: &Value| client.request("PUT", &place, &key, body.to_string().as_bytes());
    let own = ("client_id", json!(id));
    put(&app()).expect(400);
    put(&with(app(), &[own.clone(), ("client_secret_expires_at", json!(0))])).expect(400);
    put(&with(app(), &[own.clone(), ("redirect_uris", json!(["javascript:x"]))])).expect(400);
    let renamed = put(&with(app(), &[own.clone(), ("client_name", json!("Growth 2"))])).expect(200).json();
    assert_eq!((&renamed["client_name"], &renamed["status"]), (&json!("Growth 2"), &json!("active")));
    let with_secret = put(&with(app(), &[own.clone(), ("token_endpoint_auth_method", json!("client_secret_post"))]));
    assert!(with_secret.expect(200).json()["client_secret"].as_str().is_some_and(|secret| secret.len() >= 40));
    let wider = put(&with(app(), &[own.clone(), ("scope", json!("user/*.rs"))])).expect(200).json();
    assert_eq!(wider["status"], "waiting", "what an administrator should see waits for one");
    assert!(is_revoked(&server, &id));

    client.request("DELETE", &place, &key, b"").expect(204);
    client.get_with(&place, &key).expect(401);
    assert_eq!(status_of(&server, &id), None);
}

#[test]
fn who_may_register_is_a_setting() {
    let system = json!({
        "client_name": "Export", "grant_types": ["client_credentials"], "scope": "system/*.rs",
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://127.0.0.1:9/jwks"
    });
    for (policy, of_app, of_system) in [
        ("open", "active", "waiting"),
        ("approved", "waiting", "waiting"),
        ("closed", "access_denied", "access_denied"),
    ] {
        let server = TestApp::builder().secured().set("registration", policy).start();
        for (body, want) in [(app(), of_app), (system.clone(), of_system)] {
            let answer = register(server.client(), &body);
            let told = answer.json();
            assert_eq!(told.get("status").or(told.get("error")), Some(&json!(want)), "{policy}: {told}");
            assert_eq!(answer.status, if policy == "closed" { 403 } else { 201 });
        }
    }
}

#[test]
fn what_is_no_registration_is_refused_in_words_and_counted() {
    let server = TestApp::builder().secured().start();
    let client = server.client();
    for (kind, body, error) in [
        ("application/json", "{", "invalid_request"),
        ("application/x-www-form-urlencoded", "client_name=x", "invalid_request"),
        ("application/json", "[]", "invalid_client_metadata"),
        ("application/json", "{\"client_name\":\"x\",\"redirect_uris\":[\"/\"]}", "invalid_redirect_uri"),
    ] {
        let headers = [("Content-Type", kind), ("Origin", "https://app.example")];
        let answer = client.request("POST", "/oauth/register", &headers, body.as_bytes()).expect(400);
        assert_eq!(answer.json()["error"], error, "{body}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "pages can read refusals, too");
    }
    assert!(audited(&server, "register", "invalid_redirect_uri"));
    let throttled = (0..60).map(|_| register(client, &app())).find(|answer| answer.status != 201);
    let throttled = throttled.expect("one address cannot go on for ever").expect(429);
    assert!(throttled.header("retry-after").is_some());
}

#[test]
fn pages_of_other_origins_may_ask() {
    let server = TestApp::builder().secured().start();
    let origin = ("Origin", "https://app.example");
    for path in ["token", "introspect", "revoke", "register", "register/x", "jwks", "userinfo"] {
        let asked = [origin, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "DPoP")];
        let answer = server.client().request("OPTIONS", &format!("/oauth/{path}"), &asked, b"").expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        let allowed = answer.header("access-control-allow-headers").unwrap_or_default();
        assert!(["DPoP", "If-None-Exist", "Authorization"].iter().all(|name| allowed.contains(name)), "{allowed}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
    }
    for (path, status) in [("Patient/x", 401), ("Nope", 404), ("metadata", 200), ("/nothing", 404)] {
        let answer = server.client().get_with(path, &[origin]).expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        assert!(["X-Progress", "Retry-After", "ETag"].iter().all(|name| exposed.contains(name)), "{exposed}");
    }
    let page = server.client().get_with("/account/apps", &[origin]);
    assert_eq!(page.header("access-control-allow-origin"), None, "pages with cookies are for nobody else");
}

#[test]
fn the_command_adds_lists_stops_and_removes() {
    let server = TestApp::builder().secured().start();
    let run = |name: &str, arguments: &[&str], good: bool| {
        let output = server.run(&format!("client {name}"), arguments);
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), good, "client {name} {arguments:?}: {told}");
        told
    };
    let keys = server.data_dir().join("system.json");
    std::fs::write(&keys, json!({"keys": [{"kty": "oct", "k": "AQ"}]}).to_string()).expect("a file can be written");
    let (keys, redirect) = (keys.display().to_string(), "http://127.0.0.1:9000/");
    let app = ["--id", "app", "--name", "App", "--redirect-uri", redirect, "--scope", "openid user/*.rs", "--public"];
    run("add", &app, true);
    assert!(run("add", &app, false).contains("there is a client 'app' already"));
    let secret = ["--id", "web", "--name", "Web", "--redirect-uri", redirect, "--scope", "patient/*.rs", "--secret"];
    assert!(run("add", &secret, true).contains("secret: "));
    let system = ["--id", "sys", "--name", "System", "--scope", "system/*.rs", "--jwks", &keys];
    assert!(run("add", &system, false).contains("jwks: keys[0]"));
    run("add", &["--id", "x", "--name", "X", "--scope", "openid", "--public", "--secret"], false);
    assert!(run("add", &["--id", "x y", "--name", "X", "--scope", "openid", "--public"], false).contains("id: "));
    let listed = run("list", &[], true);
    assert!(listed.lines().any(|line| line.starts_with("app ") && line.contains(" active ")), "{listed}");
    run("suspend", &["web"], true);
    assert_eq!((status_of(&server, "web"), is_revoked(&server, "web")), (Some(3), true));
    run("activate", &["web"], true);
    assert_eq!(status_of(&server, "web"), Some(2));
    run("remove", &["app"], true);
    assert_eq!((status_of(&server, "app"), is_revoked(&server, "app")), (None, true));
    assert!(run("suspend", &["app"], false).contains("there is no client 'app'"));
    for detail in ["added", "suspended", "activated", "removed"] {
        assert!(audited(&server, "client", detail), "{detail}");
    }
}

#[test]
fn administrators_let_clients_in_and_stop_them() {
    let server = TestApp::builder().secured().start();
    let given = register(server.client(), &with(app(), &[("scope", json!("user/*.rs"))])).expect(201).json();
    let id = given["client_id"].as_str().expect("it has an id").to_string();
    let here = format!("/admin/clients/{id}");

    Browser::new(&server).get(&here).expect_to(&format!("/login?next={here}"));
    for roles in ["physician", "facility-admin", "patient", "system-auditor"] {
        let mut other = person(&server, roles, roles, 0);
        other.get("/admin/clients").expect(403);
        other.get(&here).expect(403);
        other.get("/account/apps").expect(200);
        other.submit(&here, &[("do", "approve")]).expect(403);
    }
    assert_eq!(status_of(&server, &id), Some(1));
    assert!(audited(&server, "admin", "has no right to ManageClients"));

    let mut stale = person(&server, "ada", "admin", 1000);
    stale.get(&here).expect(200).expect_words("Growth");
    stale.submit(&here, &[("do", "approve")]).expect_to(&format!("/step-up?next={here}"));
    stale.get("/admin/clients/new").expect_to("/step-up?next=/admin/clients/new");
    let mut admin = person(&server, "ada", "admin", 0);
    admin.get("/admin/clients?status=waiting").expect(200).expect_words("Growth");
    admin.get("/admin/clients?q=nothing+like+it").expect(200).expect_words("None found");
    admin.submit(&here, &[("do", "approve"), ("csrf", "0")]).expect(403);
    let mut foreign = admin.clone();
    foreign.origin = Some("https://evil.example".to_string());
    foreign.submit(&here, &[("do", "approve")]).expect(403);
    assert_eq!(status_of(&server, &id), Some(1));

    let seen = admin.get(&here).hidden("seen").expect("the form says what was seen");
    admin.submit(&here, &[("do", "approve")]).expect(409);
    admin.submit(&here, &[("do", "approve"), ("seen", &seen)]).expect_to(&here);
    assert_eq!(status_of(&server, &id), Some(2));
    let allowed = allow(&server, "ada", &id, "user/*.rs", "amina");
    admin.submit(&here, &[("do", "suspend")]).expect_to(&here);
    assert_eq!((status_of(&server, &id), is_revoked(&server, &id)), (Some(3), true));
    assert!(has_ended(&server, &allowed));
    admin.submit(&here, &[("do", "remove")]).expect(400);
    admin.submit(&here, &[("do", "nonsense")]).expect(400);
    admin.submit(&here, &[("do", "remove"), ("sure", "yes")]).expect_to("/admin/clients");
    assert_eq!(status_of(&server, &id), None);
    admin.get(&here).expect(404);
    for detail in ["approved", "suspended", "removed"] {
        assert!(audited(&server, "client", detail), "{detail}");
    }
}

#[test]
fn an_administrator_adds_a_client_by_a_form() {
    let server = TestApp::builder().secured().start();
    let mut admin = person(&server, "ada", "admin", 0);
    admin.get("/admin/clients/new").expect(200);
    let form = [
        ("id", "web"),
        ("client_name", "<b>Web</b>"),
        ("redirect_uris", "https://web.example/a\r\nhttps://web.example/b"),
        ("scope", "openid user/*.rs"),
    ];
    let add = |admin: &mut Browser, more: &[(&str, &str)]| {
        let fields: Vec<(&str, &str)> = form.iter().chain(more).copied().collect();
        admin.submit("/admin/clients/new", &fields)
    };
    let again = add(&mut admin, &[]).expect(400);
    assert_eq!(again.error().as_deref(), Some("Say how the client proves who it is."));
    add(&mut admin, &[("proof", "keys")]).expect(400).expect_words("jwks: private_key_jwt needs jwks or jwks_uri");
    add(&mut admin, &[("proof", "keys"), ("jwks", "{")]).expect(400).expect_words("jwks: it is not JSON");
    let done = add(&mut admin, &[("proof", "secret")]).expect(200).expect_words("shown this once");
    assert!(!done.text.contains("<b>Web"), "what others wrote is text");
    assert_eq!(status_of(&server, "web"), Some(2));
    add(&mut admin, &[("proof", "secret")]).expect(400).expect_words("there is a client 'web' already");
    let before: String = server.sql("select secret from client where id = 'web'")[0].get(0);
    admin.submit("/admin/clients/web", &[("do", "secret")]).expect(200).expect_words("shown this once");
    let after: String = server.sql("select secret from client where id = 'web'")[0].get(0);
    assert!(before.starts_with("$argon2id$") && before != after);
    assert!(is_revoked(&server, "web"), "who has the old secret has nothing more");
}

#[test]
fn people_see_what_they_let_in_and_end_it() {
    let server = TestApp::builder().secured().start();
    let id = register(server.client(), &app()).expect(201).json()["client_id"].as_str().expect("an id").to_string();
    let mut amina = person(&server, "amina", "patient", 100_000);
    let mut jonas = person(&server, "jonas", "patient", 0);
    server.sql("update account set fhir_user = 'Patient/' || login");
    amina.get("/account/apps").expect(200).expect_words("No app has access");
    let first = allow(&server, "amina", &id, "openid patient/AllergyIntolerance.rs offline_access", "amina");
    let second = allow(&server, "amina", &id, "patient/*.rs", "amina");
    let third = allow(&server, "amina", "gone", "patient/*.rs", "mei");
    let theirs = allow(&server, "jonas", &id, "patient/*.rs", "jonas");
    let page = amina.get("/account/apps").expect(200);
    for words in [
        "Growth",
        "your own record",
        "Your allergies: see and search",
        "Know who you are",
        "when you are not there",
        "patient mei",
    ] {
        let page = page.clone();
        page.expect_words(words);
    }
    assert_eq!(page.text.matches("<h2>Growth").count(), 1, "an app is shown once, whatever number of launches it had");

    Browser::new(&server).get("/account/apps").expect_to("/login?next=/account/apps");
    amina.submit("/account/apps", &[("end", &id), ("csrf", "0")]).expect(403);
    amina.submit("/account/apps", &[("end", "nothing")]).expect(404);
    amina.submit("/account/apps", &[]).expect(400);
    assert!(!has_ended(&server, &first));
    let done = amina.submit("/account/apps", &[("end", &id)]).expect_to("/account/apps?stopped");
    amina.follow(done).expect(200).expect_words("Stopped");
    assert_eq!([&first, &second, &third, &theirs].map(|one| has_ended(&server, one)), [true, true, false, false]);
    amina.submit("/account/apps", &[("all", "yes")]).expect(303);
    jonas.get("/account/apps").expect(200);
    jonas.submit("/account/apps", &[("end", "gone")]).expect(404);
    assert_eq!([&third, &theirs].map(|one| has_ended(&server, one)), [true, false]);
    assert!(audited(&server, "authorization", "ended by the person"));
}
