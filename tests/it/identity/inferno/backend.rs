//! Systems that ask for themselves. SMART App Launch 2.2, backend services.

use super::{TLS, has, text};
use crate::client::Response;
use crate::identity::signer::Signer;
use crate::identity::smart::{ASSERTION_TYPE, App, form};
use crate::identity::stage::Stage;
use crate::identity::table::Table;

const SCOPE: &str = "system/*.rs";

pub fn backend(table: &mut Table, stage: &Stage) {
    for signer in [Signer::rs384(), Signer::es384()] {
        table.group(if signer.algorithm() == "RS384" {
            "SMART Backend Services Authorization, RS384"
        } else {
            "SMART Backend Services Authorization, ES384"
        });
        let app = App::with_key(&stage.server, SCOPE, signer);
        table.left_out("Authorization service token endpoint secured by transport layer security", TLS);
        table.check("Discovery offers what backend services need", || {
            let found = stage.server.client().get(".well-known/smart-configuration").expect(200).json();
            has(&found, "grant_types_supported", "client_credentials");
            has(
                &found,
                "token_endpoint_auth_signing_alg_values_supported",
                app.signer.as_ref().map_or("", Signer::algorithm),
            );
        });
        table.check("Authorization request fails when client supplies invalid grant_type", || {
            let answer = ask(&app, "not_a_grant_type", ASSERTION_TYPE, &app.assertion(|_, _| ())).expect(400);
            assert_eq!(text(&answer.json(), "error"), "unsupported_grant_type");
        });
        table.check("Authorization request fails when supplied invalid client_assertion_type", || {
            let answer = ask(&app, "client_credentials", "not_an_assertion_type", &app.assertion(|_, _| ()));
            assert!([400, 401].contains(&answer.status), "{}", answer.status);
        });
        table.check("Authorization request fails when client supplies invalid JWT token", || {
            let other = app.assertion(|_, claims| claims["iss"] = "not_a_iss".into());
            let answer = ask(&app, "client_credentials", ASSERTION_TYPE, &other);
            assert!([400, 401].contains(&answer.status), "{}", answer.status);
            assert_eq!(text(&answer.json(), "error"), "invalid_client");
        });
        let answer = table.check("Authorization request succeeds when supplied correct information", || {
            let answer = ask(&app, "client_credentials", ASSERTION_TYPE, &app.assertion(|_, _| ()));
            answer.expect(200)
        });
        table.after(
            answer.as_ref(),
            "Authorization request response body contains required information encoded in JSON",
            |answer| {
                let given = answer.json();
                assert_eq!(text(&given, "token_type").to_lowercase(), "bearer");
                assert_eq!(text(&given, "scope"), SCOPE);
                assert!(given["expires_in"].as_i64().is_some_and(|s| (1..=300).contains(&s)), "{given}");
                assert!(given["refresh_token"].is_null(), "{given}");
                stage.server.client().with_token(text(&given, "access_token")).get("Patient/ada").expect(200);
            },
        );
    }
}

fn ask(app: &App, grant_type: &str, assertion_type: &str, assertion: &str) -> Response {
    let body = form(&[
        ("grant_type", grant_type),
        ("scope", SCOPE),
        ("client_assertion_type", assertion_type),
        ("client_assertion", assertion),
    ]);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    app.server.client().request("POST", "/oauth/token", &headers, body.as_bytes())
}
