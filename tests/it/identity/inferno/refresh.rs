//! How long a token goes on: refreshing, taking back, and asking whether it still holds.

use std::time::Duration;

use super::launch::read;
use super::{same_scopes, scopes, text};
use crate::identity::smart::App;
use crate::identity::stage::Stage;
use crate::identity::table::Table;

/// A revoked token stops within a second on every process.
const REVOKED_WITHIN: Duration = Duration::from_millis(1_100);

pub fn refresh(table: &mut Table, stage: &Stage) {
    let scope = "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs";
    for (group, narrower) in [
        ("Token Refresh, without scopes", None),
        ("Token Refresh, with scopes", Some("launch/patient offline_access patient/Patient.rs")),
    ] {
        table.group(group);
        let app = App::secret(&stage.server, scope);
        let first = app.tokens(&stage.ada, scope);
        let ask = |token: &str| {
            let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
            fields.extend(narrower.map(|scope| ("scope", scope)));
            app.token(&fields)
        };
        let title = match narrower {
            None => "Server successfully refreshes the access token when optional scope parameter omitted",
            Some(_) => "Server successfully refreshes the access token when optional scope parameter provided",
        };
        let answer = table.check(title, || ask(text(&first, "refresh_token")).expect(200));
        table.after(answer.as_ref(), "Token refresh response contains all required fields", |answer| {
            let given = answer.json();
            assert_ne!(text(&given, "access_token"), text(&first, "access_token"));
            assert_eq!(text(&given, "token_type").to_lowercase(), "bearer");
            assert!(given["expires_in"].is_number(), "{given}");
            same_scopes(&given, narrower.unwrap_or(scope));
            assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
        });
        table.after(answer.as_ref(), "Patient context is there after the refresh, and can be retrieved", |answer| {
            let given = answer.json();
            assert_eq!(text(&given, "patient"), "ada");
            read(stage, &given, "Patient/ada").expect(200);
            let status = read(stage, &given, "Observation").status;
            assert_eq!(status, if narrower.is_none() { 200 } else { 403 });
        });
        table.check("Refresh token exchange fails when supplied an invalid refresh token", || {
            let answer = ask("SOME_INVALID_REFRESH_TOKEN").expect(400);
            assert_eq!(answer.json()["error"], "invalid_grant");
        });
    }
}

pub fn revocation(table: &mut Table, stage: &Stage) {
    table.group("Token Revocation");
    let scope = "launch/patient offline_access patient/Patient.rs";
    let app = App::public(&stage.server, scope);
    let given = app.tokens(&stage.ada, scope);
    table.check("Health IT Module allows the user to revoke the app", || {
        read(stage, &given, "Patient/ada").expect(200);
        let mut person = stage.ada.clone();
        person.get("/account/apps").expect(200);
        person.submit("/account/apps", &[("end", &app.id)]).expect(303);
        std::thread::sleep(REVOKED_WITHIN);
    });
    table.check("Access to Patient resource is denied after token revocation", || {
        read(stage, &given, "Patient/ada").expect(401);
    });
    table.check("Token refresh fails after token revocation", || {
        assert_eq!(app.refresh(text(&given, "refresh_token")).expect(400).json()["error"], "invalid_grant");
    });
    table.check("Revocation endpoint of the app does the same (RFC 7009)", || {
        let given = app.tokens(&stage.ada, scope);
        app.post("/oauth/revoke", &[("token", text(&given, "refresh_token"))]).expect(200);
        app.post("/oauth/revoke", &[("token", "never-heard-of")]).expect(200);
        std::thread::sleep(REVOKED_WITHIN);
        read(stage, &given, "Patient/ada").expect(401);
        app.refresh(text(&given, "refresh_token")).expect(400);
    });
}

pub fn introspection(table: &mut Table, stage: &Stage) {
    table.group("Token Introspection");
    let scope = "launch/patient openid fhirUser patient/Patient.rs";
    let app = App::secret(&stage.server, scope);
    let given = app.tokens(&stage.ada, scope);
    let ask = |token: &str| app.post("/oauth/introspect", &[("token", token)]).expect(200).json();
    table.check("Token introspection endpoint returns a response when provided an active token", || {
        let told = ask(text(&given, "access_token"));
        assert_eq!((told["active"].as_bool(), text(&told, "client_id")), (Some(true), app.id.as_str()));
        assert!(told["exp"].is_number(), "{told}");
        same_scopes(&told, &scopes(&given).join(" "));
        assert_eq!(text(&told, "patient"), "ada");
        assert_eq!(text(&told, "iss"), stage.server.base());
        assert!(text(&told, "fhirUser").ends_with("Patient/ada"), "{told}");
        text(&told, "sub");
    });
    table.check("Token introspection endpoint returns a response when provided an invalid token", || {
        assert_eq!(ask("invalid_token_value"), serde_json::json!({"active": false}));
    });
    table.check("Token introspection endpoint accepts a bearer token as protection", || {
        let token = text(&given, "access_token");
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let form = format!("token={token}");
        let client = stage.server.client().with_token(token);
        let told = client.request("POST", "/oauth/introspect", &headers, form.as_bytes()).expect(200).json();
        assert_eq!(told["active"], true);
    });
    table.check("Token introspection endpoint tells nothing to nobody", || {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let form = format!("token={}", text(&given, "access_token"));
        stage.server.client().request("POST", "/oauth/introspect", &headers, form.as_bytes()).expect(401);
    });
}
