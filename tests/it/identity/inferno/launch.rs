//! The two launches, and the kinds of clients that launch.

use serde_json::{Value, json};

use super::{ORIGIN, TLS, enables_cors, same_scopes, scopes, text};
use crate::client::Response;
use crate::identity::browser::Browser;
use crate::identity::signer::Signer;
use crate::identity::smart::{App, Asked, Callback, decided, form, ticked};
use crate::identity::stage::{Stage, TYPES};
use crate::identity::table::Table;

pub fn standalone(table: &mut Table, stage: &Stage) {
    table.group("SMART Standalone Launch");
    let scope = patient_scope("launch/patient");
    let app = App::secret(&stage.server, &scope);
    let asked = app.asks(&scope);
    let came = came_back(table, || asked.allowed(&mut stage.ada.clone()));
    let given = exchanged(table, &app, &asked, came.as_ref());
    table.after(given.as_ref(), "Patient-level access with OpenID Connect and Refresh Token scopes used", |given| {
        same_scopes(given, &scope);
        text(given, "id_token");
        text(given, "refresh_token");
    });
    table.check("Server rejects unauthorized access", || stage.server.client().get("Patient/ada").expect(401));
    table.after(given.as_ref(), "Patient from launch context can be retrieved", |given| {
        assert_eq!(read(stage, given, &format!("Patient/{}", text(given, "patient"))).expect(200).id(), "ada");
    });
}

pub fn ehr(table: &mut Table, stage: &Stage) {
    for (group, scope, by_post) in [
        ("SMART EHR Launch", user_scope(), false),
        ("SMART EHR Launch, with the request to authorize sent by POST", user_scope(), true),
        ("EHR Launch with Patient Scopes", patient_scope("launch"), false),
    ] {
        table.group(group);
        let app = App::secret(&stage.server, &scope);
        let opened = table.check("EHR server redirects client browser to Inferno app launch URI", || {
            let url = launch_of(stage, &app.id);
            assert!(url.starts_with(&format!("https://{}.example/launch?", app.id)), "{url}");
            medilink::rest::query::parse(url.split_once('?').expect("a query").1).expect("a query")
        });
        let launch = table.after(opened.as_ref(), "EHR server sends launch parameter", |pairs| {
            let get = |name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            assert_eq!(get("iss").as_deref(), Some(stage.server.base()));
            get("launch").expect("a launch")
        });
        let asked = app.asks(&scope).with("launch", launch.as_deref().unwrap_or("none"));
        let came = came_back(table, || {
            if by_post { allowed_by_post(stage, &asked) } else { asked.allowed(&mut stage.house.clone()) }
        });
        let given = exchanged(table, &app, &asked, came.as_ref());
        table.after(given.as_ref(), "Access with OpenID Connect and Refresh Token scopes used", |given| {
            same_scopes(given, &scope)
        });
        table.after(given.as_ref(), "Patient context can be retrieved", |given| {
            assert_eq!(read(stage, given, &format!("Patient/{}", text(given, "patient"))).expect(200).id(), "ada");
        });
        table.after(given.as_ref(), "Encounter context and encounter resource can be retrieved", |given| {
            assert_eq!(
                read(stage, given, &format!("Encounter/{}", text(given, "encounter"))).expect(200).id(),
                "encounter"
            );
        });
        table.after(given.as_ref(), "Launch context contains smart_style_url which links to valid JSON", |given| {
            let style =
                stage.server.client().get_with(text(given, "smart_style_url"), &[("Origin", ORIGIN)]).expect(200);
            enables_cors(&style);
            text(&style.json(), "color_background");
        });
        table.after(given.as_ref(), "Launch context contains need_patient_banner", |given| {
            assert!(given["need_patient_banner"].is_boolean(), "{given}");
        });
    }
}

pub fn other_clients(table: &mut Table, stage: &Stage) {
    let scope = patient_scope("launch/patient");
    table.group("Public Client Standalone Launch with OpenID Connect");
    let app = App::public(&stage.server, &scope);
    let asked = app.asks(&scope);
    let came = came_back(table, || asked.allowed(&mut stage.ada.clone()));
    exchanged(table, &app, &asked, came.as_ref());
    for signer in [Signer::rs384(), Signer::es384()] {
        table.group(if signer.algorithm() == "RS384" {
            "Asymmetric Client Standalone Launch, RS384"
        } else {
            "Asymmetric Client Standalone Launch, ES384"
        });
        let app = App::with_key(&stage.server, &scope, signer);
        let asked = app.asks(&scope);
        let came = came_back(table, || asked.allowed(&mut stage.ada.clone()));
        exchanged(table, &app, &asked, came.as_ref());
    }
}

