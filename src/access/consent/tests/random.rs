//! Random Consents against random resources: the conditions that become SQL, the reasons and the second opinion agree.

use super::*;
use crate::search::tests::dice::Dice;

const CODES: [&str; 3] = ["1", "2", "3"];
const DATES: [&str; 6] = ["2020", "2022-03", "2022-03-31", "2022-04-01T10:00:00Z", "2023-01-01", "2024-06"];
const TOPICS: [&str; 6] = ["PSY", "HIV", "SUD", "ETHUD", "SPI", "SEX"];
const LEVELS: [&str; 6] = ["U", "L", "M", "N", "R", "V"];
const WRITERS: [&str; 3] = ["Practitioner/w", "Practitioner/v", "Organization/o"];
const TYPES: [&str; 7] =
    ["AllergyIntolerance", "Condition", "Encounter", "Flag", "MedicationRequest", "Observation", "Patient"];
const PURPOSES: [&str; 7] = ["TREAT", "HPAYMT", "ETREAT", "BTG", "HOPERAT", "CAREMGT", "PurposeOfUse"];
const PROFILE: &str = "http://p.example/StructureDefinition/x";

fn some(dice: &mut Dice, mut one: impl FnMut(&mut Dice) -> Value) -> Value {
    (0..1 + dice.below(2)).map(|_| one(dice)).collect()
}

fn concept(dice: &mut Dice) -> Value {
    json!({"coding": [{"system": dice.text(&["http://s", "http://t"]), "code": dice.text(&CODES)}]})
}

fn frame(dice: &mut Dice) -> Value {
    let (a, b) = (dice.below(DATES.len()), dice.below(DATES.len()));
    match dice.below(4) {
        0 => json!({"start": DATES[a]}),
        1 => json!({"end": DATES[a]}),
        _ => json!({"start": DATES[a.min(b)], "end": DATES[a.max(b)]}),
    }
}

fn label(dice: &mut Dice) -> Value {
    let code = if dice.percent(50) { dice.text(&LEVELS) } else { dice.text(&TOPICS) };
    labels(&[code])[0].clone()
}

fn reference(text: &str) -> Value {
    json!({"reference": text})
}

fn provision(dice: &mut Dice, depth: usize) -> Value {
    let mut provision = json!({});
    if dice.percent(80) {
        provision["type"] = dice.text(&["permit", "deny"]).into();
    }
    if dice.percent(15) {
        provision["period"] = frame(dice);
    }
    if dice.percent(25) {
        provision["actor"] = some(dice, |dice| match dice.below(12) {
            0 => json!({"reference": {"display": "somebody"}}),
            n => json!({"reference": reference(["Practitioner/a", "Organization/a", "Practitioner/b"][n % 3])}),
        });
    }
    if dice.percent(25) {
        provision["purpose"] = some(dice, |dice| {
            let code = if dice.percent(8) { "unheard-of" } else { dice.text(&PURPOSES) };
            purposes(&[code])[0].clone()
        });
    }
    if dice.percent(30) {
        provision["securityLabel"] =
            some(dice, |dice| if dice.percent(8) { labels(&["unheard-of"])[0].clone() } else { label(dice) });
    }
    if dice.percent(25) {
        provision["class"] = some(dice, |dice| match dice.below(12) {
            0 => json!({"system": "urn:x", "code": "unheard-of"}),
            1 | 2 => json!({"system": "urn:x", "code": PROFILE}),
            _ => json!({"system": "http://hl7.org/fhir/resource-types", "code": dice.text(&TYPES)}),
        });
    }
    if dice.percent(20) {
        provision["code"] =
            some(dice, |dice| if dice.percent(8) { json!({"text": "in words"}) } else { concept(dice) });
    }
    if dice.percent(20) {
        provision["dataPeriod"] = frame(dice);
    }
    if dice.percent(20) {
        provision["data"] = some(dice, |dice| {
            let meaning = dice.text(&["instance", "related", "dependents", "authoredby"]);
            let target = match meaning {
                "authoredby" => dice.text(&WRITERS),
                _ => dice.text(&["Encounter/0", "Encounter/1", "Observation/2", "Condition/1"]),
            };
            json!({"meaning": meaning, "reference": if dice.percent(8) { json!({"display": "it"}) } else { reference(target) }})
        });
    }
    if dice.percent(4) {
        provision["modifierExtension"] = json!([{"url": "http://x.example/turns-it-around", "valueBoolean": true}]);
    }
    if depth < 4 && dice.percent(60 - 10 * depth) {
        provision["provision"] = some(dice, |dice| self::provision(dice, depth + 1));
    }
    provision
}

