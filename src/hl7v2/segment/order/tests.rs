//! What ORM, OML and OMG messages say: a case is a message and what is found in its drafts.

use super::super::result::tests::{all, check, converted, segment};
use crate::hl7v2::draft::{Draft, Identity};
use serde_json::{Value, json};

fn identifiers(draft: &Draft) -> Vec<String> {
    match &draft.identity {
        Identity::Identifiers(ids) => ids.iter().map(|id| format!("{}|{}", id.system, id.value)).collect(),
        Identity::Search(text) => vec![text.clone()],
        Identity::New => Vec::new(),
    }
}

#[test]
fn an_order_says_what_orc_and_obr_say() {
    let orc = segment("ORC", &[(1, "NW"), (2, "P1^EHR"), (4, "G1"), (9, "20260503"), (12, "77^Doe^Jane"), (29, "I")]);
    let obr = segment(
        "OBR",
        &[(3, "F1^LAB"), (4, "24317-0^CBC^LN"), (5, "S"), (6, "20260504"), (13, "fasting"), (31, "^pain")],
    );
    let expected = [
        ("/status", json!("active")),
        ("/intent", json!("order")),
        ("/priority", json!("stat")),
        ("/code/coding/0/code", json!("24317-0")),
        ("/authoredOn", json!("2026-05-03")),
        ("/occurrenceDateTime", json!("2026-05-04")),
        ("/requester/display", json!("Jane Doe")),
        ("/requisition/value", json!("G1")),
        ("/reasonCode/0/text", json!("pain")),
        ("/locationCode/0/coding/0/code", json!("HOSP")),
        ("/note/0/text", json!("ordered")),
        ("/note/1/text", json!("fasting")),
    ];
    check("ORM^O01", &[&orc, &obr, "NTE|1||ordered"], "ServiceRequest", &expected);
    let conversion = converted("ORM^O01", &[&orc, &obr]);
    let expected = ["urn:x-v2:LAB:EHR|P1", "urn:x-v2:LAB:LAB|F1"];
    assert_eq!(identifiers(all(&conversion, "ServiceRequest")[0]), expected);
    let reflex = segment("OBR", &[(3, "F1"), (4, "X"), (11, "G"), (29, "P0^F0")]);
    let expected = [
        ("/intent", json!("reflex-order")),
        ("/basedOn/0/identifier/system", json!("urn:x-v2:LAB:placer")),
        ("/basedOn/0/identifier/value", json!("P0")),
    ];
    check("ORM^O01", &["ORC|NW", &reflex], "ServiceRequest", &expected);
}

#[test]
fn the_status_is_that_of_orc_5_else_of_orc_1() {
    let cases = [
        ("NW", "", "active"),
        ("CA", "", "revoked"),
        ("DC", "", "revoked"),
        ("HD", "", "on-hold"),
        ("XO", "", "active"),
        ("SC", "CM", "completed"),
        ("NW", "HD", "on-hold"),
        ("SC", "ER", "entered-in-error"),
    ];
    for (control, status, expected) in cases {
        let orc = format!("ORC|{control}|P1|||{status}");
        check("ORM^O01", &[&orc, "OBR|1|||X"], "ServiceRequest", &[("/status", json!(expected))]);
    }
}

#[test]
fn orders_that_share_a_number_are_told_apart_by_what_they_ask_for() {
    let conversion = converted("OML^O21", &["ORC|NW|P1^EHR", "OBR|1|||A", "OBR|2|||B"]);
    let orders = all(&conversion, "ServiceRequest");
    assert_eq!(identifiers(orders[0]), ["urn:x-v2:LAB:order|urn:x-v2:LAB:EHR#P1#A"]);
    assert_eq!(identifiers(orders[1]), ["urn:x-v2:LAB:order|urn:x-v2:LAB:EHR#P1#B"]);
    assert_eq!(orders[1].resource["requisition"]["value"], "P1");
    // The same order twice, as some feeds write it for each of its specimens.
    let conversion = converted("OML^O21", &["ORC|NW|P1^EHR", "OBR|1|||A"]);
    assert_eq!(identifiers(all(&conversion, "ServiceRequest")[0]), ["urn:x-v2:LAB:EHR|P1"]);
    let conversion = converted("OML^O21", &["ORC|NW", "OBR|1|||A||20260503"]);
    let expected = ["patient={0}&identifier=urn:x-v2:LAB:order|A%2320260503"];
    assert_eq!(identifiers(all(&conversion, "ServiceRequest")[0]), expected);
}

