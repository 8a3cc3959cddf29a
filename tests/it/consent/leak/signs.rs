//! Nothing tells what is hidden from what is absent: not words, not headers, not conditions, not time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cast::User;
use super::wills;
use super::world::World;
use crate::client::{Client, JSON, Response};

const NOBODY: &str = "leak-nobody";
/// How often each of two requests is timed.
const TIMED: usize = 40;
/// Neither may take so many times as long as the other.
const FACTOR: u32 = 10;

/// Everybody who asks here is refused by each patient, and sees it as absent.
pub fn nothing_tells_hidden_from_absent(world: &World, cast: &[User]) {
    for (n, patient) in world.patients.iter().enumerate() {
        for slot in 0..3 {
            let status = if slot == 0 { "active" } else { "inactive" };
            wills::write(world, &wills::plain(&format!("leak-{n}-{slot}"), patient, status, "OPTOUT"));
        }
    }
    // Who cares for the patient is told that there is glass to break.
    let user = cast.iter().find(|user| user.name == "pharmacist").expect("one of them");
    let (hidden, _) = world.of_type("Observation").next().expect("some");
    let hidden = hidden.strip_prefix("Observation/").expect("an Observation");
    reads(&user.client, hidden);
    writes(world, hidden);
    conditions(world, hidden);
    times(&user.client, hidden);
}

fn reads(client: &Client, hidden: &str) {
    let ask = |path: &str, headers: &[(&str, &str)], method: &str| {
        let at = |id: &str| client.request(method, &path.replace("{}", id), headers, b"");
        alike(&at(hidden), &at(NOBODY), hidden);
        at(hidden).status
    };
    for path in [
        "Observation/{}",
        "Observation/{}/_history/1",
        "Observation/{}/_history",
        "Observation?_id={}",
        "Observation/{}?_elements=id",
        "Observation?_id={}&_summary=count",
        "Observation?_id={}&_include=*",
    ] {
        for headers in [
            &[][..],
            &[("If-None-Match", "W/\"1\"")],
            &[("If-None-Match", "*")],
            &[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")],
        ] {
            for method in ["GET", "HEAD"] {
                let status = ask(path, headers, method);
                assert!(
                    status != 304 && (path.contains('?') || status == 404 || path.ends_with("_history")),
                    "{path}: {status}"
                );
            }
        }
    }
}

/// Compares two answers, without what names the id and without what differs from request to request.
#[track_caller]
fn alike(hidden: &Response, absent: &Response, id: &str) {
    assert_eq!(hidden.status, absent.status, "{}: {} / {}", hidden.asked, hidden.text(), absent.text());
    let text = |answer: &Response| {
        let own = answer.text().replace(id, NOBODY);
        match serde_json::from_str::<Value>(&own) {
            Ok(mut body) => {
                if let Some(bundle) = body.as_object_mut() {
                    bundle.remove("id");
                    if let Some(Value::Object(meta)) = bundle.get_mut("meta") {
                        meta.remove("lastUpdated");
                    }
                    bundle.remove("timestamp");
                }
                body.to_string()
            }
            Err(_) => own,
        }
    };
    assert_eq!(text(hidden), text(absent), "{}", hidden.asked);
    let names = |answer: &Response| {
        let mut names: Vec<String> = answer.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(hidden), names(absent), "{}", hidden.asked);
    assert_eq!(hidden.header("etag"), absent.header("etag"), "{}", hidden.asked);
}

/// Returns somebody who may write as much as a person can, and whom no patient knows.
fn writer(world: &World) -> Client {
    let token = world.app.forged(|claims| {
        claims.sub = "account of a writer".to_string();
        claims.client_id = Some("leak-page".to_string());
        claims.fhir_user = Some("Practitioner/leak-writer".to_string());
        claims.roles = vec!["physician".to_string()];
        claims.scope = "user/*.cruds".to_string();
    });
    world.app.client().with_token(&token)
}

/// Changes and deletions by id are answered alike, and so is a PUT that wants a version to be there. A PUT without a condition makes
/// what is absent; of that R4 says that it tells.
fn writes(world: &World, hidden: &str) {
    let client = writer(world);
    let patch = br#"[{"op": "replace", "path": "/status", "value": "amended"}]"#;
    let json_patch = ("Content-Type", "application/json-patch+json");
    for versions in [&[][..], &[("If-Match", "W/\"1\"")], &[("If-Match", "W/\"9\"")]] {
        let with = |header: (&'static str, &'static str)| [&[header][..], versions].concat();
        let both = |ask: &dyn Fn(&str) -> Response| alike(&ask(hidden), &ask(NOBODY), hidden);
        both(&|id| client.request("PATCH", &format!("Observation/{id}"), &with(json_patch), patch));
        both(&|id| client.request("DELETE", &format!("Observation/{id}"), versions, b""));
        both(&|id| {
            let mut request = json!({"method": "DELETE", "url": format!("Observation/{id}")});
            if let Some((_, version)) = versions.first() {
                request["ifMatch"] = (*version).into();
            }
            let entry = json!([{"request": request}]);
            client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entry}))
        });
        if !versions.is_empty() {
            let body =
                |id: &str| json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}});
            both(&|id| client.send("PUT", &format!("Observation/{id}"), versions, &body(id)));
        }
    }
}

