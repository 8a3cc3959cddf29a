//! Composites: which tuples find a resource, which values only stand beside each other by chance, and what is refused.

use super::matching::{check, indexed};
use super::search;
use crate::fault::Kind;
use serde_json::{Value, json};

const UCUM: &str = "http://unitsofmeasure.org";

fn concept(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

fn amount(value: u32, code: &str) -> Value {
    json!({"value": value, "unit": code, "system": UCUM, "code": code})
}

#[test]
fn parts_that_stand_once_are_asked_one_by_one() {
    check(
        json!({"resourceType": "Observation", "code": concept("http://loinc.org", "8867-4"), "valueQuantity": amount(85, "/min")}),
        &[
            "code-value-quantity=http://loinc.org|8867-4$gt80",
            "code-value-quantity=8867-4$85",
            "code-value-quantity=http://loinc.org|$85",
            "code-value-quantity=8867-4$85|http://unitsofmeasure.org|/min",
            "code-value-quantity=8867-4$ge5100|http://unitsofmeasure.org|/h",
            "code-value-quantity=8867-4$85||/min",
            "code-value-quantity=x$1,8867-4$85",
            "combo-code-value-quantity=8867-4$85",
        ],
        &[
            "code-value-quantity=8867-4$gt85",
            "code-value-quantity=8867-5$85",
            "code-value-quantity=|8867-4$85",
            "code-value-quantity=8867-4$85||/h",
            "code-value-quantity=x$85,8867-4$1",
            "component-code-value-quantity=8867-4$85",
            "code-value-concept=8867-4$85",
        ],
    );
    check(
        json!({"resourceType": "Observation", "code": concept("s", "c"), "valueString": "Blåe, $ und |"}),
        &["code-value-string=c$blae", r"code-value-string=s|c$BLÅE\, \$ und \|", "code-value-string=s|$bl"],
        &["code-value-string=c$red", "code-value-string=x$blae", r"code-value-string=c$blae\$"],
    );
    check(
        json!({"resourceType": "Observation", "code": concept("s", "c"), "valuePeriod": {"start": "2020-01", "end": "2020-03"}}),
        &["code-value-date=c$2020", "code-value-date=s|c$gt2020-02", "code-value-date=c$ap2020-02"],
        &["code-value-date=c$2020-02", "code-value-date=d$2020", "code-value-date=c$gt2020-03"],
    );
    check(
        json!({"resourceType": "Observation", "code": concept("s", "c"), "valueCodeableConcept": concept("t", "v")}),
        &[
            "code-value-concept=c$v",
            "code-value-concept=s|c$t|v",
            "code-value-concept=s|$t|",
            "combo-code-value-concept=c$v",
        ],
        &["code-value-concept=v$c", "code-value-concept=c$|v", "code-value-concept=c$u|v"],
    );
}

#[test]
fn parts_in_items_must_stand_in_the_same_item() {
    let component = |code: &str, value: u32, unit: &str| json!({"code": concept("http://loinc.org", code), "valueQuantity": amount(value, unit)});
    let pressure = json!({"resourceType": "Observation", "code": concept("http://loinc.org", "85354-9"),
        "component": [component("8480-6", 107, "mm[Hg]"), component("8462-4", 60, "mm[Hg]")]});
    check(
        pressure,
        &[
            "component-code-value-quantity=8480-6$107",
            "component-code-value-quantity=http://loinc.org|8462-4$60",
            "component-code-value-quantity=http://loinc.org|$60",
            "component-code-value-quantity=8480-6$gt100|http://unitsofmeasure.org|mm[Hg]",
            "component-code-value-quantity=8480-6$gt14|http://unitsofmeasure.org|kPa",
            "component-code-value-quantity=8480-6$107||mm[Hg]",
            "combo-code-value-quantity=8480-6$107",
            "combo-code-value-quantity=8480-6$60,8462-4$60",
            "component-code-value-quantity=8480-6$gt100&component-code-value-quantity=8462-4$lt70",
        ],
        &[
            "component-code-value-quantity=8480-6$60",
            "component-code-value-quantity=8462-4$107",
            "component-code-value-quantity=8480-6$lt100",
            "component-code-value-quantity=8462-4$gt9|http://unitsofmeasure.org|kPa",
            "component-code-value-quantity=|8480-6$107",
            "component-code-value-quantity=8480-6$107||kPa",
            "combo-code-value-quantity=8480-6$60",
            "combo-code-value-quantity=85354-9$60",
            "combo-code-value-quantity=8480-6$60,8462-4$107",
            "code-value-quantity=8480-6$107",
        ],
    );
    let pair =
        |code: &str, value: &str| json!({"code": concept("s", code), "valueCodeableConcept": concept("t", value)});
    let mut bare = pair("e", "5");
    bare["code"] = json!({"coding": [{"code": "e"}, {"code": "f"}], "text": "e"});
    check(
        json!({"resourceType": "Observation", "component": [pair("a", "1"), pair("b", "2"), bare, {"code": concept("s", "c")}]}),
        &[
            "component-code-value-concept=a$1",
            "component-code-value-concept=s|b$t|2",
            "component-code-value-concept=s|$t|2",
            "component-code-value-concept=s|$t|",
            "component-code-value-concept=|f$5",
            "combo-code-value-concept=a$t|1",
        ],
        &[
            "component-code-value-concept=a$2",
            "component-code-value-concept=s|b$t|1",
            "component-code-value-concept=|a$1",
            "component-code-value-concept=s|$t|5",
            "component-code-value-concept=c$1",
            "component-code-value-concept=1$a",
            "component-code-value-quantity=a$1",
        ],
    );
}

#[test]
fn other_types_have_composites_too() {
    let relates =
        |code: &str, id: &str| json!({"code": code, "target": {"reference": format!("DocumentReference/{id}")}});
    check(
        json!({"resourceType": "DocumentReference", "relatesTo": [relates("appends", "a"), relates("replaces", "b")]}),
        &[
            "relationship=DocumentReference/a$appends",
            "relationship=b$http://hl7.org/fhir/document-relationship-type|replaces",
            "relationship=http://here.example/fhir/DocumentReference/a$http://hl7.org/fhir/document-relationship-type|",
        ],
        &["relationship=a$replaces", "relationship=DocumentReference/b$appends", "relationship=a$http://x|appends"],
    );
    let trait_of = |code: &str, value: Value| {
        let mut item = json!({"code": concept("s", code), "exclude": false});
        item.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        item
    };
    check(
        json!({"resourceType": "Group", "characteristic": [
            trait_of("gender", json!({"valueCodeableConcept": concept("g", "female")})),
            trait_of("owned", json!({"valueBoolean": true}))]}),
        &[
            "characteristic-value=gender$female",
            "characteristic-value=s|gender$g|female",
            "characteristic-value=owned$true",
        ],
        &["characteristic-value=gender$true", "characteristic-value=owned$false", "characteristic-value=owned$female"],
    );
    let context = |code: &str, value: Value| trait_of(code, value);
    let mut age = context("", json!({"valueRange": {"low": amount(10, "a"), "high": amount(20, "a")}}));
    age["code"] = json!({"system": "u", "code": "age"});
    let mut venue = context("", json!({"valueCodeableConcept": concept("v", "clinic")}));
    venue["code"] = json!({"system": "u", "code": "venue"});
    check(
        json!({"resourceType": "Questionnaire", "useContext": [age, venue]}),
        &[
            "context-type-quantity=age$gt120|http://unitsofmeasure.org|mo",
            "context-type-quantity=u|age$sa9",
            "context-type-value=u|venue$clinic",
        ],
        &[
            "context-type-quantity=venue$gt1",
            "context-type-quantity=age$gt240|http://unitsofmeasure.org|mo",
            "context-type-value=age$clinic",
        ],
    );
}

#[test]
fn stretches_of_a_sequence_are_found_by_both_ends() {
    let variant = |start: i32, end: i32| json!({"start": start, "end": end});
    let sequence = json!({"resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": concept("s", "1"), "referenceSeqId": concept("n", "NC_1"), "windowStart": 100, "windowEnd": 200},
        "variant": [variant(110, 120), variant(150, 190), {"start": 7}]});
    check(
        sequence,
        &[
            "chromosome-window-coordinate=1$100$200",
            "chromosome-window-coordinate=s|1$ge100$lt201",
            "referenceseqid-window-coordinate=NC_1$gt90$200",
            "chromosome-variant-coordinate=1$110$120",
            "chromosome-variant-coordinate=s|1$ge150$le190",
            "chromosome-variant-coordinate=1$gt109$lt121",
            "chromosome-variant-coordinate=1$le110$ge120",
            "chromosome-variant-coordinate=1$lt111$eb121",
            "chromosome-variant-coordinate=1$sa149$gt189",
            "chromosome-variant-coordinate=1$ne110$ne120",
            "chromosome-variant-coordinate=1$ap115$ap120",
            "chromosome-variant-coordinate=1$1e2$120,1$1.1e2$120",
            "chromosome-variant-coordinate=1$ge109.5$le120.5",
            "chromosome-variant-coordinate=1$ge-1e30$le1e30",
            "referenceseqid-variant-coordinate=n|NC_1$150$190",
        ],
        &[
            "chromosome-window-coordinate=2$100$200",
            "chromosome-window-coordinate=1$gt100$200",
            "chromosome-variant-coordinate=1$110$190",
            "chromosome-variant-coordinate=1$150$120",
            "chromosome-variant-coordinate=2$110$120",
            "chromosome-variant-coordinate=1$gt110$lt190",
            "chromosome-variant-coordinate=1$110.4$120",
            "chromosome-variant-coordinate=1$ne110$120",
            "chromosome-variant-coordinate=1$gt1e30$lt1e30",
            "chromosome-variant-coordinate=1$7$0",
            "referenceseqid-variant-coordinate=1$110$120",
        ],
    );
}

