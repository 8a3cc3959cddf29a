//! From what is there and what a message says to what is there afterwards.
//!
//! An element at the top that the message says takes the place of what was there, `null` removes it, and what it does not say stays.
//! Identifiers, extensions and labels are united, since several systems give them; what else is taken over in parts is in
//! `hl7v2/update.rs`.

use crate::catalog::{Catalog, TypeDef};
use crate::fhir::ResourceType;
use crate::hl7v2::update;
use serde_json::{Map, Value};

/// Which of two messages happened later: the one that is taken over, or one that was before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Newer,
    /// It fills what is empty.
    Older,
}

/// Makes a resource what it becomes.
pub fn graft(catalog: &Catalog, t: ResourceType, after: &mut Map<String, Value>, said: &Map<String, Value>, age: Age) {
    let def = catalog.ty(catalog.resource(t));
    for (name, value) in said.iter().filter(|(name, _)| !matches!(name.as_str(), "resourceType" | "id")) {
        // What is null further down is said not to be there.
        let tidied = || update::tidied(name, value.clone());
        match name.as_str() {
            "identifier" if value.is_array() => unite(after, name, &tidied(), is_same_identifier, age),
            "extension" | "modifierExtension" if value.is_array() => {
                unite(after, name, value, has_same_url, age);
                removed(after, name, value);
            }
            // Identifiers are never taken away: others know the resource by them.
            "identifier" | "extension" | "modifierExtension" if value.is_null() => {}
            "meta" => meta(after, &tidied(), age),
            "contained" => contained(after, &tidied(), said, age),
            _ if age == Age::Older => fill(def, after, name, tidied()),
            _ => match update::element(t.name(), name, after.get(name), value) {
                Value::Null => {
                    after.shift_remove(name);
                    after.shift_remove(&format!("_{name}"));
                }
                value => replace(def, after, name, value, said),
            },
        }
    }
    prune(after);
}

/// Removes the extensions of which is said that they are there no more: their URL alone.
fn removed(after: &mut Map<String, Value>, name: &str, said: &Value) {
    let is_none =
        |item: &Value| update::says_none("extension", item) && said.as_array().is_some_and(|said| said.contains(item));
    let Some(items) = after.get_mut(name).and_then(Value::as_array_mut) else { return };
    items.retain(|item| !is_none(item));
    if items.is_empty() {
        after.shift_remove(name);
    }
}

/// Removes what the server gives itself, so that versions can be compared.
pub fn bare(content: &mut Map<String, Value>) {
    if let Some(meta) = content.get_mut("meta").and_then(Value::as_object_mut) {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
        if meta.is_empty() {
            content.shift_remove("meta");
        }
    }
}

fn replace(def: &TypeDef, after: &mut Map<String, Value>, name: &str, value: Value, said: &Map<String, Value>) {
    for other in siblings(def, after, name) {
        after.shift_remove(&other);
        after.shift_remove(&format!("_{other}"));
    }
    // What was said of the value before does not hold of the new one.
    let beside = format!("_{name}");
    if !name.starts_with('_') && !said.contains_key(&beside) {
        after.shift_remove(&beside);
    }
    after.insert(name.to_string(), value);
}

fn fill(def: &TypeDef, after: &mut Map<String, Value>, name: &str, value: Value) {
    // What stands beside a value is said of that value alone.
    let of = name.strip_prefix('_').unwrap_or(name);
    if !value.is_null() && !after.contains_key(name) && !after.contains_key(of) && siblings(def, after, of).is_empty() {
        after.insert(name.to_string(), value);
    }
}

/// Returns the other forms of a choice that are there: `valueString` where `valueQuantity` is said.
fn siblings(def: &TypeDef, after: &Map<String, Value>, name: &str) -> Vec<String> {
    let Some((field, _)) = def.lookup(name).filter(|(field, _)| field.choice) else { return Vec::new() };
    let is_other = |key: &&String| {
        let own = key.strip_prefix('_').unwrap_or(key);
        own != name && def.lookup(own).is_some_and(|(other, _)| other.index == field.index)
    };
    after.keys().filter(is_other).map(|key| key.strip_prefix('_').unwrap_or(key).to_string()).collect()
}

