//! A Consent from the question to its end, as a patient and a physician see it.

use serde_json::{Value, json};

use super::{Somebody, app, ask, asked, call, class, codes, day, keeper, notices, only, parameters, wanted};
use crate::races::unique;

/// emergency.md 7, case 13, the first half: a request, and less than that given.
#[test]
fn a_request_is_granted_in_part_and_everybody_is_told() {
    let app = app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    let answer = ask(&doctor.client(), wanted(&patient)).expect(201);
    assert!(answer.header("location").is_some_and(|to| to.contains("/Consent/")), "{:?}", answer.headers);
    let (id, consent) = (answer.id(), answer.json());
    assert_eq!(consent["status"], "proposed");
    assert_eq!(consent["provision"]["actor"][0]["reference"]["reference"], doctor.record.as_str());
    let task = only(&keeper(app), &format!("Task?focus=Consent/{id}"));
    assert_eq!((&task["status"], &task["owner"]["reference"]), (&json!("requested"), &json!(patient.record)));
    assert_eq!(
        notices(app, &patient.record),
        [(
            "consent-request".to_string(),
            "Dr. Ada Okafor asks to see parts of your record. You decide: open the page to answer.".to_string()
        )]
    );

    let less = json!([class("labs"), {"name": "period", "valuePeriod": {"end": day(7)}}]);
    let given = call(&patient.client(), &id, "grant", less).expect(200).json();
    assert_eq!(given["status"], "active");
    assert_eq!(given["performer"][0]["reference"], patient.record.as_str());
    assert_eq!(given["verification"][0]["verified"], true);
    assert_eq!(given["provision"]["extension"].as_array().map(Vec::len), Some(1), "{given}");
    assert!(!given.to_string().contains("MedicationRequest"), "what was not given is not there: {given}");
    assert_eq!(only(&keeper(app), &format!("Task?focus=Consent/{id}"))["status"], "completed");
    assert_eq!(codes(app, &doctor.record), ["consent-granted"]);
    assert_eq!(codes(app, &patient.record), ["consent-request", "consent-granted"]);

    let rows = app.sql(&format!("select action, status::int, principal from audit where id = '{id}' order by at, no"));
    let rows: Vec<(String, i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let steps: Vec<_> = rows.iter().filter(|row| row.0.starts_with("consent-")).collect();
    let row = |action: &str, status, who: &Somebody| (action.to_string(), status, who.account.clone());
    assert_eq!(steps, [&row("consent-request", 201, &doctor), &row("consent-grant", 200, &patient)]);

    let found = keeper(app).get(&format!("Provenance?target=Consent/{id}&_sort=_lastUpdated")).expect(200).resources();
    let told: Vec<_> = found
        .iter()
        .map(|it| {
            let text = |path: &str| it.pointer(path).and_then(Value::as_str).unwrap_or_default();
            (text("/target/0/reference"), text("/activity/coding/0/code"), text("/agent/0/who/reference"))
        })
        .collect();
    let (first, second) = (format!("Consent/{id}/_history/1"), format!("Consent/{id}/_history/2"));
    assert_eq!(told, [(&*first, "CREATE", &*doctor.record), (&*second, "UPDATE", &*patient.record)]);
}

#[test]
fn what_is_given_is_never_more_than_what_was_asked_for() {
    let app = app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    let id = asked(&doctor, &patient);
    for more in [
        json!([class("hiv")]),
        json!([class("labs"), class("all")]),
        json!([{"name": "period", "valuePeriod": {"end": day(31)}}]),
        json!([{"name": "period", "valuePeriod": {"start": day(-1)}}]),
        json!([{"name": "period", "valuePeriod": {"end": day(-1)}}]),
    ] {
        call(&patient.client(), &id, "grant", more).expect(422).expect_issue("business-rule");
    }
    call(&patient.client(), &id, "grant", json!([class("nonsense")])).expect(400).expect_issue("code-invalid");
    let consent = keeper(app).get(&format!("Consent/{id}")).expect(200).json();
    assert_eq!((&consent["status"], &consent["meta"]["versionId"]), (&json!("proposed"), &json!("1")));
    assert_eq!(codes(app, &doctor.record), [""; 0]);

    let stale = call_if(&patient, &id, "W/\"7\"");
    assert_eq!(stale, 412);
    assert_eq!(call_if(&patient, &id, "W/\"1\""), 200);
    call(&patient.client(), &id, "grant", json!([])).expect(409).expect_issue("conflict");
    call(&patient.client(), &id, "deny", json!([])).expect(409).expect_issue("conflict");
}

fn call_if(patient: &Somebody, id: &str, version: &str) -> u16 {
    let path = format!("Consent/{id}/$grant");
    patient.client().send("POST", &path, &[("If-Match", version)], &parameters(json!([]))).status
}

#[test]
fn only_the_patient_and_who_speaks_for_the_patient_answer() {
    let app = app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    let id = asked(&doctor, &patient);
    let other = Somebody::patient(app);
    for operation in ["grant", "deny", "revoke"] {
        call(&other.client(), &id, operation, json!([])).expect(404);
        assert_eq!(call(&doctor.client(), &id, operation, json!([])).status, 403, "{operation}");
        call(&app.client_with("system/*.rs"), &id, operation, json!([])).expect(403);
    }
    call(&keeper(app), &id, "grant", json!([])).expect(403);

    let related = json!({"resourceType": "RelatedPerson", "patient": {"reference": patient.record}});
    let over = json!({"resourceType": "RelatedPerson", "patient": {"reference": patient.record},
        "period": {"end": "2020-01-01"}});
    let speaking = |record: &Value| {
        let somebody = Somebody::new(app, "related-person", record, &[]);
        let token = app.forged(|claims| {
            claims.sub = somebody.account.clone();
            claims.scope = "user/*.cruds".to_string();
            claims.roles = vec!["related-person".to_string()];
            claims.fhir_user = Some(somebody.record.clone());
            claims.patient = Some(patient.id().to_string());
            claims.auth_time = Some(claims.iat);
            claims.amr = vec!["hwk".to_string()];
        });
        (app.client().with_token(&token), somebody.record)
    };
    call(&speaking(&over).0, &id, "grant", json!([])).expect(403);
    let (client, record) = speaking(&related);
    let given = call(&client, &id, "grant", json!([])).expect(200).json();
    assert_eq!(given["performer"][0]["reference"], record.as_str());
}

#[test]
fn consent_takes_a_second_factor_or_a_code_of_it() {
    let app = app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    let id = asked(&doctor, &patient);
    let grant =
        |methods: &[&str], ago_s: i64, list: Value| call(&patient.signed_in(ago_s, methods), &id, "grant", list).status;
    let code = |code: &str| json!([{"name": "verification", "valueString": code}]);
    assert_eq!(grant(&["pwd"], 3_600, json!([])), 403, "signed in long ago");
    assert_eq!(grant(&["pwd", "otp"], 3_600, json!([])), 403, "with a second factor, long ago");
    assert_eq!(grant(&["pwd"], 0, code("123456")), 403, "no such code");

    let (account, good) = (&patient.account, "abcde23456");
    let seal = medilink::account::seal::Seal::load_or_create(&app.data_dir()).expect("the key of the server");
    let hash = medilink::store::identity::hex(&seal.hash("recovery", &format!("{account} {good}")));
    app.sql(&format!("insert into recovery_code (account, hash) values ('{account}', decode('{hash}', 'hex'))"));
    app.sql(&format!("update account set totp = '\\x00' where id = '{account}'"));
    assert_eq!(grant(&["pwd"], 0, json!([])), 403, "who has a second factor shows it");
    let given = call(&patient.signed_in(3_600, &["pwd"]), &id, "grant", code("abcde-23456")).expect(200).json();
    assert_eq!(given["verification"][0]["verifiedWith"]["reference"], patient.record.as_str());

    let (second, plain) = (Somebody::physician(app), Somebody::patient(app));
    let id = asked(&second, &plain);
    let given = call(&plain.signed_in(0, &["pwd"]), &id, "grant", json!([])).expect(200).json();
    assert!(given.get("verification").is_none(), "a password alone verifies nothing: {given}");
}

#[test]
fn a_denied_request_stays_denied() {
    let app = app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    let id = asked(&doctor, &patient);
    let reason = json!([{"name": "reason", "valueString": "I do not know you."}]);
    assert_eq!(call(&patient.client(), &id, "deny", reason).expect(200).json()["status"], "rejected");
    let task = only(&keeper(app), &format!("Task?focus=Consent/{id}"));
    assert_eq!((&task["status"], &task["statusReason"]["text"]), (&json!("rejected"), &json!("I do not know you.")));
    let told = notices(app, &doctor.record);
    assert_eq!(told.len(), 1);
    assert!(!told[0].1.contains("know"), "the words are not in the notice: {told:?}");
    call(&patient.client(), &id, "grant", json!([])).expect(409);
    // It was answered, so that it may be asked again.
    asked(&doctor, &patient);
}

/// emergency.md 7, case 13, the second half.
#[test]
fn what_is_revoked_ends_the_tokens_that_stand_on_it() {
    let app = app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    let id = asked(&doctor, &patient);
    call(&patient.client(), &id, "revoke", json!([])).expect(409).expect_issue("conflict");
    call(&patient.client(), &id, "grant", json!([])).expect(200);
    let standing = |consent: &str| {
        app.client().with_token(&app.forged(|claims| {
            claims.sub = doctor.account.clone();
            claims.scope = "patient/*.rs".to_string();
            claims.roles = vec!["physician".to_string()];
            claims.fhir_user = Some(doctor.record.clone());
            claims.patient = Some(patient.id().to_string());
            claims.auth_time = Some(claims.iat);
            claims.consent = Some(format!("Consent/{consent}"));
        }))
    };
    let (on_it, on_another) = (standing(&id), standing("another"));
    on_it.get("metadata").expect(200);
    on_it.get(&patient.record).expect(200);
    let ended = call(&patient.client(), &id, "revoke", json!([])).expect(200).json();
    assert_eq!(on_it.get(&patient.record).status, 401, "at once, on the process that revoked it");
    assert_eq!(on_another.get(&patient.record).status, 401, "what is not in force opens nothing either");
    assert_eq!(ended["status"], "inactive");
    assert!(ended["provision"]["period"]["end"].as_str().expect("an end") <= day(0).as_str(), "{ended}");
    let again = call(&patient.client(), &id, "revoke", json!([])).expect(200).json();
    assert_eq!(again["meta"]["versionId"], ended["meta"]["versionId"], "the second time changes nothing");
    assert_eq!(codes(app, &doctor.record), ["consent-granted", "consent-revoked"]);
    call(&patient.client(), &id, "grant", json!([])).expect(409);
}

#[test]
fn a_request_tells_nothing_of_patients_who_are_not_there() {
    let app = app();
    let doctor = Somebody::physician(app);
    let client = doctor.client();
    let gone = Somebody::patient(app);
    keeper(app).delete(&gone.record).expect(204);
    let inactive = Somebody::new(app, "patient", &json!({"resourceType": "Patient", "active": false}), &[]);
    let mut nobody = wanted(&gone);
    nobody[0]["valueReference"]["reference"] = format!("Patient/{}", unique("nobody")).into();
    let mut number = wanted(&gone);
    number[0] = json!({"name": "health-id", "valueIdentifier": {"value": "123456789012345"}});
    let answers: Vec<String> = [wanted(&gone), wanted(&inactive), nobody, number]
        .into_iter()
        .map(|list| ask(&client, list).expect(404).expect_issue("not-found"))
        .collect();
    assert!(answers.iter().all(|text| *text == answers[0]), "{answers:?}");

    let wrong = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut list = wanted(&gone);
        change(&mut list);
        let answer = ask(&client, list);
        (answer.status, answer.expect_issue(answer.json()["issue"][0]["code"].as_str().unwrap_or_default()))
    };
    for (change, status, path) in [
        (&(|list: &mut Vec<Value>| drop(list.remove(1))) as &dyn Fn(&mut Vec<Value>), 400, "Parameters.parameter"),
        (
            &|list: &mut Vec<Value>| list[1]["valueCoding"]["code"] = "BTG".into(),
            400,
            "Parameters.parameter[1].valueCoding",
        ),
        (
            &|list: &mut Vec<Value>| list[2]["valueCoding"]["code"] = "x".into(),
            400,
            "Parameters.parameter[2].valueCoding",
        ),
        (
            &|list: &mut Vec<Value>| list[4]["valuePeriod"]["end"] = day(367).into(),
            422,
            "Parameters.parameter[4].valuePeriod",
        ),
        (
            &|list: &mut Vec<Value>| list[4]["valuePeriod"]["end"] = day(-1).into(),
            422,
            "Parameters.parameter[4].valuePeriod",
        ),
        (
            &|list: &mut Vec<Value>| list[4]["valuePeriod"] = json!({"start": day(1)}),
            400,
            "Parameters.parameter[4].valuePeriod.end",
        ),
        (
            &|list: &mut Vec<Value>| list.push(json!({"name": "callback", "valueUrl": "http://x"})),
            400,
            "Parameters.parameter",
        ),
        (&|list: &mut Vec<Value>| drop(list.remove(0)), 400, "Parameters.parameter"),
    ] {
        let (found, said) = wrong(change);
        assert_eq!(found, status, "{path}: {said}");
        assert!(said.starts_with(&format!("{path} ")), "{path}: {said}");
    }
}

