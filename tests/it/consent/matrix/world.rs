//! The small world of the matrix, and the answers that are got in it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::principals::{self, Principal};
use super::row::{Row, Way};
use crate::app::TestApp;
use crate::client::{Client, JSON, Response};
use crate::emergency::stage::{REASON, parameters, word};
use crate::identity::browser::Page;

pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

pub struct World {
    app: TestApp,
    keeper: Client,
    pub principals: Vec<Principal>,
    /// Numbers of cells.
    number: Cell<usize>,
}

impl World {
    pub fn make() -> World {
        let app = TestApp::builder().secured().set("consent-default", "treatment").start();
        let keeper = app.client_with("system/*.cruds");
        put(&keeper, &records());
        // A version from before the label: it is as closed as what it became.
        put(&keeper, &[observation("rita-r", "rita")]);
        put(&keeper, &[labelled(observation("rita-r", "rita"), "R")]);
        let glass = breaker(&app, "Practitioner/glass");
        let reason = parameters(&[("reason", "valueString", json!(REASON))]);
        let grant = word(&glass.post("Patient/otis/$break-glass", &reason).expect(200), "grant");
        let principals = principals::all(&app, &grant);
        indexed(&keeper, 6);
        World { app, keeper, principals, number: Cell::new(0) }
    }

    /// Returns the cells of a row.
    pub fn row(&self, row: &Row) -> Vec<String> {
        self.principals.iter().map(|one| self.cell(row, one)).collect()
    }

    fn cell(&self, row: &Row, one: &Principal) -> String {
        if row.way == Way::Browser && one.browser.is_none() {
            return "-".into();
        }
        self.number.set(self.number.get() + 1);
        let number = self.number.get();
        let mut names = vec![("{n}", number.to_string()), ("{word}", word_of(number)), ("{day}", day_of(number))];
        put(&self.keeper, &row.given.iter().map(|it| filled(it, &names)).collect::<Vec<_>>());
        if row.glass {
            let broken = self.broken(&names[0].1);
            names.extend([("{grant}", broken.0), ("{task}", broken.1)]);
        }
        let path = names.iter().fold(row.path.to_string(), |path, (name, value)| path.replace(name, value));
        match row.way {
            Way::Api => {
                let body = row.body.as_ref().map(|body| filled(body, &names));
                let headers: Vec<(&str, String)> =
                    row.headers.iter().map(|(name, value)| (*name, value.replace("{n}", &names[0].1))).collect();
                api(row.method, &one.client, &path, &headers, body)
            }
            Way::Browser => {
                let mut browser = one.browser.clone().expect("looked at above");
                if row.method == "GET" {
                    return page(&browser.get(&path));
                }
                // Any page with a form tells the visit's token.
                browser.get("/account");
                browser.get("/login");
                let fields: Vec<(&str, String)> = row
                    .fields
                    .iter()
                    .map(|(name, value)| (*name, names.iter().fold(value.to_string(), |v, (n, to)| v.replace(n, to))))
                    .collect();
                let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                page(&browser.submit(&path, &fields))
            }
        }
    }

    /// Breaks the glass over `Patient/p{n}`; returns the grant and the Task that asks for its review.
    fn broken(&self, number: &str) -> (String, String) {
        let breaker = breaker(&self.app, &format!("Practitioner/breaker{number}"));
        let reason = parameters(&[("reason", "valueString", json!(REASON))]);
        let answer = breaker.post(&format!("Patient/p{number}/$break-glass"), &reason).expect(200);
        let grant = word(&answer, "grant");
        let task = self.app.sql(&format!("select task from break_glass where id = '{grant}'"))[0].get(0);
        (grant, task)
    }
}

fn breaker(app: &TestApp, who: &str) -> Client {
    principals::client(app, &uuid::Uuid::new_v4().to_string(), "physician", who, None)
}

fn api(method: &str, client: &Client, path: &str, headers: &[(&str, String)], body: Option<Value>) -> String {
    let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if body.is_some() && !headers.iter().any(|(name, _)| *name == "Content-Type") {
        headers.push(JSON);
    }
    let bytes = match &body {
        // Content of another kind than JSON.
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(body) => body.to_string().into_bytes(),
        None => Vec::new(),
    };
    let answer = client.request(method, path, &headers, &bytes);
    assert!(answer.status < 500, "{}: {}", answer.asked, answer.text());
    format!("{}{}", answer.status, shown(&answer))
}

