//! The public cases of UCUM: which codes are units, and what a value is in another unit.

use super::{Scaled, Unit, parse};
use quick_xml::events::{BytesStart, Event};
use std::path::Path;

/// Units that are not here: they stand on logarithmic scales.
const OPEN: [&str; 3] = ["dB[10.nV]", "dB[SPL]", "dB"];

fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let value = tag.try_get_attribute(name).ok()??;
    Some(value.value.replace("&apos;", "'"))
}

/// Returns the cases of a section as the attributes that are asked for.
fn cases<const N: usize>(section: &str, names: [&str; N]) -> Vec<[String; N]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/ucum/UcumFunctionalTests.xml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
    };
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut inside, mut out) = (false, Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return out,
            Event::Start(tag) if tag.name().as_ref() == section => inside = true,
            Event::End(tag) if tag.name().as_ref() == section => inside = false,
            Event::Empty(tag) | Event::Start(tag) if inside && tag.name().as_ref() == "case" => {
                out.push(names.map(|name| attribute(&tag, name).unwrap_or_default()));
            }
            _ => {}
        }
    }
}

#[test]
fn values_convert_as_the_public_cases_say() {
    let cases = cases("conversion", ["value", "srcUnit", "dstUnit", "outcome"]);
    let mut wrong = Vec::new();
    for [value, from, to, outcome] in &cases {
        let (Some(source), Some(target)) = (parse(from), parse(to)) else {
            wrong.push(format!("{from} or {to} is not known"));
            continue;
        };
        let seen = converted(value, source, target);
        let expected: f64 = outcome.parse().unwrap();
        let digits =
            outcome.split('e').next().unwrap_or_default().trim_start_matches(['0', '.']).replace('.', "").len();
        let error = 0.500001 * 10f64.powi(expected.abs().log10().floor() as i32 + 1 - digits.clamp(1, 15) as i32);
        if source.dimension != target.dimension || (seen - expected).abs() > error {
            wrong.push(format!("{value} {from} is {seen} {to}, expected {outcome}"));
        }
    }
    println!("{} of {} conversions", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn converted(value: &str, from: Unit, to: Unit) -> f64 {
    let number = |n: Scaled| n.text().parse::<f64>().unwrap();
    number(from.to_base(Scaled::parse(value).unwrap())) / number(to.to_base(Scaled::new(1, 0)))
}

#[test]
fn codes_are_units_as_the_public_cases_say() {
    let cases = cases("validation", ["unit", "valid"]);
    let (mut open, mut wrong) = (Vec::new(), Vec::new());
    for [code, valid] in &cases {
        match (parse(code).is_some(), &**valid) {
            (true, "true") | (false, "false") => {}
            (false, _) => open.push(code),
            (true, _) => wrong.push(code),
        }
    }
    println!("{} of {} codes", cases.len() - open.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "taken for units: {wrong:?}");
    assert!(open.is_empty() || open == OPEN, "not known: {open:?}");
}
