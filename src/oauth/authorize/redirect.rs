//! Where a browser is sent back to: registered addresses, and the answers that are put on them.
//!
//! RFC 6749 3.1.2 and 4.1.2, RFC 9700 2.1 (exact comparison), RFC 8252 7.3 (loopback), RFC 9207 (`iss`).

use crate::oauth::Refusal;
use crate::store::identity::client::{AuthMethod, Metadata};
use url::form_urlencoded::byte_serialize;

/// Loopback addresses of native apps: registered without a port, they may come with any.
const LOOPBACK: &[&str] = &["http://127.0.0.1", "http://[::1]"];

/// Returns whether a client may have its answers sent to an address.
///
/// The address must be registered letter by letter. One exception, RFC 8252 7.3: a public client that registered
/// `http://127.0.0.1/path` (no port, and no name such as localhost) listens on whatever port its system gave it.
pub fn is_registered(metadata: &Metadata, uri: &str) -> bool {
    let is_public = metadata.token_endpoint_auth_method == AuthMethod::None;
    let fits = |known: &String| known == uri || (is_public && is_loopback_of(known, uri));
    !uri.contains('#') && metadata.redirect_uris.iter().any(fits)
}

fn is_loopback_of(known: &str, uri: &str) -> bool {
    LOOPBACK.iter().any(|host| {
        let (Some(known), Some(uri)) = (known.strip_prefix(host), uri.strip_prefix(host)) else { return false };
        let Some(rest) = uri.strip_prefix(':') else { return false };
        let port = rest.bytes().take_while(u8::is_ascii_digit).count();
        known.starts_with('/') && rest[..port].parse::<u16>().is_ok_and(|port| port > 0) && rest[port..] == *known
    })
}

/// Returns the address that tells an app of its code.
pub fn of_code(redirect_uri: &str, code: &str, state: &str, issuer: &str) -> String {
    with(redirect_uri, &[("code", code), ("state", state), ("iss", issuer)])
}

/// Returns the address that tells an app of a refusal.
pub fn of_refusal(redirect_uri: &str, refusal: &Refusal, state: Option<&str>, issuer: &str) -> String {
    // RFC 6749 4.1.2.1 names the characters that a description may have.
    let is_fine = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    let description: String = refusal.description.chars().map(|c| if is_fine(c) { c } else { '\'' }).collect();
    let mut fields = vec![("error", refusal.error.code()), ("error_description", description.as_str())];
    fields.extend(state.map(|state| ("state", state)));
    fields.push(("iss", issuer));
    with(redirect_uri, &fields)
}

/// Returns the address of an app's launch page. SMART App Launch 2.2, EHR launch.
pub fn of_launch(launch_uri: &str, launch: &str, issuer: &str) -> String {
    with(launch_uri, &[("iss", issuer), ("launch", launch)])
}

/// Adds fields to an address, which keeps the query that it may have.
fn with(uri: &str, fields: &[(&str, &str)]) -> String {
    let mut out = uri.to_string();
    let mut between = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in fields {
        out.push_str(between);
        out.push_str(name);
        out.push('=');
        // Not every app takes a plus for a space.
        byte_serialize(value.as_bytes()).for_each(|part| out.push_str(if part == "+" { "%20" } else { part }));
        between = "&";
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::refusal::Error;
    use serde_json::json;

    #[test]
    fn only_registered_addresses_get_answers() {
        let registered = [
            "https://app.example/cb",
            "https://app.example/q?a=b",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:9000/fixed",
            "http://localhost/cb",
            "com.example.app:/cb",
        ];
        let metadata = |method: &str| -> Metadata {
            let fields = json!({"client_name": "A", "token_endpoint_auth_method": method, "redirect_uris": registered});
            serde_json::from_value(fields).unwrap()
        };
        let (public, secret) = (metadata("none"), metadata("client_secret_basic"));
        for (uri, want) in [
            ("https://app.example/cb", true),
            ("https://app.example/q?a=b", true),
            ("com.example.app:/cb", true),
            ("http://127.0.0.1/cb", true),
            ("http://127.0.0.1:49152/cb", true),
            ("http://127.0.0.1:9000/fixed", true),
            ("http://127.0.0.1:9001/fixed", false),
            ("http://127.0.0.1:0/cb", false),
            ("http://127.0.0.1:99999/cb", false),
            ("http://127.0.0.1:/cb", false),
            ("http://127.0.0.1:80@evil.example/cb", false),
            ("http://127.0.0.1:80.evil.example/cb", false),
            ("http://127.0.0.1.evil.example/cb", false),
            ("http://localhost:49152/cb", false),
            ("https://127.0.0.1:49152/cb", false),
            ("https://app.example/cb/", false),
            ("https://app.example/CB", false),
            ("https://APP.example/cb", false),
            ("https://app.example:443/cb", false),
            ("https://app.example/cb?x=1", false),
            ("https://app.example/cb#", false),
            ("https://app.example/cb#x", false),
            ("https://app.example/cb/../cb", false),
            ("https://app.example@evil.example/cb", false),
            ("", false),
        ] {
            assert_eq!(is_registered(&public, uri), want, "{uri}");
        }
        assert!(!is_registered(&secret, "http://127.0.0.1:49152/cb"), "a server has an address of its own");
    }

    #[test]
    fn answers_are_put_on_an_address_without_harm_to_it() {
        let iss = "https://h.example/fhir";
        for (uri, state, want) in [
            ("https://a.example/cb", "x", "https://a.example/cb?code=c&state=x&iss=https%3A%2F%2Fh.example%2Ffhir"),
            ("a:/cb?k=v", "a b&+é=", "a:/cb?k=v&code=c&state=a%20b%26%2B%C3%A9%3D&iss=https%3A%2F%2Fh.example%2Ffhir"),
            ("a:/cb?", "", "a:/cb?code=c&state=&iss=https%3A%2F%2Fh.example%2Ffhir"),
        ] {
            assert_eq!(of_code(uri, "c", state, iss), want);
        }
        let refusal = Refusal::new(Error::AccessDenied, "the person said no");
        let told = of_refusal("a:/cb", &refusal, None, "i");
        assert_eq!(told, "a:/cb?error=access_denied&error_description=the%20person%20said%20no&iss=i");
    }
}
