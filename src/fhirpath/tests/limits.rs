//! Nothing that an expression says may exhaust stack, memory or time.

use super::run;
use crate::fhirpath::{FhirpathError, parse};
use serde_json::json;

#[test]
fn deep_expressions_are_refused_before_the_stack_ends() {
    let deep = [
        "(".repeat(100_000),
        "-".repeat(60_000),
        "a[".repeat(30_000),
        "first(".repeat(10_000),
        format!("1{}", " + 1".repeat(10_000)),
        format!("a{}", ".first()".repeat(8_000)),
        format!("a{}", ".b".repeat(20_000)),
        format!("a{}", "[0]".repeat(20_000)),
        format!("a{}", " is String".repeat(6_000)),
    ];
    for text in deep {
        let start: String = text.chars().take(20).collect();
        assert!(matches!(parse(&text), Err(FhirpathError::TooCostly(_))), "{start}");
    }
}

#[test]
fn what_is_as_deep_as_allowed_runs() {
    let nested = format!("{}1{}", "iif(true, ".repeat(45), ")".repeat(45));
    assert_eq!(run(&json!({}), &nested).as_deref(), Ok("1"));
    let selected = format!("1{}", ".select($this)".repeat(45));
    assert_eq!(run(&json!({}), &selected).as_deref(), Ok("1"));
    let wide = vec!["1"; 2_000].join(" | ");
    assert_eq!(run(&json!({}), &wide).as_deref(), Ok("1"));
}

#[test]
fn endless_work_is_stopped() {
    let names = vec!["x"; 3_000];
    let resource = json!({"a": names, "b": {"c": 1}});
    for text in [
        "b.repeatAll($this)",
        "a.select(%resource.a.select(%resource.a))",
        "a.aggregate($total & $total & 'xxxxxxxxxxxxxxxx', 'x')",
        "a.select('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'.replace('', %resource.a.join('-')))",
        "a.select(%resource.a.where(matches('x' & %resource.b.c.toString())))",
        "a.aggregate($total.combine($total), 1)",
    ] {
        let result = run(&resource, text);
        assert!(matches!(result, Err(FhirpathError::TooCostly(_))), "{text}: {result:?}");
    }
    assert_eq!(run(&resource, "b.repeat($this).count()").as_deref(), Ok("1"));
}

#[test]
fn arithmetic_out_of_range_is_empty() {
    for text in [
        "2147483647 + 1",
        "9223372036854775807L + 1",
        "(-9223372036854775807L - 1L).abs()",
        "7.9e1",
        "79228162514264337593543950335.0 * 10",
        "10.power(1000)",
        "2.power(0.5).power(10000)",
        "(-1).sqrt()",
        "0.ln()",
        "1 / 0",
        "1 mod 0.0",
        "@9999-12-31 + 1 day",
        "@2020-01-01 + 9999999999999 years",
        "@0001-01-01 - 1 month",
        "100.exp().exp()",
        "1.5.highBoundary(40)",
        "'9999999999999999999999999999999999'.toDecimal()",
    ] {
        if let Ok(found) = run(&json!({}), text) {
            assert_eq!(found, "", "{text}");
        }
    }
}

#[test]
fn numbers_beyond_28_digits_are_no_trap() {
    for digits in
        ["1e999999999", "1e-999999999", "-1e29", "1E+30", "99999999999999999999999999999999999999", "0e99999", "1e28"]
    {
        let resource: serde_json::Value = serde_json::from_str(&format!("{{\"a\": {digits}}}")).unwrap();
        for text in [
            "a + 1",
            "a = a",
            "a ~ 1",
            "a < 1",
            "a.toString()",
            "a.abs()",
            "a.lowBoundary()",
            "a.round(2)",
            "a.toQuantity()",
        ] {
            let _ = run(&resource, text);
        }
    }
}
