//! What a draft makes of a resource that is there.
//!
//! A draft says what one message says. By and large an element that it says replaces the one that is there, `null` removes it, and
//! what it does not say stays. Where that would lose what other messages have said, parts are taken over one by one:
//!
//! - `Encounter.period`, `Encounter.hospitalization` and `meta`: each member by itself; `{"end": null}` removes the end and
//!   leaves the start.
//! - Lists whose items have a key: an item takes the place of the one with its key, and the others stay. An item that has nothing
//!   but its key says that there is none any more. Identifiers (by system and value), extensions (by URL), participants of a visit
//!   (by their role) and its locations are such.
//! - Where a patient was stays: the locations of a visit that were active and are not said again are completed.
//!
//! A choice such as `deceased[x]` has one value: another one of it goes.

use super::draft::{Draft, Update};
use serde_json::{Map, Value, json};

/// Elements whose members are taken over one by one.
const PARTS: &[(&str, &str)] = &[("Encounter", "period"), ("Encounter", "hospitalization"), ("", "meta")];

/// Elements of which R4 allows one type of several. Each with what follows in upper case.
const CHOICES: &[&str] = &[
    "abatement",
    "deceased",
    "effective",
    "medication",
    "multipleBirth",
    "occurrence",
    "onset",
    "performed",
    "reported",
    "serviced",
    "value",
];

/// Returns the resource that is there with what the draft says of it; references have to be resolved in both, or in neither.
pub fn updated(there: &Map<String, Value>, draft: &Draft) -> Map<String, Value> {
    let mut updated = there.clone();
    if draft.update == Update::Keep {
        return updated;
    }
    let kind = draft.resource_type();
    for (name, said) in draft.resource.iter().filter(|(name, _)| *name != "resourceType") {
        one_of_a_choice(&mut updated, name, said);
        let taken = match (said, updated.get(name)) {
            (Value::Object(said), Some(Value::Object(own))) if is_in_parts(kind, name) => members(own, said),
            (Value::Array(said), Some(Value::Array(own))) => match key(kind, name) {
                Some(key) => joined(own, said, key, (kind, name.as_str()) == ("Encounter", "location")),
                None => Value::Array(said.clone()),
            },
            (said, _) => said.clone(),
        };
        updated.insert(name.clone(), taken);
    }
    tidy(&mut updated);
    for (name, value) in &draft.defaults {
        updated.entry(name).or_insert_with(|| value.clone());
    }
    updated
}

/// Removes what says only that something is not there: `null`, what is empty without it, and items that have nothing but their key.
pub fn tidy(object: &mut Map<String, Value>) {
    for (name, value) in object.iter_mut() {
        match value {
            Value::Object(inner) => {
                tidy(inner);
                if inner.is_empty() {
                    *value = Value::Null;
                }
            }
            // A `null` in a list of primitives keeps the place of one that has extensions alone.
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(tidy);
                items.retain(|item| !says_none(name, item) && item.as_object().is_none_or(|item| !item.is_empty()));
                if items.is_empty() {
                    *value = Value::Null;
                }
            }
            _ => {}
        }
    }
    object.retain(|_, value| !value.is_null());
}

/// Returns whether an item says that there is none of its key.
fn says_none(list: &str, item: &Value) -> bool {
    let Some(item) = item.as_object() else { return false };
    match list {
        "extension" => item.keys().all(|name| name == "url" || name == "id"),
        "participant" => item.keys().all(|name| name == "type"),
        _ => false,
    }
}

fn is_in_parts(kind: &str, name: &str) -> bool {
    PARTS.iter().any(|(of, part)| (of.is_empty() || *of == kind) && *part == name)
}

fn members(own: &Map<String, Value>, said: &Map<String, Value>) -> Value {
    let mut members = own.clone();
    for (name, value) in said {
        members.insert(name.clone(), value.clone());
    }
    Value::Object(members)
}

type Key = fn(&Value) -> Value;

/// Returns what tells the items of a list apart that is taken over item by item.
fn key(kind: &str, name: &str) -> Option<Key> {
    Some(match (kind, name) {
        (_, "identifier") => |item| json!([item["system"], item["value"]]),
        (_, "extension") => |item| item["url"].clone(),
        ("Encounter", "participant") => |item| item["type"][0]["coding"][0]["code"].clone(),
        ("Encounter", "location") => |item| item["location"]["reference"].clone(),
        _ => return None,
    })
}

/// Returns the items that are there, without those of the keys that are said, and those that are said.
fn joined(own: &[Value], said: &[Value], key: Key, are_places: bool) -> Value {
    let is_said = |item: &Value| said.iter().any(|other| key(other) == key(item));
    let mut items: Vec<Value> = Vec::new();
    for item in own.iter().filter(|item| !is_said(item)) {
        let mut item = item.clone();
        if are_places && item["status"] == "active" {
            item["status"] = json!("completed");
        }
        items.push(item);
    }
    for item in said {
        let before = own.iter().find(|other| are_places && key(other) == key(item)).and_then(Value::as_object);
        match (before, item) {
            // Since when the patient is at a place is said once; later messages only name the place.
            (Some(before), Value::Object(item)) => items.push(members(before, item)),
            _ => items.push(item.clone()),
        }
    }
    Value::Array(items)
}

