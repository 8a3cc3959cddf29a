//! `/health` and `/metrics`.

use serde_json::json;

use super::unique;
use crate::app::TestApp;

#[test]
fn health_needs_no_token() {
    let app = TestApp::builder().secured().start();
    for path in ["/health/live", "/health/ready"] {
        app.client().get(path).expect(200);
    }
}

#[test]
fn metrics_count_requests_by_interaction_type_and_status() {
    let app = TestApp::start();
    let client = app.client();
    let id = client.post("Patient", &json!({"resourceType": "Patient"})).expect(201).id();
    client.get(&format!("Patient/{id}")).expect(200);
    client.get(&format!("Patient/{id}")).expect(200);
    client.get(&format!("Patient/{}", unique())).expect(404);
    let page = client.get("/metrics").expect(200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let text = page.text();
    let total = |interaction: &str, status: &str| -> f64 {
        let wanted = |line: &&str| {
            line.starts_with("medilink_http_requests_total{")
                && [("interaction", interaction), ("type", "Patient"), ("status", status)]
                    .iter()
                    .all(|(name, value)| line.contains(&format!("{name}=\"{value}\"")))
        };
        text.lines().filter(wanted).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    assert_eq!(total("create", "201"), 1.0, "{text}");
    assert_eq!(total("read", "200"), 2.0, "{text}");
    assert_eq!(total("read", "404"), 1.0, "{text}");
    assert!(text.contains("medilink_http_request_seconds_bucket{"), "latency is a histogram: {text}");
    assert!(text.contains("medilink_pool_"), "the pool is measured: {text}");
    // Names and ids of patients never stand in labels.
    assert!(!text.contains(&id), "{text}");
}

#[test]
fn metrics_may_have_a_listener_of_their_own() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port is free");
    let app = TestApp::builder().set("metrics-listen", &free.to_string()).start();
    app.client().get("/metrics").expect(404);
    app.client().get(&format!("http://{free}/metrics")).expect(200);
}

#[test]
fn a_server_that_is_told_to_stop_finishes_and_ends_well() {
    let app = TestApp::start();
    let id = app.client().post("Patient", &json!({"resourceType": "Patient"})).expect(201).id();
    assert!(app.stop(), "{}", app.log());
    app.restart();
    app.client().get(&format!("Patient/{id}")).expect(200);
}

#[test]
fn a_wrong_setting_is_a_usage_error_that_names_it() {
    let app = TestApp::start();
    for (flag, value) in [("--auth", "maybe"), ("--page-size-max", "0"), ("--log", "=="), ("--nope", "1")] {
        let ended = app.run("migrate", &[flag, value]);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{flag} {value}: {said}");
        let named = flag.trim_start_matches('-');
        assert!(said.contains(named) || said.contains(&named.replace('-', "_")), "{flag} {value}: {said}");
    }
}