/// Unites two lists. What is the same thing by `is_same` takes its place, so that the order of a list changes only where its content does.
fn unite(after: &mut Map<String, Value>, name: &str, said: &Value, is_same: fn(&Value, &Value) -> bool, age: Age) {
    let said = said.as_array().map_or(&[][..], Vec::as_slice);
    if said.is_empty() {
        return;
    }
    let known = after.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut left: Vec<&Value> = Vec::new();
    said.iter().for_each(|item| left.extend((!left.contains(&item)).then_some(item)));
    let mut items = Vec::with_capacity(known.len() + said.len());
    for there in &known {
        // A merged patient's number stays one of before, whatever an old message says of it.
        let is_kept = age == Age::Older || there["use"] == "old";
        if !said.iter().any(|item| is_same(there, item)) {
            items.push(there.clone());
        } else if is_kept {
            items.push(there.clone());
            left.retain(|item| !is_same(there, item));
        } else if let Some(at) = left.iter().position(|item| *item == there) {
            items.push(left.remove(at).clone());
        } else if let Some(at) = left.iter().position(|item| is_same(there, item) && !known.contains(item)) {
            items.push(left.remove(at).clone());
        }
    }
    items.extend(left.into_iter().cloned());
    after.insert(name.to_string(), Value::Array(items));
}

fn is_same_identifier(a: &Value, b: &Value) -> bool {
    a.get("system") == b.get("system") && a.get("value") == b.get("value")
}

fn has_same_url(a: &Value, b: &Value) -> bool {
    a.get("url") == b.get("url")
}

fn meta(after: &mut Map<String, Value>, said: &Value, age: Age) {
    let Some(said) = said.as_object() else { return };
    let there = after.entry("meta").or_insert_with(|| Value::Object(Map::new()));
    let Some(there) = there.as_object_mut() else { return };
    for (name, value) in said {
        match name.as_str() {
            "tag" | "security" => unite(there, name, value, is_same_coding, age),
            "profile" => unite(there, name, value, |a, b| a == b, age),
            "extension" => unite(there, name, value, has_same_url, age),
            "versionId" | "lastUpdated" => {}
            _ if age == Age::Older && there.contains_key(name) => {}
            _ => drop(there.insert(name.clone(), value.clone())),
        }
    }
}

fn is_same_coding(a: &Value, b: &Value) -> bool {
    a.get("system") == b.get("system") && a.get("code") == b.get("code")
}

/// Takes over contained resources. Elements that stay may still refer to those of before, under ids that are used anew: these move
/// to ids of their own.
fn contained(after: &mut Map<String, Value>, said: &Value, all_said: &Map<String, Value>, age: Age) {
    let new = said.as_array().cloned().unwrap_or_default();
    let old = after.get("contained").and_then(Value::as_array).cloned().unwrap_or_default();
    if age == Age::Older && !old.is_empty() {
        return;
    }
    let id = |resource: &Value| resource.get("id").and_then(Value::as_str).map(str::to_string);
    let taken: Vec<String> = new.iter().filter_map(id).collect();
    let mut kept = Vec::new();
    for mut resource in old {
        let Some(own) = id(&resource) else { continue };
        if new.contains(&resource) {
            continue;
        }
        if taken.contains(&own) {
            let moved = (1..).map(|n| format!("{own}-{n}")).find(|id| !taken.contains(id)).unwrap_or_default();
            let stays = |name: &String| name != "contained" && !all_said.contains_key(name);
            for (_, value) in after.iter_mut().filter(|(name, _)| stays(name)) {
                rename(value, &format!("#{own}"), &format!("#{moved}"));
            }
            resource["id"] = moved.into();
        }
        kept.push(resource);
    }
    kept.splice(0..0, new);
    after.insert("contained".into(), Value::Array(kept));
}

fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if key == "reference" && text == from => *text = to.to_string(),
                    _ => rename(value, from, to),
                }
            }
        }
        _ => {}
    }
}

