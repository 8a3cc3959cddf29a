//! Conditional interactions: what a condition decided still holds when its write is done.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#ccreate>, <https://hl7.org/fhir/R4/http.html#cond-update>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    CLIENTS, SYSTEM, count, expect_current, expect_statuses, identifier, tag, together, unique, whole_history,
};
use crate::app::TestApp;

/// A race of conditional creates: its name, the criteria of each client, the resource of all.
type Race = (&'static str, fn(&str, usize) -> String, fn(&str) -> Value);

const RACES: &[Race] = &[
    ("one condition", |t, _| format!("identifier={SYSTEM}|{t}"), with_one_identifier),
    (
        "the value with its system, and the value alone",
        |t, i| {
            if i % 2 == 0 { format!("identifier={SYSTEM}|{t}") } else { format!("identifier={t}") }
        },
        with_one_identifier,
    ),
    (
        "two identifiers, and either is asked for",
        |t, i| format!("identifier={SYSTEM}|{}-{t}", if i % 2 == 0 { "a" } else { "b" }),
        |t| {
            json!({"resourceType": "Patient", "meta": tag(t),
                   "identifier": [identifier(&format!("a-{t}")), identifier(&format!("b-{t}"))]})
        },
    ),
    (
        "lists of identifiers that have one in common",
        |t, i| format!("identifier={SYSTEM}|{t}-{i},{SYSTEM}|{t}"),
        with_one_identifier,
    ),
    (
        "an identifier, and a name",
        |t, i| {
            if i % 2 == 0 { format!("identifier={SYSTEM}|{t}") } else { format!("family:exact={t}") }
        },
        with_one_identifier,
    ),
    (
        "a telephone number, and an e-mail address, without any identifier",
        |t, i| {
            if i % 2 == 0 { format!("phone={t}") } else { format!("email={t}") }
        },
        |t| {
            json!({"resourceType": "Patient", "meta": tag(t),
                   "telecom": [{"system": "phone", "value": t}, {"system": "email", "value": t}]})
        },
    ),
    (
        "a tag, and an identifier",
        |t, i| {
            if i % 2 == 0 { format!("_tag={SYSTEM}|{t}") } else { format!("identifier={SYSTEM}|{t}") }
        },
        with_one_identifier,
    ),
];

fn with_one_identifier(t: &str) -> Value {
    json!({"resourceType": "Patient", "meta": tag(t), "identifier": [identifier(t)], "name": [{"family": t}]})
}

#[test]
fn parallel_conditional_creates_make_exactly_one_resource() {
    let app = TestApp::shared();
    for (name, criteria, resource) in RACES {
        let t = unique("create");
        let resource = resource(&t);
        let create = |i| app.client().send("POST", "Patient", &[("If-None-Exist", &criteria(&t, i))], &resource);
        let answers = together(CLIENTS, create);
        expect_statuses(name, &answers, &[(200, CLIENTS - 1), (201, 1)]);
        let ids: BTreeSet<String> = answers.iter().map(|answer| answer.id()).collect();
        assert_eq!(ids.len(), 1, "{name}: all clients are told the same resource");
        assert_eq!(count(app.client(), &format!("Patient?_tag={SYSTEM}|{t}")), 1, "{name}");
    }
}

#[test]
fn parallel_conditional_updates_lose_none() {
    let app = TestApp::shared();
    let t = unique("update");
    let answers = together(CLIENTS, |i| {
        let resource = json!({"resourceType": "Patient", "identifier": [identifier(&t)],
                              "name": [{"family": format!("family-{i}")}]});
        app.client().put(&format!("Patient?identifier={SYSTEM}|{t}"), &resource)
    });
    expect_statuses("conditional updates", &answers, &[(200, CLIENTS - 1), (201, 1)]);
    assert_eq!(count(app.client(), &format!("Patient?identifier={SYSTEM}|{t}")), 1);
    let path = format!("Patient/{}", answers[0].id());
    let history = whole_history(app.client(), &path);
    assert_eq!(history.len(), CLIENTS);
    let families: BTreeSet<String> =
        history.iter().flatten().map(|version| version["name"][0]["family"].to_string()).collect();
    assert_eq!(families.len(), CLIENTS, "every update has its version");
    expect_current(app.client(), &path, &history);
}

#[test]
fn parallel_conditional_patches_lose_none() {
    let app = TestApp::shared();
    let t = unique("patch");
    let patient = json!({"resourceType": "Patient", "identifier": [identifier(&t)], "name": [{"family": "first"}]});
    let id = app.client().post("Patient", &patient).expect(201).id();
    let answers = together(CLIENTS, |i| {
        let patch = json!([{"op": "add", "path": "/name/-", "value": {"family": format!("family-{i}")}}]);
        let path = format!("Patient?identifier={SYSTEM}|{t}");
        app.client().request("PATCH", &path, &[crate::client::JSON_PATCH], patch.to_string().as_bytes())
    });
    expect_statuses("conditional patches", &answers, &[(200, CLIENTS)]);
    let names = app.client().get(&format!("Patient/{id}")).expect(200).json()["name"].clone();
    assert_eq!(names.as_array().map(Vec::len), Some(CLIENTS + 1), "{names}");
    assert_eq!(whole_history(app.client(), &format!("Patient/{id}")).len(), CLIENTS + 1);
}

/// Preliminary observations are deleted by a condition while each is made final: a final one is never deleted.
#[test]
fn a_conditional_delete_spares_what_no_longer_meets_it() {
    const ROUNDS: usize = 6;
    const WRITERS: usize = 8;
    let app = TestApp::shared();
    let observation = |id: &str, t: &str, status: &str| json!({"resourceType": "Observation", "id": id, "meta": tag(t), "status": status, "code": {"text": "x"}});
    for round in 0..ROUNDS {
        let t = unique("spare");
        let ids: Vec<String> = (0..WRITERS * 4).map(|i| format!("{t}-{i}")).collect();
        for id in &ids {
            app.client().put(&format!("Observation/{id}"), &observation(id, &t, "preliminary")).expect(201);
        }
        together(WRITERS + 2, |i| {
            if i >= WRITERS {
                let path = format!("Observation?_tag={SYSTEM}|{t}&status=preliminary");
                let answer = app.client().delete(&path);
                assert!([200, 204].contains(&answer.status), "{}: {}", answer.status, answer.text());
            }
            for id in ids.iter().skip(i).step_by(WRITERS) {
                let answer = app.client().put(&format!("Observation/{id}"), &observation(id, &t, "final"));
                assert!([200, 201].contains(&answer.status), "{}: {}", answer.status, answer.text());
            }
        });
        for id in &ids {
            let history = whole_history(app.client(), &format!("Observation/{id}"));
            for pair in history.windows(2).filter(|pair| pair[1].is_none()) {
                let before = pair[0].as_ref().map(|version| &version["status"]);
                assert_eq!(before, Some(&json!("preliminary")), "round {round}: {id} was deleted when it was final");
            }
        }
    }
}

/// A plain update takes the identifier away while conditional updates ask for it: none of these writes over it.
#[test]
fn a_conditional_update_leaves_alone_what_no_longer_meets_it() {
    const ROUNDS: usize = 24;
    let app = TestApp::shared();
    for round in 0..ROUNDS {
        let t = unique("leave");
        let other = format!("{t}-other");
        let patient = |value: &str, family: &str| json!({"resourceType": "Patient", "identifier": [identifier(value)], "name": [{"family": family}]});
        let id = app.client().post("Patient", &patient(&t, "first")).expect(201).id();
        together(6, |i| {
            if i == 0 {
                let mut resource = patient(&other, "plain");
                resource["id"] = json!(id);
                app.client().put(&format!("Patient/{id}"), &resource).expect(200);
                return;
            }
            let answer = app.client().put(&format!("Patient?identifier={SYSTEM}|{t}"), &patient(&t, "conditional"));
            assert!([200, 201].contains(&answer.status), "{}: {}", answer.status, answer.text());
        });
        let history = whole_history(app.client(), &format!("Patient/{id}"));
        let plain = history.iter().flatten().position(|version| version["identifier"][0]["value"] == *other);
        assert_eq!(plain, Some(history.len() - 1), "round {round}: a conditional update wrote over another patient");
        assert!(count(app.client(), &format!("Patient?identifier={SYSTEM}|{t}")) <= 1, "round {round}");
    }
}

/// What a conditional create finds may be deleted before it is shown: then it is not shown, but made anew.
#[test]
fn a_conditional_create_never_answers_with_a_deletion() {
    const ROUNDS: usize = 24;
    let app = TestApp::shared();
    for round in 0..ROUNDS {
        let t = unique("deletion");
        let resource = json!({"resourceType": "Patient", "identifier": [identifier(&t)]});
        let condition = format!("identifier={SYSTEM}|{t}");
        let entry =
            json!({"resource": resource, "request": {"method": "POST", "url": "Patient", "ifNoneExist": condition}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
        let id = app.client().post("Patient", &resource).expect(201).id();
        together(7, |i| match i {
            0 => drop(app.client().delete(&format!("Patient/{id}")).expect(204)),
            1..=3 => {
                let answer = app.client().send("POST", "Patient", &[("If-None-Exist", &condition)], &resource);
                assert!([200, 201].contains(&answer.status), "{}: {}", answer.status, answer.text());
                assert_eq!(answer.json()["identifier"], resource["identifier"], "round {round}: {}", answer.text());
            }
            _ => {
                let answer = app.client().post("", &bundle).expect(200).entries().remove(0);
                let location = answer["response"]["location"].as_str().expect("a location");
                app.client().get(location).expect(200);
            }
        });
        // None when the deletion came last.
        assert!(count(app.client(), &format!("Patient?{condition}")) <= 1, "round {round}");
    }
}

/// Plain updates that never end must not keep a conditional one from its turn.
#[test]
fn a_conditional_update_gets_its_turn_among_plain_ones() {
    const WRITERS: usize = 12;
    const STEPS: usize = 30;
    let app = TestApp::shared();
    let t = unique("turn");
    let patient = |family: &str| json!({"resourceType": "Patient", "id": t, "identifier": [identifier(&t)], "name": [{"family": family}]});
    app.client().put(&format!("Patient/{t}"), &patient("first")).expect(201);
    let path = format!("Patient?identifier={SYSTEM}|{t}");
    let entry = json!({"resource": patient("bundled"), "request": {"method": "PUT", "url": path}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    together(WRITERS, |writer| {
        for step in 0..STEPS {
            match writer {
                0 => drop(app.client().put(&path, &patient("conditional")).expect(200)),
                1 => drop(app.client().post("", &bundle).expect(200)),
                _ => drop(app.client().put(&format!("Patient/{t}"), &patient(&format!("{writer}-{step}"))).expect(200)),
            }
        }
    });
    let history = whole_history(app.client(), &format!("Patient/{t}"));
    assert_eq!(history.len(), WRITERS * STEPS + 1);
}
