//! What SIU says.

use crate::hl7v2::draft::Identity;
use crate::hl7v2::segment::case::{check, check_damaged, check_fails, converted};
use serde_json::{Value, json};

const PID: &str = "PID|1||77^^^HOSP^MR||A^B";
const TIME: &str = "^^^202605041000^202605041030";
const RESOURCES: &str = "RGS|1\nAIS|1||1^Biopsy^L|202605041000|||30|min||Booked\nNTE|1||fasting\n\
                         AIG|1||9^Scope^L|E^Equipment^L\nAIL|1||W^1^^H|||202605041000|||20|min||Pending\nAIP|1||5^Doc^Ann|S^Surgeon^L|||5|min|25|min";

fn of(event: &str, sch: &str, rest: &str, expected: &[(&str, Value)]) {
    check(event, &format!("SCH|{sch}\n{PID}\n{rest}"), "Appointment", expected);
}

#[test]
fn an_appointment() {
    let expected = [
        ("/status", json!("booked")),
        ("/identifier/0/value", json!("F1")),
        ("/identifier/1/value", json!("P1")),
        ("/start", json!("2026-05-04T10:00:00Z")),
        ("/end", json!("2026-05-04T10:30:00Z")),
        ("/minutesDuration", json!(30)),
        ("/reasonCode/0/coding/0/code", json!("866149003")),
        (
            "/appointmentType/coding/0",
            json!({"system": "http://terminology.hl7.org/CodeSystem/v2-0277", "code": "Normal"}),
        ),
        ("/serviceType/0/coding/0/display", json!("Biopsy")),
        ("/comment", json!("bring papers\nfasting")),
        ("/participant/0/actor/reference", json!("urn:x-draft:0")),
        ("/participant/1/type", json!([{"text": "placer contact"}, {"text": "filler contact"}])),
        ("/participant/1/actor/display", json!("Clerk")),
        ("/participant/2/type/0/coding/0/code", json!("enterer")),
        ("/participant/3/actor", json!({"reference": "urn:x-draft:3", "display": "Scope"})),
        ("/participant/3/status", json!("tentative")),
        ("/participant/4/status", json!("needs-action")),
        ("/participant/4/period", json!({"start": "2026-05-04T10:00:00Z", "end": "2026-05-04T10:20:00+00:00"})),
        ("/participant/5/actor/display", json!("Ann Doc")),
        ("/participant/5/period", json!({"start": "2026-05-04T10:05:00+00:00", "end": "2026-05-04T10:30:00+00:00"})),
    ];
    let sch = format!("P1|F1|||||CHECKUP|Normal|30|min|{TIME}|7^Clerk||||7^Clerk||||8^Typist\nNTE|1||bring papers");
    of("SIU^S12", &sch, RESOURCES, &expected);
}

#[test]
fn the_status_is_what_the_event_and_the_filler_say() {
    let status = |event: &str, filler: &str, expected: &str| {
        of(event, &format!("|F1|||||||||{TIME}||||||||||||||{filler}"), "", &[("/status", json!(expected))]);
    };
    status("SIU^S12", "", "booked");
    status("SIU^S12", "Pending", "pending");
    status("SIU^S13", "BOOKED", "booked");
    status("SIU^S14", "", "booked");
    status("SIU^S14", "Complete", "fulfilled");
    status("SIU^S15", "Booked", "cancelled");
    status("SIU^S16", "Dc", "cancelled");
    status("SIU^S17", "", "entered-in-error");
    status("SIU^S26", "", "noshow");
    let drafts = converted("SIU^S14", &format!("SCH||F1\n{PID}")).unwrap().drafts;
    let (_, draft) = drafts.of_type("Appointment").next().unwrap();
    assert!(!draft.resource.contains_key("status"), "what says nothing of the status leaves it as it is");
    of("SIU^S15", "|F1||||SICK^Doctor is ill^L", "", &[("/cancelationReason/coding/0/code", json!("SICK"))]);
    of("SIU^S12", "|F1||||SICK^Doctor is ill^L", "", &[("/cancelationReason", Value::Null)]);
}

#[test]
fn when_it_is() {
    let when =
        |sch: &str, rest: &str, start: Value, end: Value| of("SIU^S12", sch, rest, &[("/start", start), ("/end", end)]);
    let ten = || json!("2026-05-04T10:00:00Z");
    // TQ1 goes before SCH-11, and both before the resources.
    when(
        "|F1|||||||||^^^202001010000\nTQ1|||||||202605041000|202605041100",
        RESOURCES,
        ten(),
        json!("2026-05-04T11:00:00Z"),
    );
    when("|F1|||||||20|min|^^^202605041000", "", ten(), json!("2026-05-04T10:20:00+00:00"));
    when("|F1", RESOURCES, ten(), json!("2026-05-04T10:30:00+00:00"));
    when("|F1|||||||||^^^202605041000", "", ten(), ten());
    when("|F1|||||||||^^^202605041000^202605040900", "", ten(), ten());
    of(
        "SIU^S12",
        "|F1|||||||||^^^20260504",
        "",
        &[("/start", Value::Null), ("/requestedPeriod/0/start", json!("2026-05-04"))],
    );
}

#[test]
fn who_is_not_named_stays() {
    let participants = |rest: &str| {
        let drafts = converted("SIU^S15", &format!("SCH||F1\n{PID}\n{rest}")).unwrap().drafts;
        let (_, draft) = drafts.of_type("Appointment").next().unwrap();
        draft.resource.contains_key("participant")
    };
    assert!(!participants(""), "a message that names the patient alone takes nobody away");
    assert!(participants("RGS|1\nAIP|1||5^Doc"));
    of(
        "SIU^S22",
        "|F1",
        "RGS|1\nAIP|1|D|5^Doc\nAIP|2|A|6^Other",
        &[("/participant/1/actor/display", json!("Other")), ("/participant/2", Value::Null)],
    );
    check("SIU^S12", "SCH||F1", "Appointment", &[("/participant/0/status", json!("needs-action"))]);
}