#[test]
fn when_it_is_to_be_done() {
    let of = |tq1: &[(usize, &str)], expected: &[(&str, Value)]| {
        let tq1 = segment("TQ1", tq1);
        check("OML^O21", &["ORC|NW|P1", &tq1, "OBR|1|||A||20260101"], "ServiceRequest", expected);
    };
    of(&[(7, "20260504")], &[("/occurrenceTiming/repeat/boundsPeriod", json!({"start": "2026-05-04"}))]);
    of(&[(7, "20260504"), (8, "20260506")], &[("/occurrenceTiming/repeat/boundsPeriod/end", json!("2026-05-06"))]);
    of(&[(9, "A")], &[("/priority", json!("asap")), ("/occurrenceDateTime", json!("2026-01-01"))]);
    of(&[(9, "TM30")], &[("/priority", json!("urgent"))]);
    of(
        &[(10, "pain"), (11, "gently")],
        &[("/asNeededCodeableConcept/text", json!("pain")), ("/note/0/text", json!("gently"))],
    );
    let timing = [
        ("/occurrenceTiming/repeat/frequency", json!(2)),
        ("/occurrenceTiming/repeat/boundsPeriod/start", json!("2026-05-04")),
        ("/occurrenceTiming/repeat/count", json!(6)),
    ];
    of(&[(3, "BID"), (7, "20260504"), (14, "6")], &timing);
    let old = ["ORC|NW|P1|||||1^^^20260504^^S", "OBR|1|||A"];
    let expected = [
        ("/occurrenceTiming/repeat/boundsPeriod/start", json!("2026-05-04")),
        ("/priority", json!("stat")),
        ("/quantityQuantity/value", json!(1)),
        ("/occurrenceDateTime", Value::Null),
    ];
    check("ORM^O01", &old, "ServiceRequest", &expected);
}

#[test]
fn what_is_sent_along_supports_the_order() {
    let segments = [
        "ORC|NW|P1",
        "OBR|1|||A",
        "DG1|1||J45^Asthma^I10",
        "OBX|1|NM|8302-2^Height^LN||180|cm^^UCUM|||||F",
        "SPM|1|7^8||BLD",
    ];
    let expected = [
        ("/reasonReference/0/reference", json!("urn:x-draft:1")),
        ("/supportingInfo/0/reference", json!("urn:x-draft:4")),
        ("/specimen/0/reference", json!("urn:x-draft:3")),
    ];
    check("OML^O21", &segments, "ServiceRequest", &expected);
    // A result of before is a report, not an order.
    let prior = converted("OML^O21", &["ORC|NW|P1", "OBR|1|||A", "ORC|PR|P0|F0", "OBR|1|||B", "OBX|1|ST|Y||1"]);
    assert_eq!(all(&prior, "ServiceRequest").len(), 1);
    assert_eq!(all(&prior, "DiagnosticReport").len(), 1);
}

#[test]
fn an_order_of_which_there_is_a_report_has_one_that_later_results_find() {
    let obr = segment("OBR", &[(4, "A"), (7, "20260503"), (25, "S")]);
    let result = "OBX|1|NM|1^Slide^L||3||||||F||||||||||||||||||RSLT";
    let segments = ["ORC|SC|||G1^KIS|IP", &obr, "OBX|1|ST|2^Fasting^L||yes||||||F", result, "SPM|1|7^8||BLD"];
    let expected = [
        ("/status", json!("registered")),
        ("/basedOn/0/reference", json!("urn:x-draft:1")),
        ("/identifier/0/type/coding/0/code", json!("PGN")),
        ("/result/0/reference", json!("urn:x-draft:3")),
        ("/result/1", Value::Null),
        ("/specimen/0/reference", json!("urn:x-draft:2")),
    ];
    check("OMG^O19", &segments, "DiagnosticReport", &expected);
    // What there is before there are results is what the filler ought to know.
    let expected = [
        ("/supportingInfo/0/reference", json!("urn:x-draft:4")),
        ("/specimen/0/reference", json!("urn:x-draft:2")),
        ("/requisition/value", json!("G1")),
        ("/status", json!("active")),
    ];
    check("OMG^O19", &segments, "ServiceRequest", &expected);
    let specimen =
        [("/request/0/reference", json!("urn:x-draft:1")), ("/collection/collectedDateTime", json!("2026-05-03"))];
    check("OMG^O19", &segments, "Specimen", &specimen);
    // The report of the order and that of its result are one, by the group where there is no number.
    let known = |event: &str, segments: &[&str]| identifiers(all(&converted(event, segments), "DiagnosticReport")[0]);
    let later = ["ORC|RE|||G1^KIS", "OBR|1|||A|||20260504||||||||||||||||||F"];
    assert_eq!(known("OMG^O19", &segments), ["urn:x-v2:LAB:report|urn:x-v2:LAB:KIS#G1#A"]);
    assert_eq!(known("OMG^O19", &segments), known("ORU^R01", &later));
    assert!(all(&converted("ORM^O01", &["ORC|NW|P1", "OBR|1|||A"]), "DiagnosticReport").is_empty());
}

