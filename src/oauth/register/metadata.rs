//! What a client says of itself, checked field by field. One function for registration, command line and pages.
//!
//! RFC 7591 2 and 3.2.2; SMART App Launch 2.2 (client authentication).

use super::scopes;
use super::{Grants, TOKEN_EXCHANGE, jwks, uri};
use crate::oauth::Refusal;
use crate::oauth::refusal::Error;
use crate::search::Registry;
use crate::store::identity::client::{AuthMethod, Metadata};
use serde_json::{Map, Value};

const URIS_MAX: usize = 20;
const CONTACTS_MAX: usize = 10;
const NAME_CHARS_MAX: usize = 100;
const TEXT_CHARS_MAX: usize = 200;

/// What the checks have to know of this server.
pub struct Rules<'a> {
    pub base_url: &'a str,
    pub registry: &'a Registry,
}

/// Returns the metadata as it is registered, or the first rule that it breaks, by field.
///
/// Fields that are not known are passed over, as RFC 7591 demands.
pub fn read(body: &Value, rules: &Rules) -> Result<Metadata, Refusal> {
    let body = body.as_object().ok_or_else(|| wrong("the body", "must be a JSON object"))?;
    let method = auth_method(body)?;
    let mut grant_types = grant_types(body)?;
    let grants = Grants::of(&grant_types);
    let redirect_uris = redirect_uris(body, grants)?;
    let (jwks, jwks_uri) = keys(body, method, rules)?;
    consistent(body, method, &grant_types)?;
    let scope = scope(body, grants, rules)?;
    // Many apps name only the grant they begin with and ask for access that goes on all the same.
    let goes_on = scope.split(' ').any(|word| word == "offline_access" || word == "online_access");
    if goes_on && grants.app && !grant_types.iter().any(|known| known == "refresh_token") {
        grant_types.push("refresh_token".to_string());
    }
    Ok(Metadata {
        client_name: name(body)?,
        token_endpoint_auth_method: method,
        grant_types,
        redirect_uris,
        launch_uris: launch_uris(body)?,
        scope,
        jwks,
        jwks_uri,
        contacts: contacts(body)?,
        client_uri: link(body, "client_uri")?,
        logo_uri: link(body, "logo_uri")?,
        tos_uri: link(body, "tos_uri")?,
        policy_uri: link(body, "policy_uri")?,
        software_id: words(body, "software_id", TEXT_CHARS_MAX)?,
    })
}

fn auth_method(body: &Map<String, Value>) -> Result<AuthMethod, Refusal> {
    const FIELD: &str = "token_endpoint_auth_method";
    match text(body, FIELD)?.unwrap_or("client_secret_basic") {
        "none" => Ok(AuthMethod::None),
        "client_secret_basic" => Ok(AuthMethod::SecretBasic),
        "client_secret_post" => Ok(AuthMethod::SecretPost),
        "private_key_jwt" => Ok(AuthMethod::PrivateKey),
        _ => Err(wrong(FIELD, "must be one of none, client_secret_basic, client_secret_post, private_key_jwt")),
    }
}

fn grant_types(body: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    const FIELD: &str = "grant_types";
    let known = ["authorization_code", "refresh_token", "client_credentials", TOKEN_EXCHANGE];
    let mut found: Vec<String> = Vec::new();
    for one in texts(body, FIELD, known.len())?.unwrap_or_else(|| vec!["authorization_code".to_string()]) {
        if !known.contains(&one.as_str()) {
            return Err(wrong(FIELD, &format!("one of them is none of {}", known.join(", "))));
        }
        if !found.contains(&one) {
            found.push(one);
        }
    }
    if found.is_empty() {
        return Err(wrong(FIELD, "must name one at least"));
    }
    Ok(found)
}

/// Checks what no field can know alone.
fn consistent(body: &Map<String, Value>, method: AuthMethod, grant_types: &[String]) -> Result<(), Refusal> {
    let has = |name: &str| grant_types.iter().any(|known| known == name);
    if has("client_credentials") && method != AuthMethod::PrivateKey {
        return Err(wrong("grant_types", "client_credentials needs token_endpoint_auth_method private_key_jwt"));
    }
    if has("refresh_token") && !has("authorization_code") {
        return Err(wrong("grant_types", "refresh_token needs authorization_code"));
    }
    if has(TOKEN_EXCHANGE) && method == AuthMethod::None {
        return Err(wrong("grant_types", "token exchange needs a client that can authenticate"));
    }
    if let Some(types) = texts(body, "response_types", 4)? {
        let wanted: &[&str] = if has("authorization_code") { &["code"] } else { &[] };
        if types != wanted {
            return Err(wrong("response_types", "must be [\"code\"] with authorization_code, and empty without"));
        }
    }
    Ok(())
}

fn redirect_uris(body: &Map<String, Value>, grants: Grants) -> Result<Vec<String>, Refusal> {
    const FIELD: &str = "redirect_uris";
    let broken = |rule: &str| Refusal::new(Error::InvalidRedirectUri, format!("{FIELD}: {rule}"));
    let uris = texts(body, FIELD, URIS_MAX).map_err(|r| Refusal { error: Error::InvalidRedirectUri, ..r })?;
    let uris = uris.unwrap_or_default();
    if grants.app && uris.is_empty() {
        return Err(broken("authorization_code needs one at least"));
    }
    for (i, one) in uris.iter().enumerate() {
        uri::redirect(one).map_err(|rule| broken(&format!("number {}: {rule}", i + 1)))?;
    }
    Ok(uris)
}