#[test]
fn appointments_are_known_by_the_number_of_who_keeps_them() {
    let key = |sch: &str| {
        let drafts = converted("SIU^S12", &format!("SCH|{sch}\n{PID}")).unwrap().drafts;
        match drafts.of_type("Appointment").next().map(|(_, draft)| draft.identity.clone()) {
            Some(Identity::Identifiers(keys)) => format!("{}|{}", keys[0].system, keys[0].value),
            Some(Identity::Search(text)) => text,
            _ => String::new(),
        }
    };
    assert_eq!(key("P1|F1^BOOK"), "urn:x-v2:HOSP:BOOK|F1");
    assert_eq!(key("P1"), "urn:x-v2:HOSP:placer|P1");
    assert_eq!(key("P1|F1|3"), "urn:x-v2:HOSP:filler|F1#3");
    assert!(key("|||||||||||^^^202605041000").starts_with("patient={0}&identifier="));
    check_fails("SIU^S12", "SCH|", 101, "SCH-2");
}

#[test]
fn how_urgent_it_is() {
    let priority = |sch: &str, expected: Value| of("SIU^S12", sch, "", &[("/priority", expected)]);
    priority("|F1|||||||||^^^202605041000^^S", json!(1));
    priority("|F1|||||||||^^^202605041000^^S\nTQ1|||||||202605041000||A", json!(2));
    priority("|F1|||||||||^^^202605041000^^soon", Value::Null);
}

#[test]
fn things_and_places_are_known_by_their_codes() {
    let made = |aig: &str, t: &str| {
        let drafts = converted("SIU^S12", &format!("SCH||F1\n{PID}\nAIG|1||{aig}")).unwrap().drafts;
        drafts.of_type(t).next().map(|(_, draft)| draft.made()).unwrap_or_default()
    };
    let scope = made("9^Scope^L^10^Video", "Device");
    assert_eq!(scope["identifier"][0], json!({"system": "urn:x-v2:HOSP:L", "value": "9"}));
    assert_eq!(scope["identifier"][1], json!({"system": "urn:x-v2:HOSP:resource", "value": "10"}));
    assert_eq!(scope["deviceName"][0]["name"], "Scope");
    assert_eq!(made("R1^Room 1^L|R^Room^L", "Location")["name"], "Room 1");
    assert_eq!(made("^Scope", "Device"), Value::Null);
}

#[test]
fn orders_that_it_carries_out() {
    let sch = "|F1||||||||||||||||||||||||A~B|X";
    let drafts = converted("SIU^S12", &format!("SCH|{sch}\n{PID}")).unwrap().drafts;
    let orders: Vec<Value> =
        drafts.of_type("ServiceRequest").map(|(_, draft)| draft.made()["identifier"].clone()).collect();
    assert_eq!(orders.len(), 2);
    assert_eq!(
        (&orders[0][0]["value"], &orders[0][1]["value"], &orders[1][0]["value"]),
        (&json!("A"), &json!("X"), &json!("B"))
    );
    of("SIU^S12", sch, "", &[("/basedOn/1/reference", json!("urn:x-draft:2"))]);
}

#[test]
fn a_visit_knows_its_appointment() {
    let drafts = converted("SIU^S12", &format!("SCH||F1\n{PID}\nPV1|1|O|||||||||||||||||V1")).unwrap().drafts;
    let (appointment, _) = drafts.of_type("Appointment").next().unwrap();
    let (_, visit) = drafts.of_type("Encounter").next().unwrap();
    assert_eq!(visit.made()["appointment"][0], appointment.reference());
}

#[test]
fn times_are_blocked_and_opened() {
    let slot = |event: &str| {
        let drafts = converted(event, "SCH||F1\nRGS|1\nAIL|1||W^1^^H|||202605041000+0200|||20|min").unwrap().drafts;
        let (_, draft) = drafts.of_type("Slot").next().unwrap();
        assert_eq!(drafts.of_type("Appointment").count(), 0);
        (draft.made(), format!("{:?}", draft.identity))
    };
    let (blocked, opened) = (slot("SIU^S23"), slot("SIU^S24"));
    assert_eq!((&blocked.0["status"], &opened.0["status"]), (&json!("busy-unavailable"), &json!("free")));
    assert_eq!(blocked.0["start"], "2026-05-04T10:00:00+02:00");
    assert_eq!(blocked.0["end"], "2026-05-04T10:20:00+02:00");
    assert_eq!(blocked.1, opened.1, "by place and time");
    assert!(blocked.1.contains("2026-05-04T08:00:00Z"), "{}", blocked.1);
    check(
        "SIU^S23",
        "SCH||F1|||||||20|min|^^^202605041000\nAIP|1||5^Doc",
        "Schedule",
        &[("/actor/0/display", json!("Doc"))],
    );
    check_fails("SIU^S23", "SCH||F1\nRGS|1\nAIS|1||1^X", 100, "SCH");
}

#[test]
fn no_damage_harms() {
    let text = format!(
        "SCH|P1|F1|1||||CHECKUP|Normal|30|min|{TIME}|7^C||||7^C||||8^T|||||Booked|A|B\nNTE|1||n\n{PID}\n{RESOURCES}"
    );
    check_damaged("SIU^S12", &text);
    check_damaged("SIU^S23", &text);
}
