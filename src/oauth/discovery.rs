//! What clients read before they ask: where everything is, what this server can do, and how it looks.
//!
//! SMART App Launch 2.2 (conformance, user-access brands, styling), OpenID Connect Discovery 1.0, RFC 8414, RFC 9207.

use super::Settings;
use super::register::Policy;
use crate::fhir::Instant;
use crate::store::identity::{hash, hex};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The capabilities of this server. Each is kept by code and shown by a test.
const CAPABILITIES: &[&str] = &[
    "launch-ehr",
    "launch-standalone",
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
];
const GRANTS: &[&str] = &["authorization_code", "refresh_token", "client_credentials", TOKEN_EXCHANGE];
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const CLIENT_AUTH: &[&str] = &["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
const ASSERTION_ALGORITHMS: &[&str] = &["RS384", "ES384"];
const SCOPES: &[&str] = &[
    "openid",
    "profile",
    "fhirUser",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
    "patient/*.cruds",
    "patient/*.read",
    "patient/*.write",
    "patient/*.*",
    "user/*.cruds",
    "user/*.read",
    "user/*.write",
    "user/*.*",
    "system/*.cruds",
];
/// The Organization and the Endpoint of the brands, which are in no store.
const BRAND: &str = "brand";

/// Returns `[base]/.well-known/smart-configuration`.
pub fn smart(settings: &Settings) -> Value {
    let mut it = common(settings);
    it["capabilities"] = json!(CAPABILITIES);
    it["management_endpoint"] = json!(format!("{}/account/apps", settings.root_url));
    it["user_access_brand_bundle"] = json!(format!("{}/.well-known/smart-brands", settings.base_url));
    it["user_access_brand_identifier"] = brand_identifier(settings);
    it
}

/// Returns `[base]/.well-known/openid-configuration`: the issuer is the FHIR base URL.
pub fn openid(settings: &Settings) -> Value {
    let mut it = common(settings);
    it["userinfo_endpoint"] = json!(format!("{}/oauth/userinfo", settings.root_url));
    it["subject_types_supported"] = json!(["public"]);
    it["id_token_signing_alg_values_supported"] = json!(["RS256"]);
    it["claims_supported"] =
        json!(["iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "nonce", "fhirUser", "profile"]);
    it["prompt_values_supported"] = json!(["none", "login", "consent"]);
    it["request_parameter_supported"] = json!(false);
    it["request_uri_parameter_supported"] = json!(false);
    it["authorization_response_iss_parameter_supported"] = json!(true);
    it
}

/// Returns what both configurations say.
fn common(settings: &Settings) -> Value {
    let at = |path: &str| format!("{}/oauth/{path}", settings.root_url);
    let mut it = json!({
        "issuer": settings.base_url,
        "jwks_uri": at("jwks"),
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "introspection_endpoint": at("introspect"),
        "revocation_endpoint": at("revoke"),
        "grant_types_supported": GRANTS,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": CLIENT_AUTH,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "scopes_supported": SCOPES,
    });
    // Where nobody may register, apps are not sent to ask.
    if settings.registration != Policy::Closed {
        it["registration_endpoint"] = json!(at("register"));
    }
    it
}

fn brand_identifier(settings: &Settings) -> Value {
    json!({"system": "urn:ietf:rfc:3986", "value": settings.root_url})
}

/// Returns the Bundle of user-access brands: this place, and its one endpoint.
pub fn brands(settings: &Settings) -> Value {
    // The brands change with the settings, and these with a new start.
    static STARTED: LazyLock<String> = LazyLock::new(|| Instant::now().to_second().to_string());
    const PROFILES: &str = "http://hl7.org/fhir/smart-app-launch/StructureDefinition";
    let (base, root) = (&settings.base_url, &settings.root_url);
    let reference =
        json!({"reference": format!("Endpoint/{BRAND}"), "display": format!("FHIR R4 at {}", settings.name)});
    let organization = json!({
        "resourceType": "Organization",
        "id": BRAND,
        "meta": {"profile": [format!("{PROFILES}/user-access-brand")]},
        "extension": [{
            "url": format!("{PROFILES}/organization-portal"),
            "extension": [
                {"url": "portalName", "valueString": settings.name},
                {"url": "portalUrl", "valueUrl": format!("{root}/account")},
                {"url": "portalEndpoint", "valueReference": reference.clone()},
            ],
        }],
        "identifier": [brand_identifier(settings)],
        "active": true,
        "name": settings.name,
        "telecom": [{"system": "url", "value": root}],
        "endpoint": [reference],
    });
    let endpoint = json!({
        "resourceType": "Endpoint",
        "id": BRAND,
        "meta": {"profile": [format!("{PROFILES}/user-access-endpoint")]},
        "extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version",
            "valueCode": "4.0.1",
        }],
        "status": "active",
        "connectionType": {
            "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
            "code": "hl7-fhir-rest",
        },
        "name": format!("FHIR R4 at {}", settings.name),
        "contact": [{"system": "url", "value": root}],
        "payloadType": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type",
            "code": "none",
        }]}],
        "address": base,
    });
    json!({
        "resourceType": "Bundle",
        "id": "user-access-brands",
        "meta": {"lastUpdated": *STARTED, "profile": [format!("{PROFILES}/user-access-brands-bundle")]},
        "type": "collection",
        "timestamp": *STARTED,
        "entry": [
            {"fullUrl": format!("{base}/Organization/{BRAND}"), "resource": organization},
            {"fullUrl": format!("{base}/Endpoint/{BRAND}"), "resource": endpoint},
        ],
    })
}

/// How our pages look, for apps that want to look alike.
static STYLE: LazyLock<(String, String)> = LazyLock::new(|| {
    let text = json!({
        "color_background": "#f3f6f9",
        "color_error": "#a3121f",
        "color_highlight": "#0b5cad",
        "color_modal_backdrop": "#16202b",
        "color_success": "#0b6b3a",
        "color_text": "#16202b",
        "dim_border_radius": "8px",
        "dim_font_size": "16px",
        "dim_spacing_size": "16px",
        "font_family_body": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
        "font_family_heading": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
    })
    .to_string();
    (etag(&text), text)
});

/// Returns the address of the style, which changes with its content.
pub fn style_url(root_url: &str) -> String {
    format!("{root_url}/oauth/style-{}.json", STYLE.0)
}

/// Returns the style, if this is the name of the present one.
pub fn style(name: &str) -> Option<&'static str> {
    (name == STYLE.0).then_some(STYLE.1.as_str())
}

/// Returns a short name for a content.
pub fn etag(text: &str) -> String {
    hex(&hash(text)[..8])
}