/// Removes contained resources that nothing refers to any more (R4 dom-3).
fn prune(after: &mut Map<String, Value>) {
    if !after.contains_key("contained") {
        return;
    }
    let mut named = Vec::new();
    after.values().for_each(|value| references(value, &mut named));
    let Some(list) = after.get_mut("contained").and_then(Value::as_array_mut) else { return };
    list.retain(|it| {
        let id = it.get("id").and_then(Value::as_str).unwrap_or_default();
        named.iter().any(|name| name.strip_prefix('#') == Some(id)) || refers_out(it)
    });
    if list.is_empty() {
        after.shift_remove("contained");
    }
}

/// Returns whether a contained resource refers to the one that holds it.
fn refers_out(resource: &Value) -> bool {
    let mut named = Vec::new();
    references(resource, &mut named);
    named.iter().any(|name| name == "#")
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(object) => {
            if let Some(text) = object.get("reference").and_then(Value::as_str).filter(|text| text.starts_with('#')) {
                found.push(text.to_string());
            }
            object.values().for_each(|value| references(value, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::LazyLock;

    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().unwrap());

    fn check(t: &str, age: Age, there: Value, said: Value, want: Value) {
        let object = |value: &Value| value.as_object().unwrap().clone();
        let t = ResourceType::parse(t).unwrap();
        let mut after = object(&there);
        graft(&CATALOG, t, &mut after, &object(&said), age);
        assert_eq!(Value::Object(after), want, "{said} into {there}");
    }

    #[test]
    fn what_is_said_replaces_and_what_is_not_said_stays() {
        use Age::*;
        for (t, age, there, said, want) in [
            (
                "Patient",
                Newer,
                json!({"gender": "male", "active": true}),
                json!({"gender": "female"}),
                json!({"gender": "female", "active": true}),
            ),
            ("Patient", Newer, json!({"name": [{"family": "A"}]}), json!({"name": null}), json!({})),
            (
                "Patient",
                Newer,
                json!({"birthDate": "2000", "_birthDate": {"extension": []}}),
                json!({"birthDate": "2001"}),
                json!({"birthDate": "2001"}),
            ),
            (
                "Patient",
                Newer,
                json!({"birthDate": "2000", "_birthDate": 1}),
                json!({"birthDate": "2000", "_birthDate": 2}),
                json!({"birthDate": "2000", "_birthDate": 2}),
            ),
            (
                "Patient",
                Newer,
                json!({"deceasedBoolean": true}),
                json!({"deceasedDateTime": "2020"}),
                json!({"deceasedDateTime": "2020"}),
            ),
            (
                "Observation",
                Newer,
                json!({"valueString": "a", "_valueString": 1}),
                json!({"valueQuantity": {"value": 1}}),
                json!({"valueQuantity": {"value": 1}}),
            ),
            (
                "Patient",
                Older,
                json!({"gender": "male"}),
                json!({"gender": "female", "active": true, "photo": null}),
                json!({"gender": "male", "active": true}),
            ),
            (
                "Patient",
                Older,
                json!({"deceasedBoolean": true}),
                json!({"deceasedDateTime": "2020", "name": null}),
                json!({"deceasedBoolean": true}),
            ),
            ("Patient", Older, json!({"birthDate": "2000"}), json!({"_birthDate": 1}), json!({"birthDate": "2000"})),
        ] {
            check(t, age, there, said, want);
        }
    }

    #[test]
    fn parts_of_a_visit_are_taken_over_one_by_one() {
        let at = |place: &str, status: &str| json!({"location": {"reference": place}, "status": status});
        let there = json!({
            "period": {"start": "2026-01-01", "end": "2026-01-02"},
            "location": [at("a", "active")],
            "extension": [{"url": "u", "valueCode": "a"}],
        });
        let said = json!({"period": {"end": null}, "location": [at("b", "active")], "extension": [{"url": "u"}]});
        let want = json!({"period": {"start": "2026-01-01"}, "location": [at("a", "completed"), at("b", "active")]});
        check("Encounter", Age::Newer, there.clone(), said.clone(), want);
        check("Encounter", Age::Older, there.clone(), said, there);
        check(
            "Encounter",
            Age::Older,
            json!({}),
            json!({"period": {"end": null}, "extension": [{"url": "u"}]}),
            json!({}),
        );
    }

    #[test]
    fn identifiers_extensions_and_labels_are_united() {
        use Age::*;
        let of = |system: &str, value: &str| json!({"system": system, "value": value});
        let old = json!({"system": "a", "value": "2", "use": "old"});
        for (age, there, said, want) in [
            (
                Newer,
                json!({"identifier": [of("a", "1")]}),
                json!({"identifier": [of("b", "1")]}),
                json!({"identifier": [of("a", "1"), of("b", "1")]}),
            ),
            (
                Newer,
                json!({"identifier": [of("a", "1")]}),
                json!({"identifier": [{"system": "a", "value": "1", "use": "usual"}]}),
                json!({"identifier": [{"system": "a", "value": "1", "use": "usual"}]}),
            ),
            (Newer, json!({"identifier": [old]}), json!({"identifier": [of("a", "2")]}), json!({"identifier": [old]})),
            (
                Newer,
                json!({"identifier": [of("a", "1")]}),
                json!({"identifier": null}),
                json!({"identifier": [of("a", "1")]}),
            ),
            (
                Older,
                json!({"identifier": [of("a", "1")]}),
                json!({"identifier": [of("c", "1")]}),
                json!({"identifier": [of("a", "1"), of("c", "1")]}),
            ),
            (
                Newer,
                json!({"extension": [{"url": "u", "valueCode": "a"}, {"url": "v"}]}),
                json!({"extension": [{"url": "u", "valueCode": "b"}]}),
                json!({"extension": [{"url": "u", "valueCode": "b"}, {"url": "v"}]}),
            ),
            (
                Newer,
                json!({"extension": [{"url": "u", "valueCode": "a"}, {"url": "u", "valueCode": "b"}]}),
                json!({"extension": [{"url": "u", "valueCode": "c"}]}),
                json!({"extension": [{"url": "u", "valueCode": "c"}]}),
            ),
            (
                Newer,
                json!({"extension": [{"url": "u", "valueCode": "a"}, {"url": "u", "valueCode": "b"}]}),
                json!({"extension": [{"url": "u", "valueCode": "b"}, {"url": "u", "valueCode": "c"}]}),
                json!({"extension": [{"url": "u", "valueCode": "c"}, {"url": "u", "valueCode": "b"}]}),
            ),
            (
                Newer,
                json!({"meta": {"tag": [{"code": "x"}], "versionId": "2"}}),
                json!({"meta": {"tag": [{"code": "y"}]}}),
                json!({"meta": {"tag": [{"code": "x"}, {"code": "y"}], "versionId": "2"}}),
            ),
        ] {
            check("Patient", age, there, said, want);
        }
    }

    #[test]
    fn contained_resources_stay_as_long_as_something_refers_to_them() {
        let person = |id: &str, name: &str| json!({"resourceType": "Practitioner", "id": id, "name": [{"text": name}]});
        let to = |id: &str| json!({"reference": format!("#{id}")});
        check(
            "Observation",
            Age::Newer,
            json!({"contained": [person("p", "A")], "performer": [to("p")], "focus": [to("p")]}),
            json!({"contained": [person("p", "B")], "performer": [to("p")]}),
            json!({"contained": [person("p", "B"), person("p-1", "A")], "performer": [to("p")], "focus": [to("p-1")]}),
        );
        check(
            "Observation",
            Age::Newer,
            json!({"contained": [person("p", "A")], "performer": [to("p")]}),
            json!({"performer": [{"reference": "Practitioner/1"}]}),
            json!({"performer": [{"reference": "Practitioner/1"}]}),
        );
        let same = json!({"contained": [person("p", "A")], "performer": [to("p")]});
        check("Observation", Age::Newer, same.clone(), same.clone(), same);
    }
}
