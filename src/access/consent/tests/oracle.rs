//! A second opinion: Consents read as JSON against resources as JSON, without an index, expressions or anything compiled.
//!
//! Shares with the rules the calendar and the trees of codes alone. What is not understood is `maybe`.

use super::super::label::{LEVELS, TOPICS};
use super::super::provision::Kind;
use super::super::{Asker, Decision, purpose};
use crate::search::period::{self, Period};
use serde_json::{Value, json};

/// Whether something is covered: surely, and perhaps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Covered(bool, bool);

const YES: Covered = Covered(true, true);
const NO: Covered = Covered(false, false);
const MAYBE: Covered = Covered(false, true);

impl Covered {
    fn and(self, other: Covered) -> Covered {
        Covered(self.0 && other.0, self.1 && other.1)
    }
    fn or(self, other: Covered) -> Covered {
        Covered(self.0 || other.0, self.1 || other.1)
    }
}

fn certainly(is: bool) -> Covered {
    if is { YES } else { NO }
}

#[derive(Debug)]
struct Answer {
    permit: bool,
    named: bool,
    deny: bool,
    reach: Covered,
}

const NOTHING: Answer = Answer { permit: false, named: false, deny: false, reach: NO };

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns what the Consents of one patient decide.
pub fn decide(consents: &[Value], asker: &Asker, resource: &Value) -> Decision {
    let answers: Vec<Answer> = consents.iter().map(|consent| of_consent(consent, asker, resource)).collect();
    let moment = |consent: &Value| consent["dateTime"].as_str().and_then(period::parse);
    let beaten = |i: usize| {
        (0..consents.len()).any(|j| {
            let later = matches!((moment(&consents[j]), moment(&consents[i])), (Some(j), Some(i)) if j.lo > i.hi);
            answers[j].named && later && consents[j]["performer"] == consents[i]["performer"]
        })
    };
    if (0..consents.len()).any(|i| answers[i].deny && !beaten(i)) {
        return Decision::Deny;
    }
    if answers.iter().any(|answer| answer.permit) { Decision::Permit } else { Decision::Silent }
}

fn of_consent(consent: &Value, asker: &Asker, resource: &Value) -> Answer {
    if consent["status"] != "active" {
        return NOTHING;
    }
    let base = consent["policyRule"]["coding"][0]["code"].as_str().unwrap_or_default();
    let root = &consent["provision"];
    let explicit = root["type"].as_str();
    let reading = Reading { asker, resource, is_opt_out: base == "OPTOUT" };
    let (kind, alone) = match (base, explicit) {
        ("OPTIN", Some("permit")) | ("", _) => (None, true),
        ("OPTIN", _) => (Some(Kind::Permit), false),
        _ => (Some(Kind::Deny), false),
    };
    if alone {
        let answer = reading.provision(root, implied(root, Kind::Permit), YES);
        return if root.is_null() { NOTHING } else { answer };
    }
    let kind = kind.expect("there is a base");
    let opposite = if kind == Kind::Permit { Kind::Deny } else { Kind::Permit };
    let inner = if root.is_null() { vec![] } else { vec![(root.clone(), implied(root, opposite))] };
    if root["period"].is_object() && !in_force(&root["period"], asker) {
        return NOTHING;
    }
    reading.combined(kind, YES, YES, false, &inner)
}

fn implied(provision: &Value, otherwise: Kind) -> Kind {
    match provision["type"].as_str() {
        Some("permit") => Kind::Permit,
        Some("deny") => Kind::Deny,
        _ => otherwise,
    }
}

fn in_force(period: &Value, asker: &Asker) -> bool {
    let limit = |name: &str| period[name].as_str();
    let begun = limit("start").is_none_or(|start| period::parse(start).unwrap().lo <= asker.now.0);
    let ended = limit("end").is_some_and(|end| {
        let parsed = period::parse(end).unwrap();
        if end.contains('T') { asker.now.0 >= parsed.lo } else { asker.now.0 > parsed.hi }
    });
    begun && !ended
}

struct Reading<'a> {
    asker: &'a Asker,
    resource: &'a Value,
    is_opt_out: bool,
}

