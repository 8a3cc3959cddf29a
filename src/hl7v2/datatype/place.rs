//! PL, and the places in NDL: Locations, each part of the next larger one.
//!
//! v2-to-FHIR, PL\[Location\]. A bed 1 is in every room, so a place is recognized by the whole way to it.

use super::coded;
use super::identifier::{self, Authority};
use super::text::{percent_encode, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::message::Part;
use serde_json::{Value, json};

const PHYSICAL: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";

/// Levels from the largest on: the letter in the way, and the physical type.
const LEVELS: [(&str, Option<&str>); 6] = [
    ("si", Some("si")),
    ("bu", Some("bu")),
    ("poc", None),
    ("lvl", Some("lvl")),
    ("ro", Some("ro")),
    ("bd", Some("bd")),
];

/// PL → Reference(Location): of the innermost place, which is part of the others.
pub fn location(ctx: &Ctx, part: Part) -> Option<Value> {
    let parts = [4, 7, 1, 8, 2, 3].map(|n| part.part(n));
    let ward = ward(part);
    let (handle, names) = chain(ctx, part, parts, ward)?;
    ctx.change(handle, |draft| {
        draft.set("description", string(part.part(9)));
    });
    if let Some(other) = comprehensive(ctx, part) {
        ctx.change(handle, |draft| {
            draft.push("identifier", other);
        });
    }
    Some(reference(handle, names))
}

/// NDL → Reference(Location): where somebody did something.
pub fn location_of_performer(ctx: &Ctx, part: Part) -> Option<Value> {
    let parts = [7, 10, 4, 11, 5, 6].map(|n| part.part(n));
    let is_inside = parts[4].is_there() || parts[5].is_there();
    let (handle, names) = chain(ctx, part, parts, is_inside.then_some("wa"))?;
    Some(reference(handle, names))
}

/// CWE → Reference(Location): a place that is named by a code, such as RXD-30 and AIG-3.
pub fn location_of_code(ctx: &Ctx, part: Part) -> Option<Value> {
    let name = coded::words(part)?;
    let Some(value) = string(part.part(1)) else { return Some(json!({"display": name})) };
    let named = string(part.part(3));
    let system = ctx.coding_system(named.as_deref(), None).unwrap_or_else(|| ctx.local("location"));
    let identifier = Identifier { system, value };
    let mut draft = Draft::new("Location", part.at);
    draft.push("identifier", json!({"system": identifier.system, "value": identifier.value}));
    draft.identity = Identity::Identifiers(vec![identifier]);
    draft.update = Update::Keep;
    draft.set("name", name.clone()).set("mode", "instance");
    Some(reference(ctx.add_once(draft), vec![name]))
}

fn reference(handle: Handle, names: Vec<String>) -> Value {
    let mut reference = handle.reference();
    reference["display"] = names.join(", ").into();
    reference
}

/// Adds the places; returns the innermost and the names from the largest on.
fn chain(ctx: &Ctx, part: Part, parts: [Part; 6], ward: Option<&str>) -> Option<(Handle, Vec<String>)> {
    let mut inner: Option<Handle> = None;
    let (mut way, mut names) = (Vec::new(), Vec::new());
    for ((level, physical), place) in LEVELS.into_iter().zip(parts) {
        let Some(name) = string(place).or_else(|| string(place.part(2))) else { continue };
        let id = Authority::read(place).id.unwrap_or_default();
        let own = if level == "si" && !id.is_empty() { percent_encode(&id) } else { percent_encode(&name) };
        way.push(format!("{level}={own}"));
        names.push(name.clone());
        let identifier = Identifier { system: ctx.local("location"), value: way.join("/") };
        let mut draft = Draft::new("Location", part.at);
        draft.push("identifier", json!({"system": identifier.system, "value": identifier.value}));
        draft.identity = Identity::Identifiers(vec![identifier]);
        draft.update = Update::Keep;
        draft.set("name", name).set("mode", "instance");
        let physical = physical.or(ward.filter(|_| level == "poc"));
        if let Some(code) = physical {
            draft.set("physicalType", json!({"coding": [{"system": PHYSICAL, "code": code}]}));
        }
        if let Some(outer) = inner {
            draft.set("partOf", outer.reference());
        }
        inner = Some(ctx.add_once(draft));
    }
    inner.map(|handle| (handle, names))
}

/// Returns the physical type of a point of care: a nursing unit, or what rooms or beds are in, is a ward.
fn ward(part: Part) -> Option<&'static str> {
    match part.part(6).text().as_deref() {
        Some("N") => Some("wa"),
        Some("H") => Some("ho"),
        None if part.part(2).is_there() || part.part(3).is_there() => Some("wa"),
        _ => None,
    }
}