/// Returns where launches begin; OpenID Connect knows one such address by another name.
fn launch_uris(body: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let mut uris = texts(body, "launch_uris", URIS_MAX)?.unwrap_or_default();
    if let Some(one) = text(body, "initiate_login_uri")?
        && !uris.iter().any(|known| known == one)
    {
        uris.push(one.to_string());
    }
    for (i, one) in uris.iter().enumerate() {
        uri::web(one).map_err(|rule| wrong("launch_uris", &format!("number {}: {rule}", i + 1)))?;
    }
    Ok(uris)
}

fn keys(
    body: &Map<String, Value>,
    method: AuthMethod,
    rules: &Rules,
) -> Result<(Option<Value>, Option<String>), Refusal> {
    let set = body.get("jwks").filter(|set| !set.is_null());
    let address = text(body, "jwks_uri")?;
    if set.is_some() && address.is_some() {
        return Err(wrong("jwks", "cannot stand beside jwks_uri"));
    }
    if method == AuthMethod::PrivateKey && set.is_none() && address.is_none() {
        return Err(wrong("jwks", "private_key_jwt needs jwks or jwks_uri"));
    }
    if let Some(set) = set {
        jwks::check(set).map_err(|rule| wrong("jwks", &rule))?;
    }
    if let Some(address) = address {
        uri::keys(address, rules.base_url).map_err(|rule| wrong("jwks_uri", &rule))?;
    }
    Ok((set.cloned(), address.map(String::from)))
}

fn scope(body: &Map<String, Value>, grants: Grants, rules: &Rules) -> Result<String, Refusal> {
    const FIELD: &str = "scope";
    let asked = match text(body, FIELD)? {
        Some(asked) => asked,
        None if grants.app => scopes::DEFAULT,
        None => return Err(wrong(FIELD, "client_credentials needs system/ scopes")),
    };
    let kept = scopes::kept(asked, grants, rules.registry).map_err(|rule| wrong(FIELD, &rule))?;
    if kept.is_empty() {
        return Err(wrong(FIELD, "none of them is ever granted to a client with these grant_types"));
    }
    Ok(kept.join(" "))
}

fn name(body: &Map<String, Value>) -> Result<String, Refusal> {
    const FIELD: &str = "client_name";
    words(body, FIELD, NAME_CHARS_MAX)?.ok_or_else(|| wrong(FIELD, "is required: people are asked to trust that name"))
}

fn contacts(body: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let all = texts(body, "contacts", CONTACTS_MAX)?.unwrap_or_default();
    for one in &all {
        shown("contacts", one, TEXT_CHARS_MAX)?;
    }
    Ok(all)
}

fn link(body: &Map<String, Value>, field: &str) -> Result<Option<String>, Refusal> {
    let Some(found) = text(body, field)? else { return Ok(None) };
    uri::web(found).map_err(|rule| wrong(field, &rule))?;
    Ok(Some(found.to_string()))
}

/// Returns a text that people will read.
fn words(body: &Map<String, Value>, field: &str, chars_max: usize) -> Result<Option<String>, Refusal> {
    let Some(found) = text(body, field)?.map(str::trim).filter(|found| !found.is_empty()) else { return Ok(None) };
    shown(field, found, chars_max)?;
    Ok(Some(found.to_string()))
}

/// Checks a text for a page: what cannot be seen, or turns the order of letters round, can make it say something else.
fn shown(field: &str, text: &str, chars_max: usize) -> Result<(), Refusal> {
    const HIDDEN: [std::ops::RangeInclusive<char>; 5] = [
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
    ];
    if text.chars().count() > chars_max {
        return Err(wrong(field, &format!("may have {chars_max} characters")));
    }
    if text.chars().any(|c| c.is_control() || HIDDEN.iter().any(|range| range.contains(&c))) {
        return Err(wrong(field, "has a control or hidden character"));
    }
    Ok(())
}

fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, Refusal> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        // PostgreSQL cannot store NUL.
        Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text)),
        Some(_) => Err(wrong(field, "must be a string")),
    }
}

fn texts(body: &Map<String, Value>, field: &str, max: usize) -> Result<Option<Vec<String>>, Refusal> {
    let all = match body.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(all)) => all,
        Some(_) => return Err(wrong(field, "must be an array of strings")),
    };
    if all.len() > max {
        return Err(wrong(field, &format!("may have {max} entries")));
    }
    let read = |one: &Value| one.as_str().filter(|text| !text.contains('\0')).map(String::from);
    let all: Option<Vec<String>> = all.iter().map(read).collect();
    all.map(Some).ok_or_else(|| wrong(field, "must be an array of strings"))
}

fn wrong(field: &str, rule: &str) -> Refusal {
    Refusal::new(Error::InvalidClientMetadata, format!("{field}: {rule}"))
}
