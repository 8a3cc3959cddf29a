//! What clients read before they ask.

use serde_json::Value;

use super::authorize::hospital;
use crate::app::TestApp;

#[test]
fn the_configurations_say_where_everything_is() {
    let app = hospital();
    let root = app.base().strip_suffix("/fhir").expect("the base ends so");
    let headers = [("Accept", "application/fhir+xml"), ("Origin", "https://app.example")];
    for name in ["smart-configuration", "openid-configuration"] {
        let path = format!(".well-known/{name}");
        let found = app.client().get_with(&path, &headers).expect(200);
        let found =
            found.expect_header("content-type", "application/json").expect_header("access-control-allow-origin", "*");
        assert!(found.header("cache-control").is_some_and(|how| how.contains("max-age")), "{name}");
        let it = found.json();
        assert_eq!(it["issuer"], app.base());
        for (field, at) in [
            ("authorization_endpoint", "authorize"),
            ("token_endpoint", "token"),
            ("introspection_endpoint", "introspect"),
            ("revocation_endpoint", "revoke"),
            ("registration_endpoint", "register"),
            ("jwks_uri", "jwks"),
        ] {
            assert_eq!(it[field], format!("{root}/oauth/{at}"), "{field} of {name}");
        }
        assert_eq!(it["code_challenge_methods_supported"], serde_json::json!(["S256"]));
        let asks = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "GET")];
        app.client()
            .request("OPTIONS", &path, &asks, b"")
            .expect(204)
            .expect_header("access-control-allow-origin", "*");
    }
    let smart = app.client().get(".well-known/smart-configuration").json();
    let capabilities: Vec<&str> =
        smart["capabilities"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for wanted in [
        "launch-standalone",
        "launch-ehr",
        "authorize-post",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "sso-openid-connect",
        "context-banner",
        "context-style",
        "context-ehr-patient",
        "context-ehr-encounter",
        "context-standalone-patient",
        "context-standalone-encounter",
        "permission-offline",
        "permission-online",
        "permission-patient",
        "permission-user",
        "permission-v1",
        "permission-v2",
    ] {
        assert!(capabilities.contains(&wanted), "{wanted}");
    }
    let openid = app.client().get(".well-known/openid-configuration").json();
    assert_eq!(openid["id_token_signing_alg_values_supported"], serde_json::json!(["RS256"]));
    assert_eq!(openid["subject_types_supported"], serde_json::json!(["public"]));
    assert_eq!(openid["response_types_supported"], serde_json::json!(["code"]));
}

#[test]
fn the_statement_says_the_same_in_the_old_way() {
    let app = hospital();
    let smart = app.client().get(".well-known/smart-configuration").json();
    let security = app.client().get("metadata").json()["rest"][0]["security"].clone();
    assert_eq!(security["service"][0]["coding"][0]["code"], "SMART-on-FHIR");
    let uris = security["extension"][0]["extension"].as_array().expect("a list").clone();
    for (name, field) in [
        ("authorize", "authorization_endpoint"),
        ("token", "token_endpoint"),
        ("register", "registration_endpoint"),
        ("manage", "management_endpoint"),
        ("introspect", "introspection_endpoint"),
        ("revoke", "revocation_endpoint"),
    ] {
        let uri = uris.iter().find(|uri| uri["url"] == name).unwrap_or_else(|| panic!("{name}: {uris:?}"));
        assert_eq!(uri["valueUri"], smart[field], "{name}");
    }
}

#[test]
fn where_nobody_may_register_no_address_is_told() {
    let app = TestApp::builder().secured().set("registration", "closed").start();
    for name in ["smart-configuration", "openid-configuration"] {
        assert_eq!(
            app.client().get(&format!(".well-known/{name}")).json().get("registration_endpoint"),
            None,
            "{name}"
        );
    }
    let security = app.client().get("metadata").json()["rest"][0]["security"].to_string();
    assert!(!security.contains("oauth/register") && security.contains("oauth/token"), "{security}");
}

#[test]
fn the_brands_name_this_place_and_its_endpoint() {
    let app = hospital();
    let smart = app.client().get(".well-known/smart-configuration").json();
    let url = smart["user_access_brand_bundle"].as_str().expect("an address").to_string();
    let found = app.client().get_with(&url, &[("Origin", "https://app.example")]).expect(200);
    let found = found.expect_header("access-control-allow-origin", "*");
    let tag = found.header("etag").expect("a tag").to_string();
    assert!(tag.starts_with("W/\""));
    app.client().get_with(&url, &[("If-None-Match", &tag)]).expect(304);
    let bundle = found.json();
    assert_eq!((&bundle["type"], bundle["timestamp"].is_string()), (&"collection".into(), true));
    let (brand, endpoint) = (&bundle["entry"][0]["resource"], &bundle["entry"][1]["resource"]);
    assert_eq!(brand["identifier"][0], smart["user_access_brand_identifier"]);
    assert_eq!(brand["endpoint"][0]["reference"], "Endpoint/brand");
    assert_eq!(endpoint["address"], app.base());
    // What it says would be taken by this server as well.
    for resource in [brand, endpoint] {
        let (t, id) = (resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id"));
        app.client_with("system/*.cruds").put(&format!("{t}/{id}"), resource).expect(201);
    }
}

#[test]
fn without_security_there_is_nothing_to_discover() {
    let app = TestApp::shared();
    app.client().get(".well-known/smart-configuration").expect(404);
    app.client().get("/oauth/style-none.json").expect(404);
}
