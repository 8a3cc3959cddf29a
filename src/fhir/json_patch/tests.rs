//! The public cases of json-patch-tests, and what they leave out.

use super::*;
use serde_json::json;
use std::path::Path;

#[test]
fn the_cases_of_json_patch_tests_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/json-patch");
    if !folder.is_dir() {
        println!("skipped: ../shared/suites is not here");
        return;
    }
    let mut count = 0;
    for name in ["tests.json", "spec_tests.json"] {
        let cases: Value = serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        for case in cases.as_array().unwrap().iter().filter(|case| case["disabled"] != json!(true)) {
            let mut doc = case["doc"].clone();
            let result = apply(&mut doc, &case["patch"]);
            if case.get("error").is_some() {
                assert!(result.is_err(), "{case}");
                assert_eq!(doc, case["doc"], "{case}");
            } else {
                assert!(result.is_ok(), "{case}: {result:?}");
                assert!(case.get("expected").is_none_or(|expected| *expected == doc), "{case}: {doc}");
            }
            count += 1;
        }
    }
    println!("{count} cases pass");
}

#[test]
fn test_compares_numbers_by_value_and_keeps_their_digits() {
    for (a, b, equal) in [
        ("1.5", "1.50", true),
        ("150", "1.5e2", true),
        ("0", "-0.0", true),
        ("1e400", "10e399", true),
        ("1.5", "-1.5", false),
        ("1.5", "1.05", false),
        ("10", "1", false),
    ] {
        let mut doc: Value = serde_json::from_str(&format!("{{\"a\":{a}}}")).unwrap();
        let before = doc.to_string();
        let patch = serde_json::from_str(&format!("[{{\"op\":\"test\",\"path\":\"/a\",\"value\":{b}}}]")).unwrap();
        assert_eq!(apply(&mut doc, &patch).is_ok(), equal, "{a} {b}");
        assert_eq!(doc.to_string(), before);
    }
}

#[test]
fn keys_keep_their_order() {
    let mut doc = json!({"a": 1, "b": 2, "c": 3});
    apply(&mut doc, &json!([{"op": "remove", "path": "/a"}])).unwrap();
    assert_eq!(doc.to_string(), r#"{"b":2,"c":3}"#);
}

#[test]
fn a_patch_cannot_grow_without_end() {
    let wide = json!({"op": "copy", "from": "/a", "path": "/a/-"});
    let mut doc = json!({"a": [1]});
    let fault = apply(&mut doc, &Value::Array(vec![wide; 40])).unwrap_err();
    assert_eq!(fault.kind(), Kind::TooCostly);
    assert_eq!(doc, json!({"a": [1]}));
}

#[test]
fn a_refusal_names_the_operation() {
    let cases = [
        (json!({}), "a JSON Patch is an array of operations"),
        (json!([1]), "JSON Patch, operation 0: it is not an object"),
        (json!([{"op": "add", "path": "a", "value": 1}]), "JSON Patch, operation 0: 'path' is not a JSON Pointer: 'a'"),
        (json!([{"op": "remove", "path": "/b"}]), "JSON Patch, operation 0: there is nothing at '/b'"),
        (json!([{"op": "remove", "path": ""}]), "JSON Patch, operation 0: the whole document cannot be removed"),
        (
            json!([{"op": "test", "path": "/a", "value": 2}]),
            "JSON Patch, operation 0: the test failed: '/a' has another value",
        ),
        (
            json!([{"op": "move", "from": "/a", "path": "/a/b"}]),
            "JSON Patch, operation 0: '/a' cannot be moved into itself",
        ),
    ];
    for (patch, message) in cases {
        assert_eq!(apply(&mut json!({"a": 1}), &patch).unwrap_err().to_string(), message);
    }
}