/// Opens an EHR launch as the physician; returns where the EHR sends the browser.
pub fn launch_of(stage: &Stage, client: &str) -> String {
    let scope = "openid fhirUser user/Patient.rs user/Encounter.rs";
    let ehr = App::public(&stage.server, scope);
    let token = ehr.tokens(&stage.house, scope);
    let asked = json!({"resourceType": "Parameters", "parameter": [
        {"name": "client", "valueString": client},
        {"name": "patient", "valueReference": {"reference": "Patient/ada"}},
        {"name": "encounter", "valueReference": {"reference": "Encounter/encounter"}},
        {"name": "need_patient_banner", "valueBoolean": true},
    ]});
    let answer =
        stage.server.client().with_token(text(&token, "access_token")).post("$launch", &asked).expect(200).json();
    let parameters = answer["parameter"].as_array().expect("parameters");
    let url = parameters.iter().find(|parameter| parameter["name"] == "url").expect("an url");
    url.as_object()
        .and_then(|url| url.values().find_map(|v| v.as_str().filter(|v| v.contains('?'))))
        .expect("an url")
        .to_string()
}

fn allowed_by_post(stage: &Stage, asked: &Asked) -> Callback {
    let mut browser: Browser = stage.house.clone();
    let pairs: Vec<(&str, &str)> = asked.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer =
        stage.server.client().request("POST", "/oauth/authorize", &headers, form(&pairs).as_bytes()).expect(303);
    let page = browser.get(answer.header("location").expect("where to go"));
    let page = browser.follow(page).expect(200);
    decided(&mut browser, &page, "allow", &ticked(&page))
}

/// The rows about the way to the endpoint and back.
fn came_back(table: &mut Table, launch: impl FnOnce() -> Callback) -> Option<Callback> {
    table.left_out("OAuth 2.0 authorize endpoint secured by transport layer security", TLS);
    let came = table.check("OAuth server redirects client browser to app redirect URI", launch);
    table.after(came.as_ref(), "OAuth server sends code parameter", |came| {
        assert!(came.get("code").is_some_and(|code| code.len() > 20), "{came:?}");
        assert!(came.get("state").is_some() && came.get("error").is_none(), "{came:?}");
    });
    came
}

/// The rows about the exchange; returns the token response.
fn exchanged(table: &mut Table, app: &App, asked: &Asked, came: Option<&Callback>) -> Option<Value> {
    table.left_out("OAuth 2.0 token endpoint secured by transport layer security", TLS);
    let answer = table.after(came, "OAuth token exchange request succeeds when supplied correct information", |came| {
        assert_eq!(came.get("state"), Some(asked.get("state")));
        app.exchange(came.get("code").expect("a code"), &asked.verifier).expect(200)
    });
    table.after(
        answer.as_ref(),
        "Token exchange response body contains required information encoded in JSON",
        |answer| {
            let given = answer.json();
            text(&given, "access_token");
            assert_eq!(text(&given, "token_type").to_lowercase(), "bearer");
            assert!(given["expires_in"].as_i64().is_some_and(|s| (1..=3600).contains(&s)), "{given}");
            scopes(&given);
        },
    );
    table.after(
        answer.as_ref(),
        "Response includes correct HTTP Cache-Control and Pragma headers",
        |answer: &Response| {
            assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
        },
    );
    table.check("SMART Token Endpoint Enables CORS", || {
        let client = app.server.client();
        let asks = [("Origin", ORIGIN), ("Access-Control-Request-Method", "POST")];
        enables_cors(&client.request("OPTIONS", "/oauth/token", &asks, b""));
        let headers = [("Origin", ORIGIN), ("Content-Type", "application/x-www-form-urlencoded")];
        enables_cors(&client.request("POST", "/oauth/token", &headers, b"grant_type=nonsense"));
    });
    answer.map(|answer| answer.json())
}

/// Reads as the app that was given a token.
pub fn read(stage: &Stage, given: &Value, path: &str) -> Response {
    stage.server.client().with_token(text(given, "access_token")).get(path)
}

/// Returns the scopes of an app of (g)(10) for one patient.
pub fn patient_scope(launch: &str) -> String {
    let types: Vec<String> = TYPES.iter().map(|t| format!("patient/{t}.rs")).collect();
    format!("{launch} openid fhirUser offline_access {}", types.join(" "))
}

fn user_scope() -> String {
    let types: Vec<String> = TYPES.iter().map(|t| format!("user/{t}.rs")).collect();
    format!("launch openid fhirUser offline_access {}", types.join(" "))
}