#[test]
fn an_item_has_few_rows_and_an_odd_one_none() {
    let component = json!({"code": concept("http://loinc.org", "8480-6"), "valueQuantity": amount(107, "mm[Hg]")});
    let rows = indexed(&json!({"resourceType": "Observation", "component": [component]})).rows;
    // Three forms of the code with the value alone, in base units and with the unit's text; the same three alone.
    assert_eq!(rows.quantities.len(), 9 + 3);
    assert_eq!(rows.terms.len(), 3 + 1, "the forms of the code and the shape");
    for odd in [
        json!({"resourceType": "Observation", "component": 5}),
        json!({"resourceType": "Observation", "component": [[], {}, null, {"code": 1, "valueQuantity": {"value": "x"}}]}),
        json!({"resourceType": "Observation", "component": {"valueQuantity": {"value": 5}}}),
        json!({"resourceType": "MolecularSequence", "variant": [{"start": 1e3, "end": 99999999999u64}, {"start": "1", "end": {}}]}),
    ] {
        let rows = indexed(&odd).rows;
        assert!(rows.dates.is_empty() && rows.strings.is_empty() && rows.terms.len() <= 1, "{odd}");
    }
    let codings: Vec<Value> = (0..500).map(|i| json!({"code": i.to_string()})).collect();
    let many = json!({"coding": codings});
    let many =
        indexed(&json!({"resourceType": "Observation", "component": [{"code": many, "valueCodeableConcept": many}]}));
    assert!(many.rows.terms.len() < 5_000, "{} rows", many.rows.terms.len());
}

