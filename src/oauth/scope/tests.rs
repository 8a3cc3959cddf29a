//! What is offered and what is granted, as tables of scopes.

use super::*;
use crate::search::tests::REGISTRY;

fn offer(asked: &str, registered: &str) -> Offer {
    let asked: Vec<String> = asked.split(' ').map(str::to_string).collect();
    let bounds =
        Bounds { registered, roles: &[Role::Physician], is_linked: true, is_launched: false, registry: &REGISTRY };
    negotiate(&asked, &bounds)
}

#[test]
fn no_more_is_offered_than_the_client_is_registered_for() {
    for (asked, registered, want) in [
        ("patient/Observation.rs", "patient/*.rs", "patient/Observation.rs"),
        ("patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"),
        ("patient/Observation.rs", "patient/Observation.r patient/Observation.s", "patient/Observation.rs"),
        ("patient/*.rs", "patient/Condition.rs patient/Patient.r", "patient/Condition.rs patient/Patient.r"),
        ("patient/*.rs", "patient/*.cruds patient/Patient.r", "patient/*.rs"),
        // Version 1 asked, version 1 given.
        ("patient/*.read", "patient/*.rs", "patient/*.read"),
        ("user/Observation.*", "user/*.*", "user/Observation.*"),
        ("user/Observation.*", "user/*.read", "user/Observation.rs"),
        ("patient/Patient.read", "patient/*.r", "patient/Patient.r"),
        // Granular scopes narrow, whoever has them.
        ("patient/Observation.rs", "patient/Observation.rs?category=x", "patient/Observation.rs?category=x"),
        ("patient/Observation.rs?category=x", "patient/*.rs", "patient/Observation.rs?category=x"),
        ("patient/Observation.rs?category=x", "patient/Observation.rs?category=y", ""),
        // What cannot be decided on one resource is not offered.
        ("patient/Observation.rs?subject.name=x", "patient/*.rs", ""),
        ("patient/Observation.rs?nonsense=x", "patient/*.rs", ""),
        ("patient/Observation.rs?_count=1", "patient/*.rs", ""),
        // Other contexts, unknown words, wrong letters.
        ("user/Observation.rs", "patient/*.rs", ""),
        ("system/Observation.rs", "system/*.rs", ""),
        ("patient/Nope.rs patient/Patient.sr __x what", "patient/*.rs __x what", ""),
        ("openid fhirUser profile", "openid fhirUser", "openid fhirUser"),
        ("launch launch/patient launch/encounter", "launch launch/patient", "launch/patient"),
        ("offline_access online_access", "offline_access online_access", "offline_access"),
        ("online_access", "offline_access online_access", "online_access"),
        // What is asked besides something wider comes back with it.
        ("patient/*.rs patient/Patient.rs", "patient/*.rs", "patient/*.rs patient/Patient.rs"),
    ] {
        assert_eq!(offer(asked, registered).whole().join(" "), want, "{asked} within {registered}");
    }
}

#[test]
fn a_person_grants_what_they_tick_and_no_more() {
    const PROBLEMS: &str =
        "patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item";
    for (asked, ticked, want) in [
        ("patient/Condition.rs patient/Patient.rs", "patient/Patient.rs", "patient/Patient.rs"),
        ("patient/Condition.rs", "patient/Condition.rs", "patient/Condition.rs"),
        ("patient/Condition.rs", PROBLEMS, PROBLEMS),
        // A part stands instead of the whole.
        ("patient/Condition.rs", &format!("patient/Condition.rs {PROBLEMS}"), PROBLEMS),
        ("patient/Condition.rs", "patient/Condition.cruds user/Condition.rs patient/*.rs", ""),
        ("patient/*.rs", "patient/*.rs", "patient/*.rs"),
        ("patient/*.rs", "patient/Patient.rs", "patient/Patient.rs"),
        ("patient/*.read", "patient/Patient.read patient/Goal.read", "patient/Patient.read patient/Goal.read"),
        ("patient/*.rs patient/Patient.rs", "patient/*.rs", "patient/*.rs patient/Patient.rs"),
        ("patient/*.rs patient/Patient.rs", "patient/Goal.rs", "patient/Goal.rs"),
        ("launch/patient openid", "openid", "launch/patient openid"),
        ("launch/patient openid offline_access", "", "launch/patient"),
    ] {
        let registered = "patient/*.cruds openid offline_access launch/patient";
        let ticked: Vec<&str> = ticked.split(' ').collect();
        assert_eq!(offer(asked, registered).chosen(&ticked).join(" "), want, "{asked}: {ticked:?}");
    }
}

#[test]
fn all_boxes_of_a_scope_for_all_types_are_that_scope() {
    let offer = offer("patient/*.rs", "patient/*.rs");
    let values: Vec<String> = offer.items().flat_map(|item| &item.parts).map(Part::value).collect();
    assert!(values.len() > 30 && values.last().is_some_and(|rest| rest.contains("patient/NutritionOrder.rs")));
    let ticked: Vec<&str> = values.iter().flat_map(|value| value.split(' ')).collect();
    assert_eq!(offer.chosen(&ticked), ["patient/*.rs"]);
    let fewer = offer.chosen(&ticked[1..]);
    assert!(fewer.len() > 40 && !fewer.iter().any(|scope| scope.contains("/Patient.") || scope.contains('*')));
}

#[test]
fn every_part_of_the_table_can_be_searched_for() {
    let offer = offer("patient/Condition.rs patient/Observation.rs", "patient/*.rs");
    for part in offer.items().flat_map(|item| &item.parts) {
        assert!(can_be_asked(&part.0[0], &REGISTRY), "{}", part.value());
    }
}

#[test]
fn what_no_person_could_grant_is_hopeless() {
    for (asked, registered, want) in [
        ("system/*.rs", "system/*.rs", true),
        ("patient/*.rs", "user/*.rs", true),
        ("launch/patient", "launch/patient", true),
        ("openid", "openid", false),
        ("patient/*.rs", "patient/Patient.r", false),
    ] {
        let asked: Vec<String> = asked.split(' ').map(str::to_string).collect();
        assert_eq!(is_hopeless(&asked, registered), want, "{asked:?}");
    }
}
