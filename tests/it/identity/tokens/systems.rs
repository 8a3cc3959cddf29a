//! Backend Services: signed assertions, and where their keys come from.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::given::*;

/// Serves a set of keys on loopback, until the tests end.
struct KeyServer {
    url: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    fn start(keys: Value, caching: &'static str) -> KeyServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}/jwks", listener.local_addr().expect("it has an address"));
        let (keys, asked) = (Arc::new(Mutex::new(keys)), Arc::new(AtomicUsize::new(0)));
        let server = KeyServer { url, keys: keys.clone(), asked: asked.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.read(&mut [0; 4096]);
                asked.fetch_add(1, Ordering::SeqCst);
                let body = keys.lock().expect("no panic").to_string();
                let head = format!("Content-Type: application/json\r\n{caching}Content-Length: {}", body.len());
                let _ = write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\nConnection: close\r\n\r\n{body}");
            }
        });
        server
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn ask(key: &Signer, client: &str) -> crate::client::Response {
    token(&system_form("system/Patient.rs", &key.assertion(client)))
}

#[test]
fn a_system_signs_in_and_reads() {
    for key in [Signer::rs384("k1"), Signer::es384("k1")] {
        let published = KeyServer::start(key.jwks(), "");
        for registered in [json!({"jwks": key.jwks()}), json!({"jwks_uri": published.url})] {
            let client = client("private_key_jwt", registered);
            let scope = "system/Patient.rs system/Observation.cruds system/Encounter.rs";
            let body = token(&system_form(scope, &key.assertion(&client))).expect(200).json();
            assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(300)));
            assert_eq!(body["scope"], "system/Patient.rs system/Observation.rs");
            assert_eq!((body.get("refresh_token"), body.get("id_token")), (None, None));
            let access = text(&body, "access_token");
            assert_eq!((&claims(&access)["sub"], &claims(&access)["client_id"]), (&json!(client), &json!(client)));
            let holder = app().client().with_token(&access);
            holder.get("Patient").expect(200);
            holder.get("Encounter").expect(403);
            holder.post("Patient", &json!({"resourceType": "Patient"})).expect(403);
            audited(&client, "client_credentials: token");
        }
    }
}

#[test]
fn a_system_gets_no_more_than_it_is_registered_for() {
    let key = Signer::es384("k1");
    let own = client("private_key_jwt", json!({"jwks": key.jwks()}));
    for scope in ["system/Encounter.rs", "user/Patient.rs", "patient/*.rs", "openid", "nonsense", ""] {
        refused(token(&system_form(scope, &key.assertion(&own))), 400, "invalid_scope");
    }
    let apps = client("private_key_jwt", json!({"jwks": key.jwks(), "grant_types": ["authorization_code"]}));
    refused(ask(&key, &apps), 400, "unauthorized_client");
    let secret = client_with("client_secret_post", json!({}), 2, Some("secret"));
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "system/Patient.rs"),
        ("client_id", &secret),
        ("client_secret", "secret"),
    ];
    refused(token(&form), 400, "unauthorized_client");
    let suspended = client_with("private_key_jwt", json!({"jwks": key.jwks()}), 3, None);
    refused(ask(&key, &suspended), 401, "invalid_client");
}

#[test]
fn an_assertion_is_good_once() {
    let key = Signer::es384("k1");
    let client = client("private_key_jwt", json!({"jwks": key.jwks()}));
    let assertion = key.assertion(&client);
    let answers = at_once(8, || token(&system_form("system/Patient.rs", &assertion)));
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        refused(answer, 401, "invalid_client");
    }
    audited(&client, "used before");
    // The same id is another client's to use.
    let second = self::client("private_key_jwt", json!({"jwks": key.jwks()}));
    let aud = app().base().to_string();
    for client in [&client, &second] {
        let claims = json!({"iss": client, "sub": client, "aud": aud, "exp": now_s() + 60, "jti": "the same"});
        token(&system_form("system/Patient.rs", &key.sign(&claims))).expect(200);
    }
}

#[test]
fn fetched_keys_are_kept_and_looked_for_again_when_one_is_missing() {
    let (first, second) = (Signer::es384("k1"), Signer::es384("k2"));
    let published = KeyServer::start(first.jwks(), "Cache-Control: max-age=600\r\n");
    let own = client("private_key_jwt", json!({"jwks_uri": published.url}));
    for _ in 0..3 {
        ask(&first, &own).expect(200);
    }
    assert_eq!(published.asked(), 1);
    // Not again so soon, whoever asks.
    *published.keys.lock().expect("no panic") = second.jwks();
    for _ in 0..3 {
        refused(ask(&second, &own), 401, "invalid_client");
    }
    assert_eq!(published.asked(), 1);
    // What must not be kept is not.
    let published = KeyServer::start(first.jwks(), "Cache-Control: no-store\r\n");
    let own = client("private_key_jwt", json!({"jwks_uri": published.url}));
    ask(&first, &own).expect(200);
    *published.keys.lock().expect("no panic") = second.jwks();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    ask(&second, &own).expect(200);
    refused(ask(&first, &own), 401, "invalid_client");
}

#[test]
fn keys_come_from_the_registered_address_alone() {
    let key = Signer::rs384("k1");
    let (own, foreign) = (KeyServer::start(key.jwks(), ""), KeyServer::start(key.jwks(), ""));
    let client = client("private_key_jwt", json!({"jwks_uri": own.url}));
    let aud = format!("http://{}/oauth/token", app().client().host());
    for (jku, status) in [(&own.url, 200), (&foreign.url, 401)] {
        let header = jsonwebtoken::Header {
            kid: Some("k1".into()),
            jku: Some(jku.clone()),
            ..jsonwebtoken::Header::new(key.alg)
        };
        let claims = json!({"iss": client, "sub": client, "aud": aud, "exp": now_s() + 60, "jti": name("jti")});
        let assertion = jsonwebtoken::encode(&header, &claims, &key.key).expect("claims can be signed");
        token(&system_form("system/Patient.rs", &assertion)).expect(status);
    }
    assert_eq!(foreign.asked(), 0);
}

#[test]
fn keys_are_never_fetched_from_inside_a_network() {
    let key = Signer::es384("k1");
    for uri in [
        "https://169.254.169.254/latest/meta-data/",
        "http://169.254.169.254/",
        "https://10.0.0.1/jwks",
        "https://192.168.0.1/jwks",
        "https://[fd00::1]/jwks",
        "https://0.0.0.0/jwks",
        "http://clinic.example/jwks",
        "file:///etc/passwd",
        "gopher://127.0.0.1:5432/",
        "https://user:word@127.0.0.1/jwks",
        "nonsense",
    ] {
        let client = client("private_key_jwt", json!({"jwks_uri": uri}));
        let began = std::time::Instant::now();
        let said = refused(ask(&key, &client), 401, "invalid_client");
        assert!(said.contains("cannot be fetched"), "{uri}: {said}");
        assert!(began.elapsed() < std::time::Duration::from_secs(3), "{uri}: it was tried");
    }
}
