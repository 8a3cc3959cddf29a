//! What JSON is refused, with which words.

use super::*;

fn refusal(text: &[u8]) -> (Kind, String) {
    let fault = read(text, &Limits::default()).expect_err("refused");
    (fault.kind(), fault.to_string())
}

#[test]
fn a_refusal_names_the_element_and_the_place() {
    #[rustfmt::skip]
    let table: &[(&str, Kind, &str)] = &[
        (
            r#"{"resourceType":"Patient","name":[{"family":"A","family":"B"}]}"#,
            Kind::Structure,
            "Patient.name[0].family: Patient.name[0].family appears twice (line 1, column 61)",
        ),
        (
            "{\"resourceType\":\"Patient\",\n \"id\":\"a\",\n \"id\":\"a\"}",
            Kind::Structure,
            "Patient.id: Patient.id appears twice (line 3, column 10)",
        ),
        (r#"{"id":"a","i\u0064":"b"}"#, Kind::Structure, "id: id appears twice (line 1, column 24)"),
        (
            r#"{"resourceType":"Patient","active":tru}"#,
            Kind::Malformed,
            "Patient.active: not JSON: expected true, false or null (line 1, column 39)",
        ),
        (
            r#"{"resourceType":"Patient","name":[{"given":["a\u0000b"]}]}"#,
            Kind::Malformed,
            "Patient.name[0].given[0]: a string contains the character NUL (U+0000) (line 1, column 54)",
        ),
        (
            r#"{"a":"\ud800"}"#,
            Kind::Malformed,
            "a: not JSON: a \\u escape is broken or half a surrogate pair (line 1, column 13)",
        ),
        ("", Kind::Malformed, "the body is empty (line 1, column 0)"),
        ("{\"a\":1} x", Kind::Malformed, "not JSON: trailing characters (line 1, column 9)"),
        ("{\"a\":[1,2", Kind::Malformed, "a[2]: not JSON: EOF while parsing a list (line 1, column 9)"),
        ("{\"a\":01}", Kind::Malformed, "a: not JSON: invalid number (line 1, column 7)"),
        (
            r#"{"$serde_json::private::Number":"1"}"#,
            Kind::Structure,
            "`$serde_json::private::` cannot begin a property name (line 1, column 31)",
        ),
        (
            r#"{"a":{"\u0024serde_json::private::RawValue":"[]"}}"#,
            Kind::Structure,
            "a: `$serde_json::private::` cannot begin a property name (line 1, column 43)",
        ),
        (
            r#"{"a":{"\u0024serde_json::private::Number":"1"}}"#,
            Kind::Structure,
            "a: `$serde_json::private::` cannot begin a property name (line 1, column 41)",
        ),
        ("{\"a b\":01}", Kind::Malformed, "`a b`: not JSON: invalid number (line 1, column 9)"),
    ];
    for (text, kind, words) in table {
        assert_eq!(refusal(text.as_bytes()), (*kind, words.to_string()), "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_with_their_place() {
    let (kind, words) = refusal(b"{\"a\":\"\xc3\x28\"}");
    assert_eq!(
        (kind, words.as_str()),
        (Kind::Malformed, "the JSON is not UTF-8: byte 6 is 0xc3, which cannot stand there")
    );
    let (_, words) = refusal(b"\xff\xfe{\x00}\x00");
    assert_eq!(words, "the JSON is in UTF-16; FHIR wants UTF-8");
}

#[test]
fn depth_has_a_limit_and_no_depth_harms_the_stack() {
    let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    read(nested("[", "]", 64).as_bytes(), &Limits::default()).unwrap();
    for levels in [65, 127, 128, 129, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let (kind, words) = refusal(nested(open, close, levels).as_bytes());
            assert_eq!(kind, Kind::TooLarge);
            assert!(words.contains("nested more than 64 levels deep"), "{words}");
        }
        assert_eq!(refusal("[".repeat(levels).as_bytes()).0, Kind::TooLarge);
    }
    let generous = Limits { depth_max: 1_000, ..Limits::default() };
    let fault = read(nested("[", "]", 200).as_bytes(), &generous).unwrap_err();
    assert_eq!(fault.kind(), Kind::TooLarge);
}

#[test]
fn numbers_keep_their_digits_and_have_a_limit() {
    for digits in ["1.50", "-0", "0.10", "100000000000000000000.000", "1e-22", "1.0e+2"] {
        let value = read(digits.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(write(&value, false).unwrap(), digits.as_bytes());
    }
    assert_eq!(refusal("1".repeat(101).as_bytes()).0, Kind::Value);
}

#[test]
fn what_is_good_stays_as_it_was() {
    let text = "\u{feff}{\"b\":[true,null,\"\u{1F600}\\u0001\\n\"],\"a\":{}}";
    let value = read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(write(&value, false).unwrap(), text.trim_start_matches('\u{feff}').as_bytes());
    assert!(write(&value, true).unwrap().starts_with(b"{\n  \"b\": ["));
}

#[test]
fn a_prescan_refuses_private_keys_and_bad_bytes() {
    assert_eq!(prescan(b"\xef\xbb\xbf{}").unwrap(), "{}");
    assert!(prescan(b"{\"$serde_json::private::Number\":\"1\"}").is_err());
    assert!(prescan(b"\xff").is_err());
}
