//! Who signed in, as apps are told: `id_token` and `/oauth/userinfo`.
//!
//! OpenID Connect Core 1.0, 2 and 5.3; SMART App Launch 2.2 (`fhirUser`).

use super::Server;
use super::call::has_scope;
use super::standing::Standing;
use crate::fault::Fault;
use crate::store::identity::account::Account;
use serde_json::{Map, Value, json};

/// How long an app may take to look at it.
const LIFE_S: i64 = 3600;

/// Returns a signed id_token for the client of an authorization. `nonce` is of the request that it answers.
pub fn id_token(server: &Server, standing: &Standing, scope: &str, nonce: Option<&str>) -> Result<String, Fault> {
    let allowed = &standing.authorization.allowed;
    let now_s = standing.at.0 / 1_000_000;
    let mut claims = person(server, &standing.account, scope);
    claims.insert("iss".into(), json!(server.settings.base_url));
    claims.insert("aud".into(), json!(standing.authorization.client));
    claims.insert("iat".into(), json!(now_s));
    claims.insert("exp".into(), json!(now_s + LIFE_S));
    claims.insert("auth_time".into(), json!(allowed.auth_time_s));
    if !allowed.amr.is_empty() {
        claims.insert("amr".into(), json!(allowed.amr));
    }
    if let Some(nonce) = nonce {
        claims.insert("nonce".into(), json!(nonce));
    }
    server.keys.sign_id_token(&Value::Object(claims))
}

/// Returns what the scopes tell of a person.
pub fn person(server: &Server, account: &Account, scope: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(account.id.to_string()));
    let has_profile = has_scope(scope, "profile");
    if has_profile {
        claims.insert("name".into(), json!(account.name));
    }
    if (has_profile || has_scope(scope, "fhirUser"))
        && let Some((t, id)) = &account.fhir_user
    {
        let url = format!("{}/{t}/{id}", server.settings.base_url);
        // `profile` is how version 1 of SMART named it.
        if has_profile {
            claims.insert("profile".into(), json!(url));
        }
        claims.insert("fhirUser".into(), json!(url));
    }
    claims
}
