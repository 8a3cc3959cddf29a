//! A Binary is as visible as what it belongs to, in every form and on every way there is to it.
//!
//! R4 <https://hl7.org/fhir/R4/binary.html#security>.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::rest::unique;

/// A server with two patients, and Binaries that belong to the first, the second, both or nobody.
struct Stage {
    app: TestApp,
    keeper: Client,
    one: String,
    other: String,
}

fn set() -> Stage {
    let app = TestApp::builder().secured().start();
    let keeper = app.client_with("system/*.cruds");
    let (one, other) = (unique(), unique());
    for id in [&one, &other] {
        keeper.put(&format!("Patient/{id}"), &json!({"resourceType": "Patient", "id": id})).expect(201);
        let of = json!({"reference": format!("Patient/{id}")});
        let observed =
            json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}, "subject": of});
        keeper.put(&format!("Observation/{id}"), &observed).expect(201);
    }
    Stage { app, keeper, one, other }
}

impl Stage {
    /// Makes a Binary and returns its path.
    fn binary(&self, context: Option<&str>) -> String {
        let mut headers = vec![("Content-Type", "text/plain")];
        headers.extend(context.map(|context| ("X-Security-Context", context)));
        format!("Binary/{}", self.keeper.request("POST", "Binary", &headers, b"secret").expect(201).id())
    }

    fn document(&self, patient: &str, url: &str) -> String {
        let document = json!({"resourceType": "DocumentReference", "status": "current",
            "subject": {"reference": format!("Patient/{patient}")}, "content": [{"attachment": {"url": url}}]});
        self.keeper.post("DocumentReference", &document).expect(201).id()
    }

    fn as_patient(&self, id: &str) -> Client {
        let id = id.to_string();
        self.app.client().with_token(&self.app.forged(move |claims| {
            claims.scope = "patient/*.rs".into();
            claims.patient = Some(id);
        }))
    }

    fn as_person(&self, role: &str, who: &str, scope: &str) -> Client {
        let (role, who, scope) = (role.to_string(), who.to_string(), scope.to_string());
        self.app.client().with_token(&self.app.forged(move |claims| {
            claims.scope = scope;
            claims.roles = vec![role];
            claims.sub = who.clone();
            claims.fhir_user = Some(who);
        }))
    }
}

#[test]
fn a_binary_is_read_by_who_may_see_what_it_belongs_to() {
    let stage = set();
    let (one, other) = (&stage.one, &stage.other);
    let linked = stage.binary(None);
    stage.document(one, &linked);
    let absolute = stage.binary(None);
    stage.document(one, &format!("{}/{absolute}", stage.app.base()));
    let of_both = stage.binary(None);
    stage.document(one, &of_both);
    stage.document(other, &of_both);
    let (mine, theirs) = (stage.as_patient(one), stage.as_patient(other));
    for (what, path, own, others) in [
        ("a Patient", stage.binary(Some(&format!("Patient/{one}"))), 200, 404),
        ("a resource of the record", stage.binary(Some(&format!("Observation/{one}"))), 200, 404),
        ("a resource that is not there", stage.binary(Some(&format!("Observation/{}", unique()))), 404, 404),
        ("a resource elsewhere", stage.binary(Some("http://example.org/fhir/Patient/1")), 404, 404),
        ("a document", linked, 200, 404),
        ("a document that names the whole URL", absolute, 200, 404),
        ("documents of two records", of_both, 404, 404),
        ("nothing", stage.binary(None), 404, 404),
    ] {
        for (client, status) in [(&mine, own), (&theirs, others), (&stage.keeper, 200)] {
            for accept in ["application/fhir+json", "text/plain"] {
                let answer = client.get_with(&path, &[("Accept", accept)]);
                assert_eq!(answer.status, status, "{what}: {accept}: {}", answer.text());
                assert_eq!(answer.text().contains("secret"), status == 200 && accept == "text/plain", "{what}");
            }
            client.get(&format!("{path}/_history/1")).expect(status);
        }
    }
    stage.app.client().get(&stage.binary(None)).expect(401);
}

#[test]
fn what_is_hidden_looks_like_what_is_not_there() {
    let stage = set();
    let mine = stage.as_patient(&stage.one);
    let hidden = stage.binary(Some(&format!("Patient/{}", stage.other)));
    let absent = format!("Binary/{}", unique());
    let told = |path: &str| mine.get(path).expect(404).text().replace(path, "it");
    assert_eq!(told(&hidden), told(&absent));
    let told = |path: &str| mine.get(&format!("{path}/_history/1")).expect(404).text().replace(path, "it");
    assert_eq!(told(&hidden), told(&absent));
}

#[test]
fn an_old_version_is_as_hidden_as_the_newest() {
    let stage = set();
    let path = stage.binary(Some(&format!("Patient/{}", stage.one)));
    let headers = [("Content-Type", "text/plain"), ("X-Security-Context", &*format!("Patient/{}", stage.other))];
    stage.keeper.request("PUT", &path, &headers, b"newer").expect(200);
    let (mine, theirs) = (stage.as_patient(&stage.one), stage.as_patient(&stage.other));
    for (client, version, status) in [(&mine, 1, 404), (&mine, 2, 404), (&theirs, 1, 404), (&theirs, 2, 200)] {
        client.get(&format!("{path}/_history/{version}")).expect(status);
    }
    stage.keeper.delete(&path).expect(204);
    theirs.get(&path).expect(404);
    stage.keeper.get(&path).expect(410);
}

#[test]
fn binaries_are_not_found_nor_come_along_nor_are_written_by_others() {
    let stage = set();
    let own = stage.binary(Some(&format!("Patient/{}", stage.one)));
    let list = json!({"resourceType": "List", "status": "current", "mode": "working",
        "subject": {"reference": format!("Patient/{}", stage.one)}, "entry": [{"item": {"reference": own}}]});
    let list = stage.keeper.post("List", &list).expect(201).id();
    let doctor = stage.as_person("physician", "Practitioner/house", "user/*.cruds");
    let patient = stage.as_patient(&stage.one);
    let count = |client: &Client, path: &str| -> usize {
        let text = client.get(path).expect(200).text();
        text.matches("\"resourceType\":\"Binary\"").count()
    };
    let include = format!("List?_id={list}&_include=List:item");
    for path in [include.as_str(), "_history", &format!("List?_id={list}&_include=*")] {
        assert_eq!(count(&stage.keeper, path), 1, "{path}");
        for client in [&doctor, &patient] {
            assert_eq!(count(client, path), 0, "{path}");
        }
    }
    let id = own.trim_start_matches("Binary/");
    assert_eq!(count(&stage.keeper, &format!("Binary?_id={id}")), 1);
    for client in [&doctor, &patient] {
        for path in ["Binary", "Binary/_history", &format!("Binary?_id={id}")] {
            client.get(path).expect(403);
        }
        client.get(&own).expect(200);
        client.get(&format!("{own}/_history")).expect(404);
        let body: Value = json!({"resourceType": "Binary", "id": id, "contentType": "text/plain"});
        client.put(&own, &body).expect(403);
        client.delete(&own).expect(403);
        let condition = [("If-None-Exist", &*format!("_id={id}"))];
        client
            .send("POST", "Binary", &condition, &json!({"resourceType": "Binary", "contentType": "text/plain"}))
            .expect(403);
    }
    let made = doctor.request("POST", "Binary", &[("Content-Type", "text/plain")], b"new").expect(201);
    let location = made.header("location").expect("a location");
    doctor.get(location.split("/_history").next().unwrap()).expect(404);
    patient.request("POST", "Binary", &[("Content-Type", "text/plain")], b"new").expect(403);
}
