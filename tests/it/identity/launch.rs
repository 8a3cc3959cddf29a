//! An EHR opens an app: `$launch`, and what becomes of its handle.

use serde_json::{Value, json};
use uuid::Uuid;

use super::authorize::{allowed, answer, consent, field, hospital, open, signed_in};
use crate::app::TestApp;
use crate::client::{Client, Response};

/// Returns the client of an EHR in which a person is signed in.
fn ehr(app: &TestApp, user: Uuid, role: &str) -> Client {
    let token = app.forged(|claims| {
        claims.sub = user.to_string();
        claims.scope = "user/*.cruds".into();
        claims.roles = vec![role.into()];
        claims.fhir_user = Some("Practitioner/doc".into());
    });
    app.client().with_token(&token)
}

fn string(name: &str, value: &str) -> Value {
    json!({"name": name, "valueString": value})
}

fn reference(name: &str, to: &str) -> Value {
    json!({"name": name, "valueReference": {"reference": to}})
}

fn launch(ehr: &Client, parameters: &[Value]) -> Response {
    ehr.post("$launch", &json!({"resourceType": "Parameters", "parameter": parameters}))
}

/// Returns the handle of a launch that is allowed.
#[track_caller]
fn handle(ehr: &Client, parameters: &[Value]) -> String {
    let opened = launch(ehr, parameters).expect(200).json();
    opened["parameter"][0]["valueString"].as_str().expect("a handle").to_string()
}

#[test]
fn a_launch_brings_its_context_to_the_app_once() {
    let app = hospital();
    let (doc, mut browser) = signed_in(app, "physician", "Practitioner/doc");
    let item = json!({"name": "fhirContext", "part": [reference("reference", "Practitioner/doc")]});
    let banner = json!({"name": "need_patient_banner", "valueBoolean": false});
    let shown =
        [string("client", "app"), reference("encounter", "Encounter/new"), item, string("intent", "see"), banner];
    let opened = launch(&ehr(app, doc, "physician"), &shown).expect(200).json();
    let handle = opened["parameter"][0]["valueString"].as_str().expect("a handle");
    let url = opened["parameter"][1]["valueUrl"].as_str().expect("an address");
    let (at, query) = url.split_once('?').expect("a query");
    let query = medilink::rest::query::parse(query).expect("a query");
    assert_eq!((at, field(&query, "iss"), field(&query, "launch")), ("https://app.example/launch", app.base(), handle));
    let scope = "launch patient/Patient.rs openid";
    let asked = [("scope", scope), ("launch", handle)];
    let page = open(&mut browser, app, &asked).expect(200).expect_words("Ann Miller");
    let told = answer(&consent(&mut browser, &page, "allow", &["patient/Patient.rs", "openid"]));
    let kept = allowed(app, field(&told, "code"));
    assert_eq!(kept["scope"], scope);
    assert_eq!((&kept["patient"], &kept["encounter"]), (&json!("ann"), &json!("new")));
    assert_eq!((&kept["intent"], &kept["need_patient_banner"]), (&json!("see"), &json!(false)));
    assert_eq!(kept["fhir_context"], json!([{"reference": "Practitioner/doc"}]));
    app.client().get(kept["smart_style_url"].as_str().expect("an address")).expect(200).json();
    let again = answer(&open(&mut browser, app, &asked));
    assert_eq!(field(&again, "error"), "invalid_request", "a handle is good once");
    // The same again, opened anew for another patient: allowed already.
    let anew =
        self::handle(&ehr(app, doc, "physician"), &[string("client", "app"), reference("patient", "Patient/bob")]);
    let told = answer(&open(&mut browser, app, &[("scope", scope), ("launch", &anew)]));
    assert_eq!(allowed(app, field(&told, "code"))["patient"], "bob");
}

#[test]
fn a_handle_is_for_one_app_and_one_person_and_a_while() {
    let app = hospital();
    let (doc, mut browser) = signed_in(app, "physician", "Practitioner/doc");
    let (_, mut other) = signed_in(app, "nurse", "Practitioner/doc");
    let ehr = ehr(app, doc, "physician");
    let new = || handle(&ehr, &[string("client", "app"), reference("patient", "Patient/ann")]);
    let scope = ("scope", "launch patient/Patient.rs");
    let told = answer(&open(&mut browser, app, &[scope, ("launch", &new()), ("client_id", "other")]));
    assert_eq!(field(&told, "error"), "invalid_request", "another app");
    let told = answer(&open(&mut other, app, &[scope, ("launch", &new())]));
    assert_eq!(field(&told, "error"), "access_denied", "another person");
    let late = new();
    let digits: String = medilink::store::identity::hash(&late).iter().map(|byte| format!("{byte:02x}")).collect();
    app.sql(&format!("update once set ends = 1 where kind = 'launch' and hash = '\\x{digits}'"));
    let told = answer(&open(&mut browser, app, &[scope, ("launch", &late)]));
    assert_eq!(field(&told, "error"), "invalid_request", "too late");
}

#[test]
fn only_staff_opens_apps_and_only_for_what_is_there() {
    let app = hospital();
    let (doc, _) = signed_in(app, "physician", "Practitioner/doc");
    let (ann, _) = signed_in(app, "patient", "Patient/ann");
    let good = [string("client", "app")];
    launch(app.client(), &good).expect(401);
    launch(&app.client_with("system/*.cruds"), &good).expect(403);
    launch(&ehr(app, ann, "patient"), &good).expect(403);
    launch(&ehr(app, doc, "admin"), &good).expect(403);
    ehr(app, doc, "physician").get("$launch").expect(405);
    let ehr = ehr(app, doc, "physician");
    launch(&ehr, &good).expect(200);
    launch(&ehr, &[string("client", "app"), string("user", &ann.to_string())]).expect(200);
    for (parameters, status) in [
        (vec![], 400),
        (vec![string("client", "nobody")], 422),
        (vec![string("client", "other")], 422),
        (vec![string("client", "app"), string("user", "nobody")], 422),
        (vec![string("client", "app"), reference("patient", "Patient/nobody")], 422),
        (vec![string("client", "app"), reference("patient", "Practitioner/doc")], 400),
        (vec![string("client", "app"), reference("encounter", "Encounter/none")], 422),
        (
            vec![
                string("client", "app"),
                reference("patient", "Patient/ann"),
                reference("encounter", "Encounter/bobs"),
            ],
            422,
        ),
        (vec![string("client", "app"), string("more", "x")], 400),
    ] {
        launch(&ehr, &parameters).expect(status);
    }
}

#[test]
fn a_system_opens_apps_with_a_scope_of_its_registration() {
    let app = hospital();
    let (doc, _) = signed_in(app, "physician", "Practitioner/doc");
    for (id, scope, status) in [("an-ehr", "system/*.rs __open_launch", 200), ("no-ehr", "system/*.rs", 403)] {
        let data = json!({"client_name": id, "token_endpoint_auth_method": "private_key_jwt", "scope": scope});
        app.sql(&format!("insert into client (id, status, data, created, changed) values ('{id}', 2, '{data}', 0, 0)"));
        let token = app.forged(|claims| {
            (claims.sub, claims.client_id, claims.scope) = (id.into(), Some(id.into()), scope.into());
        });
        let ehr = app.client().with_token(&token);
        launch(&ehr, &[string("client", "app"), string("user", &doc.to_string())]).expect(status);
    }
}
