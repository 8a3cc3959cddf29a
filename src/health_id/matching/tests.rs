//! Who is taken for whom: each row changes one person and says how sure it then still is.

use super::*;
use serde_json::{Value, json};

/// A person of whom all is known.
fn anna() -> Value {
    json!({
        "name": [{"family": "Schneider", "given": ["Anna"]}],
        "birthDate": "1980-05-16",
        "gender": "female",
        "telecom": [{"system": "phone", "value": "+49 30 1234567"}],
        "address": [{"line": ["Hauptstraße 1"], "city": "Berlin", "postalCode": "10115"}],
        "identifier": [{"system": "http://insurer", "value": "A1"}],
    })
}

fn with(change: Value) -> Value {
    let mut value = anna();
    for (key, changed) in change.as_object().unwrap() {
        match changed {
            Value::Null => value.as_object_mut().unwrap().remove(key),
            changed => value.as_object_mut().unwrap().insert(key.clone(), changed.clone()),
        };
    }
    value
}

fn person(value: &Value) -> Person {
    Person::of(value.as_object().unwrap())
}

#[track_caller]
fn check(a: &Value, b: &Value, grade: Grade) -> Score {
    let (there, back) = (compare(&person(a), &person(b)), compare(&person(b), &person(a)));
    assert_eq!(there.grade, grade, "{b}: {there:?}");
    assert_eq!(there, back, "the order of the two does not count: {b}");
    assert!((0.0..=1.0).contains(&there.value));
    there
}

#[test]
fn a_person_known_by_name_birthday_and_contact_is_certain_only_when_nothing_is_amiss() {
    use Grade::{Certain, CertainlyNot, Possible, Probable};
    let stranger = |given: &str| json!([{"family": "Schneider", "given": [given]}]);
    let rows: &[(&str, Value, Grade)] = &[
        ("the same", json!({}), Certain),
        ("an accent and case", json!({"name": [{"family": "SCHNEIDER", "given": ["Ánna"]}]}), Certain),
        ("a phone number in another form", json!({"telecom": [{"value": "030-1234567"}], "address": null}), Certain),
        ("name, birthday, gender and address", json!({"telecom": null}), Certain),
        ("name, birthday and gender alone", json!({"telecom": null, "address": null}), Probable),
        ("the family name mistyped", json!({"name": [{"family": "Schnieder", "given": ["Anna"]}]}), Probable),
        ("the given name mistyped", json!({"name": stranger("Ana")}), Probable),
        ("the given name with a letter too many", json!({"name": stranger("Annna")}), Probable),
        ("an initial", json!({"name": stranger("A")}), Probable),
        ("names in the place of each other", json!({"name": [{"family": "Anna", "given": ["Schneider"]}]}), Probable),
        ("a birthday with a wrong digit", json!({"birthDate": "1980-05-17"}), Probable),
        ("a birthday with two digits swapped", json!({"birthDate": "1980-05-61"}), Probable),
        ("the year alone", json!({"birthDate": "1980"}), Probable),
        (
            "another family name, as after a marriage",
            json!({"name": [{"family": "Wolf", "given": ["Anna"]}]}),
            Probable,
        ),
        (
            "married and moved",
            json!({"name": [{"family": "Wolf", "given": ["Anna"]}], "telecom": null, "address": null}),
            Possible,
        ),
        (
            "a maiden name that is known",
            json!({"name": [{"family": "Wolf", "given": ["Anna"]}, {"use": "maiden", "family": "Schneider", "given": ["Anna"]}]}),
            Certain,
        ),
        ("half of a double name", json!({"name": [{"family": "Schneider-Wolf", "given": ["Anna"]}]}), Probable),
        ("a twin", json!({"name": stranger("Maria")}), Possible),
        ("a twin brother", json!({"name": stranger("Paul"), "gender": "male"}), CertainlyNot),
        ("another gender", json!({"gender": "male"}), Probable),
        ("a daughter of the same name", json!({"birthDate": "2006-11-02"}), Possible),
        (
            "another person in the house",
            json!({"name": stranger("Otto"), "birthDate": "1951-02-03", "gender": "male"}),
            CertainlyNot,
        ),
        (
            "a namesake of another town",
            json!({"birthDate": "1951-02-03", "telecom": null, "address": null}),
            CertainlyNot,
        ),
        (
            "nothing but the name",
            json!({"birthDate": null, "gender": null, "telecom": null, "address": null}),
            Possible,
        ),
        (
            "nothing",
            json!({"name": null, "birthDate": null, "gender": null, "telecom": null, "address": null}),
            CertainlyNot,
        ),
    ];
    let known = with(json!({"identifier": null}));
    for (what, change, grade) in rows {
        let mut other = with(change.clone());
        other.as_object_mut().unwrap().remove("identifier");
        let got = compare(&person(&known), &person(&other));
        assert_eq!(got.grade, *grade, "{what}: {got:?}");
        check(&known, &other, *grade);
    }
}

#[test]
fn twins_and_generations_are_kept_apart() {
    let twin = |order: i64, given: &str| {
        with(
            json!({"identifier": null, "multipleBirthInteger": order, "name": [{"family": "Schneider", "given": [given]}]}),
        )
    };
    check(&twin(1, "Anna"), &twin(2, "Hanna"), Grade::Probable);
    check(&twin(1, "Anna"), &twin(2, "Maria"), Grade::CertainlyNot);
    let king = |suffix: &str, born: &str| {
        with(
            json!({"identifier": null, "birthDate": born, "name": [{"family": "King", "given": ["Martin"], "suffix": [suffix]}]}),
        )
    };
    check(&king("Jr.", "1980-05-16"), &king("Sr.", "1980-05-16"), Grade::Probable);
    check(&king("Jr.", "1980-05-16"), &king("Sr.", "1951-02-03"), Grade::CertainlyNot);
    check(&king("Jr.", "1980-05-16"), &king("", "1980-05-16"), Grade::Probable);
    check(&king("Jr.", "1980-05-16"), &king("junior", "1980-05-16"), Grade::Certain);
}

#[test]
fn an_identifier_weighs_most_and_never_alone() {
    let rows: &[(&str, Value, Grade)] = &[
        (
            "married and moved",
            json!({"name": [{"family": "Wolf", "given": ["Anna"]}], "telecom": null, "address": null}),
            Grade::Certain,
        ),
        (
            "the identifier alone",
            json!({"name": null, "birthDate": null, "gender": null, "telecom": null, "address": null}),
            Grade::Probable,
        ),
        (
            "somebody else with the card",
            json!({"name": [{"family": "Wolf", "given": ["Otto"]}], "birthDate": "1951-02-03", "gender": "male", "telecom": null, "address": null}),
            Grade::Possible,
        ),
    ];
    for (what, change, grade) in rows {
        let got = check(&anna(), &with(change.clone()), *grade);
        assert_eq!(got.grade, *grade, "{what}");
    }
    let other =
        with(json!({"identifier": [{"system": "http://other", "value": "A1"}], "telecom": null, "address": null}));
    check(&anna(), &other, Grade::Probable);
}

#[test]
fn every_field_has_its_weight_and_reason() {
    for weight in &WEIGHTS {
        assert!(weight.agrees >= weight.resembles && weight.resembles >= weight.differs, "{weight:?}");
        assert!(!weight.why.is_empty());
        assert_eq!(WEIGHTS.iter().filter(|w| w.field == weight.field).count(), 1);
    }
}
