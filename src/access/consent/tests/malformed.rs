//! Consents that nobody should send: none stops the server, none opens anything that it should not.

use super::super::Decision::*;
use super::*;
use crate::search::tests::dice::Dice;

#[test]
fn a_part_of_a_permit_that_is_not_understood_permits_nothing_and_of_a_refusal_refuses() {
    let bad = [
        json!("text"),
        json!(7),
        json!(true),
        json!({}),
        json!([]),
        json!([null]),
        json!([{}]),
        json!([[]]),
        json!([7]),
    ];
    for name in ["actor", "action", "securityLabel", "purpose", "class", "code", "data"] {
        for value in &bad {
            for (kind, expected) in [("permit", Silent), ("deny", Deny)] {
                check(with(json!({"type": kind, name: value})), &doctor(), expected);
            }
        }
    }
    for name in ["period", "dataPeriod"] {
        for value in [
            json!("2020"),
            json!([]),
            json!({}),
            json!({"start": 7}),
            json!({"end": "soon"}),
            json!({"start": "2024", "end": "2020"}),
        ] {
            for (kind, expected) in [("permit", Silent), ("deny", Deny)] {
                check(with(json!({"type": kind, name: value})), &doctor(), expected);
            }
        }
    }
}

#[test]
fn exceptions_that_cannot_be_read_refuse() {
    for inner in [json!("x"), json!([]), json!({}), json!([7]), json!([{"type": "maybe"}]), json!([{"type": 1}])] {
        check(with(json!({"type": "permit", "provision": inner})), &doctor(), Deny);
        check(with(json!({"type": "deny", "provision": inner})), &doctor(), Deny);
    }
    for root in [json!("x"), json!([]), json!(null), json!({"type": "perhaps"}), json!({"type": null})] {
        check(with(root), &doctor(), Deny);
    }
}

#[test]
fn what_changes_the_meaning_of_the_whole_is_not_passed_over() {
    for name in ["modifierExtension", "implicitRules"] {
        for (base, expected) in [(opt_in(), Silent), (opt_out(), Deny)] {
            check(consent(json!({"policyRule": base, name: "http://x.example"})), &doctor(), expected);
        }
        let permit = json!({"type": "permit", "actor": actor("Practitioner/a")});
        check(consent(json!({"policyRule": opt_out(), "provision": permit, name: "x"})), &doctor(), Deny);
    }
}

#[test]
fn exceptions_deeper_than_eight_refuse() {
    let nested = |depth: usize| {
        // Permits and refusals in turn, a permit at the root.
        (0..depth).rev().fold(Value::Null, |inner, level| {
            let mut provision = json!({"type": if level % 2 == 0 { "permit" } else { "deny" }});
            if !inner.is_null() {
                provision["provision"] = json!([inner]);
            }
            provision
        })
    };
    for (depth, expected) in
        [(1, Permit), (2, Deny), (7, Permit), (8, Deny), (9, Deny), (10, Deny), (11, Deny), (100, Deny)]
    {
        check(with(nested(depth)), &doctor(), expected);
    }
}

#[test]
fn there_is_an_end_to_provisions_and_repetitions() {
    let many: Value = (0..600).map(|_| json!({"type": "permit"})).collect();
    check(with(json!({"type": "permit", "provision": many})), &doctor(), Deny);
    let actors: Value = (0..1_100).map(|i| actor(&format!("Practitioner/{i}"))[0].clone()).collect();
    check(with(json!({"type": "deny", "actor": actors})), &doctor(), Deny);
    check(with(json!({"type": "permit", "actor": actors})), &doctor(), Silent);
    let bad: Value = (0..900).map(|_| json!({"text": "x"})).collect();
    let rule = Rule::read(&with(json!({"type": "deny", "code": bad})), BASE_URL).unwrap();
    assert_eq!(rule.notes.len(), 50);
}

/// Replaces one value somewhere in the tree.
fn spoil(value: &mut Value, dice: &mut Dice, junk: &[Value]) {
    let replace = dice.percent(20);
    match value {
        Value::Object(map) if !map.is_empty() && !replace => {
            let at = dice.below(map.len());
            let key = map.keys().nth(at).cloned().expect("there are so many");
            spoil(&mut map[&key], dice, junk);
        }
        Value::Array(list) if !list.is_empty() && !replace => {
            let at = dice.below(list.len());
            spoil(&mut list[at], dice, junk);
        }
        other => *other = dice.one(junk).clone(),
    }
}

#[test]
fn nothing_spoilt_stops_the_server_or_opens_what_a_refusal_closes() {
    let junk = [
        json!(null),
        json!(""),
        json!("\u{0}"),
        json!("ä".repeat(9_000)),
        json!(-1),
        json!(1e300),
        json!([]),
        json!({}),
        json!([[[[]]]]),
        json!({"reference": "Patient/p"}),
        json!({"coding": "x"}),
        json!("2024-13-45T99:99"),
        json!(false),
    ];
    let inner = json!([{"type": "deny", "securityLabel": labels(&["R", "HIV"]), "dataPeriod": {"start": "2020"}},
        {"type": "permit", "purpose": purposes(&["BTG"]), "code": [{"coding": [{"system": "http://s", "code": "c"}]}], "data": [{"meaning": "related", "reference": {"reference": "Encounter/e"}}]}]);
    let whole = |kind: &str| {
        with(
            json!({"type": kind, "period": {"start": "2024"}, "actor": actor("Practitioner/a"), "purpose": purposes(&["TREAT"]),
            "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}], "provision": inner}),
        )
    };
    let resource = known(&labelled(&["R", "HIV"]));
    let mut dice = Dice::new(99);
    let mut compiled = 0;
    for round in 0..2_000 {
        let mut consent = whole(if round % 2 == 0 { "permit" } else { "deny" });
        for _ in 0..1 + dice.below(3) {
            spoil(&mut consent["provision"], &mut dice, &junk);
        }
        let found = reason(&rules(std::slice::from_ref(&consent)), &doctor(), &resource);
        // The resource is restricted and of a topic that the Consent refuses: no damage may turn that into a permit, but where the
        // refusal itself is replaced.
        let still_refuses =
            consent["provision"]["provision"][0] == inner[0] && consent["provision"]["type"] == "permit";
        assert!(!still_refuses || found.decision != Permit, "{consent}");
        spoil(&mut consent, &mut dice, &junk);
        compiled += usize::from(!rules(&[consent]).is_empty());
    }
    assert!(compiled > 500, "{compiled} are still Consents");
}
