//! Registrations, right and wrong.

use super::*;
use crate::catalog::Catalog;
use crate::search::Registry;
use std::sync::Arc;

fn app() -> Value {
    json!({
        "client_name": "Growth",
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "none",
        "scope": "openid launch/patient patient/*.rs"
    })
}

fn system() -> Value {
    json!({
        "client_name": "Nightly export",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "https://system.example/jwks",
        "scope": "system/*.rs"
    })
}

fn with(mut body: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        body[*name] = value.clone();
    }
    body
}

fn registry() -> Registry {
    Registry::new(Arc::new(Catalog::load().expect("the definitions are sound")), "https://ehr.example/fhir")
}

#[test]
fn a_registration_that_breaks_a_rule_is_told_which_and_where() {
    let registry = registry();
    let rules = Rules { base_url: "https://ehr.example/fhir", registry: &registry };
    let (long, many) = ("x".repeat(201), vec!["https://app.example/cb"; 21]);
    let exchange = TOKEN_EXCHANGE;
    let cases: &[(Value, &str, Value)] = &[
        (app(), "client_name", Value::Null),
        (app(), "client_name", json!("")),
        (app(), "client_name", json!("  ")),
        (app(), "client_name", json!(7)),
        (app(), "client_name", json!("a\u{0}b")),
        (app(), "client_name", json!("a\nb")),
        (app(), "client_name", json!("safe\u{202e}ppa")),
        (app(), "client_name", json!("a\u{200b}b")),
        (app(), "client_name", json!(long)),
        (app(), "token_endpoint_auth_method", json!("client_secret_jwt")),
        (app(), "token_endpoint_auth_method", json!("tls_client_auth")),
        (app(), "token_endpoint_auth_method", json!(["none"])),
        (app(), "grant_types", json!("authorization_code")),
        (app(), "grant_types", json!([])),
        (app(), "grant_types", json!(["implicit"])),
        (app(), "grant_types", json!(["password"])),
        (app(), "grant_types", json!(["authorization_code", 7])),
        (app(), "grant_types", json!(["authorization_code", "client_credentials"])),
        (app(), "grant_types", json!(["authorization_code", exchange])),
        (app(), "response_types", json!(["token"])),
        (app(), "response_types", json!(["code", "id_token"])),
        (app(), "response_types", json!([])),
        (app(), "launch_uris", json!("https://app.example/launch")),
        (app(), "launch_uris", json!(["com.example.app:/launch"])),
        (app(), "launch_uris", json!(["http://app.example/launch"])),
        (app(), "launch_uris", json!(["https://app.example/launch#x"])),
        (app(), "scope", json!(["openid"])),
        (app(), "scope", json!("")),
        (app(), "scope", json!("system/*.rs")),
        (app(), "scope", json!("patient/Nope.rs email")),
        (app(), "scope", json!("patient/Observation.rs?nope=1")),
        (app(), "contacts", json!("a@app.example")),
        (app(), "contacts", json!(["a\tb"])),
        (app(), "contacts", json!(vec!["a"; 11])),
        (app(), "client_uri", json!("javascript:alert(1)")),
        (app(), "client_uri", json!("http://app.example/")),
        (app(), "logo_uri", json!("data:image/png;base64,AA==")),
        (app(), "logo_uri", json!("https://user@app.example/logo")),
        (app(), "tos_uri", json!("/tos")),
        (app(), "policy_uri", json!("https://app.example/p p")),
        (app(), "software_id", json!("a\rb")),
        (app(), "jwks", json!({})),
        (app(), "jwks_uri", json!("http://app.example/jwks")),
        (system(), "jwks_uri", json!("https://127.0.0.1/jwks")),
        (system(), "jwks_uri", json!("http://localhost:9/jwks")),
        (system(), "jwks_uri", json!("file:///etc/jwks")),
        (system(), "jwks", json!({"keys": []})),
        (system(), "response_types", json!(["code"])),
        (system(), "scope", Value::Null),
        (system(), "scope", json!("patient/*.rs openid")),
        (system(), "grant_types", json!(["client_credentials", "refresh_token"])),
    ];
    for (body, field, value) in cases {
        let body = with(body.clone(), &[(field, value.clone())]);
        let refusal = metadata::read(&body, &rules).err().unwrap_or_else(|| panic!("{field} = {value} is taken"));
        assert_eq!(refusal.error, Error::InvalidClientMetadata, "{field} = {value}");
        let told = refusal.description.split(':').next().unwrap_or_default();
        assert_eq!(told, *field, "{value}: {}", refusal.description);
    }
    for value in [
        Value::Null,
        json!([]),
        json!("https://app.example/cb"),
        json!([7]),
        json!(many),
        json!(["https://app.example/cb", "http://app.example/cb"]),
        json!(["javascript:alert(1)//"]),
        json!(["https://app.example/cb#token"]),
        json!(["https://*.example/cb"]),
    ] {
        let refusal = metadata::read(&with(app(), &[("redirect_uris", value.clone())]), &rules).err();
        let refusal = refusal.unwrap_or_else(|| panic!("redirect_uris = {value} is taken"));
        assert_eq!(refusal.error, Error::InvalidRedirectUri, "{value}");
        assert!(refusal.description.starts_with("redirect_uris: "), "{}", refusal.description);
    }
    for (body, field) in [
        (with(system(), &[("jwks", json!({"keys": []}))]), "jwks"),
        (with(system(), &[("jwks_uri", Value::Null)]), "jwks"),
        (with(system(), &[("token_endpoint_auth_method", json!("client_secret_basic"))]), "grant_types"),
        (with(system(), &[("token_endpoint_auth_method", json!("none"))]), "grant_types"),
        (json!([app()]), "the body"),
        (json!("x"), "the body"),
    ] {
        let refusal = metadata::read(&body, &rules).expect_err("it breaks a rule");
        assert_eq!(refusal.error, Error::InvalidClientMetadata, "{body}");
        assert!(
            refusal.description.starts_with(&format!("{field}: "))
                || refusal.description.starts_with(&format!("{field} ")),
            "{}",
            refusal.description
        );
    }
}

