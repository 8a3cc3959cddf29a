//! Expressions over small resources; the large suite of HL7 is in `tests/it`.

mod limits;
pub(super) mod model;
mod references;

use super::location;
use super::{Context, FhirpathError, Item, parse};
use model::Few;
use serde_json::{Value, json};

/// Returns the results as text, separated by commas.
pub(super) fn shown(items: &[Item<'_>]) -> String {
    let text = |item: &Item<'_>| match item.system() {
        Some(Item::Boolean(b)) => b.to_string(),
        Some(Item::Integer(i) | Item::Long(i)) => i.to_string(),
        Some(Item::Decimal(d)) => d.to_string(),
        Some(Item::String(s)) => s.to_string(),
        Some(Item::Temporal(t)) => t.to_string(),
        Some(Item::Quantity(q)) => q.to_string(),
        _ => item.type_label(),
    };
    items.iter().map(text).collect::<Vec<_>>().join(",")
}

pub(super) fn run(resource: &Value, text: &str) -> Result<String, FhirpathError> {
    let expr = parse(text)?;
    let ctx = Context::for_search(&Few, resource);
    expr.evaluate(&ctx).map(|items| shown(&items))
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p",
        "active": true,
        "birthDate": "1974-12-25",
        "_birthDate": {"extension": [{"url": "http://x/time", "valueString": "noon"}]},
        "gender": "male",
        "name": [
            {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
            {"use": "usual", "given": [null, "Jim"], "_given": [{"id": "g"}, null]}
        ],
        "deceasedBoolean": false
    })
}

#[test]
fn expressions_find_what_is_there() {
    let patient = patient();
    for (text, expected) in [
        ("Patient.name.given", "Peter,James,FHIR.string,Jim"),
        ("Resource.id", "p"),
        ("Observation.status", ""),
        ("name[1].given.where(hasValue())", "Jim"),
        ("name.given.id", "g"),
        ("Patient.deceased", "false"),
        ("Patient.deceasedBoolean", ""),
        ("(Patient.deceased as dateTime)", ""),
        ("Patient.deceased.exists() and Patient.deceased != false", "false"),
        ("Patient.birthDate.extension('http://x/time').value", "noon"),
        ("Patient.birthDate.extension.url", "http://x/time"),
        ("Patient.gender is string", "true"),
        ("Patient.gender.as(System.String)", ""),
        ("Patient.gender.type().name", "code"),
        ("Patient.name.where(use = 'usual').given.last()", "Jim"),
        ("Patient.name.select(given.count())", "2,2"),
        ("Patient.birthDate + 1 month", "1975-01-25"),
        ("Patient.descendants().where($this is code)", "male,official,usual"),
        ("%resource.id & '/' & %context.id", "p/p"),
        ("iif(active, 'yes', 1/0)", "yes"),
        ("1.50 + 1", "2.50"),
        ("name.given.aggregate($total + 1, 0)", "4"),
        ("Patient.name.given | Patient.name.family | 'Jim'", "Peter,James,FHIR.string,Jim,Chalmers"),
    ] {
        assert_eq!(run(&patient, text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let patient = patient();
    for (text, message) in [
        ("name.", "FHIRPath syntax, at character 5: the expression ends where a name should follow"),
        ("a b", "FHIRPath syntax, at character 2: 'b' stands where an operator or the end should follow"),
        ("nope()", "FHIRPath syntax, at character 0: no function is called 'nope'"),
        ("where()", "FHIRPath syntax, at character 0: where() takes 1 arguments, not 0"),
        ("1 + and", "FHIRPath syntax, at character 4: 'and' stands where a value should follow"),
        ("3000000000", "FHIRPath syntax, at character 0: 3000000000 is more than an Integer holds"),
        ("name + 1", "FHIRPath: '+' takes one item, here are 2"),
        ("name.first() + 1", "FHIRPath: '+' does not work on FHIR.HumanName and System.Integer"),
        ("name.first() < 1", "FHIRPath: FHIR.HumanName and System.Integer have no order between them"),
        ("active is Nope", "FHIRPath: 'Nope' is not a type"),
        ("%nope", "FHIRPath: %nope is not defined"),
        ("name.given.matches('(')", "FHIRPath: '(' is not a regular expression that can be used here"),
        ("id.memberOf('http://x')", "FHIRPath: memberOf('http://x') needs a terminology service"),
        ("active.upper()", "FHIRPath: upper(): a string is expected, not FHIR.boolean"),
    ] {
        let error = run(&patient, text).map_err(|error| error.to_string());
        assert_eq!(error, Err(message.to_string()), "{text}");
    }
}

#[test]
fn strict_evaluation_refuses_names_that_a_type_does_not_have() {
    let patient = patient();
    let mut ctx = Context::new(Some(&Few), &patient);
    ctx.strict = true;
    for (text, good) in [
        ("Patient.name.given", true),
        ("Patient.contact.gender", true),
        ("Patient.nme", false),
        ("Patient.name.first().givn", false),
        ("Patient.gender.given", false),
        ("Observation.status", false),
        ("Patient.name.as(HumanName)", false),
        ("descendants().given", true),
    ] {
        let expr = parse(text).unwrap();
        assert_eq!(expr.evaluate(&ctx).is_ok(), good, "{text}");
    }
}

#[test]
fn a_union_keeps_the_branches_of_its_type() {
    let expr = parse("Patient.name | Person.name.given | Resource.id | (Observation.value as Quantity)").unwrap();
    let patient = patient();
    let ctx = Context::for_search(&Few, &patient);
    let kept = expr.for_type("Patient").unwrap();
    assert_eq!(shown(&kept.evaluate(&ctx).unwrap()), "FHIR.HumanName,FHIR.HumanName,p");
    assert!(parse("Person.name | Observation.value.as(Quantity)").unwrap().for_type("Patient").is_none());
}

#[test]
fn a_node_is_found_again_in_its_resource() {
    let patient = patient();
    let ctx = Context::new(Some(&Few), &patient);
    for (text, expected) in [
        ("Patient.name.given[1]", "Patient.name[0].given[1]"),
        ("Patient.name.given[2]", "Patient.name[1].given[0]"),
        ("Patient.deceased", "Patient.deceased"),
        ("Patient.birthDate.extension.value", "Patient.birthDate.extension[0].value"),
        ("Patient", "Patient"),
    ] {
        let expr = parse(text).unwrap();
        let items = expr.evaluate(&ctx).unwrap();
        let way = location::locate(&patient, items[0].node().unwrap()).unwrap();
        assert_eq!(location::expression(&Few, &ctx.resource, &way), expected, "{text}");
    }
}

#[test]
fn plain_json_has_no_types_but_the_same_paths() {
    let text = r#"{"a": [{"b": 1}, {"b": 2.50}, {"c": null}], "valueString": "x"}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    let ctx = Context::new(None, &value);
    for (text, expected) in
        [("a.b", "1,2.50"), ("a.b.sum()", "3.50"), ("value", ""), ("valueString", "x"), ("a.c + 1", "")]
    {
        let expr = parse(text).unwrap();
        assert_eq!(shown(&expr.evaluate(&ctx).unwrap()), expected, "{text}");
    }
}
