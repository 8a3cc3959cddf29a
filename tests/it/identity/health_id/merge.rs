//! Matching, linking and merging records of one person.

use serde_json::{Value, json};

use super::{identifier, issue_to, number, parameters, part, registered, somebody, system};
use crate::app::TestApp;
use crate::client::{Client, Response};

fn merge(client: &Client, source: &str, target: &str, preview: bool) -> Response {
    let reference = |id: &str| json!({"reference": format!("Patient/{id}")});
    client.post(
        "Patient/$merge",
        &parameters(json!([
            {"name": "source-patient", "valueReference": reference(source)},
            {"name": "target-patient", "valueReference": reference(target)},
            {"name": "preview", "valueBoolean": preview},
        ])),
    )
}

fn matched(client: &Client, sought: &Value, only_certain: bool) -> Vec<Value> {
    let list =
        json!([{"name": "resource", "resource": sought}, {"name": "onlyCertainMatches", "valueBoolean": only_certain}]);
    client.post("Patient/$match", &parameters(list)).expect(200).entries()
}

fn grade(entry: &Value) -> &str {
    assert_eq!(entry["search"]["extension"][0]["url"], "http://hl7.org/fhir/StructureDefinition/match-grade");
    entry["search"]["extension"][0]["valueCode"].as_str().expect("a code")
}

#[test]
fn a_match_is_graded_scored_and_masked() {
    let app = TestApp::shared();
    let client = app.client();
    let mut patient = somebody();
    let ssn = format!("{}-6789", &uuid::Uuid::new_v4().simple().to_string()[..9]);
    patient["identifier"] = json!([{"system": "http://hl7.org/fhir/sid/us-ssn", "value": ssn}]);
    let id = client.post("Patient", &patient).expect(201).id();
    let mut sought = patient.clone();
    let found = matched(client, &sought, false);
    assert_eq!(grade(&found[0]), "certain");
    assert_eq!(found[0]["resource"]["id"], id.as_str());
    assert_eq!(found[0]["search"]["mode"], "match");
    assert_eq!(found[0]["search"]["score"].as_f64(), Some(1.0));
    assert!(found[0]["resource"]["identifier"][0]["value"].as_str().is_some_and(|v| v.ends_with("*789")), "{found:?}");
    assert!(!found[0].to_string().contains(&ssn));
    // By name and birthday alone it is likely, and no more.
    for gone in ["identifier", "telecom"] {
        sought.as_object_mut().expect("an object").remove(gone);
    }
    assert_eq!(grade(&matched(client, &sought, false)[0]), "probable");
    assert!(matched(client, &sought, true).is_empty());
    // By the identifier alone, whatever its marks.
    let by_identifier = json!({"resourceType": "Patient", "identifier": patient["identifier"]});
    assert_eq!(grade(&matched(client, &by_identifier, false)[0]), "probable");
    // Two records of one person: neither is the certain one.
    client.post("Patient", &patient).expect(201);
    assert_eq!(matched(client, &patient, false).len(), 2);
    assert!(matched(client, &patient, true).is_empty());
    let one = json!([{"name": "resource", "resource": patient}, {"name": "count", "valueInteger": 1}]);
    assert_eq!(client.post("Patient/$match", &parameters(one)).expect(200).entries().len(), 1);
    let none = json!([{"name": "resource", "resource": {"resourceType": "Patient"}}]);
    client.post("Patient/$match", &parameters(none)).expect(400).expect_issue("required");
    assert!(matched(client, &somebody(), false).is_empty());
}

#[test]
fn a_link_is_written_on_both_sides() {
    let app = TestApp::shared();
    let client = app.client();
    let ((first, first_number), (second, second_number)) =
        (registered(client, &somebody()), registered(client, &somebody()));
    let link = |id: &str, number: &str, relationship: &str| {
        let list = json!([{"name": "identifier", "valueIdentifier": identifier(&app, number)},
            {"name": "relationship", "valueCode": relationship}]);
        client.post(&format!("Patient/{id}/$link-health-id"), &parameters(list))
    };
    let links = |id: &str| client.get(&format!("Patient/{id}")).expect(200).json()["link"].clone();
    let to = |id: &str, kind: &str| json!([{"other": {"reference": format!("Patient/{id}")}, "type": kind}]);
    assert_eq!(link(&first, &second_number, "seealso").expect(200).json()["link"], to(&second, "seealso"));
    assert_eq!(links(&second), to(&first, "seealso"));
    let replaced = link(&first, &second_number, "replaced-by").expect(200).json();
    assert_eq!(replaced["active"], false);
    assert_eq!((&replaced["identifier"][0]["use"], links(&first)), (&json!("old"), to(&second, "replaced-by")));
    assert_eq!(links(&second), to(&first, "replaces"));
    link(&second, &first_number, "replaced-by").expect(422).expect_issue("business-rule");
    link(&second, &second_number, "seealso").expect(422).expect_issue("business-rule");
    link(&first, "123456789012346", "seealso").expect(404).expect_issue("not-found");
    assert!(link(&first, &second_number, "refer").expect(400).expect_issue("code-invalid").contains("relationship"));
    issue_to(client, &first).expect(422);
}

