//! Each operation on a small patient, and every reason to refuse one.

use super::super::tests::model::Few;
use super::*;
use serde_json::json;

/// A short form: type, path, and the other parts as they stand in Parameters.
fn operation(kind: &str, path: &str, parts: Value) -> Value {
    let mut all = vec![json!({"name": "type", "valueCode": kind}), json!({"name": "path", "valueString": path})];
    all.extend(parts.as_array().cloned().unwrap_or_default());
    json!({"name": "operation", "part": all})
}

fn run(resource: &Value, operations: Vec<Value>) -> Result<Value, String> {
    let parameters = json!({"resourceType": "Parameters", "parameter": operations});
    let mut patched = resource.clone();
    match apply(&Few, &mut patched, &parameters) {
        Ok(()) => Ok(patched),
        Err(fault) => {
            assert_eq!(patched, *resource, "a refused patch changes nothing");
            Err(fault.to_string())
        }
    }
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "birthDate": "1974-12-25",
        "_birthDate": {"extension": [{"url": "u", "valueString": "x"}]},
        "name": [{"given": ["a", null, "c"], "_given": [null, {"id": "g"}, null]}],
        "deceasedBoolean": true,
        "gender": "male"
    })
}

#[test]
fn operations_change_what_they_say() {
    let before = patient();
    let cases = [
        (
            operation(
                "add",
                "Patient.name[0]",
                json!([{"name": "name", "valueString": "given"}, {"name": "value", "valueString": "d"}]),
            ),
            "/name",
            json!([{"given": ["a", null, "c", "d"], "_given": [null, {"id": "g"}, null, null]}]),
        ),
        (
            operation(
                "insert",
                "Patient.name[0].given",
                json!([{"name": "index", "valueInteger": 0}, {"name": "value", "valueString": "z"}]),
            ),
            "/name",
            json!([{"given": ["z", "a", null, "c"], "_given": [null, null, {"id": "g"}, null]}]),
        ),
        (
            operation(
                "move",
                "Patient.name.given",
                json!([{"name": "source", "valueInteger": 1}, {"name": "destination", "valueInteger": 2}]),
            ),
            "/name",
            json!([{"given": ["a", "c", null], "_given": [null, null, {"id": "g"}]}]),
        ),
        (operation("delete", "Patient.name.given[1]", json!([])), "/name", json!([{"given": ["a", "c"]}])),
        (operation("delete", "Patient.birthDate", json!([])), "/_birthDate", Value::Null),
        (operation("delete", "Patient.nothing", json!([])), "", before.clone()),
        (
            operation("replace", "Patient.deceased", json!([{"name": "value", "valueDateTime": "2020"}])),
            "/deceasedDateTime",
            json!("2020"),
        ),
        (
            operation("replace", "Patient.deceased", json!([{"name": "value", "valueDateTime": "2020"}])),
            "/deceasedBoolean",
            Value::Null,
        ),
        (
            operation("replace", "Patient.name[0].given[0]", json!([{"name": "value", "valueString": "A"}])),
            "/name",
            json!([{"given": ["A", null, "c"], "_given": [null, {"id": "g"}, null]}]),
        ),
        (
            operation(
                "add",
                "Patient.gender",
                json!([{"name": "name", "valueString": "extension"}, {"name": "value", "valueExtension": {"url": "e", "valueString": "y"}}]),
            ),
            "/_gender",
            json!({"extension": [{"url": "e", "valueString": "y"}]}),
        ),
        (
            operation(
                "add",
                "Patient",
                json!([{"name": "name", "valueString": "contact"}, {"name": "value", "part": [
                    {"name": "name", "valueHumanName": {"family": "F"}},
                    {"name": "gender", "valueCode": "other"}
                ]}]),
            ),
            "/contact",
            json!([{"name": {"family": "F"}, "gender": "other"}]),
        ),
        (
            operation(
                "insert",
                "Patient.identifier",
                json!([{"name": "index", "valueInteger": 0}, {"name": "value", "valueIdentifier": {"value": "1"}}]),
            ),
            "/identifier",
            json!([{"value": "1"}]),
        ),
    ];
    for (operation, pointer, expected) in cases {
        let after = run(&before, vec![operation.clone()]).unwrap_or_else(|why| panic!("{operation}: {why}"));
        assert_eq!(after.pointer(pointer).cloned().unwrap_or(Value::Null), expected, "{operation}");
    }
}