/// Removes another value of the choice that `name` belongs to.
fn one_of_a_choice(resource: &mut Map<String, Value>, name: &str, said: &Value) {
    let Some(choice) = CHOICES.iter().find(|choice| is_of(choice, name)).filter(|_| !said.is_null()) else { return };
    resource.retain(|other, _| other == name || !is_of(choice, other.trim_start_matches('_')));
}

fn is_of(choice: &str, name: &str) -> bool {
    name.strip_prefix(choice).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7v2::problem::Place;

    #[track_caller]
    fn check(there: Value, said: Value, expected: Value) {
        let kind = there["resourceType"].as_str().unwrap().to_string();
        let mut draft = Draft::new(&kind, Place::segment("PID", 1));
        draft.resource.extend(said.as_object().unwrap().clone());
        draft.default("status", "unknown");
        let mut expected = expected.as_object().unwrap().clone();
        expected.insert("resourceType".into(), json!(kind));
        let updated = updated(there.as_object().unwrap(), &draft);
        assert_eq!(Value::Object(updated), Value::Object(expected), "{said}");
    }

    fn visit(element: &str, value: Value) -> Value {
        json!({"resourceType": "Encounter", "status": "planned", element: value})
    }

    #[test]
    fn elements_replace_and_null_removes() {
        let there = || json!({"resourceType": "Patient", "status": "x", "name": [{"family": "A"}], "gender": "male"});
        check(
            there(),
            json!({"gender": "female"}),
            json!({"status": "x", "name": [{"family": "A"}], "gender": "female"}),
        );
        check(there(), json!({"name": null}), json!({"status": "x", "gender": "male"}));
        check(
            there(),
            json!({"status": null}),
            json!({"status": "unknown", "name": [{"family": "A"}], "gender": "male"}),
        );
    }

    #[test]
    fn members_of_a_period_are_taken_over_one_by_one() {
        let period = |value: Value| visit("period", value);
        let both = || json!({"start": "2026-01-01", "end": "2026-01-02"});
        check(period(both()), json!({"period": {"end": null}}), period(json!({"start": "2026-01-01"})));
        check(period(json!({"start": "2026-01-01"})), json!({"period": {"end": "2026-01-02"}}), period(both()));
        check(period(json!({"end": "2026-01-02"})), json!({"period": {"end": null}}), json!({"status": "planned"}));
    }

    #[test]
    fn a_patient_who_moves_has_been_where_they_were() {
        let at = |place: &str, status: &str| json!({"location": {"reference": place}, "status": status});
        let of = |places: Value| visit("location", places);
        check(
            of(json!([at("a", "active")])),
            json!({"location": [at("b", "active")]}),
            of(json!([at("a", "completed"), at("b", "active")])),
        );
        let since =
            |status: &str| json!({"location": {"reference": "a"}, "status": status, "period": {"start": "2026"}});
        check(
            of(json!([since("active")])),
            json!({"location": [at("a", "completed")]}),
            of(json!([since("completed")])),
        );
    }

    #[test]
    fn what_other_messages_said_of_other_keys_stays() {
        let number = |value: &str| json!({"system": "urn:x", "value": value});
        let of = |numbers: Value| visit("identifier", numbers);
        check(of(json!([number("1")])), json!({"identifier": [number("2")]}), of(json!([number("1"), number("2")])));
        check(of(json!([number("1")])), json!({"identifier": [number("1")]}), of(json!([number("1")])));
        let role = |code: &str| json!({"coding": [{"code": code}]});
        let who = |code: &str, who: &str| json!({"type": [role(code)], "individual": {"display": who}});
        let doctors = |items: Value| visit("participant", items);
        let there = || doctors(json!([who("ATND", "A"), who("CON", "B")]));
        check(there(), json!({"participant": [who("ATND", "C")]}), doctors(json!([who("CON", "B"), who("ATND", "C")])));
        check(there(), json!({"participant": [{"type": [role("CON")]}]}), doctors(json!([who("ATND", "A")])));
        let of = |items: Value| visit("extension", items);
        let there = || of(json!([{"url": "a", "valueCode": "1"}, {"url": "b", "valueCode": "2"}]));
        check(there(), json!({"extension": [{"url": "a"}]}), of(json!([{"url": "b", "valueCode": "2"}])));
    }

    #[test]
    fn a_choice_has_one_value() {
        let dead = |name: &str, value: Value| json!({"resourceType": "Patient", "status": "x", name: value});
        check(
            dead("deceasedBoolean", json!(true)),
            json!({"deceasedDateTime": "2026"}),
            dead("deceasedDateTime", json!("2026")),
        );
        check(dead("valueSet", json!("x")), json!({"valueSetter": null}), dead("valueSet", json!("x")));
    }
}