impl Reading<'_> {
    fn provision(&self, provision: &Value, kind: Kind, outer: Covered) -> Answer {
        if provision["period"].is_object() && !in_force(&provision["period"], self.asker) || !outer.1 {
            return NOTHING;
        }
        let own = outer.and(self.elements(provision, kind));
        let opposite = if kind == Kind::Permit { Kind::Deny } else { Kind::Permit };
        let inner: Vec<(Value, Kind)> = items(&provision["provision"])
            .iter()
            .map(|inner| {
                let inner_kind = implied(inner, opposite);
                let mut inner = inner.clone();
                if inner_kind == kind {
                    for (name, value) in provision.as_object().unwrap() {
                        let is_handed_down = !matches!(&**name, "type" | "period" | "provision");
                        if is_handed_down && inner[name].is_null() {
                            inner[name] = value.clone();
                        }
                    }
                }
                (inner, inner_kind)
            })
            .collect();
        self.combined(kind, own, outer, self.is_named(provision), &inner)
    }

    fn combined(&self, kind: Kind, own: Covered, outer: Covered, is_named: bool, inner: &[(Value, Kind)]) -> Answer {
        let (mut permit, mut named, mut deny, mut reach) = (false, false, false, own);
        for same_kind in [true, false] {
            let around = if same_kind { outer } else { reach };
            for (provision, inner_kind) in inner.iter().filter(|(_, k)| (*k == kind) == same_kind) {
                let answer = self.provision(provision, *inner_kind, around);
                permit |= answer.permit;
                named |= answer.named;
                deny |= answer.deny;
                if same_kind {
                    reach = reach.or(answer.reach);
                }
            }
        }
        let (permit, named, deny) = match (kind, deny) {
            (_, true) => (false, false, true),
            (Kind::Permit, false) => (permit || own.0, named || own.0 && is_named, false),
            (Kind::Deny, false) => (permit, named, own.1 && !permit),
        };
        Answer { permit, named, deny, reach }
    }

    fn is_named(&self, provision: &Value) -> bool {
        items(&provision["actor"]).iter().any(|actor| {
            let reference = actor["reference"]["reference"].as_str().unwrap_or_default();
            !reference.starts_with("Organization") && self.asker.actors.iter().any(|known| **known == *reference)
        })
    }

    fn elements(&self, provision: &Value, kind: Kind) -> Covered {
        let listed = |name: &str, of: &dyn Fn(&Value) -> Covered| match &provision[name] {
            Value::Null => YES,
            list => items(list).iter().map(of).fold(if items(list).is_empty() { MAYBE } else { NO }, Covered::or),
        };
        if !provision["modifierExtension"].is_null() {
            return MAYBE;
        }
        let labels = match &provision["securityLabel"] {
            Value::Null => YES,
            list => self.labels(items(list), kind),
        };
        listed("actor", &|actor| self.actor(actor))
            .and(listed("purpose", &|purpose| self.purpose(purpose, kind)))
            .and(listed("class", &|class| self.class(class)))
            .and(listed("code", &|concept| self.code(concept)))
            .and(listed("data", &|data| self.data(data)))
            .and(labels)
            .and(match &provision["dataPeriod"] {
                Value::Null => YES,
                frame => self.time(frame, kind),
            })
    }

    fn actor(&self, actor: &Value) -> Covered {
        assert!(!self.is_opt_out || actor["role"].is_null(), "custodians are not among the random actors");
        match actor["reference"]["reference"].as_str() {
            Some(reference) => certainly(self.asker.actors.iter().any(|known| **known == *reference)),
            None => MAYBE,
        }
    }

    fn purpose(&self, coding: &Value, kind: Kind) -> Covered {
        let code = coding["code"].as_str().unwrap_or_default();
        let asked = &*self.asker.purpose;
        if code == "unheard-of" {
            return MAYBE;
        }
        let is_emergency = |code: &str| matches!(code, "BTG" | "ETREAT" | "ERTREAT");
        let covers = purpose::contains(code, asked);
        match kind {
            Kind::Deny => certainly(covers && (!is_emergency(asked) || is_emergency(code))),
            Kind::Permit if code == asked || !is_emergency(asked) => certainly(covers),
            Kind::Permit => certainly(covers && self.level() <= 3),
        }
    }

    fn level(&self) -> usize {
        let security = items(&self.resource["meta"]["security"]);
        let levels = security.iter().filter_map(|label| LEVELS.iter().position(|level| label["code"] == *level));
        levels.max().unwrap_or(3)
    }

    fn labels(&self, named: &[Value], kind: Kind) -> Covered {
        let has_unknown = named.iter().any(|label| label["code"] == "unheard-of");
        let levels: Vec<usize> =
            named.iter().filter_map(|label| LEVELS.iter().position(|level| label["code"] == *level)).collect();
        let topics: Vec<&str> = named
            .iter()
            .filter_map(|label| label["code"].as_str())
            .filter(|code| TOPICS.iter().any(|(known, _)| known == code))
            .collect();
        let above = |code: &str| TOPICS.iter().find(|(known, _)| *known == code).map(|(_, above)| *above);
        let is_named = |topic: &str| {
            let mut at = Some(topic);
            while let Some(code) = at {
                if topics.contains(&code) {
                    return true;
                }
                at = above(code);
            }
            false
        };
        let of_resource: Vec<&str> = items(&self.resource["meta"]["security"])
            .iter()
            .filter_map(|label| label["code"].as_str())
            .filter(|code| code.len() > 1)
            .collect();
        let level = self.level();
        let covered = match (kind, levels.is_empty(), topics.is_empty()) {
            (_, true, true) => false,
            (Kind::Deny, ..) => {
                levels.iter().any(|named| level >= *named) || of_resource.iter().any(|topic| is_named(topic))
            }
            (Kind::Permit, false, no_topics) => {
                let within = level <= *levels.iter().max().unwrap();
                within && (no_topics || level < 4 || of_resource.iter().all(|topic| is_named(topic)))
            }
            (Kind::Permit, true, false) => {
                level <= 4 && !of_resource.is_empty() && of_resource.iter().all(|topic| is_named(topic))
            }
        };
        certainly(covered).or(if has_unknown { MAYBE } else { NO })
    }

    fn class(&self, coding: &Value) -> Covered {
        let code = coding["code"].as_str().unwrap_or_default();
        if code.contains("://") {
            let profiles = items(&self.resource["meta"]["profile"]);
            return certainly(profiles.iter().any(|profile| profile.as_str().unwrap().split('|').next() == Some(code)));
        }
        if code == "unheard-of" { MAYBE } else { certainly(self.resource["resourceType"] == *code) }
    }

    fn code(&self, concept: &Value) -> Covered {
        let Some(code) = concept["coding"][0]["code"].as_str() else { return MAYBE };
        let system = &concept["coding"][0]["system"];
        let resource = self.resource;
        let of_components = items(&resource["component"]).iter().map(|component| &component["code"]);
        let concepts: Vec<&Value> = [&resource["code"], &resource["medicationCodeableConcept"], &resource["type"]]
            .into_iter()
            .chain(items(&resource["category"]))
            .chain(of_components)
            .collect();
        let is_flag = resource["resourceType"] == "Flag";
        let has = concepts
            .iter()
            .filter(|_| !is_flag)
            .flat_map(|concept| items(&concept["coding"]))
            .any(|coding| coding["system"] == *system && coding["code"] == code);
        let is_elsewhere =
            resource["resourceType"] == "MedicationRequest" && resource["medicationCodeableConcept"].is_null();
        certainly(has).or(if is_flag || is_elsewhere { MAYBE } else { NO })
    }

    fn time(&self, frame: &Value, kind: Kind) -> Covered {
        let frame = of_period(frame);
        let resource = self.resource;
        let names = match resource["resourceType"].as_str().unwrap() {
            "Observation" => &["effectiveDateTime", "effectivePeriod"][..],
            "Condition" => &["onsetDateTime", "recordedDate"],
            "MedicationRequest" => &["authoredOn"],
            "Encounter" | "Flag" => &["period"],
            "AllergyIntolerance" => &["recordedDate"],
            _ => &[],
        };
        let mut times: Vec<Period> =
            names.iter().filter(|name| !resource[**name].is_null()).map(|name| of_period(&resource[*name])).collect();
        if times.is_empty() {
            let updated = of_period(&resource["meta"]["lastUpdated"]).lo;
            times.push(Period { lo: updated, hi: updated });
        }
        certainly(match kind {
            Kind::Permit => times.iter().all(|time| frame.lo <= time.lo && time.hi <= frame.hi),
            Kind::Deny => times.iter().any(|time| time.lo <= frame.hi && frame.lo <= time.hi),
        })
    }

    fn data(&self, data: &Value) -> Covered {
        let Some(reference) = data["reference"]["reference"].as_str() else { return MAYBE };
        let resource = self.resource;
        let itself = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let refers = |names: &[&str]| {
            let of_names = names.iter().map(|name| &resource[*name]);
            of_names.flat_map(|value| if value.is_array() { items(value) } else { std::slice::from_ref(value) }).any(
                |value| {
                    value["reference"] == *reference || value["reference"] == format!("{}/{reference}", super::BASE_URL)
                },
            )
        };
        match data["meaning"].as_str().unwrap() {
            "instance" => certainly(itself == reference),
            "related" | "dependents" => {
                let any = refers(&[
                    "subject",
                    "patient",
                    "encounter",
                    "performer",
                    "recorder",
                    "asserter",
                    "requester",
                    "basedOn",
                    "episodeOfCare",
                ]);
                let is_unread =
                    resource["resourceType"] == "Condition" && resource["recorder"]["reference"] == *reference;
                certainly(itself == reference || any && !is_unread)
            }
            _ => match resource["resourceType"].as_str().unwrap() {
                "Condition" => MAYBE,
                "Observation" => certainly(refers(&["performer"])),
                "MedicationRequest" => certainly(refers(&["requester"])).or(MAYBE),
                "AllergyIntolerance" => certainly(refers(&["recorder", "asserter"])),
                _ => NO,
            },
        }
    }
}

fn of_period(value: &Value) -> Period {
    if let Some(text) = value.as_str() {
        return period::parse(text).unwrap();
    }
    let limit = |name: &str| value[name].as_str().map(|text| period::parse(text).unwrap());
    Period { lo: limit("start").map_or(period::BEGINNING, |p| p.lo), hi: limit("end").map_or(period::END, |p| p.hi) }
}

#[test]
fn the_oracle_is_right_about_plain_cases() {
    let plain = super::observation(json!({}));
    for (consent, expected) in [
        (super::with(json!({"type": "deny"})), Decision::Deny),
        (super::with(json!({"type": "permit"})), Decision::Permit),
        (super::consent(json!({"policyRule": super::opt_out()})), Decision::Deny),
        (super::with(json!({"type": "permit", "securityLabel": super::labels(&["L"])})), Decision::Silent),
    ] {
        assert_eq!(decide(&[consent], &super::doctor(), &plain), expected);
    }
}