#[test]
fn who_treats_patients_asks_and_nobody_asks_twice_or_in_the_name_of_others() {
    let app = app();
    let (doctor, other, patient) = (Somebody::physician(app), Somebody::physician(app), Somebody::patient(app));
    asked(&doctor, &patient);
    ask(&doctor.client(), wanted(&patient)).expect(409).expect_issue("duplicate");
    asked(&other, &patient);
    let practitioner = json!({"resourceType": "Practitioner"});
    ask(&Somebody::new(app, "receptionist", &practitioner, &[]).client(), wanted(&patient)).expect(403);
    ask(&patient.client(), wanted(&patient)).expect(403);
    ask(&keeper(app), wanted(&patient)).expect(403);

    let named = |name: &str| {
        let mut list = wanted(&Somebody::patient(app));
        list.push(json!({"name": "requester", "valueReference": {"reference": name}}));
        list
    };
    ask(&doctor.client(), named(&other.record)).expect(403);
    let clinic = keeper(app).post("Organization", &json!({"resourceType": "Organization", "name": "Clinic"})).id();
    let clinic = format!("Organization/{clinic}");
    ask(&doctor.client(), named(&clinic)).expect(403);
    let role = json!({"resourceType": "PractitionerRole", "practitioner": {"reference": doctor.record},
        "organization": {"reference": clinic}});
    keeper(app).post("PractitionerRole", &role).expect(201);
    let consent = ask(&doctor.client(), named(&clinic)).expect(201).json();
    assert_eq!(consent["provision"]["actor"][0]["reference"], json!({"reference": clinic, "display": "Clinic"}));
    let system = app.client_with("system/*.cruds __ask_consent");
    ask(&system, named(&clinic)).expect(201);
    ask(&system, wanted(&patient)).expect(400);
}

