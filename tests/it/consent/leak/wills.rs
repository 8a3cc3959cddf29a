//! Random Consents for the leak test: whatever R4 lets a patient say, said by chance.

use serde_json::{Map, Value, json};

use super::cast;
use super::world::{World, at, coding};
use crate::dice::Dice;

/// Consents that one patient has at most.
const SLOTS: usize = 3;
const DEPTH_MAX: usize = 3;

/// What consents may name.
pub struct Wills {
    actors: Vec<String>,
    codes: Vec<Value>,
    /// What data are related to.
    data: Vec<String>,
}

impl Wills {
    pub fn new(world: &World, dice: &mut Dice) -> Wills {
        let (mut codes, mut data) = (Vec::new(), Vec::new());
        for t in ["Observation", "Condition", "Immunization", "MedicationRequest", "Procedure", "DiagnosticReport"] {
            for _ in 0..8 {
                if let Some((name, resource)) = world.any(dice, t) {
                    data.push(name.clone());
                    for path in ["code.coding", "vaccineCode.coding", "medicationCodeableConcept.coding"] {
                        at(resource, path, &mut |coding| codes.push(coding.clone()));
                    }
                }
            }
        }
        for t in ["Encounter", "Encounter", "CarePlan", "Practitioner"] {
            data.extend((0..5).filter_map(|_| world.any(dice, t).map(|(name, _)| name.clone())));
        }
        data.extend([world.doctor(0), world.doctor(1)]);
        Wills { actors: cast::actors(world), codes, data }
    }

    /// Writes a Consent in the place of one, or none, that a patient has; returns it.
    pub fn change(&self, world: &World, dice: &mut Dice) -> Value {
        let patient = dice.below(world.patients.len());
        let id = format!("leak-{patient}-{}", dice.below(SLOTS));
        let status =
            if dice.percent(75) { "active" } else { dice.text(&["inactive", "rejected", "proposed", "draft"]) };
        let consent = self.consent(dice, &id, &world.patients[patient], status);
        write(world, &consent);
        consent
    }

    fn consent(&self, dice: &mut Dice, id: &str, patient: &str, status: &str) -> Value {
        let mut consent = frame(id, patient, status);
        consent["dateTime"] = format!("20{}-0{}-11", 10 + dice.below(15), 1 + dice.below(9)).into();
        let base = match dice.below(10) {
            0..=5 => Some("OPTIN"),
            6..=7 => Some("OPTOUT"),
            _ => None,
        };
        match base {
            Some(code) => {
                let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
                consent["policyRule"] = json!({"coding": [{"system": system, "code": code}]});
            }
            None => {
                let policy = dice.text(&["basic-normal", "all-normal", "break-glass-only", "deny"]);
                consent["policy"] = json!([{"uri": format!("https://profiles.ihe.net/ITI/PCF/Policy-{policy}")}]);
            }
        }
        if base.is_none() || dice.percent(85) {
            let mut provision = self.provision(dice, 1);
            if base.is_none() {
                provision["type"] = dice.text(&["permit", "deny"]).into();
            }
            consent["provision"] = provision;
        }
        consent
    }

    fn provision(&self, dice: &mut Dice, depth: usize) -> Value {
        let mut it = Map::new();
        // The inner ones say something, or they would be the outer ones.
        let chance = if depth == 1 { 14 } else { 25 };
        if dice.percent(if depth == 1 { 75 } else { 90 }) {
            it.insert("type".into(), dice.text(&["permit", "deny"]).into());
        }
        if dice.percent(15) {
            let period = dice.text(&["2001/2002", "2001/2099", "2098/2099"]);
            it.insert("period".into(), stretch(period));
        }
        if dice.percent(chance * 2) {
            let actors = several(dice, 3, |dice| {
                let code = dice.text(&["IRCP", "PRCP"]);
                let system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
                let role = json!({"coding": [{"system": system, "code": code}]});
                json!({"role": role, "reference": {"reference": dice.one(&self.actors)}})
            });
            it.insert("actor".into(), actors);
        }
        if dice.percent(chance) {
            it.insert(
                "action".into(),
                several(dice, 2, |dice| {
                    let code = dice.text(&["access", "access", "collect", "disclose"]);
                    json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": code}]})
                }),
            );
        }
        if dice.percent(chance) {
            let codes = ["N", "N", "R", "V", "PSY", "HIV", "ETH", "ETHUD", "SDV", "SUD"];
            it.insert("securityLabel".into(), several(dice, 3, |dice| coding(dice.text(&codes))));
        }
        if dice.percent(chance) {
            let codes = ["TREAT", "TREAT", "ETREAT", "HPAYMT", "HRESCH", "PATRQT", "HOPERAT", "BTG"];
            let system = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
            it.insert("purpose".into(), several(dice, 3, |dice| json!({"system": system, "code": dice.text(&codes)})));
        }
        if dice.percent(chance) {
            it.insert(
                "class".into(),
                several(dice, 4, |dice| {
                    let t = dice.text(&TYPES);
                    json!({"system": "http://hl7.org/fhir/resource-types", "code": t})
                }),
            );
        }
        if dice.percent(chance) {
            it.insert("code".into(), several(dice, 4, |dice| json!({"coding": [dice.one(&self.codes)]})));
        }
        if dice.percent(chance) {
            let from = 1990 + dice.below(30);
            it.insert("dataPeriod".into(), stretch(&format!("{from}/{}", from + 1 + dice.below(12))));
        }
        if dice.percent(chance) {
            it.insert(
                "data".into(),
                several(dice, 3, |dice| {
                    let meaning = dice.text(&["instance", "related", "dependents", "authoredby"]);
                    json!({"meaning": meaning, "reference": {"reference": dice.one(&self.data)}})
                }),
            );
        }
        if depth < DEPTH_MAX && dice.percent(45) {
            it.insert("provision".into(), several(dice, 2, |dice| self.provision(dice, depth + 1)));
        }
        if it.is_empty() {
            it.insert("type".into(), "deny".into());
        }
        Value::Object(it)
    }
}

const TYPES: [&str; 12] = [
    "Observation",
    "Observation",
    "Condition",
    "Encounter",
    "Patient",
    "Procedure",
    "DiagnosticReport",
    "MedicationRequest",
    "Immunization",
    "Claim",
    "Group",
    "DocumentReference",
];

/// Returns a Consent by which a patient refuses or allows everything.
pub fn plain(id: &str, patient: &str, status: &str, code: &str) -> Value {
    let mut consent = frame(id, patient, status);
    let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    consent["policyRule"] = json!({"coding": [{"system": system, "code": code}]});
    consent
}

pub fn write(world: &World, consent: &Value) {
    let id = consent["id"].as_str().expect("an id");
    let answer = world.keeper.put(&format!("Consent/{id}"), consent);
    assert!([200, 201].contains(&answer.status), "{consent}: {}", answer.text());
}

fn frame(id: &str, patient: &str, status: &str) -> Value {
    json!({"resourceType": "Consent", "id": id, "status": status,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": patient}})
}

fn stretch(years: &str) -> Value {
    let (start, end) = years.split_once('/').expect("two years");
    json!({"start": start, "end": end})
}

fn several(dice: &mut Dice, max: usize, mut one: impl FnMut(&mut Dice) -> Value) -> Value {
    (0..1 + dice.below(max)).map(|_| one(dice)).collect()
}