fn random_consent(dice: &mut Dice) -> Value {
    let mut consent = consent(
        json!({"dateTime": dice.text(&DATES), "performer": [reference(dice.text(&["Patient/p", "RelatedPerson/r"]))]}),
    );
    match dice.below(4) {
        0 => consent["policyRule"] = opt_in(),
        1 => consent["policyRule"] = opt_out(),
        _ => {}
    }
    if dice.percent(90) {
        consent["provision"] = provision(dice, 0);
    }
    if dice.percent(5) {
        consent["status"] = "inactive".into();
    }
    consent
}

fn random_resource(dice: &mut Dice) -> Value {
    let t = dice.text(&TYPES);
    let id = dice.text(&["0", "1", "2"]);
    let mut meta = json!({"lastUpdated": dice.text(&["2022-03-15T00:00:00Z", "2024-01-01T00:00:00Z"])});
    if dice.percent(60) {
        meta["security"] = some(dice, label);
    }
    if dice.percent(30) {
        meta["profile"] = json!([format!("{PROFILE}{}", dice.text(&["", "|1", "y"]))]);
    }
    let mut resource = json!({"resourceType": t, "id": id, "meta": meta});
    let encounter = dice
        .percent(50)
        .then(|| reference(dice.text(&["Encounter/0", "Encounter/1", "http://here.example/fhir/Encounter/1"])));
    let mut set = |dice: &mut Dice, chance: usize, name: &str, value: Value| {
        if dice.percent(chance) {
            resource[name] = value;
        }
    };
    let (code, writer, date) = (concept(dice), reference(dice.text(&WRITERS)), dice.text(&DATES));
    let period = frame(dice);
    match t {
        "Observation" => {
            let dated = dice.percent(50);
            set(
                dice,
                60,
                if dated { "effectiveDateTime" } else { "effectivePeriod" },
                if dated { date.into() } else { period },
            );
            set(dice, 60, "performer", json!([writer]));
            let other = concept(dice);
            set(dice, 20, "component", json!([{"code": other}]));
            let other = concept(dice);
            set(dice, 20, "category", json!([other]));
        }
        "Condition" => {
            set(dice, 50, "onsetDateTime", date.into());
            let recorded = dice.text(&DATES);
            set(dice, 50, "recordedDate", recorded.into());
            set(dice, 50, "recorder", writer);
        }
        "MedicationRequest" => {
            set(dice, 60, "authoredOn", date.into());
            set(dice, 60, "requester", writer);
            let other = concept(dice);
            set(dice, 60, "medicationCodeableConcept", other);
        }
        "AllergyIntolerance" => {
            set(dice, 60, "recordedDate", date.into());
            set(dice, 60, "recorder", writer);
        }
        "Encounter" | "Flag" => set(dice, 60, "period", period),
        _ => {}
    }
    if matches!(t, "Observation" | "Condition" | "AllergyIntolerance" | "Flag") {
        set(dice, 80, "code", code);
    }
    if let Some(encounter) =
        encounter.filter(|_| matches!(t, "Observation" | "Condition" | "MedicationRequest" | "Flag"))
    {
        resource["encounter"] = encounter;
    }
    resource
}

#[test]
fn conditions_reasons_and_a_plain_reading_of_the_json_agree() {
    let mut dice = Dice::new(20_240_615);
    let resources: Vec<Value> = (0..120).map(|_| random_resource(&mut dice)).collect();
    let rows: Vec<Indexed> = resources.iter().map(known).collect();
    let mut seen = [0; 3];
    for _ in 0..600 {
        let consents: Vec<Value> = (0..1 + dice.below(3)).map(|_| random_consent(&mut dice)).collect();
        let asker = asker(dice.text(&PURPOSES[..6]), &["Practitioner/a", "Organization/a"][..1 + dice.below(2)]);
        let rules = rules(&consents);
        for _ in 0..50 {
            let at = dice.below(resources.len());
            let found = reason(&rules, &asker, &rows[at]);
            let expected = oracle::decide(&consents, &asker, &resources[at]);
            let shown =
                || format!("{asker:?}\n{}\n{}", serde_json::to_string_pretty(&consents).unwrap(), resources[at]);
            assert_eq!(found.decision, expected, "{found:?}\n{}", shown());
            seen[found.decision as usize] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 3_000), "the dice are loaded: {seen:?}");
}

#[test]
fn a_consent_more_never_opens_by_a_refusal() {
    let mut dice = Dice::new(7);
    for _ in 0..300 {
        let (one, other) = (random_consent(&mut dice), random_consent(&mut dice));
        let resource = known(&random_resource(&mut dice));
        let mut refusal = with(json!({"type": "deny"}));
        refusal["dateTime"] = "2030".into();
        let before = reason(&rules(&[one.clone(), other.clone()]), &doctor(), &resource).decision;
        let after = reason(&rules(&[one, other, refusal]), &doctor(), &resource).decision;
        assert_eq!(after, Decision::Deny, "it was {before:?}");
    }
}
