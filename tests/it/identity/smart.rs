//! An app as it sees the server: it sends a person to the authorize endpoint, and exchanges what comes back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::browser::{Browser, Page};
use super::signer::{Signer, now_s, unique};
use crate::app::TestApp;
use crate::client::Response;

pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// A registered client.
pub struct App<'a> {
    pub server: &'a TestApp,
    pub id: String,
    pub redirect: String,
    pub secret: Option<String>,
    pub signer: Option<Signer>,
}

/// What an app asks of the authorize endpoint, in pairs that a test may change.
#[derive(Clone)]
pub struct Asked {
    pub pairs: Vec<(String, String)>,
    /// The secret half of the code challenge.
    pub verifier: String,
}

/// What the app is called back with.
#[derive(Debug, Clone)]
pub struct Callback {
    pub address: String,
    pub pairs: Vec<(String, String)>,
}

impl<'a> App<'a> {
    /// Registers an app that can keep no secret.
    pub fn public(server: &'a TestApp, scope: &str) -> App<'a> {
        App::register(server, scope, &["--public"], None)
    }

    /// Registers an app with a secret.
    pub fn secret(server: &'a TestApp, scope: &str) -> App<'a> {
        App::register(server, scope, &["--secret"], None)
    }

    /// Registers an app, or a system, with a key.
    pub fn with_key(server: &'a TestApp, scope: &str, signer: Signer) -> App<'a> {
        let path = server.data_dir().join(format!("{}.jwks", signer.kid));
        std::fs::write(&path, signer.jwks().to_string()).expect("a file can be written");
        App::register(server, scope, &["--jwks", &path.display().to_string()], Some(signer))
    }

    fn register(server: &'a TestApp, scope: &str, kind: &[&str], signer: Option<Signer>) -> App<'a> {
        let id = unique("app");
        let redirect = format!("https://{id}.example/callback");
        let second = format!("https://{id}.example/other");
        let launch = format!("https://{id}.example/launch");
        let mut arguments = vec!["--id", &id, "--name", "Test App", "--redirect-uri", &redirect];
        arguments.extend(["--redirect-uri", &second, "--launch-uri", &launch, "--scope", scope]);
        arguments.extend(kind);
        let output = server.run("client add", &arguments);
        assert!(output.status.success(), "client add: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        let secret = said.lines().find_map(|line| line.strip_prefix("secret: ")).map(str::to_string);
        assert_eq!(secret.is_some(), kind.contains(&"--secret"), "client add: {said}");
        App { server, id, redirect, secret, signer }
    }

    /// Returns a good request for these scopes.
    pub fn asks(&self, scope: &str) -> Asked {
        let verifier = format!("{}{}", unique("verifier"), unique("-"));
        let challenge = challenge(&verifier);
        let (state, base) = (unique("state"), self.server.base());
        let pairs = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("scope", scope),
            ("state", &state),
            ("aud", base),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        Asked { pairs: pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(), verifier }
    }

    /// Lets a signed-in person allow these scopes; returns the code and its verifier.
    pub fn code(&self, person: &Browser, scope: &str) -> (String, String) {
        let asked = self.asks(scope);
        let callback = asked.allowed(&mut person.clone());
        (callback.get("code").unwrap_or_else(|| panic!("no code: {callback:?}")).to_string(), asked.verifier)
    }

    /// Exchanges a code.
    pub fn exchange(&self, code: &str, verifier: &str) -> Response {
        let redirect = self.redirect.clone();
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", verifier),
        ])
    }

    /// Returns the token response after a person has allowed these scopes.
    #[track_caller]
    pub fn tokens(&self, person: &Browser, scope: &str) -> Value {
        let (code, verifier) = self.code(person, scope);
        self.exchange(&code, &verifier).expect(200).json()
    }

    pub fn refresh(&self, token: &str) -> Response {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Asks the token endpoint, as the client that this is.
    pub fn token(&self, fields: &[(&str, &str)]) -> Response {
        self.post("/oauth/token", fields)
    }

    /// Sends a form to an endpoint, as the client that this is.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let assertion = self.signer.as_ref().map(|_| self.assertion(|_, _| ()));
        let mut fields = fields.to_vec();
        let mut headers = vec![FORM];
        let basic = self.secret.as_ref().map(|secret| basic(&self.id, secret));
        match (&basic, &assertion) {
            (Some(basic), _) => headers.push(("Authorization", basic)),
            (_, Some(assertion)) => {
                fields.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]);
            }
            _ => fields.push(("client_id", &self.id)),
        }
        self.server.client().request("POST", path, &headers, form(&fields).as_bytes())
    }

    /// Returns an assertion of the client, with a header and claims that a test may change.
    pub fn assertion(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let (mut header, mut claims) = (json!({}), self.assertion_claims());
        change(&mut header, &mut claims);
        self.signer.as_ref().expect("the client has a key").sign(&header, &claims)
    }

    pub fn assertion_claims(&self) -> Value {
        let (aud, now) = (format!("http://{}/oauth/token", self.server.client().host()), now_s());
        json!({"iss": self.id, "sub": self.id, "aud": aud, "iat": now, "exp": now + 240, "jti": unique("jti")})
    }
}

impl Asked {
    /// Returns the request with another value, or with one more.
    pub fn with(mut self, name: &str, value: &str) -> Asked {
        self.pairs.retain(|(known, _)| known != name);
        self.pairs.push((name.to_string(), value.to_string()));
        self
    }

