//! Who may do what: tokens, scopes, refusals.
//!
//! RFC 6750, SMART App Launch 2.2 <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>.

use std::sync::OnceLock;

use medilink::oauth::{Claims, Keys};
use serde_json::{Value, json};

use super::{by_identifier, check, identified, unique};
use crate::app::TestApp;
use crate::client::JSON_PATCH;

/// Returns the secured server that the tests here share.
fn secured() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().start())
}

#[test]
fn only_a_token_of_this_server_is_accepted() {
    let app = secured();
    let folder = std::env::temp_dir().join(format!("medilink-it-keys-{}", std::process::id()));
    let other = Keys::load_or_create(&folder).expect("a key can be made");
    let foreign = Claims::new(app.base(), "x", "system/*.cruds", 3600).sign(&other).expect("claims can be signed");
    let good = app.token("system/*.cruds");
    let broken = format!("{}x", &good[..good.len() - 4]);
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).expect("a token has three parts"));
    for (authorization, status) in [
        (None, 401),
        (Some(format!("Bearer {good}")), 404),
        (Some(format!("bearer {good}")), 404),
        (Some("Bearer".to_string()), 401),
        (Some("Bearer ".to_string()), 401),
        (Some("Bearer nonsense".to_string()), 401),
        (Some("Basic YTpi".to_string()), 401),
        (Some(good.clone()), 401),
        (Some(format!("Bearer {broken}")), 401),
        (Some(format!("Bearer {unsigned}")), 401),
        (Some(format!("Bearer {foreign}")), 401),
        (Some(format!("Bearer {}", app.forged(|c| c.aud = "http://other.example.org/fhir".into()))), 401),
        (Some(format!("Bearer {}", app.forged(|c| c.iss = "http://other.example.org/fhir".into()))), 401),
    ] {
        let headers: Vec<(&str, &str)> = authorization.iter().map(|text| ("Authorization", text.as_str())).collect();
        let answer = check(app.client(), &format!("GET Patient/{}", unique()), &headers, status, "");
        if status == 401 {
            answer.expect_issue("login");
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.starts_with("Bearer"), "{authorization:?}: {challenge}");
        }
    }
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_token_in_the_address_is_not_read() {
    let app = secured();
    let path = format!("Patient/{}?access_token={}", unique(), app.token("system/*.cruds"));
    app.client().get(&path).expect(401);
}

#[test]
fn a_token_ends() {
    let app = secured();
    let token = app.forged(|c| c.exp = c.iat + 2);
    let client = app.client().with_token(&token);
    let path = format!("Patient/{}", unique());
    client.get(&path).expect(404);
    std::thread::sleep(std::time::Duration::from_millis(3100));
    client.get(&path).expect(401).expect_issue("expired");
}

/// What each letter opens. A line is a request; those not named for a scope answer 403.
#[test]
#[rustfmt::skip]
fn each_interaction_needs_its_letters() {
    let app = secured();
    let all = app.client_with("system/*.cruds");
    let scopes: [(&str, &[&str]); 11] = [
        ("system/Patient.c", &["create"]),
        ("system/Patient.r", &["read", "vread", "history"]),
        ("system/Patient.u", &["update", "patch"]),
        ("system/Patient.d", &["delete"]),
        ("system/Patient.s", &["search", "history-type", "search-system", "history-system"]),
        ("system/Patient.cruds", &["create", "read", "vread", "history", "update", "patch", "delete", "search", "history-type",
            "search-system", "history-system", "create-if", "update-if", "patch-if", "delete-if"]),
        ("user/Patient.cs", &["create", "create-if", "search", "history-type", "search-system", "history-system"]),
        ("system/Patient.ds", &["delete", "delete-if", "search", "history-type", "search-system", "history-system"]),
        ("system/Observation.cruds", &["search-system", "history-system"]),
        ("openid launch", &[]),
        ("patient/*.cruds", &[]),
    ];
    for (scope, allowed) in scopes {
        // Signed directly: `medilink token` refuses scopes that nothing here enforces.
        let client = app.client().with_token(&app.forged(|c| c.scope = scope.to_string()));
        let value = unique();
        let mut resource = identified(&value);
        let id = all.post("Patient", &resource).expect(201).id();
        let condition = by_identifier(&value);
        let patch = br#"[{"op":"replace","path":"/active","value":false}]"#;
        let if_none = [("If-None-Exist", &*condition)];
        resource["id"] = json!(id);
        let requests = [
            ("create", client.post("Patient", &json!({"resourceType": "Patient"}))),
            ("read", client.get(&format!("Patient/{id}"))),
            ("vread", client.get(&format!("Patient/{id}/_history/1"))),
            ("history", client.get(&format!("Patient/{id}/_history"))),
            ("history-type", client.get("Patient/_history?_count=1")),
            ("history-system", client.get("_history?_count=1")),
            ("search", client.get(&format!("Patient?{condition}"))),
            ("search-system", client.get(&format!("?_id={id}"))),
            ("update", client.put(&format!("Patient/{id}"), &resource)),
            ("patch", client.request("PATCH", &format!("Patient/{id}"), &[JSON_PATCH], patch)),
            ("create-if", client.send("POST", "Patient", &if_none, &identified(&value))),
            ("update-if", client.put(&format!("Patient?{condition}"), &identified(&value))),
            ("patch-if", client.request("PATCH", &format!("Patient?{condition}"), &[JSON_PATCH], patch)),
            ("delete-if", client.delete(&format!("Patient?identifier={}", unique()))),
            ("delete", client.delete(&format!("Patient/{id}"))),
        ];
        for (name, answer) in requests {
            let ok = (200..300).contains(&answer.status);
            assert_eq!(ok, allowed.contains(&name), "{name} with {scope}: {} {}", answer.status, answer.text());
            if !ok {
                answer.expect(403).expect_issue("forbidden");
            }
        }
    }
}

