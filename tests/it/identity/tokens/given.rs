//! What is there before a test: people, clients, authorizations, codes, and keys to sign with.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::TestApp;
use crate::client::Response;

pub const REDIRECT: &str = "https://app.example/callback";
/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const SCOPE: &str = "openid fhirUser launch/patient user/Patient.rs user/Observation.rs offline_access";

/// Returns the secured server that the tests here share.
pub fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().start())
}

/// Returns a name that no other test has.
pub fn name(what: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

pub fn now_s() -> i64 {
    now_us() / 1_000_000
}

/// Registers a client that may do all grants; `change` is put over its metadata.
pub fn client(method: &str, change: Value) -> String {
    client_with(method, change, 2, None)
}

pub fn client_with(method: &str, change: Value, status: i16, secret: Option<&str>) -> String {
    let id = name("client");
    let mut data = json!({
        "client_name": id, "token_endpoint_auth_method": method, "redirect_uris": [REDIRECT],
        "grant_types": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange"
        ],
        "scope": "system/Patient.rs system/Observation.rs user/*.cruds patient/*.rs openid profile fhirUser launch launch/patient \
                  launch/encounter offline_access online_access"
    });
    for (key, value) in change.as_object().expect("metadata is an object") {
        data[key] = value.clone();
    }
    let secret = secret.map_or("null".to_string(), |secret| format!("'{}'", argon2id(secret)));
    let now = now_us();
    app().sql(&format!(
        "insert into client (id, status, secret, data, created, changed) values ('{id}', {status}, {secret}, '{data}', {now}, {now})"
    ));
    id
}

fn argon2id(secret: &str) -> String {
    use argon2::password_hash::PasswordHasher;
    use argon2::{Algorithm, Argon2, Params, Version};
    // As cheap as it goes: what it costs is not what is tested.
    let params = Params::new(64, 1, 1, None).expect("these are allowed");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_with_salt(secret.as_bytes(), b"0123456789abcdef").expect("it can be hashed").to_string()
}

/// Adds a physician; returns the id of the account.
pub fn account() -> String {
    let id = uuid::Uuid::new_v4().to_string();
    app().sql(&format!(
        "insert into account (id, login, name, status, roles, fhir_user, created)
         values ('{id}', '{id}', 'Dora Doctor', 2, '{{physician}}', 'Practitioner/d1', {})",
        now_us()
    ));
    id
}

/// Adds a session; returns its hash in hex. It ends in so many seconds.
pub fn session(account: &str, ends_s: i64) -> String {
    let (hash, now) = (hex(&Sha256::digest(name("session"))), now_us());
    app().sql(&format!(
        "insert into session (hash, account, auth_at, methods, created, seen, ends, device, address) values
         ('\\x{hash}', '{account}', {now}, '{{pwd}}', {now}, {now}, {}, 'x', 'x')",
        now + ends_s * 1_000_000
    ));
    hash
}

/// Lets a person allow a client something; `change` is put over what is allowed. Returns the id of the authorization.
pub fn authorization(client: &str, account: &str, session: Option<&str>, change: Value) -> String {
    let id = uuid::Uuid::new_v4().to_string();
    let mut data = json!({"scope": SCOPE, "auth_time_s": 1_780_000_000, "amr": ["pwd", "otp"], "patient": "p1"});
    for (key, value) in change.as_object().expect("what is allowed is an object") {
        data[key] = value.clone();
    }
    let (session, now) = (session.map_or("null".to_string(), |hash| format!("'\\x{hash}'")), now_us());
    app().sql(&format!(
        "insert into authorization_grant (id, client, account, session, data, created, used)
         values ('{id}', '{client}', '{account}', {session}, '{data}', {now}, {now})"
    ));
    id
}

/// Adds a code for an authorization, good for so many seconds.
pub fn code(authorization: &str, for_s: i64) -> String {
    let code = format!("{}-{}", name("code"), uuid::Uuid::new_v4());
    app().sql(&format!(
        "insert into authorization_code (hash, \"grant\", redirect, challenge, ends)
         values ('\\x{}', '{authorization}', '{REDIRECT}', '{CHALLENGE}', {})",
        hex(&Sha256::digest(&code)),
        now_us() + for_s * 1_000_000
    ));
    code
}

