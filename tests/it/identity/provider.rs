//! A small OpenID provider, which signs what a test tells it to, and checks what is sent to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::authenticator::text;

pub const CLIENT: &str = "medilink-here";
pub const SECRET: &str = "a secret of both";
pub const CODE: &str = "a-code";

/// A provider on a port of its own.
#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    key: Arc<KeyPair>,
    said: Arc<Mutex<Said>>,
}

/// What it is to answer, and what it was asked.
#[derive(Default)]
struct Said {
    token: String,
    challenge: String,
    kid: String,
    asked: Vec<String>,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signed {
    Well,
    Not,
    BySharedSecret,
    ByAnotherKey,
}

impl Provider {
    pub fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let issuer = format!("http://{}", listener.local_addr().expect("it has an address"));
        let key = Arc::new(new_key());
        let said = Arc::new(Mutex::new(Said { kid: "one".to_string(), ..Said::default() }));
        let provider = Provider { issuer, key, said };
        let own = provider.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                own.serve(stream);
            }
        });
        provider
    }

    /// Lets the next code be exchanged for a token of these claims, if the verifier fits the challenge.
    pub fn will_say(&self, claims: &Value, signed: Signed, challenge: &str) {
        let mut said = self.said.lock().expect("no test panics with it");
        said.token = self.token(claims, signed, &said.kid);
        said.challenge = challenge.to_string();
    }

    /// Gives its key another name from now on.
    pub fn rotate(&self, kid: &str) {
        self.said.lock().expect("no test panics with it").kid = kid.to_string();
    }

    /// Returns the paths that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.said.lock().expect("no test panics with it").asked.clone()
    }

    fn token(&self, claims: &Value, signed: Signed, kid: &str) -> String {
        let alg = match signed {
            Signed::Not => "none",
            Signed::BySharedSecret => "HS256",
            Signed::Well | Signed::ByAnotherKey => "RS256",
        };
        let header = json!({"alg": alg, "kid": kid, "typ": "JWT"});
        let body = format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = match signed {
            Signed::Not => Vec::new(),
            Signed::BySharedSecret => {
                use aws_lc_rs::hmac;
                let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
                hmac::sign(&key, body.as_bytes()).as_ref().to_vec()
            }
            Signed::Well => sign(&self.key, &body),
            Signed::ByAnotherKey => sign(&new_key(), &body),
        };
        format!("{body}.{}", text(&signature))
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(&stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_string());
        }
        let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)).map(str::to_string) else { return };
        let header = |name: &str| {
            let found = lines.iter().filter_map(|line| line.split_once(": "));
            let found = found.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map_or("", |(_, value)| value).to_string()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        let _ = reader.read_exact(&mut body);
        let (status, answer) = self.answer(&path, &header("authorization"), &String::from_utf8_lossy(&body));
        let answer = answer.to_string();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
        let _ = (&stream).write_all(format!("{head}Content-Length: {}\r\n\r\n{answer}", answer.len()).as_bytes());
    }

    fn answer(&self, path: &str, authorization: &str, body: &str) -> (&'static str, Value) {
        let mut said = self.said.lock().expect("no test panics with it");
        said.asked.push(path.to_string());
        let issuer = &self.issuer;
        match path {
            "/.well-known/openid-configuration" => {
                let document = json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/jwks"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    // What it offers here is not what is accepted.
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                });
                ("200 OK", document)
            }
            "/jwks" => {
                let public = self.key.public_key().as_ref();
                // PKCS #1: a sequence of the modulus, which begins at its tenth byte, and the exponent 65537.
                let modulus = &public[9..9 + 256];
                let key = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": said.kid, "n": text(modulus), "e": "AQAB"});
                ("200 OK", json!({"keys": [key]}))
            }
            "/token" if is_right(&said, authorization, body) => {
                let (token, kind) = (said.token.clone(), "Bearer");
                ("200 OK", json!({"access_token": "x", "token_type": kind, "id_token": token}))
            }
            "/token" => ("400 Bad Request", json!({"error": "invalid_grant"})),
            _ => ("404 Not Found", json!({})),
        }
    }
}

/// Tells whether a code is exchanged by who may: with the secret, the verifier and the address it was given for.
fn is_right(said: &Said, authorization: &str, body: &str) -> bool {
    let form: BTreeMap<String, String> = medilink::rest::query::parse(body).unwrap_or_default().into_iter().collect();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let encoded = |text: &str| {
        let mut out = String::new();
        medilink::rest::query::encode(&mut out, text);
        out.replace("%20", "+")
    };
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET)));
    let challenge = text(&Sha256::digest(field("code_verifier")));
    let known = authorization == format!("Basic {pair}");
    let fits = field("grant_type") == "authorization_code" && field("code") == CODE && challenge == said.challenge;
    known && fits && field("redirect_uri").ends_with("/login/outside/done")
}

fn new_key() -> KeyPair {
    KeyPair::generate(KeySize::Rsa2048).expect("a key can be made")
}

fn sign(key: &KeyPair, body: &str) -> Vec<u8> {
    let mut signature = vec![0; 256];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), body.as_bytes(), &mut signature).expect("it can sign");
    signature
}