#[test]
fn a_search_over_everything_shows_the_types_of_its_scopes_alone() {
    let app = secured();
    let all = app.client_with("system/*.cruds");
    let tag = unique();
    let meta = json!({"tag": [{"system": "urn:t", "code": tag}]});
    all.post("Patient", &json!({"resourceType": "Patient", "meta": meta})).expect(201);
    all.post("Basic", &json!({"resourceType": "Basic", "code": {"text": "x"}, "meta": meta})).expect(201);
    let limited = app.client_with("system/Patient.rs");
    for path in [format!("?_tag=urn:t|{tag}"), "_history?_count=1000".to_string()] {
        let types = |resources: Vec<Value>| {
            let mut types: Vec<String> = resources.iter().map(|r| r["resourceType"].to_string()).collect();
            types.sort();
            types.dedup();
            types
        };
        let seen = types(limited.get(&path).expect(200).resources());
        assert_eq!(seen, ["\"Patient\""], "{path}");
        let seen = types(all.get(&path).expect(200).resources());
        assert!(seen.contains(&"\"Basic\"".to_string()), "{path}");
    }
}

#[test]
fn entries_are_decided_one_by_one() {
    let app = secured();
    let client = app.client_with("system/Patient.c");
    let entry = |t: &str| json!({"request": {"method": "POST", "url": t}, "resource": {"resourceType": t, "code": {"text": "x"}}});
    let mut patient = entry("Patient");
    patient["resource"] = json!({"resourceType": "Patient"});
    let entries = [patient, entry("Basic")];
    let batch = client.post("", &json!({"resourceType": "Bundle", "type": "batch", "entry": entries})).expect(200);
    let statuses: Vec<Value> = batch.entries().iter().map(|e| e["response"]["status"].clone()).collect();
    assert_eq!(statuses, ["201 Created", "403 Forbidden"]);
    let whole = client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}));
    assert!(whole.expect(403).expect_issue("forbidden").contains("entry[1]"));
    // The rights that a condition or a read inside needs are those it needs outside.
    for (method, url, condition) in
        [("GET", "Patient/1", None), ("POST", "Patient", Some("identifier=x")), ("PUT", "Patient/1", None)]
    {
        let mut one = json!({"request": {"method": method, "url": url}});
        if let Some(condition) = condition {
            one["request"]["ifNoneExist"] = json!(condition);
        }
        if method != "GET" {
            one["resource"] = json!({"resourceType": "Patient", "id": "1"});
        }
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [one]});
        client.post("", &bundle).expect(403).expect_issue("forbidden");
    }
    let nobody = app.client().post("", &json!({"resourceType": "Bundle", "type": "batch", "entry": entries}));
    nobody.expect(401);
}

/// A conditional reference tells whether something exists, so it is a search.
#[test]
fn a_conditional_reference_needs_the_right_to_search() {
    let app = secured();
    let all = app.client_with("system/*.cruds");
    let value = unique();
    all.post("Patient", &identified(&value)).expect(201);
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": format!("Patient?{}", by_identifier(&value))}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": observation, "request": {"method": "POST", "url": "Observation"}}]});
    app.client_with("system/Observation.c system/Patient.s").post("", &bundle).expect(200);
    let refused = app.client_with("system/Observation.c").post("", &bundle);
    assert!((400..500).contains(&refused.status), "{}: {}", refused.status, refused.text());
}

#[test]
fn a_refusal_comes_before_the_body_is_looked_at() {
    let app = secured();
    let client = app.client_with("system/Observation.c");
    let answer = client.post("Patient", &json!({"resourceType": "Patient", "nope": 1}));
    answer.expect(403).expect_issue("forbidden");
}