    pub fn without(mut self, name: &str) -> Asked {
        self.pairs.retain(|(known, _)| known != name);
        self
    }

    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn url(&self) -> String {
        let pairs: Vec<(&str, &str)> = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        format!("/oauth/authorize?{}", form(&pairs))
    }

    /// Opens the request in a browser, up to the page that wants something of the person, or back to the app.
    pub fn opened(&self, browser: &mut Browser) -> Page {
        let page = browser.get(&self.url());
        browser.follow(page)
    }

    /// Lets a signed-in person allow all that is ticked.
    #[track_caller]
    pub fn allowed(&self, browser: &mut Browser) -> Callback {
        let page = self.opened(browser).expect(200);
        decided(browser, &page, "allow", &ticked(&page))
    }
}

/// Answers a consent page with these scopes.
#[track_caller]
pub fn decided(browser: &mut Browser, page: &Page, decision: &str, scopes: &[String]) -> Callback {
    let request = request_of(page);
    let mut fields = vec![("request", request.as_str()), ("decision", decision)];
    fields.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
    let answer = browser.submit("/authorize", &fields);
    callback(&answer)
        .unwrap_or_else(|| panic!("{}: the app was not called back: {} {}", answer.asked, answer.status, answer.text))
}

/// Returns the id of the request that a page is about.
#[track_caller]
pub fn request_of(page: &Page) -> String {
    page.hidden("request").unwrap_or_else(|| panic!("{}: no request on the page: {}", page.asked, page.text))
}

/// Returns what an app is called back with; none where the answer leads elsewhere.
pub fn callback(page: &Page) -> Option<Callback> {
    let address = page.location().filter(|to| to.starts_with("https://app-"))?;
    let (_, query) = address.split_once('?')?;
    let pairs = medilink::rest::query::parse(query).ok()?;
    Some(Callback { address: address.to_string(), pairs })
}

impl Callback {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Returns the scopes whose boxes are ticked when the page opens, and those that are asked for without a box.
pub fn ticked(page: &Page) -> Vec<String> {
    boxes(page).into_iter().filter(|(_, ticked)| *ticked).map(|(scope, _)| scope).collect()
}

/// Returns the boxes of a consent page: scope, and whether it is ticked.
pub fn boxes(page: &Page) -> Vec<(String, bool)> {
    let inputs = page.text.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    inputs
        .filter(|input| input.contains("name=\"scope\""))
        .filter_map(|input| {
            let (_, value) = input.split_once("value=\"")?;
            let (value, _) = value.split_once('"')?;
            let ticked = input.contains(" checked") || input.contains("type=\"hidden\"");
            Some((super::browser::unescaped(value), ticked))
        })
        .collect()
}

/// Returns the S256 challenge of a verifier.
pub fn challenge(verifier: &str) -> String {
    BASE64.encode(Sha256::digest(verifier.as_bytes()))
}

/// Returns the Basic header of a client. RFC 6749 2.3.1: both halves are form-encoded first.
pub fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| {
        let mut out = String::new();
        medilink::rest::query::encode(&mut out, text);
        out.replace(':', "%3A")
    };
    let pair = format!("{}:{}", encoded(id), encoded(secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// Returns pairs as a form.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        medilink::rest::query::encode(&mut out, value);
    }
    out
}
