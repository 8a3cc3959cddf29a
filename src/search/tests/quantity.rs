//! Quantities across units, and the types of FHIR that are searched like them.

use super::matching::check;
use serde_json::{Value, json};

fn observation(value: f64, code: &str) -> Value {
    let value: Value = serde_json::from_str(&value.to_string()).unwrap();
    let quantity = json!({"value": value, "unit": "as shown", "system": "http://unitsofmeasure.org", "code": code});
    json!({"resourceType": "Observation", "valueQuantity": quantity})
}

/// Puts the system of UCUM in the place of `~`.
fn check_units(resource: Value, found: &[&str], missed: &[&str]) {
    let whole = |queries: &[&str]| -> Vec<String> {
        queries.iter().map(|q| format!("value-quantity={}", q.replace('~', "|http://unitsofmeasure.org|"))).collect()
    };
    let (found, missed) = (whole(found), whole(missed));
    let texts = |queries: &'static [String]| queries.iter().map(String::as_str).collect::<Vec<_>>();
    check(resource, &texts(found.leak()), &texts(missed.leak()));
}

#[test]
fn units_of_one_dimension_are_compared() {
    check_units(
        observation(0.0054, "g"),
        &[
            "5.4~mg",
            "0.0054~g",
            "5400~ug",
            "gt5~mg",
            "le5.4~mg",
            "5~mg",
            "ap5.6~mg",
            "ne6~mg",
            "lt1~kg",
            "0.0054",
            "5.4~mg{dry}",
        ],
        &[
            "5.5~mg",
            "5.4~g",
            "5.4~mL",
            "gt5.4~mg",
            "5.40~cg",
            "5.4||mg",
            "5.4",
            "5.4~nope",
            "5.4|http://x|mg",
            "sa5.4~mg",
        ],
    );
    check_units(observation(5.0, "10*3/uL"), &["5~10*9/L", "5000~/uL", "gt4~10*3/uL"], &["5~10*6/L", "5~10*3/mL"]);
    check_units(observation(120.0, "mm[Hg]"), &["16.0~kPa", "ge15.9~kPa", "120~mm[Hg]"], &["15.9~kPa", "gt16~kPa"]);
    check_units(
        observation(90.0, "/min"),
        &["1.5~Hz", "5400~/h", "90~{beats}/min", "le90~/min", "ge5400~/h"],
        &["lt5400~/h"],
    );
    check_units(observation(7.0, "m[iU]/L"), &["7~u[iU]/mL", "0.007~[iU]/L"], &["7~mU/L", "7~[iU]/L"]);
    check_units(observation(24.2, "kg/m2"), &["24.2~kg/m2", "gt24000~g/m2"], &["24.2~kg"]);
    check_units(observation(50.0, "%"), &["0.5~1", "50~%", "gt400~[ppth]"], &["50~1"]);
    check_units(observation(7.4, "[pH]"), &["7.4~[pH]", "gt7~[pH]"], &["7.4~1", "7.4~mol/L"]);
}

#[test]
fn temperatures_are_compared_by_their_scale() {
    check_units(
        observation(37.0, "Cel"),
        &["37~Cel", "98.6~[degF]", "310.15~K", "gt36.9~Cel", "le98.6~[degF]", "37.0~Cel", "ap37~Cel"],
        &["38~Cel", "37~K", "37~[degF]", "98.7~[degF]", "gt37~Cel", "gt310.15~K"],
    );
    check_units(observation(37.04, "Cel"), &["37.0~Cel", "37~Cel", "98.7~[degF]"], &["37.1~Cel", "98.6~[degF]"]);
}

#[test]
fn limits_of_rounding_are_exact_after_conversion() {
    // A third of a unit is no decimal: 4.5 and 5.5 a minute are 0.075 and 0.091666… hertz.
    check_units(observation(0.075, "Hz"), &["5~/min", "4.5~/min"], &["4~/min", "lt4.5~/min"]);
    check_units(observation(330.0, "/h"), &["6~/min", "5.5~/min"], &["5~/min"]);
    check_units(observation(5.45, "mg"), &["5.5~mg", "0.0055~g", "5.450~mg"], &["5.4~mg", "0.0054~g"]);
}