/// Query and whether what is wrong is a thing that this server does not answer.
#[rustfmt::skip]
const REFUSED: &[(&str, bool)] = &[
    ("Observation?code-value-quantity=a", false),
    ("Observation?code-value-quantity=a$", false),
    ("Observation?code-value-quantity=$5", false),
    ("Observation?code-value-quantity=$", false),
    ("Observation?code-value-quantity=", false),
    ("Observation?code-value-quantity=a$5$6", false),
    (r"Observation?code-value-quantity=a\$5", false),
    ("Observation?code-value-quantity=a$5,", false),
    ("Observation?code-value-quantity=a,b$5", false),
    ("Observation?code-value-quantity=a$five", false),
    ("Observation?code-value-quantity=a$5|", false),
    ("Observation?code-value-quantity=a$5|u|mg|x", false),
    ("Observation?code-value-quantity=|$5", false),
    ("Observation?code-value-quantity=a|b|c$5", false),
    ("Observation?code-value-quantity=a$gegt5", false),
    (r"Observation?code-value-quantity=a\b$5", false),
    ("Observation?code-value-quantity:missing=true", true),
    ("Observation?code-value-quantity:exact=a$5", true),
    ("Observation?code-value-quantity:not=a$5", true),
    ("Observation?code-value-quantity:nope=a$5", true),
    ("Observation?code-value-date=a$notadate", false),
    ("Observation?code-value-date=a$2020-13", false),
    ("Observation?code-value-string=a$", false),
    ("Observation?code-value-string=a$  ", false),
    ("Observation?component-code-value-quantity=a$x", false),
    ("Observation?component-code-value-quantity=a$5|http://u", true),
    ("Observation?component-code-value-concept=a$b|c|d", false),
    ("Observation?combo-code-value-quantity=a", false),
    ("DocumentReference?relationship=a b$appends", false),
    ("DocumentReference?relationship=DocumentReference/a/_history/1$appends", true),
    ("Group?characteristic-value=a$|", false),
    ("MolecularSequence?chromosome-variant-coordinate=1$2", false),
    ("MolecularSequence?chromosome-variant-coordinate=1$x$3", false),
    ("MolecularSequence?chromosome-variant-coordinate=1$1$2$3", false),
    ("MolecularSequence?chromosome-window-coordinate=1$1$", false),
    ("Patient?code-value-quantity=a$5", true),
];

#[test]
fn a_bad_tuple_is_refused_with_the_parameter_named() {
    for (query, not_supported) in REFUSED {
        let fault = search(query).err().unwrap_or_else(|| panic!("{query} was accepted"));
        let expected = if *not_supported { Kind::NotSupported } else { Kind::Invalid };
        assert_eq!((fault.kind(), fault.status()), (expected, 400), "{query}: {fault}");
        let name = query.split(['?', '=']).nth(1).unwrap_or_default();
        assert!(fault.to_string().contains(&format!("'{name}'")), "{query}: {fault}");
    }
}
