//! What is given is never more than what was asked for, and who speaks for whom.

use super::narrow::{Names, shorten};
use super::words::speaks_for;
use super::{actors, revoke};
use crate::access::consent::class::{self, DataClass};
use crate::fhir::{Instant, ResourceId};
use serde_json::{Map, Value, json};

const NAMES: &str = "http://ours.example";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn named(codes: &[&str]) -> Vec<&'static DataClass> {
    codes.iter().map(|code| class::of(code).expect("a class")).collect()
}

fn provision(codes: &[&str]) -> Map<String, Value> {
    let mut provision = object(json!({"type": "permit", "extension": [{"url": "http://other", "valueCode": "x"}]}));
    Names::of(NAMES).permit(&mut provision, &named(codes));
    provision
}

#[test]
fn classes_are_kept_for_people_and_as_standard_elements() {
    let names = Names::of(NAMES);
    let asked = provision(&["labs", "meds"]);
    assert_eq!(names.classes(&asked), Some(named(&["labs", "meds"])));
    assert!(asked.contains_key("class"), "{asked:?}");
    assert_eq!(asked["extension"].as_array().map(Vec::len), Some(3), "what others wrote there stays");
    assert_eq!(names.classes(&object(json!({"type": "permit"}))), Some(named(&["all"])), "nothing said is everything");
    assert_eq!(names.classes(&object(json!({"class": [{"code": "Observation"}]}))), None);
}

#[test]
fn classes_are_only_taken_away() {
    let names = Names::of(NAMES);
    for (asked, wanted, fine) in [
        (&["labs", "meds"][..], &["meds"][..], true),
        (&["labs", "meds"], &["meds", "labs"], true),
        (&["labs", "meds"], &["hiv"], false),
        (&["labs"], &["labs", "all"], false),
        (&["all"], &["hiv", "labs"], true),
    ] {
        let mut given = provision(asked);
        let wanted: Vec<_> = named(wanted).into_iter().map(|class| ("Parameters".to_string(), class)).collect();
        let done = names.narrow_to(&mut given, &wanted);
        assert_eq!(done.is_ok(), fine, "{asked:?}");
        if fine {
            let classes: Vec<_> = wanted.iter().map(|(_, class)| *class).collect();
            let mut fresh = object(json!({"type": "permit", "extension": [{"url": "http://other", "valueCode": "x"}]}));
            names.permit(&mut fresh, &classes);
            assert_eq!(given, fresh, "nothing is left of what was not given");
        }
    }
    let mut foreign = object(json!({"class": [{"code": "Observation"}]}));
    let wanted = [("Parameters".to_string(), named(&["labs"])[0])];
    assert!(names.narrow_to(&mut foreign, &wanted).is_err(), "what it is about cannot be compared");
}

#[test]
fn periods_only_get_shorter() {
    let asked = json!({"start": "2026-01-01", "end": "2026-12-31"});
    for (wanted, result) in [
        (json!({"end": "2026-06-30"}), Some(json!({"start": "2026-01-01", "end": "2026-06-30"}))),
        (json!({"start": "2026-02-01T00:00:00Z"}), Some(json!({"start": "2026-02-01T00:00:00Z", "end": "2026-12-31"}))),
        (json!({"end": "2026-12-31"}), Some(asked.clone())),
        (json!({"end": "2026-12-31T23:59:59Z"}), Some(json!({"start": "2026-01-01", "end": "2026-12-31T23:59:59Z"}))),
        (json!({"end": "2027-01-01"}), None),
        (json!({"end": "2027"}), None),
        (json!({"start": "2025-12-31"}), None),
        (json!({"end": "2025-06-30"}), None),
        (json!({"end": "soon"}), None),
    ] {
        let mut provision = object(json!({"period": asked}));
        let done = shorten(&mut provision, "Parameters", &wanted);
        assert_eq!(done.ok().map(|()| provision["period"].clone()), result, "{wanted}");
    }
}

#[test]
fn what_is_revoked_has_ended_now() {
    let now = Instant::parse("2026-06-01T12:00:00Z").unwrap();
    let at = now.to_string();
    for (before, after) in [
        (json!({"start": "2026-01-01", "end": "2026-12-31"}), json!({"start": "2026-01-01", "end": at})),
        (json!({"start": "2026-01-01"}), json!({"start": "2026-01-01", "end": at})),
        (json!({"start": "2026-07-01", "end": "2026-12-31"}), json!({"start": at, "end": at})),
        (json!({"end": "2026-02-01"}), json!({"end": "2026-02-01"})),
    ] {
        let mut consent = object(json!({"status": "active", "provision": {"period": before}}));
        revoke::end(&mut consent, now);
        assert_eq!(consent["status"], "inactive");
        assert_eq!(consent["provision"]["period"], after, "{before}");
    }
}

#[test]
fn a_related_person_speaks_for_one_patient_and_for_a_time() {
    let (patient, now) = (ResourceId::parse("p").unwrap(), Instant::parse("2026-06-01T12:00:00Z").unwrap());
    for (related, speaks) in [
        (json!({"patient": {"reference": "Patient/p"}}), true),
        (json!({"patient": {"reference": "Patient/p"}, "active": true, "period": {"start": "2026"}}), true),
        (json!({"patient": {"reference": "Patient/p"}, "active": false}), false),
        (json!({"patient": {"reference": "Patient/p"}, "period": {"end": "2026-05-31"}}), false),
        (json!({"patient": {"reference": "Patient/p"}, "period": {"start": "2026-06-02"}}), false),
        (json!({"patient": {"reference": "Patient/p"}, "period": {"end": "later"}}), false),
        (json!({"patient": {"reference": "Patient/q"}}), false),
        (json!({"patient": {"identifier": {"value": "p"}}}), false),
    ] {
        assert_eq!(speaks_for(&object(related.clone()), &patient, now), speaks, "{related}");
    }
}

#[test]
fn those_who_can_read_a_notice_are_told() {
    let actor = |reference: &str| json!({"reference": {"reference": reference}});
    let consent =
        json!({"provision": {"actor": [actor("Practitioner/1"), actor("Device/app"), actor("Organization/2"), {}]}});
    assert_eq!(actors(&object(consent)), ["Practitioner/1", "Organization/2"]);
    assert!(actors(&object(json!({}))).is_empty());
}