#[test]
fn what_is_not_said_gets_a_sensible_value() {
    let registry = registry();
    let rules = Rules { base_url: "https://ehr.example/fhir", registry: &registry };
    let least = json!({"client_name": " Growth ", "redirect_uris": ["https://app.example/cb"], "client_name#de": "W"});
    let read = metadata::read(&least, &rules).expect("it breaks no rule");
    assert_eq!(read.client_name, "Growth");
    assert_eq!(read.token_endpoint_auth_method, AuthMethod::SecretBasic);
    assert_eq!(read.grant_types, ["authorization_code", "refresh_token"], "the default scope goes on offline");
    assert_eq!(read.scope, scopes::DEFAULT);
    let odd = with(
        app(),
        &[
            ("scope", json!("openid nonsense patient/*.rs")),
            ("initiate_login_uri", json!("https://app.example/launch")),
        ],
    );
    let read = metadata::read(&odd, &rules).expect("it breaks no rule");
    assert_eq!(
        (read.scope.as_str(), read.grant_types.as_slice()),
        ("openid patient/*.rs", &["authorization_code".to_string()][..])
    );
    assert_eq!(read.launch_uris, ["https://app.example/launch"]);
}

#[test]
fn who_waits_is_the_policy_s_to_say() {
    let registry = registry();
    let rules = Rules { base_url: "https://ehr.example/fhir", registry: &registry };
    let secret = with(app(), &[("token_endpoint_auth_method", json!("client_secret_post"))]);
    let exchange = with(secret.clone(), &[("grant_types", json!(["authorization_code", TOKEN_EXCHANGE]))]);
    let user = with(app(), &[("scope", json!("openid patient/*.rs user/Patient.r"))]);
    for (body, open) in [
        (app(), Status::Active),
        (secret, Status::Active),
        (exchange, Status::Waiting),
        (user, Status::Waiting),
        (system(), Status::Waiting),
    ] {
        let read = metadata::read(&body, &rules).unwrap_or_else(|r| panic!("{body}: {}", r.description));
        assert_eq!(Policy::Open.status(&read), open, "{body}");
        assert_eq!(Policy::Approved.status(&read), Status::Waiting, "{body}");
    }
    for (name, policy) in [
        ("open", Some(Policy::Open)),
        ("approved", Some(Policy::Approved)),
        ("closed", Some(Policy::Closed)),
        ("Open", None),
    ] {
        assert_eq!(Policy::parse(name), policy);
    }
}