#[test]
fn a_merge_leads_everything_to_the_target_and_keeps_the_history() {
    let app = TestApp::shared();
    let client = app.client();
    let ((source, old_number), (target, new_number)) =
        (registered(client, &somebody()), registered(client, &somebody()));
    let of = |id: &str| json!({"reference": format!("Patient/{id}")});
    let observation =
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": of(&source)});
    let observation = client.post("Observation", &observation).expect(201).id();
    let group = json!({"resourceType": "Group", "type": "person", "actual": true, "member": [{"entity": of(&source)}, {"entity": of(&target)}]});
    let group = client.post("Group", &group).expect(201).id();
    let provenance = json!({"resourceType": "Provenance", "target": [of(&source)], "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "x"}}]});
    let provenance = client.post("Provenance", &provenance).expect(201).id();
    let before = client.get(&format!("Patient/{source}")).json();

    let preview = merge(client, &source, &target, true).expect(200);
    assert!(part(&preview, "outcome").to_string().contains("would"));
    assert_eq!(client.get(&format!("Patient/{source}")).json(), before, "a preview writes nothing");

    let done = merge(client, &source, &target, false).expect(200);
    assert!(part(&done, "outcome").to_string().contains("2 other resources"), "{}", done.text());
    let (gone, kept) =
        (client.get(&format!("Patient/{source}")).json(), client.get(&format!("Patient/{target}")).json());
    assert_eq!(part(&done, "result")["resource"], kept);
    assert_eq!((&gone["active"], &gone["link"][0]["type"]), (&json!(false), &json!("replaced-by")));
    assert_eq!((&kept["link"][0]["type"], &kept["link"][0]["other"]), (&json!("replaces"), &of(&source)));
    assert_eq!(gone.get("identifier"), None, "a Health ID is on one Patient");
    assert_eq!(
        (&kept["identifier"][0]["use"], &kept["identifier"][0]["value"]),
        (&json!("official"), &json!(new_number))
    );
    assert_eq!((&kept["identifier"][1]["use"], &kept["identifier"][1]["value"]), (&json!("old"), &json!(old_number)));
    assert_eq!(client.get(&format!("Observation/{observation}")).json()["subject"], of(&target));
    assert_eq!(client.get(&format!("Group/{group}")).json()["member"][0]["entity"], of(&target));
    assert_eq!(client.get(&format!("Provenance/{provenance}")).json()["target"][0], of(&source), "evidence stays");
    assert_eq!(client.get(&format!("Observation/{observation}/_history/1")).json()["subject"], of(&source));
    assert_eq!(client.get(&format!("Observation?subject=Patient/{source}")).resources().len(), 0);

    // The number of before leads to the target, who writes it on as their own.
    let found = client.get(&format!("Patient?identifier={}|{old_number}", system(&app))).resources();
    assert_eq!((found.len(), &found[0]["id"]), (1, &json!(target)));
    client.put(&format!("Patient/{target}"), &kept).expect(200);
    client.put(&format!("Patient/{source}"), &before).expect(422).expect_issue("business-rule");

    // Again brings along what came since; another way round, or elsewhere, is refused.
    let late =
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "late"}, "subject": of(&source)});
    client.post("Observation", &late).expect(201);
    assert!(part(&merge(client, &source, &target, false).expect(200), "outcome").to_string().contains("1 other"));
    merge(client, &target, &source, false).expect(422).expect_issue("business-rule");
    let (third, _) = registered(client, &somebody());
    merge(client, &source, &third, false).expect(422).expect_issue("business-rule");
    merge(client, &third, &third, false).expect(422).expect_issue("business-rule");
    merge(client, "nobody", &third, false).expect(404);
    let audited = app.sql(&format!("select count(*) from audit where id = '{observation}' and detail like 'merge%'"));
    assert_eq!(audited[0].get::<_, i64>(0), 1);
}

#[test]
fn a_target_without_a_number_takes_over_that_of_the_source() {
    let app = TestApp::shared();
    let client = app.client();
    let (source, given) = registered(client, &somebody());
    let target = client.post("Patient", &somebody()).expect(201).id();
    merge(client, &source, &target, false).expect(200);
    assert_eq!(number(&issue_to(client, &target).expect(200)), given);
    let kept = client.get(&format!("Patient/{target}")).json();
    assert_eq!(kept["identifier"][0]["use"], "official");
}