/// consent.md 10, case 8; and what $explain says of the others.
#[test]
fn only_an_active_consent_has_a_say_and_the_patient_is_told_which() {
    let app = super::cases::app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    let explain = |client: &crate::client::Client| {
        let path = format!("Consent/$explain?patient={}&actor={}", patient.record, doctor.record);
        client.get(&path)
    };
    let said = |name: &str| {
        let answer = explain(&patient.client()).expect(200).json();
        let list = answer["parameter"].as_array().expect("parameters").clone();
        let found = list.into_iter().find(|it| it["name"] == name).unwrap_or_default();
        found.get("valueCode").or(found.get("valueString")).and_then(Value::as_str).unwrap_or_default().to_string()
    };
    assert_eq!(said("decision"), "treatment");
    for status in ["draft", "proposed", "rejected", "inactive", "entered-in-error"] {
        let consent = json!({"resourceType": "Consent", "status": status,
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": patient.record},
            "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]}});
        keeper(app).post("Consent", &consent).expect(201);
        assert_eq!(said("decision"), "treatment", "{status}");
    }
    let id = asked(&doctor, &patient);
    assert_eq!(said("decision"), "treatment", "asked is not given");
    call(&patient.client(), &id, "grant", json!([])).expect(200);
    assert_eq!(said("decision"), "permit", "{}", said("text"));
    assert!(said("text").contains(&id) && said("path").starts_with("provision"), "{} {}", said("text"), said("path"));
    let auditor = Somebody::new(app, "system-auditor", &json!({"resourceType": "Practitioner"}), &[]);
    explain(&auditor.client()).expect(200);
    explain(&doctor.client()).expect(403);
    explain(&Somebody::patient(app).client()).expect(403);
    call(&patient.client(), &id, "revoke", json!([])).expect(200);
    assert_eq!(said("decision"), "treatment");
}
