//! Refresh tokens, launches and scopes that belong to others, or are to become wider. RFC 9700 4.14, SMART App Launch 2.2.

use super::{Attack, issued, shown, told};
use crate::identity::inferno::launch_of;
use crate::identity::smart::{App, decided, ticked};
use crate::identity::stage::Stage;

const SCOPE: &str = "launch/patient offline_access patient/Patient.rs";

fn launch(stage: &Stage, client: &str) -> String {
    let url = launch_of(stage, client);
    let pairs = medilink::rest::query::parse(url.split_once('?').expect("a query").1).expect("a query");
    pairs.into_iter().find(|(name, _)| name == "launch").expect("a launch").1
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "A refresh token that was used is sent again: its whole family ends",
        answers: &["400 invalid_grant, 400 invalid_grant, 401 login"],
        audit: Some(("token", 400, "110113 Security Alert")),
        attempt: |stage| {
            let app = App::public(&stage.server, SCOPE);
            let text = |given: &serde_json::Value, name: &str| given[name].as_str().unwrap_or("").to_string();
            let first = app.tokens(&stage.ada, SCOPE);
            let second = app.refresh(&text(&first, "refresh_token")).expect(200).json();
            let third = app.refresh(&text(&second, "refresh_token")).expect(200).json();
            let stolen = told(&app.refresh(&text(&first, "refresh_token")));
            std::thread::sleep(std::time::Duration::from_millis(1_100));
            let newest = told(&app.refresh(&text(&third, "refresh_token")));
            let read = stage.server.client().with_token(&text(&third, "access_token")).get("Patient/ada");
            format!("{stolen}, {newest}, {}", issued(&read))
        },
    },
    Attack {
        name: "A refresh token is sent by another client",
        answers: &["400 invalid_grant"],
        audit: Some(("token", 400, "invalid_grant")),
        attempt: |stage| {
            let given = App::public(&stage.server, SCOPE).tokens(&stage.ada, SCOPE);
            told(&App::public(&stage.server, SCOPE).refresh(given["refresh_token"].as_str().unwrap_or("")))
        },
    },
    Attack {
        name: "The refresh token of an app with a secret is sent without it",
        answers: &["401 invalid_client"],
        audit: Some(("token", 401, "")),
        attempt: |stage| {
            let app = App::secret(&stage.server, SCOPE);
            let given = app.tokens(&stage.ada, SCOPE);
            told(&App { secret: None, ..app }.refresh(given["refresh_token"].as_str().unwrap_or("")))
        },
    },
    Attack {
        name: "An app refreshes with more scopes than it was granted",
        answers: &["400 invalid_scope"],
        audit: Some(("token", 400, "invalid_scope")),
        attempt: |stage| {
            let app = App::public(&stage.server, &format!("{SCOPE} patient/Observation.rs"));
            let given = app.tokens(&stage.ada, SCOPE);
            let token = given["refresh_token"].as_str().unwrap_or("");
            told(&app.token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("scope", "patient/Patient.rs patient/Observation.rs"),
            ]))
        },
    },
    Attack {
        name: "A scope that was not asked for is smuggled into the consent form",
        answers: &["it is not granted"],
        audit: None,
        attempt: |stage| {
            let (app, mut person) = (App::public(&stage.server, SCOPE), stage.ada.clone());
            let asked = app.asks(SCOPE);
            let page = asked.opened(&mut person).expect(200);
            let mut chosen = ticked(&page);
            chosen.extend(["patient/*.cruds", "user/*.cruds", "system/*.cruds", "openid"].map(String::from));
            let came = decided(&mut person, &page, "allow", &chosen);
            let given = app.exchange(came.get("code").expect("a code"), &asked.verifier).expect(200).json();
            let granted = given["scope"].as_str().unwrap_or("");
            let is_wider = granted.split(' ').any(|scope| !SCOPE.split(' ').any(|known| known == scope));
            if is_wider { granted.to_string() } else { "it is not granted".into() }
        },
    },
    Attack {
        name: "An app asks for more than it was registered for",
        answers: &["the app is told invalid_scope", "the app is told access_denied"],
        audit: Some(("authorize", 400, "")),
        attempt: |stage| {
            let app = App::public(&stage.server, "launch/patient patient/Patient.rs");
            shown(&app.asks("user/*.cruds system/*.cruds").opened(&mut stage.ada.clone()))
        },
    },
    Attack {
        name: "A patient picks another patient",
        answers: &["page 403", "page 404", "page 400"],
        audit: None,
        attempt: |stage| {
            let (app, mut person) = (App::public(&stage.server, SCOPE), stage.ada.clone());
            let page = app.asks(SCOPE).opened(&mut person).expect(200);
            let request = page.hidden("request").expect("a request");
            let picked = person.submit("/authorize/patient", &[("request", &request), ("patient", "ben")]);
            match picked.location() {
                None => shown(&picked),
                // It may go on, as long as it is with her own records.
                Some(_) => {
                    let page = person.get(&format!("/authorize?request={request}")).expect(200);
                    let is_own = page.text.contains("Lovelace") && !page.text.contains("Banneker");
                    if is_own { "page 403".into() } else { "the page is about Ben".into() }
                }
            }
        },
    },
    Attack {
        name: "A launch is used by another person than the one it was opened for",
        answers: &["the app is told access_denied"],
        audit: Some(("authorize", 403, "access_denied")),
        attempt: |stage| {
            let scope = "launch patient/Patient.rs";
            let app = App::public(&stage.server, scope);
            let asked = app.asks(scope).with("launch", &launch(stage, &app.id));
            shown(&asked.opened(&mut stage.ben.clone()))
        },
    },
    Attack {
        name: "A launch is used a second time",
        answers: &["the app is told invalid_request", "the app is told access_denied"],
        audit: Some(("authorize", 400, "")),
        attempt: |stage| {
            let scope = "launch patient/Patient.rs";
            let app = App::public(&stage.server, scope);
            let handle = launch(stage, &app.id);
            app.asks(scope).with("launch", &handle).opened(&mut stage.house.clone()).expect(200);
            shown(&app.asks(scope).with("launch", &handle).opened(&mut stage.house.clone()))
        },
    },
    Attack {
        name: "A launch is used by another app than the one it was opened for",
        answers: &["the app is told invalid_request", "the app is told access_denied"],
        audit: Some(("authorize", 400, "")),
        attempt: |stage| {
            let scope = "launch patient/Patient.rs";
            let handle = launch(stage, &App::public(&stage.server, scope).id);
            shown(
                &App::public(&stage.server, scope).asks(scope).with("launch", &handle).opened(&mut stage.house.clone()),
            )
        },
    },
    Attack {
        name: "A launch is made up",
        answers: &["the app is told invalid_request", "the app is told access_denied"],
        audit: Some(("authorize", 400, "")),
        attempt: |stage| {
            let scope = "launch patient/Patient.rs";
            shown(
                &App::public(&stage.server, scope)
                    .asks(scope)
                    .with("launch", "made-up")
                    .opened(&mut stage.house.clone()),
            )
        },
    },
    Attack {
        name: "A patient opens a launch for the records of another",
        answers: &["403 forbidden"],
        audit: None,
        attempt: |stage| {
            let scope = "openid fhirUser launch/patient patient/Patient.rs";
            let app = App::public(&stage.server, scope);
            let given = app.tokens(&stage.ada, scope);
            let asked = serde_json::json!({"resourceType": "Parameters", "parameter": [
                {"name": "client", "valueString": app.id},
                {"name": "patient", "valueReference": {"reference": "Patient/ben"}},
            ]});
            issued(
                &stage.server.client().with_token(given["access_token"].as_str().unwrap_or("")).post("$launch", &asked),
            )
        },
    },
];
