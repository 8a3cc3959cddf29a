//! The authorize request: read, checked, and kept while a person decides.
//!
//! SMART App Launch 2.2 (authorization request), RFC 6749 4.1.1, RFC 7636 4.3, OpenID Connect Core 3.1.2.1.

use crate::oauth::launch::Launch;
use crate::oauth::refusal::Error;
use crate::oauth::{Refusal, scope};
use crate::store::identity::client::{Client, Metadata};
use serde::{Deserialize, Serialize};

/// Letters of a `state` or `nonce` at most: it goes into the address of the answer.
pub const STATE_MAX: usize = 2_000;
/// Scopes that one request may ask for, and their bytes.
const SCOPES_MAX: usize = 500;
const SCOPE_BYTES_MAX: usize = 32 << 10;

/// The fields of a request, in their order.
pub type Fields = [(String, String)];

/// A request that was found good, on its way through the pages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    pub client: String,
    pub redirect_uri: String,
    pub state: String,
    /// PKCE, S256.
    pub challenge: String,
    /// As they were written, each once.
    pub scope: Vec<String>,
    pub nonce: Option<String>,
    pub login_hint: Option<String>,
    #[serde(default)]
    pub prompt: Prompt,
    /// How old the sign-in may be, in seconds.
    pub max_age_s: Option<i64>,
    /// When it came, in seconds since 1970.
    pub received_s: i64,
    /// What the EHR opened.
    pub launch: Option<Launch>,
    #[serde(default)]
    pub picked: Picked,
}

/// What the app wants of the pages. OpenID Connect Core 3.1.2.1 `prompt`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// No page at all.
    pub none: bool,
    /// A sign-in for this request.
    pub login: bool,
    /// The consent page, even where the same was allowed before.
    pub consent: bool,
}

/// What a person has chosen on the way; good in one session only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
    /// The session, as hexadecimal digits of its hash.
    pub session: String,
    pub patient: Option<String>,
    pub encounter: Option<String>,
    /// Whether the person went on without a visit.
    pub no_encounter: bool,
}

/// Returns the first value of a field; one without a value counts as absent. RFC 6749 3.1.
pub fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// Returns the client id and the address for the answer, of which neither may come twice.
pub fn whose(fields: &Fields) -> Result<(&str, &str), String> {
    let one = |name: &str, words: &str| {
        let count = fields.iter().filter(|(known, _)| known == name).count();
        field(fields, name).filter(|_| count == 1).ok_or_else(|| format!("The app did not say {words}."))
    };
    Ok((one("client_id", "who it is (client_id)")?, one("redirect_uri", "where to go back to (redirect_uri)")?))
}

/// Returns the request of a client, without what an EHR opened. The address for the answer is registered already.
pub fn check(fields: &Fields, client: &Client, base_url: &str, now_s: i64) -> Result<Request, Refusal> {
    let invalid = |text: String| Refusal::new(Error::InvalidRequest, text);
    let needed = |name: &str| field(fields, name).ok_or_else(|| invalid(format!("the parameter '{name}' is missing")));
    if let Some((name, _)) =
        fields.iter().enumerate().find_map(|(i, pair)| fields[..i].iter().any(|(n, _)| *n == pair.0).then_some(pair))
    {
        return Err(invalid(format!("the parameter '{}' comes twice", shown(name))));
    }
    let state = needed("state")?;
    if state.len() > STATE_MAX || field(fields, "nonce").is_some_and(|nonce| nonce.len() > STATE_MAX) {
        return Err(invalid(format!("state and nonce may have {STATE_MAX} bytes")));
    }
    check_kind(fields, &client.metadata)?;
    let challenge = challenge(fields)?;
    check_audience(fields, base_url)?;
    let asked = field(fields, "scope").unwrap_or("");
    // Counted first: each is compared with all others, and all are kept.
    if asked.len() > SCOPE_BYTES_MAX || asked.split_ascii_whitespace().count() > SCOPES_MAX {
        let text = format!("a request may ask for {SCOPES_MAX} scopes, of {SCOPE_BYTES_MAX} bytes together");
        return Err(Refusal::new(Error::InvalidScope, text));
    }
    let mut scope: Vec<String> = Vec::new();
    for text in asked.split_ascii_whitespace() {
        if !scope.iter().any(|known| known == text) {
            scope.push(text.to_string());
        }
    }
    if scope::is_hopeless(&scope, &client.metadata.scope) {
        let text = "the app asks for nothing that it is registered for and that a person can allow";
        return Err(Refusal::new(Error::InvalidScope, text));
    }
    if scope.iter().any(|text| text == "launch") && field(fields, "launch").is_none() {
        return Err(invalid("the scope 'launch' needs the parameter 'launch' of the EHR that opened the app".into()));
    }
    let max_age = field(fields, "max_age").map(str::parse::<u32>).transpose();
    Ok(Request {
        client: client.id.clone(),
        redirect_uri: needed("redirect_uri")?.to_string(),
        state: state.to_string(),
        challenge,
        scope,
        nonce: field(fields, "nonce").map(str::to_string),
        login_hint: field(fields, "login_hint").map(|hint| hint.chars().take(200).collect()),
        prompt: prompt(fields)?,
        max_age_s: max_age.map_err(|_| invalid("max_age must be a number of seconds".into()))?.map(i64::from),
        received_s: now_s,
        launch: None,
        picked: Picked::default(),
    })
}

