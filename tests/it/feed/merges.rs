//! ADT A40: patients who turned out to be one.

use serde_json::Value;

use super::sender::{Line, Said, app, count, patient, patients};
use crate::app::TestApp;

fn add(line: &mut Line, id: &str, number: &str, family: &str) {
    line.send(&Said::new("ADT^A28^ADT_A05", id).patient(number, family, "|19800102|F")).expect("AA");
}

fn merge(id: &str, survivor: &str, loser: &str) -> Said {
    Said::new("ADT^A40^ADT_A39", id)
        .segment("EVN||20260101120000+0000")
        .patient(survivor, "Stays", "|19800102|F")
        .segment(&format!("MRG|{loser}^^^&2.999.1&ISO^MR"))
}

fn result(id: &str, number: &str) -> Said {
    Said::new("ORU^R01^ORU_R01", id)
        .patient(number, "Merge", "|19800102|F")
        .segment(&format!("OBR|1||F-{id}^LAB^2.999.2^ISO|24331-1^Lipids^LN|||20260101110000+0000||||||||||||||||||F"))
        .segment("OBX|1|NM|2093-3^Cholesterol^LN||180|mg/dL^^UCUM|||||F")
}

/// Returns the one who goes on under a number, and how many carry it.
fn living(app: &TestApp, number: &str) -> (Value, usize) {
    let found = patients(app, number);
    let alive: Vec<&Value> = found.iter().filter(|patient| patient["active"] != false).collect();
    assert_eq!(alive.len(), 1, "{found:?}");
    (alive[0].clone(), found.len())
}

fn subjects(app: &TestApp) -> Vec<String> {
    let found = app.client().get("Observation").expect(200).resources();
    found.iter().map(|it| it["subject"]["reference"].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn everything_of_the_one_belongs_to_the_other() {
    let app = app();
    let mut line = Line::open(&app);
    add(&mut line, "m-1", "M1", "Stays");
    add(&mut line, "m-2", "M2", "Goes");
    line.send(&result("m-3", "M2")).expect("AA");
    let (stays, goes) = (patient(&app, "M1"), patient(&app, "M2"));
    let said = merge("m-4", "M1", "M2");
    line.send(&said).expect("AA");
    let (alive, carriers) = living(&app, "M2");
    assert_eq!((&alive["id"], carriers), (&stays["id"], 2));
    let gone = app.client().get(&format!("Patient/{}", goes["id"].as_str().unwrap())).expect(200).json();
    assert_eq!((&gone["active"], &gone["link"][0]["type"]), (&false.into(), &"replaced-by".into()));
    let of_the_living = format!("Patient/{}", stays["id"].as_str().unwrap());
    assert_eq!(subjects(&app), std::slice::from_ref(&of_the_living));
    // The same again, and as another message: nothing more is to be done.
    let versions = count(&app, "select count(*) from resource_history");
    line.send(&said).expect("AA");
    line.send(&merge("m-5", "M1", "M2")).expect("AA");
    assert_eq!(count(&app, "select count(*) from resource_history"), versions);
    // What comes under the old number is about the one who goes on, whose number stays an old one.
    line.send(&result("m-6", "M2")).expect("AA");
    assert!(subjects(&app).iter().all(|subject| *subject == of_the_living), "{:?}", subjects(&app));
    line.send(&Said::new("ADT^A31^ADT_A05", "m-7").at("20260102120000").patient("M2", "New", "")).expect("AA");
    let (alive, _) = living(&app, "M2");
    assert_eq!(alive["name"][0]["family"], "New");
    let old = alive["identifier"].as_array().unwrap().iter().find(|it| it["value"] == "M2").unwrap();
    assert_eq!(old["use"], "old");
}

#[test]
fn one_who_was_never_known_is_known_as_the_other() {
    let app = app();
    let mut line = Line::open(&app);
    add(&mut line, "n-1", "N1", "Stays");
    line.send(&merge("n-2", "N1", "N2")).expect("AA");
    let (alive, _) = living(&app, "N2");
    assert_eq!(alive["id"], living(&app, "N1").0["id"]);
}

#[test]
fn chains_are_followed_and_circles_refused() {
    let app = app();
    let mut line = Line::open(&app);
    for n in 1..=4 {
        add(&mut line, &format!("c-{n}"), &format!("C{n}"), "Chain");
    }
    line.send(&merge("c-5", "C2", "C1")).expect("AA");
    line.send(&merge("c-6", "C3", "C2")).expect("AA");
    line.send(&result("c-7", "C1")).expect("AA");
    assert_eq!(subjects(&app), [format!("Patient/{}", living(&app, "C3").0["id"].as_str().unwrap())]);
    // A circle, one who goes on as somebody else, and one who was merged into somebody else.
    line.send(&merge("c-8", "C1", "C3")).expect("AA");
    line.send(&merge("c-9", "C1", "C4")).expect_error("AE", "204");
    line.send(&merge("c-10", "C4", "C1")).expect_error("AE", "204");
    assert_eq!(living(&app, "C4").1, 1);
}
