//! What an element becomes of which something is there, where a message says a part of it.
//!
//! By and large an element that a draft says replaces the one that is there, `null` removes it, and what it does not say stays. Where
//! that would lose what other messages have said, parts are taken over one by one:
//!
//! - `Encounter.period` and `Encounter.hospitalization`: each member by itself; `{"end": null}` removes the end and leaves the start.
//! - Participants of a visit, by their role, its locations, diagnoses and accounts: an item takes the place of those with its key, and
//!   the others stay. An order tells of its own diagnosis alone.
//! - An extension that has nothing but its URL, and a participant with nothing but a role, say that there is none any more.
//! - Where a patient was stays: locations of a visit that were active and are not said again are completed.

use serde_json::{Map, Value, json};

/// Elements whose members are taken over one by one.
const PARTS: &[(&str, &str)] = &[("Encounter", "period"), ("Encounter", "hospitalization")];

/// Returns what an element at the top becomes; `null` where nothing is left of it.
pub fn element(kind: &str, name: &str, own: Option<&Value>, said: &Value) -> Value {
    let taken = match (said, own) {
        (Value::Object(said), Some(Value::Object(own))) if PARTS.contains(&(kind, name)) => members(own, said),
        (Value::Array(said), Some(Value::Array(own))) => match key(kind, name) {
            Some(key) => joined(own, said, key, name == "location"),
            None => Value::Array(said.clone()),
        },
        (said, _) => said.clone(),
    };
    tidied(name, taken)
}

/// Returns an element without what says only that something is not there.
pub fn tidied(name: &str, element: Value) -> Value {
    let mut whole = Map::from_iter([(name.to_string(), element)]);
    tidy(&mut whole);
    whole.shift_remove(name).unwrap_or(Value::Null)
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
pub fn says_none(list: &str, item: &Value) -> bool {
    let Some(item) = item.as_object() else { return false };
    match list {
        "extension" => item.keys().all(|name| name == "url" || name == "id"),
        "participant" => item.keys().all(|name| name == "type"),
        _ => false,
    }
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
        ("Encounter", "participant") => |item| item["type"][0]["coding"][0]["code"].clone(),
        ("Encounter", "location") => |item| item["location"]["reference"].clone(),
        ("Encounter", "diagnosis") => |item| item["condition"]["reference"].clone(),
        ("Encounter", "account") => |item| item["reference"].clone(),
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
        // Where somebody was and will be again is told twice.
        let is_alone = said.iter().filter(|other| key(other) == key(item)).count() == 1;
        let is_before = |other: &&Value| key(other) == key(item) && (is_alone || other["status"] == item["status"]);
        let before = own.iter().find(|other| are_places && is_before(other)).and_then(Value::as_object);
        match (before, item) {
            // Since when the patient is at a place is said once; later messages only name the place.
            (Some(before), Value::Object(item)) => items.push(members(before, item)),
            _ => items.push(item.clone()),
        }
    }
    Value::Array(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, own: Value, said: Value, expected: Value) {
        assert_eq!(element("Encounter", name, Some(&own), &said), expected, "{said} into {own}");
    }

    #[test]
    fn members_of_a_period_are_taken_over_one_by_one() {
        let both = || json!({"start": "2026-01-01", "end": "2026-01-02"});
        check("period", both(), json!({"end": null}), json!({"start": "2026-01-01"}));
        check("period", json!({"start": "2026-01-01"}), json!({"end": "2026-01-02"}), both());
        check("period", json!({"end": "2026-01-02"}), json!({"end": null}), Value::Null);
        check("period", both(), Value::Null, Value::Null);
        assert_eq!(
            element("Encounter", "period", None, &json!({"start": "2026", "end": null})),
            json!({"start": "2026"})
        );
        assert_eq!(element("Encounter", "period", None, &json!({"end": null})), Value::Null);
        assert_eq!(element("Account", "servicePeriod", Some(&both()), &json!({"end": "2026"})), json!({"end": "2026"}));
    }

    #[test]
    fn a_patient_who_moves_has_been_where_they_were() {
        let at = |place: &str, status: &str| json!({"location": {"reference": place}, "status": status});
        check(
            "location",
            json!([at("a", "active")]),
            json!([at("b", "active")]),
            json!([at("a", "completed"), at("b", "active")]),
        );
        check(
            "location",
            json!([at("a", "planned")]),
            json!([at("b", "active")]),
            json!([at("a", "planned"), at("b", "active")]),
        );
        let since =
            |status: &str| json!({"location": {"reference": "a"}, "status": status, "period": {"start": "2026"}});
        check("location", json!([since("active")]), json!([at("a", "completed")]), json!([since("completed")]));
        let again = || json!([since("completed"), at("a", "planned")]);
        check("location", again(), json!([at("a", "completed"), at("a", "planned")]), again());
    }

    #[test]
    fn who_takes_part_in_another_role_stays() {
        let role = |code: &str| json!({"coding": [{"code": code}]});
        let who = |code: &str, who: &str| json!({"type": [role(code)], "individual": {"display": who}});
        let there = || json!([who("ATND", "A"), who("CON", "B")]);
        check("participant", there(), json!([who("ATND", "C")]), json!([who("CON", "B"), who("ATND", "C")]));
        check("participant", there(), json!([{"type": [role("CON")]}]), json!([who("ATND", "A")]));
        check("participant", there(), json!([{"type": [role("CON")]}, {"type": [role("ATND")]}]), Value::Null);
    }

    #[test]
    fn what_was_found_in_a_visit_stays() {
        let found = |of: &str, rank: u8| json!({"condition": {"reference": of}, "rank": rank});
        check(
            "diagnosis",
            json!([found("a", 1), found("b", 2)]),
            json!([found("b", 1)]),
            json!([found("a", 1), found("b", 1)]),
        );
        let account = |of: &str| json!({"reference": of});
        check("account", json!([account("a")]), json!([account("b")]), json!([account("a"), account("b")]));
    }

    #[test]
    fn other_elements_are_replaced_without_what_is_not_there() {
        check("statusHistory", json!([1]), json!([2]), json!([2]));
        check("statusHistory", json!([1]), json!([{"a": null}]), Value::Null);
        check("length", json!({"value": 1}), json!({"unit": "d", "code": null}), json!({"unit": "d"}));
        check(
            "extension",
            json!([]),
            json!([{"url": "a"}, {"url": "b", "valueCode": "c"}]),
            json!([{"url": "b", "valueCode": "c"}]),
        );
        check("line", json!([]), json!([null, "x"]), json!([null, "x"]));
    }
}
