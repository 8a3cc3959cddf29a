//! How clients show who they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::given::*;
use crate::client::Response;

fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}

/// Sends a code that nobody knows: who is let through that far is authenticated.
fn ask(authorization: Option<&str>, form: &[(&str, &str)]) -> Response {
    let mut all = vec![
        ("grant_type", "authorization_code"),
        ("code", "guessed"),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    all.extend(form);
    let headers: Vec<(&str, &str)> = authorization.map(|value| ("Authorization", value)).into_iter().collect();
    post("/oauth/token", &all, &headers)
}

fn secret_form<'a>(id: &'a str, secret: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("client_id", id), ("client_secret", secret)]
}

fn jwt(assertion: &str) -> Vec<(&str, &str)> {
    vec![("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]
}

fn with<'a>(mut form: Vec<(&'a str, &'a str)>, more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    form.push(more);
    form
}

#[test]
fn a_client_authenticates_in_the_one_way_it_is_registered_for() {
    let secret = "s:e c%r+et/é";
    let by_basic = client_with("client_secret_basic", json!({}), 2, Some(secret));
    let by_post = client_with("client_secret_post", json!({}), 2, Some(secret));
    let public = client("none", json!({}));
    let key = Signer::es384("k1");
    let signing = client("private_key_jwt", json!({"jwks": key.jwks()}));
    let suspended = client_with("client_secret_basic", json!({}), 3, Some(secret));
    let waiting = client_with("none", json!({}), 1, None);
    let unsigned = client_with("client_secret_basic", json!({}), 2, None);
    let (good, bad) = (basic(&by_basic, secret), basic(&by_basic, "wrong"));
    let lower = good.replacen("Basic", "basic", 1);
    let raw = format!("Basic {}", STANDARD.encode(format!("{by_basic}:{secret}")));
    let stopped = basic(&suspended, secret);
    let nothing = basic(&unsigned, "");
    let (one, two) = (key.assertion(&signing), key.assertion(&signing));
    let (three, four, five) = (key.assertion(&signing), key.assertion(&signing), key.assertion(&public));
    let (ok, no, request) = ((400, "invalid_grant"), (401, "invalid_client"), (400, "invalid_request"));
    for (what, authorization, form, (status, error)) in [
        ("basic", Some(good.as_str()), vec![], ok),
        ("scheme in small letters", Some(&lower), vec![], ok),
        ("basic and the same id", Some(&good), vec![("client_id", by_basic.as_str())], ok),
        ("post", None, secret_form(&by_post, secret), ok),
        ("post for basic", None, secret_form(&by_basic, secret), ok),
        ("public", None, vec![("client_id", &public)], ok),
        ("assertion", None, jwt(&one), ok),
        ("assertion and its id", None, with(jwt(&two), ("client_id", &signing)), ok),
        ("wrong secret", Some(&bad), vec![], no),
        ("secret not encoded", Some(&raw), vec![], no),
        ("wrong secret by post", None, secret_form(&by_post, "wrong"), no),
        ("basic and another id", Some(&good), vec![("client_id", &public)], no),
        ("no secret sent", None, vec![("client_id", &by_basic)], no),
        ("no secret known", Some(&nothing), vec![], no),
        ("secret of a public client", None, secret_form(&public, secret), no),
        ("assertion of a public client", None, jwt(&five), no),
        ("id alone of a signing client", None, vec![("client_id", &signing)], no),
        ("suspended", Some(&stopped), vec![], no),
        ("waiting", None, vec![("client_id", &waiting)], no),
        ("unknown", None, vec![("client_id", "nobody-knows")], no),
        ("strange", None, vec![("client_id", "é\u{7f}")], no),
        ("nothing", None, vec![], no),
        ("bearer", Some("Bearer x"), vec![], no),
        ("broken basic", Some("Basic !!!"), vec![], no),
        ("two ways", Some(&good), secret_form(&by_basic, secret), request),
        ("two other ways", Some(&good), jwt(&three), request),
        ("type alone", None, vec![("client_id", &public), ("client_assertion_type", ASSERTION_TYPE)], request),
        ("assertion alone", None, vec![("client_assertion", &four)], request),
        ("wrong type", None, vec![("client_assertion_type", "x"), ("client_assertion", &four)], request),
    ] {
        let answer = ask(authorization, &form);
        let asks_for_basic = answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic"));
        let by_basic = authorization.is_some_and(|value| value.to_lowercase().starts_with("basic"));
        assert_eq!(asks_for_basic, status == 401 && by_basic, "{what}");
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (status, Some(error)),
            "{what}: {}",
            answer.text()
        );
        assert!(!answer.text().contains(secret), "{what}");
    }
    audited(&by_basic, "client authentication");
}

#[test]
fn wrong_secrets_are_counted() {
    let (own, other) = (
        client_with("client_secret_post", json!({}), 2, Some("right")),
        client_with("client_secret_post", json!({}), 2, Some("right")),
    );
    let ask = |id: &str, secret: &str| ask(None, &[("client_id", id), ("client_secret", secret)]);
    for _ in 0..10 {
        refused(ask(&own, "wrong"), 401, "invalid_client");
    }
    for secret in ["wrong", "right"] {
        let answer = ask(&own, secret).expect(429);
        let wait = answer.header("retry-after").and_then(|value| value.parse::<u32>().ok());
        assert!(wait.is_some_and(|s| (1..=61).contains(&s)), "{wait:?}");
    }
    refused(ask(&other, "right"), 400, "invalid_grant");
}
