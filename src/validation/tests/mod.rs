//! Resources that are right and resources that are wrong.

mod bad;
mod good;
mod suites;
mod values;

use std::sync::LazyLock;

use serde_json::Value;

use super::structure;
use crate::catalog::Catalog;
use crate::fault::{Issue, Kind};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().expect("the definitions are sound"));

/// Returns the issues of a resource given as JSON.
fn issues(json: &str) -> Vec<Issue> {
    let value: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e} in {json}"));
    structure::check(&CATALOG, &value).err().unwrap_or_default()
}

/// Asserts that exactly these are the issues, as kind and element.
fn check(json: &str, expected: &[(Kind, &str)]) {
    let found = issues(json);
    let short: Vec<(Kind, &str)> = found.iter().map(|i| (i.kind, i.expression.as_deref().unwrap_or(""))).collect();
    assert_eq!(short, expected, "{json}\n{found:#?}");
}

/// Puts members into an otherwise sound Patient, Observation or extension and expects one issue.
fn each(before: &str, after: &str, cases: &[(&str, Kind, &str)]) {
    for (members, kind, expression) in cases {
        check(&format!("{before}{members}{after}"), &[(*kind, *expression)]);
    }
}

fn patient(cases: &[(&str, Kind, &str)]) {
    each(r#"{"resourceType": "Patient", "#, "}", cases);
}

fn observation(cases: &[(&str, Kind, &str)]) {
    each(r#"{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "#, "}", cases);
}

/// The members of an extension, besides its url.
fn extension(cases: &[(&str, Kind, &str)]) {
    each(
        r#"{"resourceType": "Basic", "code": {"text": "x"}, "extension": [{"url": "http://a.example/x", "#,
        "}]}",
        cases,
    );
}
