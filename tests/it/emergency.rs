//! Emergencies: the view of what saves a life, the card that opens it, and broken glass: how they are limited, told and ended.

mod card;
mod cases;
mod glass;
mod glass_ends;
mod glass_limits;
mod glass_reading;
mod glass_review;
mod glass_tokens;
mod page;
mod passcode;
pub mod stage;
mod view;

use std::sync::OnceLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, Response};

/// Returns the server of these tests: each uses patients of its own.
fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().start())
}

fn operator(app: &TestApp) -> Client {
    app.client_with("system/*.cruds")
}

/// Returns a person's own access, as an app of the hospital has it.
fn person(app: &TestApp, role: &str, fhir_user: &str, scope: &str) -> Client {
    app.client().with_token(&app.forged(|claims| {
        claims.sub = format!("account-of-{fhir_user}");
        claims.fhir_user = Some(fhir_user.to_string());
        claims.roles = vec![role.to_string()];
        claims.scope = scope.to_string();
        claims.client_id = Some("app".to_string());
        claims.auth_time = Some(claims.iat);
        claims.patient = fhir_user.strip_prefix("Patient/").map(str::to_string);
    }))
}

fn physician(app: &TestApp) -> Client {
    person(app, "physician", "Practitioner/house", "user/*.rs")
}

/// Returns the client of a patient whose app may do all that they may do.
fn self_of(app: &TestApp, id: &str) -> Client {
    person(app, "patient", &format!("Patient/{id}"), "patient/*.cruds user/*.cruds")
}

fn label(code: &str) -> Value {
    let system = if code.len() == 1 { "v3-Confidentiality" } else { "v3-ActCode" };
    json!({"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code})
}

fn code(system: &str, code: &str, text: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}], "text": text})
}

