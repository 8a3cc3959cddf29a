//! What charges are for, in DFT and below orders.

use crate::hl7v2::convert::Conversion;
use crate::hl7v2::segment::case::{check, check_damaged, converted};
use serde_json::{Value, json};

const PID: &str = "PID|1||77^^^HOSP^MR||A^B";
const DRUG: &str = "|||0182^Aspirin^NDC|||||Item-1^^L|M1|||||||PN1|5^cap";

fn ft1(number: &str, rest: &str) -> String {
    format!("FT1|1|{number}||20260301||CG|71045^Xray^C4|||||||||||||||||||{rest}")
}

/// Returns the references of an element of all charges, as the numbers of drafts.
fn references(conversion: &Conversion, element: &str) -> Vec<Vec<String>> {
    let of = |made: Value| -> Vec<String> {
        let all = made[element].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|it| Some(it["reference"].as_str()?.rsplit(':').next()?.to_string())).collect()
    };
    conversion.drafts.of_type("ChargeItem").map(|(_, draft)| of(draft.made())).collect()
}

fn handles(conversion: &Conversion, t: &str) -> Vec<String> {
    conversion.drafts.of_type(t).map(|(handle, _)| handle.0.to_string()).collect()
}

#[test]
fn a_charge_is_for_its_own_orders_else_for_those_of_all() {
    let order = |n: u8| format!("ORC|RE|P{n}\nOBR|1|||{n}^X^L");
    let text = format!(
        "{PID}\n{}\nDG1|1||1^Common^L\n{}\n{}\nDG1|1||2^Own^L\n{}",
        order(1),
        ft1("T1", ""),
        order(2),
        ft1("T2", ""),
    );
    let conversion = converted("DFT^P11", &text).unwrap();
    let (orders, conditions) = (handles(&conversion, "ServiceRequest"), handles(&conversion, "Condition"));
    let expected = [[&*orders[1], &conditions[1]], [&*orders[0], &conditions[0]]];
    assert_eq!(references(&conversion, "supportingInformation"), expected);
}

#[test]
fn diagnoses_behind_an_order_without_a_number_are_there() {
    let text = format!("{PID}\nORC|RE\nDG1|1||1^X^L\n{}", ft1("T1", ""));
    let conversion = converted("DFT^P03", &text).unwrap();
    assert_eq!(references(&conversion, "supportingInformation"), [handles(&conversion, "Condition")]);
}

#[test]
fn what_is_charged_below_an_order_is_for_it_and_for_its_account() {
    let text = format!("{PID}\nORC|NW|1\nRXE||1^X^NDC|\n{}\nBLG|||A7^^^1.2.3&1.2.3&ISO", ft1("T1", ""));
    let conversion = converted("RDE^O11", &text).unwrap();
    assert_eq!(references(&conversion, "supportingInformation"), [handles(&conversion, "MedicationRequest")]);
    assert_eq!(references(&conversion, "account"), [handles(&conversion, "Account")]);
    let text = format!("{PID}\nORC|NW|1\nOBR|1|||1^X^L\n{}", ft1("T1", ""));
    let conversion = converted("ORM^O01", &text).unwrap();
    assert_eq!(references(&conversion, "supportingInformation"), [handles(&conversion, "ServiceRequest")]);
}

#[test]
fn a_medicine_that_is_charged_was_dispensed() {
    let drug = format!("{PID}\n{}", ft1("T1", DRUG));
    let expected = [
        ("/status", json!("unknown")),
        ("/medicationCodeableConcept/coding/0/code", json!("0182")),
        ("/quantity", json!({"value": 5, "unit": "cap"})),
        ("/authorizingPrescription/0/identifier", json!({"system": "urn:x-v2:HOSP:prescription", "value": "PN1"})),
        ("/identifier/0/value", json!("charge|urn:x-v2:HOSP:charge|T1")),
    ];
    check("DFT^P03", &drug, "MedicationDispense", &expected);
    let conversion = converted("DFT^P03", &drug).unwrap();
    assert_eq!(references(&conversion, "service"), [handles(&conversion, "MedicationDispense")]);
    for none in [ft1("T1", "|||0182^Aspirin^NDC"), ft1("T1", DRUG).replace("|CG|", "|CD|")] {
        let conversion = converted("DFT^P03", &format!("{PID}\n{none}")).unwrap();
        assert!(handles(&conversion, "MedicationDispense").is_empty(), "{none}");
    }
}

#[test]
fn what_was_used_is_a_thing_of_a_catalogue_or_a_medicine() {
    check("DFT^P03", &format!("{PID}\n{}", ft1("T1", DRUG)), "Device", &[("/modelNumber", json!("M1"))]);
    let product = |rest: &str, expected: &[(&str, Value)]| {
        check("DFT^P03", &format!("{PID}\n{}", ft1("T1", rest)), "ChargeItem", expected);
    };
    product(DRUG, &[("/productReference/display", json!("Item-1")), ("/productCodeableConcept", Value::Null)]);
    product("|||0182^Aspirin^NDC", &[("/productCodeableConcept/coding/0/code", json!("0182"))]);
}

#[test]
fn no_damage_harms() {
    let text = format!("{PID}\nORC|RE|P1\nOBR|1|||1^X^L\nDG1|1||1^C^L\n{}\nORC|RE|P2\nBLG|||A", ft1("T1", DRUG));
    check_damaged("DFT^P03", &text);
}