/// Returns a code of a new authorization of a new account, and the authorization.
pub fn fresh_code(client: &str, change: Value) -> (String, String) {
    let authorization = authorization(client, &account(), None, change);
    (code(&authorization, 60), authorization)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Sends a form to an address of the authorization server.
pub fn post(path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    app().client().request("POST", path, &all, body.as_bytes())
}

pub fn token(form: &[(&str, &str)]) -> Response {
    post("/oauth/token", form, &[])
}

/// Returns the form that exchanges a code of a public client.
pub fn code_form<'a>(client: &'a str, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

pub fn refresh_form<'a>(client: &'a str, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)]
}

/// Checks a refusal and returns its words.
#[track_caller]
pub fn refused(response: Response, status: u16, error: &str) -> String {
    let response = response.expect(status);
    assert_eq!(response.json()["error"], error, "{}: {}", response.asked, response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.json()["error_description"].as_str().expect("a refusal says why").to_string()
}

#[track_caller]
pub fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("no text '{name}' in {body}")).to_string()
}

/// Returns the claims of a JWT.
pub fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).expect("a JWT has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("they are base64url")).expect("claims are JSON")
}

/// Returns whether an authorization has ended.
pub fn has_ended(authorization: &str) -> bool {
    let query = format!("select 1 from authorization_grant where id = '{authorization}' and ended is not null");
    !app().sql(&query).is_empty()
}

/// Waits until the audit has a row of this client that contains these words.
#[track_caller]
pub fn audited(client: &str, words: &str) {
    let query = format!("select 1 from audit where client = '{client}' and position('{words}' in detail) > 0");
    let began = Instant::now();
    while app().sql(&query).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "no audit row of {client} says '{words}'");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Does the same many times at once and returns the answers.
pub fn at_once<T: Send>(times: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..times).map(|_| scope.spawn(&work)).collect();
        all.into_iter().map(|one| one.join().expect("no panic")).collect()
    })
}

/// A key of a client.
pub struct Signer {
    pub alg: Algorithm,
    pub key: EncodingKey,
    pub public: Value,
}

impl Signer {
    pub fn rs384(kid: &str) -> Signer {
        use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key can be made");
        let der: Pkcs8V1Der = key.as_der().expect("it can be written");
        let text = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        Signer::new(Algorithm::RS384, EncodingKey::from_rsa_pem(pem.as_bytes()).expect("it is RSA"), kid)
    }

    pub fn es384(kid: &str) -> Signer {
        use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
        let rng = aws_lc_rs::rand::SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &rng).expect("a key can be made");
        Signer::new(Algorithm::ES384, EncodingKey::from_ec_der(der.as_ref()), kid)
    }

    fn new(alg: Algorithm, key: EncodingKey, kid: &str) -> Signer {
        let jwk = Jwk::from_encoding_key(&key, alg).expect("it has a public half");
        let mut public = serde_json::to_value(jwk).expect("a key is JSON");
        public["kid"] = json!(kid);
        Signer { alg, key, public }
    }

    pub fn jwks(&self) -> Value {
        json!({"keys": [self.public]})
    }

    /// Returns an assertion of a client for our token endpoint.
    pub fn assertion(&self, client: &str) -> String {
        let aud = format!("http://{}/oauth/token", app().client().host());
        let jti = uuid::Uuid::new_v4().to_string();
        self.sign(&json!({"iss": client, "sub": client, "aud": aud, "exp": now_s() + 300, "jti": jti}))
    }

    pub fn sign(&self, claims: &Value) -> String {
        let kid = self.public["kid"].as_str().map(str::to_string);
        let header = Header { kid, ..Header::new(self.alg) };
        jsonwebtoken::encode(&header, claims, &self.key).expect("claims can be signed")
    }
}

pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Returns the form of a Backend Service.
pub fn system_form<'a>(scope: &'a str, assertion: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ]
}