/// Checks that a code is asked for, in the one way that there is here.
fn check_kind(fields: &Fields, metadata: &Metadata) -> Result<(), Refusal> {
    let kind = field(fields, "response_type");
    let kind = kind.ok_or_else(|| Refusal::new(Error::InvalidRequest, "the parameter 'response_type' is missing"))?;
    if kind != "code" {
        return Err(Refusal::new(Error::UnsupportedResponseType, "the response_type must be 'code'"));
    }
    if !metadata.grant_types.is_empty() && !metadata.grant_types.iter().any(|known| known == "authorization_code") {
        return Err(Refusal::new(Error::UnauthorizedClient, "the client is not registered for authorization_code"));
    }
    if field(fields, "response_mode").is_some_and(|mode| mode != "query") {
        return Err(Refusal::new(Error::InvalidRequest, "the response_mode must be 'query'"));
    }
    // OpenID Connect Core 6: requests as JWTs, which this server does not take.
    for (name, error) in [("request", Error::RequestNotSupported), ("request_uri", Error::RequestUriNotSupported)] {
        if field(fields, name).is_some() {
            return Err(Refusal::new(error, format!("the parameter '{name}' is not supported")));
        }
    }
    Ok(())
}

/// RFC 7636 4.2: the SHA-256 of the verifier in base64url, 43 letters.
fn challenge(fields: &Fields) -> Result<String, Refusal> {
    let invalid = |text: &str| Refusal::new(Error::InvalidRequest, text);
    let Some(challenge) = field(fields, "code_challenge") else {
        return Err(invalid("the parameter 'code_challenge' is missing: this server demands PKCE"));
    };
    if field(fields, "code_challenge_method") != Some("S256") {
        return Err(invalid("the code_challenge_method must be 'S256'"));
    }
    let is_digest = challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    is_digest.then(|| challenge.to_string()).ok_or_else(|| invalid("the code_challenge is no SHA-256 in base64url"))
}

/// A token that was meant for another server must not be asked for here: an app was led astray.
fn check_audience(fields: &Fields, base_url: &str) -> Result<(), Refusal> {
    let named: Vec<&str> = ["aud", "resource"].iter().filter_map(|name| field(fields, name)).collect();
    let is_ours = |aud: &&str| aud.strip_suffix('/').unwrap_or(aud) == base_url;
    match named.as_slice() {
        [] => Err(Refusal::new(Error::InvalidRequest, "the parameter 'aud' is missing")),
        named if named.iter().all(is_ours) => Ok(()),
        _ => Err(Refusal::new(Error::InvalidRequest, format!("'aud' must be this server: {base_url}"))),
    }
}