#[test]
fn what_has_nothing_left_goes_too() {
    let before = json!({"resourceType": "Patient", "contact": [{"name": {"family": "F"}}], "gender": "male"});
    let after = run(&before, vec![operation("delete", "Patient.contact[0].name.family", json!([]))]);
    assert_eq!(after, Ok(json!({"resourceType": "Patient", "gender": "male"})));
}

#[test]
fn a_refusal_names_the_operation_and_the_reason() {
    let value = json!({"name": "value", "valueString": "x"});
    let named = |name: &str| json!([{"name": "name", "valueString": name}, value]);
    let cases = [
        (operation("add", "Patient.contact", named("gender")), "'Patient.contact' leads to nothing"),
        (
            operation("add", "Patient.name.given", named("id")),
            "'Patient.name.given' leads to 3 elements, it must be one",
        ),
        (
            operation("add", "Patient", named("gender")),
            "add to 'Patient': 'gender' is there already and does not repeat; replace it instead",
        ),
        (operation("add", "Patient", named("colour")), "add to 'Patient': Patient has no element 'colour'"),
        (operation("add", "Patient", named("deceased")), "add to 'Patient': 'deceased' of Patient cannot be a String"),
        (operation("replace", "Patient.contact", json!([value])), "'Patient.contact' leads to nothing"),
        (
            operation("replace", "Patient", json!([value])),
            "replace 'Patient': the resource itself cannot be replaced by a patch",
        ),
        (
            operation("delete", "Patient.name.given", json!([])),
            "'Patient.name.given' leads to 3 elements, it must be one",
        ),
        (operation("delete", "Patient", json!([])), "delete: the resource itself cannot be deleted by a patch"),
        (operation("replace", "1 + 1", json!([value])), "'1 + 1' leads to a computed value, not to an element"),
        (
            operation("insert", "Patient.gender", json!([{"name": "index", "valueInteger": 0}, value])),
            "'Patient.gender' is not a list",
        ),
        (
            operation("insert", "Patient.name", json!([{"name": "index", "valueInteger": 2}, value])),
            "insert: 'Patient.name' has 1 entries, so 2 is no place in it",
        ),
        (
            operation(
                "insert",
                "Patient.name.given.where($this = 'a')",
                json!([{"name": "index", "valueInteger": 0}, value]),
            ),
            "'Patient.name.given.where($this = 'a')' must lead to the whole of one list",
        ),
        (
            operation(
                "move",
                "Patient.name",
                json!([{"name": "source", "valueInteger": 0}, {"name": "destination", "valueInteger": 1}]),
            ),
            "move: 'Patient.name' has 1 entries, so 0 to 1 is no move",
        ),
        (
            operation("insert", "Patient.name", json!([{"name": "index", "valueInteger": -1}, value])),
            "the part 'index' is not an index: an integer from 0",
        ),
        (operation("add", "Patient", json!([value])), "the part 'name' is missing"),
        (operation("delete", "Patient.resourceType", json!([])), "the type of a resource cannot be patched"),
        (operation("burn", "Patient", json!([])), "the type 'burn' is not one of add, insert, delete, replace, move"),
        (
            operation("delete", "Patient.", json!([])),
            "the path 'Patient.': FHIRPath syntax, at character 8: the expression ends where a name should follow",
        ),
    ];
    for (operation, why) in cases {
        let expected = format!("Parameters.parameter[1]: {why}");
        let good = self::operation("delete", "Patient.gender2", json!([]));
        assert_eq!(run(&patient(), vec![good, operation.clone()]), Err(expected), "{operation}");
    }
}
