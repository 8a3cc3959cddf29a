//! What an app finds out before it asks for anything.

use super::{ORIGIN, enables_cors, has, text};
use crate::identity::stage::Stage;
use crate::identity::table::Table;

/// What (g)(10) demands of the standalone and of the EHR launch, both together.
const CAPABILITIES: [&str; 17] = [
    "authorize-post",
    "client-confidential-asymmetric",
    "client-confidential-symmetric",
    "client-public",
    "context-banner",
    "context-ehr-encounter",
    "context-ehr-patient",
    "context-standalone-patient",
    "context-style",
    "launch-ehr",
    "launch-standalone",
    "permission-offline",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "sso-openid-connect",
];

pub fn discovery(table: &mut Table, stage: &Stage) {
    table.group("SMART on FHIR Discovery");
    let client = stage.server.client();
    let found = table.check("FHIR server makes SMART configuration available from well-known endpoint", || {
        let answer =
            client.get_with(".well-known/smart-configuration", &[("Accept", "application/fhir+xml")]).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.json()
    });
    table.after(found.as_ref(), "Well-known configuration contains required fields", |found| {
        for name in [
            "issuer",
            "jwks_uri",
            "authorization_endpoint",
            "token_endpoint",
            "introspection_endpoint",
            "revocation_endpoint",
        ] {
            assert!(text(found, name).starts_with("http"), "{name} is no whole URL");
        }
        assert_eq!(text(found, "issuer"), stage.server.base());
        has(found, "grant_types_supported", "authorization_code");
        has(found, "grant_types_supported", "client_credentials");
        has(found, "response_types_supported", "code");
        has(found, "code_challenge_methods_supported", "S256");
        assert_eq!(
            found["code_challenge_methods_supported"].as_array().map(Vec::len),
            Some(1),
            "plain must not be there"
        );
        has(found, "token_endpoint_auth_methods_supported", "private_key_jwt");
        has(found, "token_endpoint_auth_signing_alg_values_supported", "RS384");
        has(found, "token_endpoint_auth_signing_alg_values_supported", "ES384");
        has(found, "scopes_supported", "openid");
    });
    table.after(found.as_ref(), "Well-known configuration declares support for required capabilities", |found| {
        CAPABILITIES.iter().for_each(|capability| has(found, "capabilities", capability));
    });
    table.check("SMART .well-known/smart-configuration Endpoint Enables CORS", || {
        enables_cors(&client.get_with(".well-known/smart-configuration", &[("Origin", ORIGIN)]));
    });
    table.check("SMART metadata Endpoint Enables CORS", || {
        enables_cors(&client.get_with("metadata", &[("Origin", ORIGIN)]));
    });
    table.check("Conformance states where to authorize (SMART STU1, as clients of before ask it)", || {
        let metadata = client.get("metadata").expect(200).json();
        let security = &metadata["rest"][0]["security"];
        assert_eq!(security["service"][0]["coding"][0]["code"], "SMART-on-FHIR", "{security}");
        let extensions = security["extension"].as_array().cloned().unwrap_or_default();
        let uris = extensions.iter().find(|e| e["url"].as_str().is_some_and(|url| url.ends_with("/oauth-uris")));
        let uris = uris.unwrap_or_else(|| panic!("no oauth-uris in {security}"));
        for name in ["authorize", "token"] {
            let parts = uris["extension"].as_array().cloned().unwrap_or_default();
            assert!(
                parts.iter().any(|part| part["url"] == name && part["valueUri"].is_string()),
                "no {name} in {uris}"
            );
        }
    });
}
