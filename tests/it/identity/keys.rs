//! Keys and revocations that all servers of one database share.
//!
//! RFC 7517 (key sets), RFC 9068 (access tokens), RFC 6750 3 (what a refused client is told).

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use medilink::fhir;
use medilink::oauth::{Claims, Keys};
use serde_json::Value;
use tokio_postgres::NoTls;

use crate::app::{TestApp, run};
use crate::client::Client;

/// Longer than any revocation may take: what is not refused then never is.
const PATIENCE: Duration = Duration::from_secs(20);
const BASE: &str = "http://medilink.example/fhir";

/// Returns two servers of one database, with data folders of their own, that speak for the same address.
fn pair() -> (TestApp, TestApp) {
    let start = || TestApp::builder().secured().set("base-url", BASE);
    let one = start().start();
    let other = start().database(&one.database_url()).start();
    (one, other)
}

/// Returns a token of a server for this base, with other claims.
fn token(app: &TestApp, change: impl FnOnce(&mut Claims)) -> String {
    app.forged(|claims| {
        (claims.iss, claims.aud) = (BASE.to_string(), BASE.to_string());
        change(claims);
    })
}

fn status(app: &TestApp, token: &str) -> u16 {
    app.client().with_token(token).get("Patient/none").status
}

/// Waits until a token is refused, and returns how long that took.
fn refused_after(app: &TestApp, token: &str) -> Duration {
    let began = Instant::now();
    while status(app, token) != 401 {
        assert!(began.elapsed() < PATIENCE, "the token is still accepted");
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

fn key_ids(client: &Client) -> Vec<String> {
    let set = client.get("/oauth/jwks").expect(200).json();
    let keys = set["keys"].as_array().expect("keys").iter();
    keys.map(|key| key["kid"].as_str().expect("a name").to_string()).collect()
}

fn command(app: &TestApp, name: &str, arguments: &[&str]) -> String {
    let output = app.run(name, arguments);
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn servers_of_one_database_accept_each_others_tokens() {
    let (one, other) = pair();
    let (by_one, by_other) = (one.token("system/*.rs"), other.token("system/*.rs"));
    for (app, token) in [(&one, &by_one), (&one, &by_other), (&other, &by_one), (&other, &by_other)] {
        assert_eq!(status(app, token), 404);
    }
    let answer = other.client().get_with("/oauth/jwks", &[("Origin", "http://app.example")]).expect(200);
    let answer = answer
        .expect_header("content-type", "application/json")
        .expect_header("cache-control", "public, max-age=300")
        .expect_header("access-control-allow-origin", "*");
    let keys = answer.json()["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in keys {
        let names: Vec<&String> = key.as_object().expect("a key").keys().collect();
        assert_eq!(names, ["kty", "n", "e", "use", "alg", "kid"], "nothing but what is public");
        assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&"RSA".into(), &"RS256".into(), &"sig".into()));
    }
    assert_eq!(key_ids(one.client()), key_ids(other.client()));
    let rows = one.sql("select jwk::text from signing_key");
    let secret = rows.iter().map(|row| row.get::<_, String>(0)).find(|jwk| jwk.contains("\"d\""));
    assert_eq!(secret, None, "private keys stay in their folders");
}

#[test]
fn what_one_server_revokes_is_refused_on_every_other() {
    let (one, other) = pair();
    let now = || fhir::Instant::now().0;
    for (kind, name) in [("token", "j1"), ("grant", "g1"), ("account", "a1"), ("client", "c1")] {
        let mark = |claims: &mut Claims| {
            (claims.jti, claims.sub) = (format!("j1 of {kind}"), format!("a1 of {kind}"));
            (claims.client_id, claims.grant_id) = (Some(format!("c1 of {kind}")), Some(format!("g1 of {kind}")));
        };
        let ended = token(&one, mark);
        let same_person_later = token(&one, |claims| {
            mark(claims);
            (claims.jti, claims.grant_id) = ("another".into(), Some("another".into()));
            claims.iat += 3;
        });
        let of_another = token(&one, |claims| claims.sub = "another".into());
        for app in [&one, &other] {
            assert_eq!(status(app, &ended), 404);
        }
        one.sql(&format!(
            "insert into revocation (kind, name, at, ends) values ('{kind}', '{name} of {kind}', {}, {})",
            now(),
            now() + 3_600_000_000
        ));
        for app in [&one, &other] {
            let took = refused_after(app, &ended);
            println!("{kind}: refused after {took:?}");
            assert_eq!(status(app, &of_another), 404, "{kind}");
            assert_eq!(status(app, &same_person_later), 404, "{kind}: what is given later is good");
        }
    }
}

#[test]
fn revocations_outlive_their_servers() {
    let (one, other) = pair();
    let ended = one.token("system/*.rs");
    assert_eq!((status(&one, &ended), status(&other, &ended)), (404, 404));
    command(&one, "revoke", &["--token", &ended]);
    for app in [&one, &other] {
        println!("refused after {:?}", refused_after(app, &ended));
    }
    for app in [&one, &other] {
        app.restart();
        assert_eq!(status(app, &ended), 401, "from the first request on");
    }
    let of_app = token(&one, |claims| claims.client_id = Some("app".to_string()));
    assert_eq!(status(&other, &of_app), 404);
    command(&other, "revoke", &["--client", "app"]);
    println!("refused after {:?}", refused_after(&other, &of_app));
    assert!(!one.run("revoke", &[]).status.success(), "something must be named");
}

#[test]
fn a_revocation_that_is_committed_late_is_not_passed_over() {
    let app = TestApp::builder().secured().set("base-url", BASE).start();
    let late = token(&app, |claims| claims.jti = "late".to_string());
    let soon = token(&app, |claims| claims.jti = "soon".to_string());
    assert_eq!((status(&app, &late), status(&app, &soon)), (404, 404));
    let add = |jti: &str| {
        format!(
            "insert into revocation (kind, name, at, ends) values ('token', '{jti}', 0, {})",
            fhir::Instant::now().0 + 3_600_000_000
        )
    };
    let (client, _connection) = run(async {
        let (client, connection) = tokio_postgres::connect(&app.database_url(), NoTls).await.expect("it answers");
        let connection = tokio::spawn(connection);
        client.batch_execute("begin").await.expect("a transaction");
        client.batch_execute(&add("late")).await.expect("a row with the smaller number");
        (client, connection)
    });
    app.sql(&add("soon"));
    refused_after(&app, &soon);
    // Several looks have passed what is not committed yet.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(status(&app, &late), 404);
    run(client.batch_execute("commit")).expect("a commit");
    println!("refused after {:?}", refused_after(&app, &late));
}

#[test]
fn nobody_is_let_in_while_it_is_not_known_what_is_revoked() {
    let app = TestApp::builder().secured().start();
    let good = app.token("system/*.rs");
    assert_eq!(status(&app, &good), 404);
    app.sql("alter table revocation rename to revocation_gone");
    let began = Instant::now();
    while status(&app, &good) != 503 {
        assert!(began.elapsed() < PATIENCE, "the token is still accepted");
        std::thread::sleep(Duration::from_millis(50));
    }
    app.sql("alter table revocation_gone rename to revocation");
    assert_eq!(status(&app, &good), 404, "the next request looks for itself");
}

#[test]
fn a_new_key_is_published_before_it_signs() {
    let (one, other) = pair();
    let before = one.token("system/*.rs");
    let first = key_ids(one.client());
    command(&one, "keys rotate", &[]);
    let listed = command(&one, "keys list", &[]);
    assert_eq!(parts(&listed), ["signs", "signs soon"], "{listed}");
    let after = one.token("system/*.rs");
    let kid = |token: &str| token.split('.').next().map(str::to_string);
    assert_eq!(kid(&before), kid(&after));
    // A server that starts knows it at once.
    other.restart();
    let ids = key_ids(other.client());
    assert!(ids.len() == 3 && first.iter().all(|id| ids.contains(id)), "{ids:?}");

    let output = command(&one, "keys rotate", &["--compromised"]);
    assert_eq!(output.lines().count(), 1, "{output}");
    for app in [&one, &other] {
        println!("refused after {:?}", refused_after(app, &before));
    }
    let fresh = one.token("system/*.rs");
    assert_ne!(kid(&fresh), kid(&before));
    for app in [&one, &other] {
        let began = Instant::now();
        // The table of keys is read once a second at most.
        while status(app, &fresh) != 404 {
            assert!(began.elapsed() < PATIENCE, "the new key is not known");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let began = Instant::now();
    while key_ids(one.client()).iter().any(|id| !output.contains(id) && Some(id.as_str()) != other_key(&ids, &listed)) {
        assert!(began.elapsed() < PATIENCE, "a key in wrong hands is still published");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns what each key of a list does.
fn parts(listed: &str) -> Vec<&str> {
    listed.lines().map(|line| line.splitn(4, ' ').nth(3).expect("four columns")).collect()
}

/// Returns the key of the other server: the one that the list of this one does not have.
fn other_key<'a>(ids: &'a [String], listed: &str) -> Option<&'a str> {
    ids.iter().map(String::as_str).find(|id| !listed.contains(id))
}

#[test]
fn what_was_signed_before_a_server_ran_is_good_once_it_does() {
    let folder = std::env::temp_dir().join(format!("medilink-it-before-{}", std::process::id()));
    let of_before = first_release(&folder);
    let by_command = Claims::new(BASE, "operator", "system/*.rs", 60);
    let by_command = by_command.sign(&Keys::load_or_create(&folder).expect("a key")).expect("a token");
    let file = File::options().write(true).open(folder.join("keys/rs256-1.p8")).expect("the new key");
    file.set_modified(SystemTime::now() - Duration::from_secs(91 * 86_400)).expect("a file can be old");
    let start = || TestApp::builder().secured().set("base-url", BASE);
    let one = start().data_dir(&folder).start();
    let other = start().database(&one.database_url()).start();
    for app in [&one, &other] {
        assert_eq!((status(app, &of_before), status(app, &by_command)), (404, 404));
    }
    assert_eq!(parts(&command(&one, "keys list", &[])), ["signs", "signs soon"], "the old key got a successor");
    assert!(!folder.join("keys/signing.p8").exists(), "what signs no more is not kept");
    one.restart();
    assert_eq!(status(&one, &of_before), 404, "and is verified all the same");
    drop((one, other));
    let _ = std::fs::remove_dir_all(folder);
}

/// Makes the data folder of a first release, and returns a token as it has signed them.
fn first_release(folder: &Path) -> String {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use base64::Engine;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("a key");
    std::fs::create_dir_all(folder.join("keys")).expect("a folder");
    std::fs::write(folder.join("keys/signing.p8"), pkcs8.as_ref()).expect("a file");
    let name: String = sha256(key.public_key().as_ref()).iter().take(8).map(|b| format!("{b:02x}")).collect();
    let header = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{name}"}}"#);
    let claims = serde_json::to_string(&Claims::new(BASE, "operator", "system/*.rs", 3_600)).expect("claims");
    let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = key.sign(&random, message.as_bytes()).expect("a signature");
    format!("{message}.{}", encode(signature.as_ref()))
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().to_vec()
}

#[test]
fn who_is_refused_is_told_why() {
    let app = TestApp::builder().secured().start();
    let expired = app.forged(|claims| claims.exp = claims.iat - 1);
    let revoked = app.forged(|claims| claims.jti = "revoked".to_string());
    let future = app.forged(|claims| claims.iat += 600);
    let narrow = app.token("system/Observation.rs");
    command(&app, "revoke", &["--jti", "revoked"]);
    refused_after(&app, &revoked);
    for (token, status, code, challenge) in [
        (None, 401, "login", "Bearer realm=\"fhir\""),
        (Some("nonsense"), 401, "login", "Bearer realm=\"fhir\", error=\"invalid_token\""),
        (Some(expired.as_str()), 401, "expired", "Bearer realm=\"fhir\", error=\"invalid_token\""),
        (Some(&revoked), 401, "login", "Bearer realm=\"fhir\", error=\"invalid_token\""),
        (Some(&future), 401, "login", "Bearer realm=\"fhir\", error=\"invalid_token\""),
        (Some(&narrow), 403, "forbidden", "Bearer realm=\"fhir\", error=\"insufficient_scope\""),
    ] {
        let client = token.map_or(app.client().clone(), |token| app.client().with_token(token));
        let answer = client.get("Patient/none").expect(status);
        answer.expect_issue(code);
        answer.expect_header("www-authenticate", challenge);
    }
}

#[test]
fn a_token_of_the_command_says_what_it_was_asked_to() {
    let app = TestApp::builder().secured().start();
    let claims = |arguments: &[&str]| -> Value {
        use base64::Engine;
        let token = command(&app, "token", arguments);
        let part = token.split('.').nth(1).expect("three parts").to_string();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).expect("claims")
    };
    let own = claims(&["--scope", "patient/*.rs", "--subject", "Patient/p1"]);
    assert_eq!((&own["patient"], &own["roles"]), (&"p1".into(), &Value::Null));
    let nurse = claims(&[
        "--scope",
        "patient/*.rs",
        "--subject",
        "Practitioner/n1",
        "--role",
        "nurse",
        "--patient",
        "p2",
        "--client",
        "app",
    ]);
    assert_eq!((&nurse["patient"], &nurse["roles"][0]), (&"p2".into(), &"nurse".into()));
    assert_eq!((&nurse["fhirUser"], &nurse["client_id"]), (&"Practitioner/n1".into(), &"app".into()));
    for wrong in [&["--scope", "everything"][..], &["--scope", "system/*.rs", "--role", "king"]] {
        assert!(!app.run("token", wrong).status.success(), "{wrong:?}");
    }
}