/// Stores somebody with a record in which all that must not be seen has the word LEAK in it; returns the id.
fn somebody(app: &TestApp) -> String {
    let id = format!("p{}", uuid::Uuid::new_v4().simple());
    let subject = json!({"reference": format!("Patient/{id}")});
    let active = |kind: &str| code(&format!("http://terminology.hl7.org/CodeSystem/{kind}"), "active", "Active");
    let condition = |text: &str, labels: &[&str]| {
        let labels: Vec<Value> = labels.iter().map(|it| label(it)).collect();
        json!({"resourceType": "Condition", "meta": {"security": labels}, "clinicalStatus": active("condition-clinical"),
            "code": {"text": text}, "subject": subject, "note": [{"text": "LEAK of a note"}]})
    };
    let resources = [
        json!({"resourceType": "AllergyIntolerance", "clinicalStatus": active("allergyintolerance-clinical"), "criticality": "high",
            "code": {"text": "Penicillin"}, "patient": subject, "note": [{"text": "LEAK of a note"}]}),
        json!({"resourceType": "Observation", "status": "final", "code": code("http://loinc.org", "882-1", "ABO and Rh group"),
            "subject": subject, "effectiveDateTime": "2020-05-01", "valueCodeableConcept": code("http://snomed.info/sct", "278149003", "A positive")}),
        json!({"resourceType": "Observation", "status": "final", "code": code("http://loinc.org", "2951-2", "LEAK of a result"),
            "subject": subject, "effectiveDateTime": "2020-05-01", "valueString": "LEAK"}),
        json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": subject,
            "medicationReference": {"reference": "#m"}, "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "Insulin"}}],
            "dosageInstruction": [{"text": "10 units in the morning"}], "reasonCode": [{"text": "LEAK of a reason"}]}),
        condition("Diabetes", &["N"]),
        condition("LEAK of HIV", &["R", "HIV"]),
        condition("LEAK of the very restricted", &["V", "PSY"]),
        json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": subject,
            "reasonCode": [{"text": "LEAK of a visit"}]}),
        json!({"resourceType": "DocumentReference", "status": "current", "subject": subject,
            "content": [{"attachment": {"title": "LEAK of a document"}}]}),
        json!({"resourceType": "RelatedPerson", "patient": subject, "name": [{"text": "Sam Lind"}], "address": [{"city": "LEAK"}],
            "relationship": [code("http://terminology.hl7.org/CodeSystem/v2-0131", "C", "Emergency contact")],
            "telecom": [{"system": "phone", "value": "+46 8 123 456"}]}),
        json!({"resourceType": "Consent", "status": "active", "patient": subject, "scope": code("http://terminology.hl7.org/CodeSystem/consentscope", "adr", "Directive"),
            "category": [code("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "dnr", "Do not resuscitate")],
            "policyRule": code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN", "Opt in")}),
        json!({"resourceType": "Device", "status": "active", "patient": subject, "type": {"text": "Pacemaker"}, "serialNumber": "LEAK"}),
    ];
    let mut entries = vec![json!({
        "resource": {"resourceType": "Patient", "id": id, "name": [{"family": "Lind", "given": ["Amina"]}], "birthDate": "1970-01-31",
            "gender": "female", "address": [{"city": "LEAK"}], "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "LEAK"}],
            "telecom": [{"system": "phone", "value": "LEAK"}],
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">LEAK</div>"},
            "contact": [{"name": {"text": "Kim"}, "address": {"city": "LEAK"}, "telecom": [{"system": "phone", "value": "+46 8 1"}]}]},
        "request": {"method": "PUT", "url": format!("Patient/{id}")},
    })];
    entries.extend(
        resources.iter().map(|it| json!({"resource": it, "request": {"method": "POST", "url": it["resourceType"]}})),
    );
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    operator(app).post("", &bundle).expect(200);
    id
}

/// Returns the words of a view: of each resource what a reader would see.
fn told(view: &Value) -> Vec<String> {
    let word = |it: &Value| {
        let names = ["code", "medicationCodeableConcept", "type"].iter().find_map(|name| it[*name]["text"].as_str());
        let names = names.or(it["name"][0]["text"].as_str()).or(it["name"][0]["family"].as_str());
        names.or(it["category"][0]["text"].as_str()).unwrap_or("?").to_string()
    };
    view["entry"].as_array().expect("entries").iter().map(|entry| word(&entry["resource"])).collect()
}

fn manage(client: &Client, id: &str, action: &str, more: &[(&str, &str)]) -> Response {
    let mut list = vec![json!({"name": "action", "valueCode": action})];
    list.extend(more.iter().map(|(name, text)| json!({"name": name, "valueString": text})));
    client.post(&format!("Patient/{id}/$emergency-card"), &json!({"resourceType": "Parameters", "parameter": list}))
}

/// A card as the patient has it.
#[derive(Debug, Clone)]
struct Card {
    /// The address of the file.
    url: String,
    key: String,
    payload: Value,
    viewer: String,
    nfc: Vec<u8>,
    qr: String,
}

/// Returns the cards in an answer of `$emergency-card`.
fn cards(answer: &Response) -> Vec<Card> {
    let told = answer.json();
    let list = told["parameter"].as_array().cloned().unwrap_or_default();
    let cards = list.iter().filter(|it| it["name"] == "card").map(|card| {
        let part = |name: &str| card["part"].as_array().unwrap().iter().find(|it| it["name"] == name).cloned().unwrap();
        let data = |name: &str| STANDARD.decode(part(name)["valueAttachment"]["data"].as_str().unwrap()).unwrap();
        let link = part("link")["valueUri"].as_str().unwrap().to_string();
        let payload = URL_SAFE_NO_PAD.decode(link.strip_prefix("shlink:/").expect("a link")).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        Card {
            url: payload["url"].as_str().unwrap().to_string(),
            key: payload["key"].as_str().unwrap().to_string(),
            payload,
            viewer: part("viewer")["valueUrl"].as_str().unwrap().to_string(),
            nfc: data("nfc"),
            qr: String::from_utf8(data("qr")).unwrap(),
        }
    });
    cards.collect()
}

fn made(client: &Client, id: &str) -> Card {
    cards(&manage(client, id, "make", &[]).expect(200)).remove(0)
}

/// Reads a card as any phone does: without a token.
fn scan(app: &TestApp, card: &Card, recipient: &str) -> Response {
    let at = &card.url[card.url.find("/emergency/").expect("a place below the root")..];
    app.client().get(&format!("{at}?recipient={recipient}"))
}

/// Opens a file by its key; none where it does not fit.
fn opened(key: &str, file: &str) -> Option<Value> {
    let parts: Vec<&str> = file.split('.').collect();
    let [header, "", nonce, text, tag] = parts[..] else { panic!("no JWE: {file}") };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &URL_SAFE_NO_PAD.decode(key).ok()?).ok()?);
    let mut sealed = [URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?].concat();
    let nonce = Nonce::try_assume_unique_for_key(&URL_SAFE_NO_PAD.decode(nonce).ok()?).ok()?;
    let plain = key.open_in_place(nonce, Aad::from(header.as_bytes()), &mut sealed).ok()?;
    serde_json::from_slice(plain).ok()
}

/// Waits until the audit has so many rows of an action about a patient, and returns their principal, status and detail.
#[track_caller]
fn audited(app: &TestApp, action: &str, id: &str, count: usize) -> Vec<(String, i16, String)> {
    let began = std::time::Instant::now();
    loop {
        let rows = app.sql(&format!(
            "select principal, status, coalesce(detail, '') from audit where action = '{action}' and id = '{id}' order by at, no"
        ));
        if rows.len() == count {
            return rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        }
        assert!(began.elapsed().as_secs() < 10, "{} rows of {action}, {count} expected", rows.len());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Returns the texts of the notices to a patient.
fn notices(app: &TestApp, id: &str) -> Vec<String> {
    let found = operator(app).get(&format!("Communication?recipient=Patient/{id}&_sort=sent")).expect(200);
    let text = |it: &Value| it["payload"][0]["contentString"].as_str().unwrap_or("").to_string();
    found.resources().iter().map(text).collect()
}
