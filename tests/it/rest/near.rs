//! `near`: locations around a point, across the date line too.
//!
//! R4 <https://hl7.org/fhir/R4/location.html#search>.

use std::collections::BTreeSet;

use serde_json::json;

use super::{SYSTEM, check, unique};
use crate::app::TestApp;

#[test]
fn locations_are_found_around_a_point() {
    let app = TestApp::shared();
    let value = unique();
    let places = [
        ("suva", -18.1416, 178.4419),
        ("taveuni", -16.8503, -179.9750),
        ("vienna", 48.2082, 16.3738),
        ("bratislava", 48.1486, 17.1077),
    ];
    let mut names: Vec<(String, &str)> = Vec::new();
    for (name, latitude, longitude) in places {
        let location = json!({"resourceType": "Location", "identifier": [{"system": SYSTEM, "value": value}],
            "position": {"latitude": latitude, "longitude": longitude}});
        names.push((app.client().post("Location", &location).expect(201).id(), name));
    }
    let nowhere = json!({"resourceType": "Location", "identifier": [{"system": SYSTEM, "value": value}]});
    names.push((app.client().post("Location", &nowhere).expect(201).id(), "nowhere"));
    for (near, found) in [
        ("near=-18.1416|178.4419|1", &["suva"][..]),
        ("near=-18.1416|178.4419|250", &["suva", "taveuni"]),
        ("near=-17|179.99|20", &["taveuni"]),
        ("near=-17|179.99|20|[mi_us]", &["taveuni"]),
        ("near=48.2|16.4", &["vienna"]),
        ("near=48.2|16.4|80", &["vienna", "bratislava"]),
        ("near=48.2|16.4|80|m", &[]),
        ("near=90|0|4650", &["vienna"]),
        ("near=48.2|16.4|5,-18|178.5|50", &["vienna", "suva"]),
        ("near=48.2|16.4|21000", &["suva", "taveuni", "vienna", "bratislava"]),
        ("near:missing=true", &["nowhere"]),
        ("near:missing=false&near=48.2|16.4|80&_sort=-_id", &["vienna", "bratislava"]),
    ] {
        for limit in [format!("identifier={SYSTEM}|{value}&"), String::new()] {
            let query = format!("Location?{limit}{near}");
            let answer = app.client().get(&query).expect(200);
            let ids: Vec<String> =
                answer.resources().iter().filter_map(|r| Some(r["id"].as_str()?.to_string())).collect();
            let seen: BTreeSet<&str> = names.iter().filter(|(id, _)| ids.contains(id)).map(|(_, name)| *name).collect();
            let found: BTreeSet<&str> = found.iter().copied().collect();
            if near.contains("missing=true") && limit.is_empty() {
                continue;
            }
            assert_eq!(seen, found, "{query}");
        }
    }
    check(app.client(), "GET Location?near=48.2|16.4|5|parsec", &[], 400, "invalid");
    check(app.client(), "GET Location?near=448.2|16.4", &[], 400, "invalid");
}
