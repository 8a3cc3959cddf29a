//! The addresses in a registration: where codes may go, where launches begin, what people may click on.
//!
//! RFC 6749 3.1.2, RFC 8252 7 (native apps), RFC 9700 2.1 and 4.1.

use url::{Host, Url};

/// Bytes of one address.
const BYTES_MAX: usize = 1000;
/// What we put on a redirect ourselves: a registered address that has one of these already would carry it twice.
const OUR_PARAMETERS: [&str; 5] = ["code", "state", "iss", "error", "error_description"];

/// Returns the rule that a redirect URI breaks.
pub fn redirect(text: &str) -> Result<(), String> {
    let url = plain(text)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err("plain http is only for this computer: 127.0.0.1, [::1] or localhost".into()),
        // RFC 8252 7.1: the reversed domain name of the app's maker, which `javascript` and `data` are not.
        scheme if scheme.contains('.') => {}
        scheme => {
            let rule = "https, http on this computer, or a scheme of the app's own that has a dot";
            return Err(format!("the scheme '{scheme}' is not allowed; it must be {rule}"));
        }
    }
    let ours = url.query_pairs().find(|(name, _)| OUR_PARAMETERS.contains(&name.as_ref()));
    match ours {
        Some((name, _)) => Err(format!("its parameter '{name}' is one that this server adds")),
        None => Ok(()),
    }
}

/// Returns the rule that an address of the web breaks: a launch, a home page, a logo.
pub fn web(text: &str) -> Result<(), String> {
    let url = plain(text)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        _ => Err("it must be https, or http on this computer".into()),
    }
}

/// Returns the rule that the address of a key set breaks. The server goes there itself: to its own computer only where it
/// is itself reached there, and so under development.
pub fn keys(text: &str, our_base_url: &str) -> Result<(), String> {
    let url = plain(text)?;
    let is_local = is_loopback(&url);
    let we_are_local = Url::parse(our_base_url).is_ok_and(|base| is_loopback(&base));
    match url.scheme() {
        "https" if !is_local || we_are_local => Ok(()),
        "http" if is_local && we_are_local => Ok(()),
        "https" => Err("it leads to this server's own computer".into()),
        _ => Err("it must be https".into()),
    }
}

/// Reads an address and checks what holds for all of them.
fn plain(text: &str) -> Result<Url, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("it has more than {BYTES_MAX} bytes"));
    }
    // What a URL parser mends silently (spaces, backslashes, control characters) is not the same text any more.
    if !text.bytes().all(|b| b.is_ascii_graphic() && !br#"\"<>^`{|}"#.contains(&b)) {
        return Err("it has a character that cannot stand in a URL".into());
    }
    let url = Url::parse(text).map_err(|_| "it is not an absolute URL".to_string())?;
    if text.contains('#') {
        return Err("it must have no fragment".into());
    }
    if text.contains('*') {
        return Err("it must have no wildcard: each address is registered whole".into());
    }
    if !url.username().is_empty() || url.password().is_some() || has_empty_user(text) {
        return Err("it must name no user".into());
    }
    if matches!(url.scheme(), "http" | "https") && !text[url.scheme().len()..].starts_with("://") {
        return Err("it must have '//' after its scheme".into());
    }
    Ok(url)
}

/// The parser forgets a user without a name: `https://@host/`.
fn has_empty_user(text: &str) -> bool {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().is_some_and(|authority| authority.contains('@'))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_to_https_to_this_computer_and_to_apps_with_a_scheme_of_their_own() {
        for text in [
            "https://app.example/cb",
            "https://app.example:8443/cb?tenant=1",
            "http://127.0.0.1:9000/",
            "http://localhost/cb",
            "http://[::1]:3000/cb",
            "com.example.app:/oauth",
            "org.example.app://cb",
        ] {
            assert_eq!(redirect(text), Ok(()), "{text}");
        }
        for text in [
            "/cb",
            "app.example/cb",
            "https:/app.example/cb",
            "https://",
            "http://app.example/cb",
            "http://127.0.0.1.example/cb",
            "http://localhost.example/cb",
            "http://10.0.0.1/cb",
            "https://app.example/cb#x",
            "https://app.example/cb#",
            "https://user@app.example/cb",
            "https://user:word@app.example/cb",
            "https://@app.example/cb",
            "https://*.app.example/cb",
            "https://app.example/*",
            "https://app.example\\@evil.example/cb",
            "https://app.example/c b",
            "https://app.example/\u{1}",
            "https://äpp.example/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "ftp://app.example/cb",
            "myapp://cb",
            "about:blank",
            "urn:ietf:wg:oauth:2.0:oob",
            "https://app.example/cb?code=1",
            "https://app.example/cb?a=1&state=2",
            "",
        ] {
            assert!(redirect(text).is_err(), "{text}");
        }
        assert!(redirect(&format!("https://app.example/{}", "a".repeat(1000))).is_err());
    }

    #[test]
    fn key_sets_are_fetched_from_this_computer_in_development_only() {
        let (open, local) = ("https://ehr.example/fhir", "http://127.0.0.1:8080/fhir");
        for (text, abroad, at_home) in [
            ("https://app.example/jwks", true, true),
            ("http://app.example/jwks", false, false),
            ("http://127.0.0.1:9/jwks", false, true),
            ("https://localhost/jwks", false, true),
            ("https://[::1]/jwks", false, true),
            ("com.example.app:/jwks", false, false),
        ] {
            assert_eq!((keys(text, open).is_ok(), keys(text, local).is_ok()), (abroad, at_home), "{text}");
        }
    }
}