fn prompt(fields: &Fields) -> Result<Prompt, Refusal> {
    let words: Vec<&str> = field(fields, "prompt").unwrap_or("").split_ascii_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    if has("none") && words.len() > 1 {
        return Err(Refusal::new(Error::InvalidRequest, "the prompt 'none' stands alone"));
    }
    Ok(Prompt { none: has("none"), login: has("login") || has("select_account"), consent: has("consent") })
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Instant;
    use crate::store::identity::client::Status;
    use serde_json::json;

    const BASE: &str = "https://h.example/fhir";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn client() -> Client {
        let fields = json!({
            "client_name": "An app", "token_endpoint_auth_method": "none", "redirect_uris": ["https://app.example/cb"],
            "grant_types": ["authorization_code"], "scope": "patient/*.rs openid launch",
        });
        let metadata = serde_json::from_value(fields).unwrap();
        Client { id: "app".into(), status: Status::Active, secret: None, metadata, created: Instant(0) }
    }

    /// Returns the fields of a good request, with some of them changed; `-` takes one away.
    fn fields(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let good = [
            ("response_type", "code"),
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/cb"),
            ("scope", "patient/*.rs openid"),
            ("state", "s t/%"),
            ("aud", BASE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
        let kept = good.iter().filter(|(name, _)| !changed(name));
        kept.chain(changes).filter(|(_, value)| *value != "-").map(|(n, v)| (n.to_string(), v.to_string())).collect()
    }

    #[test]
    fn what_is_wrong_with_a_request_is_told_to_the_app() {
        for (changes, want) in [
            (&[][..], None),
            (&[("aud", "https://h.example/fhir/")], None),
            (&[("aud", "-"), ("resource", BASE)], None),
            (&[("response_mode", "query"), ("unknown", "x")], None),
            (&[("response_type", "token")], Some("unsupported_response_type")),
            (&[("response_type", "code id_token")], Some("unsupported_response_type")),
            (&[("response_type", "-")], Some("invalid_request")),
            (&[("response_mode", "fragment")], Some("invalid_request")),
            (&[("state", "-")], Some("invalid_request")),
            (&[("state", "")], Some("invalid_request")),
            (&[("aud", "-")], Some("invalid_request")),
            (&[("aud", "https://evil.example/fhir")], Some("invalid_request")),
            (&[("aud", "https://h.example/fhir//")], Some("invalid_request")),
            (&[("aud", "https://h.example/FHIR")], Some("invalid_request")),
            (&[("resource", "https://evil.example/fhir")], Some("invalid_request")),
            (&[("code_challenge", "-")], Some("invalid_request")),
            (&[("code_challenge", "short")], Some("invalid_request")),
            (&[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")], Some("invalid_request")),
            (&[("code_challenge_method", "-")], Some("invalid_request")),
            (&[("code_challenge_method", "plain")], Some("invalid_request")),
            (&[("code_challenge_method", "s256")], Some("invalid_request")),
            (&[("nonce", "a"), ("nonce", "b")], Some("invalid_request")),
            (&[("state", "a"), ("state", "a")], Some("invalid_request")),
            (&[("scope", "-")], Some("invalid_scope")),
            (&[("scope", "user/*.rs nonsense")], Some("invalid_scope")),
            (&[("scope", "patient/*.rs launch")], Some("invalid_request")),
            (&[("scope", "patient/*.rs launch"), ("launch", "x")], None),
            (&[("prompt", "none")], None),
            (&[("prompt", "none login")], Some("invalid_request")),
            (&[("max_age", "60")], None),
            (&[("max_age", "soon")], Some("invalid_request")),
            (&[("request", "eyJ")], Some("request_not_supported")),
            (&[("request_uri", "https://x.example")], Some("request_uri_not_supported")),
        ] {
            let got = check(&fields(changes), &client(), BASE, 0).err().map(|refusal| refusal.error.code());
            assert_eq!(got, want, "{changes:?}");
        }
    }

    #[test]
    fn a_good_request_is_kept_as_it_came() {
        let sent = fields(&[("scope", "openid patient/*.rs  openid"), ("prompt", "login consent"), ("max_age", "60")]);
        let request = check(&sent, &client(), BASE, 7).unwrap();
        assert_eq!((request.state.as_str(), request.challenge.as_str()), ("s t/%", CHALLENGE));
        assert_eq!(request.scope, ["openid", "patient/*.rs"]);
        assert_eq!(request.prompt, Prompt { none: false, login: true, consent: true });
        assert_eq!((request.max_age_s, request.received_s), (Some(60), 7));
        let kept = serde_json::to_value(&request).unwrap();
        assert_eq!(serde_json::from_value::<Request>(kept).unwrap().scope, request.scope);
    }

    #[test]
    fn a_client_that_gets_no_codes_asks_for_none() {
        let mut client = client();
        client.metadata.grant_types = vec!["client_credentials".into()];
        let refusal = check(&fields(&[]), &client, BASE, 0).unwrap_err();
        assert_eq!(refusal.error, Error::UnauthorizedClient);
    }

    #[test]
    fn who_asks_must_be_said_once() {
        for (changes, is_said) in [
            (&[][..], true),
            (&[("client_id", "-")], false),
            (&[("client_id", "")], false),
            (&[("client_id", "a"), ("client_id", "b")], false),
            (&[("redirect_uri", "-")], false),
            (&[("redirect_uri", "https://app.example/cb"), ("redirect_uri", "https://evil.example")], false),
        ] {
            assert_eq!(whose(&fields(changes)).is_ok(), is_said, "{changes:?}");
        }
    }
}