/// Returns how many resources a Bundle shows, and checks that what it counts is what it shows.
fn shown(answer: &Response) -> String {
    let Ok(bundle) = serde_json::from_slice::<Value>(&answer.bytes) else { return String::new() };
    let kind = bundle["type"].as_str().unwrap_or_default();
    if bundle["resourceType"] != "Bundle" || answer.status != 200 || kind == "document" {
        return String::new();
    }
    let entries = bundle["entry"].as_array().map_or(&[][..], Vec::as_slice);
    if kind.ends_with("-response") {
        let done = |entry: &&Value| entry["response"]["status"].as_str().is_some_and(|status| status.starts_with('2'));
        return format!("/{}", entries.iter().filter(done).count());
    }
    if kind == "collection" {
        return format!("/{}", entries.len());
    }
    let of_mode = |mode: &str| entries.iter().filter(|entry| entry["search"]["mode"] == mode).count();
    if answer.asked.contains("_summary=count") {
        return format!("/{}", bundle["total"]);
    }
    if answer.asked.contains("AuditEvent") && !entries.is_empty() {
        // Every request adds some.
        return "/n".into();
    }
    assert!(!answer.text().contains("\"relation\":\"next\""), "{}: more than a page: {bundle}", answer.asked);
    if kind == "history" {
        return format!("/{}", entries.len());
    }
    if let Some(total) = bundle["total"].as_u64() {
        assert_eq!(total, of_mode("match") as u64, "{}: what is counted is what is shown: {bundle}", answer.asked);
    }
    let ids: BTreeSet<String> = entries.iter().map(|entry| entry["fullUrl"].to_string()).collect();
    assert_eq!(ids.len(), entries.len(), "{}: nothing comes twice", answer.asked);
    format!("/{}", of_mode("match") + of_mode("include"))
}

fn page(page: &Page) -> String {
    assert!(page.status < 500, "{}: {}", page.asked, page.text);
    match page.location() {
        Some(to) if to.starts_with("/login") => "login".into(),
        Some(to) if to.starts_with("/step-up") => "step-up".into(),
        Some(_) => "go".into(),
        None => page.status.to_string(),
    }
}

/// Returns a name that is like no other number's, so that people are told apart.
fn word_of(number: usize) -> String {
    let mut state = number as u64 + 1;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 33) as u8 % 26)
    };
    (0..10).map(|_| letter()).collect()
}

fn day_of(number: usize) -> String {
    format!("{}-{:02}-{:02}", 1930 + number % 71, 1 + number % 12, 1 + number % 28)
}

/// Waits until the text of what was stored can be searched, which is a moment after it was.
fn indexed(keeper: &Client, records: usize) {
    let began = Instant::now();
    while keeper.get("$search?query=haemoglobin").expect(200).entries().len() < records {
        assert!(began.elapsed() < Duration::from_secs(30), "the text is not indexed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Stores resources under their ids.
fn put(keeper: &Client, all: &[Value]) {
    if all.is_empty() {
        return;
    }
    let name = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_string();
    let entry: Vec<Value> = all
        .iter()
        .map(|it| {
            let url = format!("{}/{}", name(it, "resourceType"), name(it, "id"));
            json!({"resource": it, "request": {"method": "PUT", "url": url}})
        })
        .collect();
    keeper.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entry})).expect(200);
}

/// Returns the content with the names of its cell.
fn filled(content: &Value, names: &[(&str, String)]) -> Value {
    let text = names.iter().fold(content.to_string(), |text, (name, value)| text.replace(name, value));
    serde_json::from_str(&text).expect("numbers and ids keep JSON what it is")
}

pub fn to(reference: impl AsRef<str>) -> Value {
    json!({"reference": reference.as_ref()})
}

pub fn labelled(mut resource: Value, confidentiality: &str) -> Value {
    resource["meta"] = json!({"security": [{"system": CONFIDENTIALITY, "code": confidentiality}]});
    resource
}

/// Returns a patient in the care of the house and its physician.
pub fn cared(id: &str, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "name": [{"family": family, "given": ["Someone"]}], "birthDate": "1970-01-01",
        "managingOrganization": to("Organization/house"), "generalPractitioner": [to("Practitioner/phys")]})
}