/// Returns the identifier of PL.10, by its own authority or that of PL.11.
fn comprehensive(ctx: &Ctx, part: Part) -> Option<Value> {
    let id = part.part(10);
    let value = string(id)?;
    let own = Authority::from(id, 2);
    let authority = if own.is_there() { own } else { Authority::read(part.part(11)) };
    let system = authority.uri(ctx).unwrap_or_else(|| ctx.local("place"));
    Some(Value::Object(identifier::made(system, value, None, &authority)))
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, drafts};
    use serde_json::{Value, json};

    fn place(way: &str, name: &str, kind: Option<&str>, within: Option<&str>) -> Value {
        let identifier = json!({"system": "urn:x-v2:HOSP:location", "value": way});
        let mut place =
            json!({"resourceType": "Location", "identifier": [identifier], "name": name, "mode": "instance"});
        if let Some(kind) = kind {
            let system = "http://terminology.hl7.org/CodeSystem/location-physical-type";
            place["physicalType"] = json!({"coding": [{"system": system, "code": kind}]});
        }
        if let Some(within) = within {
            place["partOf"] = json!({"reference": within});
        }
        place
    }

    #[test]
    fn places_are_part_of_larger_ones() {
        check("Location", "ICU^101^2^HOSP", r#"{"reference":"urn:x-draft:3","display":"HOSP, ICU, 101, 2"}"#);
        let expected = [
            place("si=HOSP", "HOSP", Some("si"), None),
            place("si=HOSP/poc=ICU", "ICU", Some("wa"), Some("urn:x-draft:0")),
            place("si=HOSP/poc=ICU/ro=101", "101", Some("ro"), Some("urn:x-draft:1")),
            place("si=HOSP/poc=ICU/ro=101/bd=2", "2", Some("bd"), Some("urn:x-draft:2")),
            place("si=HOSP/poc=ICU/ro=101/bd=3", "3", Some("bd"), Some("urn:x-draft:2")),
        ];
        assert_eq!(drafts("Location", "ZZZ|ICU^101^2^HOSP~ICU^101^3^HOSP", 1), expected);
    }

    #[test]
    fn what_is_not_said_is_not_in_between() {
        assert_eq!(drafts("Location", "ZZZ|ICU", 1), [place("poc=ICU", "ICU", None, None)]);
        assert_eq!(drafts("Location", "ZZZ|ICU^^^^^N", 1), [place("poc=ICU", "ICU", Some("wa"), None)]);
        assert_eq!(drafts("Location", "ZZZ|A/B", 1), [place("poc=A%2FB", "A/B", None, None)]);
        let expected =
            [place("bu=B", "B", Some("bu"), None), place("bu=B/lvl=4", "4", Some("lvl"), Some("urn:x-draft:0"))];
        assert_eq!(drafts("Location", "ZZZ|^^^^^^B^4", 1), expected);
        check("Location", "^^^^^N", "-");
    }

    #[test]
    fn the_innermost_place_has_the_rest() {
        let mut expected = place("poc=ICU", "ICU", None, None);
        expected["description"] = json!("left of the door");
        let other = json!({"system": "https://known.example/ids", "value": "77", "assigner": {"display": "KNOWN"}});
        expected["identifier"].as_array_mut().unwrap().push(other);
        assert_eq!(drafts("Location", "ZZZ|ICU^^^^^^^^left of the door^77^KNOWN", 1), [expected]);
    }
}
