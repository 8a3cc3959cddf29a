//! Pages of AuditEvents, and rows about several patients.

use super::{found, rows, secured};
use crate::rest::{patient, unique};

const BASE_US: i64 = 1_500_000_000_000_000;

#[test]
fn pages_show_every_event_once_in_either_order() {
    let app = secured();
    let client = app.client_with("system/AuditEvent.rs");
    let agent = format!("Practitioner/{}", unique());
    let patients: Vec<String> = (0..3).map(|_| unique()).collect();
    let several: Vec<&str> = patients.iter().map(String::as_str).collect();
    let made: Vec<(i64, &str, &str, &[&str])> = (0..5)
        .map(|i| (BASE_US + (i / 2) * 1000, agent.as_str(), "r", if i % 2 == 0 { &several[..] } else { &[][..] }))
        .collect();
    rows(app, &made);
    let whole = found(&client, &format!("AuditEvent?agent={agent}&_sort=date"), 3 * 3 + 2);
    for count in [1, 2, 4, 11, 50] {
        for (order, backward) in [("date", false), ("-date", true)] {
            let mut next = Some(format!("AuditEvent?agent={agent}&_sort={order}&_count={count}"));
            let mut ids = Vec::new();
            while let Some(address) = next {
                let page = client.get(&address).expect(200);
                let resources = page.resources();
                assert!(resources.len() <= count);
                let times: Vec<&str> = resources.iter().filter_map(|event| event["recorded"].as_str()).collect();
                assert!(if backward { times.is_sorted_by(|a, b| a >= b) } else { times.is_sorted() });
                ids.extend(resources.iter().map(|event| event["id"].as_str().unwrap_or_default().to_string()));
                next = page.link("next");
            }
            let mut sorted = ids.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!((sorted.len(), ids.len()), (whole.len(), whole.len()), "{count} {order}: {ids:?}");
        }
    }
    let page = client.get(&format!("AuditEvent?agent={agent}&_count=2&_total=accurate")).expect(200);
    assert_eq!(page.json()["total"], 11);
    let next = page.link("next").expect("there is more");
    let other = next.replace(&agent, "Practitioner/other");
    client.get(&other).expect(400);
}

#[test]
fn a_row_about_several_patients_is_found_by_each_and_read_by_its_own_id() {
    let app = secured();
    let client = app.client_with("system/*.cruds");
    let (a, b) = (unique(), unique());
    for id in [&a, &b] {
        client.put(&format!("Patient/{id}"), &patient(id)).expect(201);
    }
    rows(app, &[(BASE_US, "Practitioner/x", "r", &[&a, &b])]);
    for (own, other) in [(&a, &b), (&b, &a)] {
        let events = found(&client, &format!("AuditEvent?patient={own}&date=lt2020"), 1);
        let id = events[0]["id"].as_str().expect("an id");
        let text = client.get(&format!("AuditEvent/{id}")).expect(200).text();
        assert!(text.contains(&format!("Patient/{own}")) && !text.contains(other), "{text}");
        found(&client, &format!("Patient/{own}/AuditEvent?date=lt2020"), 1);
    }
}

/// Of a patient whom nobody ever kept the key is all that is known.
#[test]
fn a_patient_who_is_not_known_is_told_by_the_key() {
    let app = secured();
    let (client, id, agent) = (app.client_with("system/AuditEvent.rs"), unique(), format!("Practitioner/{}", unique()));
    rows(app, &[(BASE_US, &agent, "r", &[&id])]);
    let events = found(&client, &format!("AuditEvent?agent={agent}"), 1);
    assert!(events[0].to_string().contains(&super::key(&id).to_string()));
}