pub fn observation(id: &str, patient: &str) -> Value {
    let code = json!({"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "haemoglobin"});
    let category = json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]);
    json!({"resourceType": "Observation", "id": id, "status": "final", "category": category, "code": code,
        "subject": to(format!("Patient/{patient}")), "effectiveDateTime": "2024-05-01",
        "identifier": [{"system": "urn:matrix", "value": id}]})
}

/// Returns a Consent by which a patient keeps everybody out, or lets one in.
pub fn consent(id: &str, patient: &str, status: &str, actor: Option<&str>) -> Value {
    let (base, kind) = if actor.is_some() { ("OPTIN", "permit") } else { ("OPTOUT", "deny") };
    let mut provision = json!({"type": kind});
    if let Some(actor) = actor {
        let role = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]});
        provision["actor"] = json!([{"role": role, "reference": to(actor)}]);
    }
    json!({"resourceType": "Consent", "id": id, "status": status, "patient": to(format!("Patient/{patient}")),
        "dateTime": "2026-01-01",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": base}]},
        "provision": provision})
}

/// What there is of every patient but the Patient.
fn record(patient: &str) -> Vec<Value> {
    let of = to(format!("Patient/{patient}"));
    let text = json!({"text": "something"});
    vec![
        observation(patient, patient),
        json!({"resourceType": "Condition", "id": patient, "subject": of, "code": text}),
        json!({"resourceType": "Binary", "id": patient, "contentType": "text/plain", "data": "c2VjcmV0"}),
        json!({"resourceType": "DocumentReference", "id": patient, "status": "current", "subject": of,
            "content": [{"attachment": {"url": format!("Binary/{patient}")}}]}),
        json!({"resourceType": "Claim", "id": patient, "status": "active", "use": "claim", "type": text, "patient": of,
            "created": "2024-05-01", "provider": to("Organization/house"), "priority": text,
            "insurance": [{"sequence": 1, "focal": true, "coverage": {"display": "none"}}]}),
        json!({"resourceType": "Communication", "id": patient, "status": "completed", "subject": of,
            "payload": [{"contentString": "a word to the patient"}]}),
        json!({"resourceType": "Task", "id": patient, "status": "requested", "intent": "order", "for": of}),
        json!({"resourceType": "Provenance", "id": patient, "target": [to(format!("Observation/{patient}"))],
            "recorded": "2024-05-01T12:00:00Z", "agent": [{"who": to("Practitioner/phys")}]}),
    ]
}

fn records() -> Vec<Value> {
    let mut all = vec![
        json!({"resourceType": "Organization", "id": "house", "name": "The house"}),
        json!({"resourceType": "Organization", "id": "other", "name": "Another house"}),
        json!({"resourceType": "RelatedPerson", "id": "rob", "patient": to("Patient/cara"), "active": true}),
    ];
    for name in ["facadmin", "phys", "nurse", "recep", "pharm", "lab"] {
        all.push(json!({"resourceType": "Practitioner", "id": name, "name": [{"family": name}]}));
        all.push(
            json!({"resourceType": "PractitionerRole", "id": name, "practitioner": to(format!("Practitioner/{name}")),
            "organization": to("Organization/house")}),
        );
    }
    for name in ["insurer", "auditor", "guest", "glass"] {
        all.push(json!({"resourceType": "Practitioner", "id": name, "name": [{"family": name}]}));
    }
    all.extend([("cara", "Carlsen"), ("otis", "Otter"), ("rita", "Ritter")].map(|(id, family)| cared(id, family)));
    let mut noor = cared("noor", "Noori");
    noor["managingOrganization"] = to("Organization/other");
    noor.as_object_mut().expect("an object").remove("generalPractitioner");
    all.push(noor);
    for patient in ["cara", "noor", "otis", "rita"] {
        all.extend(record(patient));
    }
    all.push(labelled(observation("rita-v", "rita"), "V"));
    all.push(json!({"resourceType": "Group", "id": "both", "type": "person", "actual": true,
        "member": [{"entity": to("Patient/cara")}, {"entity": to("Patient/noor")}]}));
    all.push(consent("otis", "otis", "active", None));
    all.push(consent("noor", "noor", "active", Some("Practitioner/guest")));
    all
}