#[test]
fn results_of_an_earlier_visit_support_the_order_before_them() {
    let visit = |number: &str| segment("PV1", &[(2, "I"), (19, number)]);
    let (now, then) = (visit("V2"), visit("V1"));
    let order = [&*now, "ORC|NW|P1", "OBR|1|||A"];
    let earlier = [&*then, "ORC|SC|P0||", "OBR|1|||B", "OBX|1|ST|Y||1"];
    let conversion = converted("OML^O21", &[&order[..], &earlier[..]].concat());
    let [order, earlier] = all(&conversion, "ServiceRequest")[..] else { panic!("two orders") };
    assert_eq!(order.resource["supportingInfo"].as_array().map(Vec::len), Some(2));
    assert_ne!(order.resource["encounter"], earlier.resource["encounter"]);
}

#[test]
fn the_numbers_of_a_group_are_the_placers_and_the_fillers() {
    let of = |orc: &[(usize, &str)], group: &str, filler: Option<&str>| {
        let orc = segment("ORC", &[&[(1, "NW"), (2, "P1")], orc].concat());
        let filler = filler.map_or(Value::Null, Value::from);
        let expected = [("/requisition/value", json!(group)), ("/identifier/1/value", filler)];
        check("ORM^O01", &[&orc, "OBR|1|||A"], "ServiceRequest", &expected);
    };
    of(&[(4, "G1^KIS")], "G1", None);
    of(&[(4, "G1&KIS^F1&LAB")], "G1", Some("F1"));
    of(&[(4, "G1^KIS"), (38, "F1^LAB")], "G1", Some("F1"));
}

#[test]
fn who_takes_part_besides_and_what_fields_of_the_house_say_is_kept() {
    let prt = segment("PRT", &[(2, "AD"), (4, "AD^Admitting"), (5, "12^Doe^Jane"), (8, "House")]);
    let place = segment("PRT", &[(2, "AD"), (4, "AD"), (9, "Room^136")]);
    let obr = segment("OBR", &[(4, "A"), (18, "Box 7"), (53, "X1^^^KIS^MR")]);
    let expected = [
        ("/supportingInfo/0/display", json!("Jane Doe, House")),
        ("/locationReference/0/display", json!("Room, 136")),
        ("/note/0/text", json!("Box 7")),
        ("/identifier/1/type/coding/0/code", json!("PLAC")),
        ("/identifier/1/type/coding/1/code", json!("MR")),
    ];
    check("ORM^O01", &["ORC|NW|P1", &prt, &obr, "NTE|1||behind", &place], "ServiceRequest", &expected[..2]);
    check("ORM^O01", &["ORC|NW|P1", &obr], "ServiceRequest", &expected[2..]);
}

#[test]
fn who_asks_for_a_house_has_a_role_where_both_have_numbers() {
    let orc = segment("ORC", &[(1, "NW"), (2, "P1"), (12, "77^Doe^Jane"), (21, "House^^^^^CMS^NPI^^^5")]);
    let conversion = converted("ORM^O01", &[&orc, "OBR|1|||A"]);
    let roles = all(&conversion, "PractitionerRole");
    assert_eq!(roles.len(), 1);
    assert_eq!(all(&conversion, "ServiceRequest")[0].resource["requester"]["display"], "Jane Doe, House");
    // A house that is only named stands in a role that is known by both.
    let named = segment("ORC", &[(1, "NW"), (2, "P1"), (12, "77^Doe^Jane"), (21, "Ward 3")]);
    let conversion = converted("ORM^O01", &[&named, "OBR|1|||A"]);
    let role = all(&conversion, "PractitionerRole")[0];
    assert_eq!(role.resource["organization"], json!({"display": "Ward 3"}));
    assert_eq!(identifiers(role).len(), 1);
    let house = segment("ORC", &[(1, "NW"), (2, "P1"), (21, "House")]);
    check("ORM^O01", &[&house, "OBR|1|||A"], "ServiceRequest", &[("/requester", json!({"display": "House"}))]);
}

#[test]
fn medicines_are_ordered_with_their_own_resource() {
    let conversion = converted("ORM^O01", &["ORC|NW|P1", "RXO|1^Aspirin^L|1||TAB"]);
    assert_eq!(all(&conversion, "MedicationRequest").len(), 1);
    assert!(all(&conversion, "ServiceRequest").is_empty());
}
