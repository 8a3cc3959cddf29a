//! Compliance reviews what was done: once, by somebody else, and nobody takes the review away.

use serde_json::json;

use super::stage::*;
use crate::client::{Client, Response};
use crate::races::together;

fn review(client: &Client, task: &str, finding: &str) -> Response {
    let list = [("finding", "valueCode", json!(finding)), ("comment", "valueString", json!("seen by compliance"))];
    client.post(&format!("{task}/$review-break-glass"), &parameters(&list))
}

fn auditor() -> Client {
    Person::new("system-auditor", "Practitioner/c1").client()
}

#[test]
fn a_review_completes_the_task_with_its_finding() {
    let (doctor, id) = (physician(), patient());
    let answer = break_glass(&doctor.client(), &id).expect(200);
    let grant = word(&answer, "grant");
    let task = task_of(app(), &grant);
    for (name, client, status) in [
        ("the physician", doctor.client(), 403),
        ("an admin", Person::new("admin", "Practitioner/a1").client(), 403),
        ("a patient", Person::new("patient", &format!("Patient/{id}")).client(), 403),
        ("an operator", operator().clone(), 403),
        ("a system", app().client_with("system/*.cruds __audit"), 403),
        ("the physician as auditor", Person { role: "system-auditor", ..doctor.clone() }.client(), 403),
    ] {
        let refused = review(&client, &task, "justified");
        assert_eq!(refused.status, status, "{name}: {}", refused.text());
    }
    review(&auditor(), &task, "fine").expect(422);
    review(&auditor(), "Task/none", "justified").expect(404);
    let statuses = together(4, |_| review(&auditor(), &task, "justified").status);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 3, "{statuses:?}");
    let done = operator().get(&task).expect(200).json();
    for (pointer, want) in [
        ("/status", "completed"),
        ("/output/0/type/text", "finding"),
        ("/output/0/valueCode", "justified"),
        ("/note/0/text", "seen by compliance"),
    ] {
        assert_eq!(done.pointer(pointer), Some(&json!(want)), "{pointer}");
    }
    let rows = audited(app(), "break-glass-review", &id, 1);
    let detail = format!("grant={grant}; task={task}; finding=justified; comment=seen by compliance");
    assert_eq!(rows, [(200, detail)]);
    assert_eq!(operator().get(&consent_of(&answer)).expect(200).json()["status"], "active", "it goes on");
    assert!(notices(app(), &id, "break-glass-unjustified").is_empty());
}

#[test]
fn an_access_that_was_not_justified_ends() {
    let (doctor, id) = (physician(), patient());
    let answer = break_glass(&doctor.client(), &id).expect(200);
    review(&auditor(), &task_of(app(), &word(&answer, "grant")), "unjustified").expect(200);
    assert_eq!(operator().get(&consent_of(&answer)).expect(200).json()["status"], "inactive");
    let rows = audited(app(), "emergency-override-stop", &id, 1);
    assert!(rows.len() == 1 && rows[0].1.ends_with("by=review"), "{rows:?}");
    let told = notices(app(), &id, "break-glass-unjustified");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["recipient"][0]["reference"], json!(doctor.who));
}

#[test]
fn nobody_of_the_staff_completes_changes_makes_or_removes_a_review() {
    let (doctor, id) = (physician(), patient());
    let task = task_of(app(), &word(&break_glass(&doctor.client(), &id).expect(200), "grant"));
    let stored = operator().get(&task).expect(200).json();
    let mut done = stored.clone();
    done["status"] = json!("completed");
    let mut other = stored.clone();
    other["code"] = json!({"text": "something else"});
    for role in ["physician", "nurse", "receptionist", "facility-admin", "admin"] {
        let client = Person { role, ..doctor.clone() }.client();
        for change in [&done, &other] {
            client.put(&task, change).expect(403);
        }
        // Who may delete Tasks and not see this one is told that there is nothing: and nothing is deleted.
        client.delete(&task).expect(if role == "physician" { 204 } else { 403 });
        let mut new = stored.clone();
        new.as_object_mut().expect("a Task").remove("id");
        client.post("Task", &new).expect(403);
    }
    assert_eq!(operator().get(&task).expect(200).json(), stored);
    // Other Tasks are theirs as before.
    let plain =
        json!({"resourceType": "Task", "status": "requested", "intent": "order", "code": {"text": "blood sample"}});
    let made = doctor.client().post("Task", &plain).expect(201);
    doctor.client().delete(&format!("Task/{}", made.id())).expect(204);
    let auditor = auditor();
    auditor.get(&task).expect(200);
    auditor.get(&format!("Task/{}", operator().post("Task", &plain).expect(201).id())).expect(404);
}