/// A condition that finds a hidden resource is answered as one that finds nothing.
fn conditions(world: &World, hidden: &str) {
    let client = writer(world);
    // About nobody: who may write it does not depend on any patient.
    let body = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}});
    let text = body.to_string();
    for id in [hidden, NOBODY] {
        let condition = format!("_id={id}");
        let made = client.send("POST", "Observation", &[("If-None-Exist", &condition)], &body).expect(201);
        assert_ne!(made.id(), hidden);
        // The same by other criteria that the hidden one meets alone.
        let deleted = client.delete(&format!("Observation?_id={id}"));
        let patched = client.request(
            "PATCH",
            &format!("Observation?_id={id}"),
            &[("Content-Type", "application/json-patch+json")],
            br#"[{"op": "replace", "path": "/status", "value": "amended"}]"#,
        );
        let put = client.request("PUT", &format!("Observation?_id={id}"), &[JSON], text.as_bytes());
        assert_eq!(
            (deleted.status, patched.status, put.status),
            statuses(&client, &text),
            "{} {} {}",
            deleted.text(),
            patched.text(),
            put.text()
        );
    }
    let there = world.keeper.get(&format!("Observation/{hidden}")).expect(200).json();
    assert_eq!(there["meta"]["versionId"], "1", "nothing has touched what is hidden");
}

/// Returns how conditions are answered that find nothing.
fn statuses(client: &Client, body: &str) -> (u16, u16, u16) {
    let path = "Observation?_id=leak-nowhere";
    let deleted = client.delete(path).status;
    let patch = br#"[{"op": "replace", "path": "/status", "value": "amended"}]"#;
    let patched = client.request("PATCH", path, &[("Content-Type", "application/json-patch+json")], patch).status;
    (deleted, patched, client.request("PUT", path, &[JSON], body.as_bytes()).status)
}

/// What is hidden takes not another order of time than what is absent.
fn times(client: &Client, hidden: &str) {
    for path in ["Observation/{}", "Observation?_id={}"] {
        let mut taken: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..TIMED {
            for (id, taken) in [hidden, NOBODY].into_iter().zip(&mut taken) {
                let began = Instant::now();
                client.get(&path.replace("{}", id));
                taken.push(began.elapsed());
            }
        }
        let [hidden, absent] = taken.map(|mut taken| {
            taken.sort_unstable();
            taken[taken.len() / 2]
        });
        println!("{path}: hidden {hidden:?}, absent {absent:?}");
        assert!(hidden < absent * FACTOR && absent < hidden * FACTOR, "{path}: hidden {hidden:?}, absent {absent:?}");
    }
}