#[test]
fn codes_that_are_not_of_ucum_are_compared_as_text() {
    let mut other = observation(5.0, "mg");
    other["valueQuantity"]["system"] = "http://units.example".into();
    check_units(
        other.clone(),
        &["5|http://units.example|mg", "5||mg", "5||as shown"],
        &["5~mg", "0.005|http://units.example|g"],
    );
    other["valueQuantity"].as_object_mut().unwrap().remove("system");
    check_units(other, &["5||mg", "5"], &["5~mg"]);
    check_units(observation(5.0, "mgs"), &["5~mgs", "5||mgs"], &["5~mg"]);
}

#[test]
fn a_value_beyond_a_limit_is_open_to_that_side() {
    let mut below = observation(5.0, "mg");
    below["valueQuantity"]["comparator"] = "<".into();
    check_units(below, &["lt0.001~g", "lt5~mg", "ne5~mg"], &["5~mg", "gt5~mg", "gt0.005~g", "sa1~mg"]);
    let mut above = observation(5.0, "mg");
    above["valueQuantity"]["comparator"] = ">=".into();
    check_units(above, &["gt0.1~g", "ge5~mg"], &["5~mg", "lt5~mg", "eb6~mg"]);
}

#[test]
fn ages_durations_ranges_and_money_are_quantities() {
    let age = json!({"value": 24, "unit": "months", "system": "http://unitsofmeasure.org", "code": "mo"});
    let age = json!({"resourceType": "Condition", "onsetAge": age});
    check(
        age,
        &[
            "onset-age=2|http://unitsofmeasure.org|a",
            "onset-age=24|http://unitsofmeasure.org|mo",
            "onset-age=24||months",
        ],
        &["onset-age=3|http://unitsofmeasure.org|a", "onset-age=24|http://unitsofmeasure.org|a"],
    );
    let end = |value: u8| json!({"value": value, "system": "http://unitsofmeasure.org", "code": "a"});
    check(
        json!({"resourceType": "Condition", "onsetRange": {"low": end(40), "high": end(50)}}),
        &[
            "onset-age=gt540|http://unitsofmeasure.org|mo",
            "onset-age=sa39|http://unitsofmeasure.org|a",
            "onset-age=ap45",
        ],
        &["onset-age=45|http://unitsofmeasure.org|a", "onset-age=gt600|http://unitsofmeasure.org|mo"],
    );
    check(
        json!({"resourceType": "Invoice", "totalNet": {"value": 9.5, "currency": "EUR"}}),
        &["totalnet=9.5|urn:iso:std:iso:4217|EUR", "totalnet=gt9||EUR", "totalnet=9.50"],
        &["totalnet=9.5|urn:iso:std:iso:4217|USD", "totalnet=lt9"],
    );
}

#[test]
fn a_series_of_samples_is_the_stretch_between_its_ends() {
    let series = |data: &str, factor: i8| {
        let origin = json!({"value": 10, "system": "http://unitsofmeasure.org", "code": "mV"});
        json!({"resourceType": "Observation", "valueSampledData":
            {"origin": origin, "period": 1, "factor": factor, "dimensions": 1, "data": data}})
    };
    // From 10 - 8 to 10 + 4.
    let found = ["gt13~mV", "lt3~mV", "ge2~mV", "eb0.015~V", "gt13", "ap12~mV", "ne12~mV"];
    check_units(series("0 1.5 -4 E 2", 2), &found, &["gt14~mV", "lt2~mV", "12~mV", "sa2~mV", "gt13~mm"]);
    check_units(series("0 4 -2", -2), &found, &["gt14~mV", "lt2~mV"]);
    check_units(series("1 L 2", 1), &["lt0~mV", "gt11~mV"], &["gt12~mV"]);
    check_units(series("1 1", 1), &["11~mV"], &["12~mV"]);
    for empty in ["", "E E", "L U", "one two", "NaN"] {
        check_units(series(empty, 1), &[], &["gt0", "lt100", "ne1"]);
    }
}
