//! Token exchange: narrower tokens, and tokens that stand on a Consent.

use serde_json::{Value, json};

use super::given::*;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn form<'a>(client: &'a str, subject: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", EXCHANGE),
        ("client_id", client),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
    ]
}

fn access(client: &str, scope: &str) -> String {
    let (code, _) = fresh_code(client, json!({"scope": scope, "patient": null}));
    text(&token(&code_form(client, &code)).expect(200).json(), "access_token")
}

/// Stores a Consent and returns its address.
fn consent(change: Value) -> String {
    let mut consent = json!({
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/p7"},
        "provision": {
            "type": "permit", "period": {"end": "2099-12-31"},
            "actor": [{"role": {"text": "primary"}, "reference": {"reference": "Practitioner/d1"}}],
            "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]
        }
    });
    for (pointer, value) in change.as_object().expect("changes are an object") {
        *consent.pointer_mut(pointer).expect("it is there") = value.clone();
    }
    let stored = app().client_with("system/*.cruds").post("Consent", &consent).expect(201);
    format!("{}/Consent/{}", app().base(), stored.id())
}

#[test]
fn a_token_is_exchanged_for_a_narrower_one() {
    let client = client("none", json!({}));
    let subject = access(&client, "user/Patient.rs user/Observation.rs");
    let mut asked = form(&client, &subject);
    asked.push(("scope", "user/Patient.r"));
    let body = token(&asked).expect(200).json();
    assert_eq!(
        (&body["scope"], &body["expires_in"], &body["issued_token_type"], body.get("refresh_token")),
        (&json!("user/Patient.r"), &json!(900), &json!(ACCESS_TOKEN), None)
    );
    let narrow = text(&body, "access_token");
    assert_eq!(claims(&narrow)["grant_id"], claims(&subject)["grant_id"]);
    assert_ne!(claims(&narrow)["jti"], claims(&subject)["jti"]);
    app().client().with_token(&narrow).get("Observation").expect(403);
    asked.pop();
    asked.push(("scope", "user/Patient.cruds"));
    refused(token(&asked), 400, "invalid_scope");
    let other = self::client("none", json!({}));
    refused(token(&form(&other, &subject)), 400, "invalid_request");
    refused(token(&form(&client, "nonsense")), 400, "invalid_request");
    refused(token(&form(&client, &app().token("user/Patient.rs"))), 400, "invalid_request");
    let plain = self::client("none", json!({"grant_types": ["authorization_code"]}));
    refused(token(&form(&plain, &subject)), 400, "unauthorized_client");
    audited(&client, "token-exchange: token");
    let authorization = text(&claims(&subject), "grant_id");
    app().sql(&format!("update authorization_grant set ended = 1 where id = '{authorization}'"));
    asked.pop();
    let said = post("/oauth/token", &asked, &[]).expect(400).json();
    assert!(["invalid_grant", "invalid_request"].contains(&text(&said, "error").as_str()), "{said}");
}

#[test]
fn a_token_stands_on_a_consent() {
    let client = client("none", json!({}));
    let subject = access(&client, "user/Observation.rs user/Consent.rs");
    let address = consent(json!({}));
    let mut asked = form(&client, &subject);
    asked.extend([("resource", address.as_str()), ("scope", "patient/Observation.rs")]);
    let body = token(&asked).expect(200).json();
    assert_eq!((&body["patient"], &body["scope"]), (&json!("p7"), &json!("patient/Observation.rs")));
    let told = claims(&text(&body, "access_token"));
    let id = address.strip_prefix(app().base()).expect("it is here").trim_start_matches('/');
    assert_eq!(
        (&told["consent"], &told["patient"], &told["purpose_of_use"]),
        (&json!(id), &json!("p7"), &json!("TREAT"))
    );
    for (field, value, error) in [
        ("scope", "user/Observation.rs", "invalid_scope"),
        ("scope", "patient/Patient.rs", "invalid_scope"),
        ("purpose_of_use", "HMARKT", "invalid_target"),
        ("resource", "https://other.example/fhir/Consent/1", "invalid_target"),
        ("resource", &format!("{}/Consent/none", app().base()), "invalid_target"),
        ("resource", &format!("{}/Patient/1", app().base()), "invalid_target"),
    ] {
        let mut form = asked.clone();
        form.retain(|(name, _)| *name != field);
        form.push((field, value));
        refused(token(&form), 400, error);
    }
    for change in [
        json!({"/status": "inactive"}),
        json!({"/provision/type": "deny"}),
        json!({"/provision/period": {"end": "2020-01-01"}}),
        json!({"/provision/actor/0/reference": {"reference": "Practitioner/other"}}),
    ] {
        let address = consent(change.clone());
        let mut form = form(&client, &subject);
        form.push(("resource", &address));
        let said = refused(token(&form), 400, "invalid_target");
        assert!(said.contains("Consent"), "{change}: {said}");
    }
    // Who may not read it may not stand on it.
    let blind = access(&client, "user/Observation.rs");
    let mut form = form(&client, &blind);
    form.push(("resource", &address));
    refused(token(&form), 400, "invalid_target");
}
