//! Every check of Inferno's SMART App Launch 2.2 suites and of the SMART parts of ONC's (g)(10) suite, named as Inferno
//! names them and done by requests of our own.
//!
//! <https://github.com/inferno-framework/smart-app-launch-test-kit> (`smart_stu2_2`),
//! <https://github.com/onc-healthit/onc-certification-g10-test-kit>. What is not checked says why not. The table is kept as
//! `target/tables/inferno.txt`.

mod access;
mod backend;
mod brands;
mod discovery;
mod granular;
mod launch;
mod openid;
mod refresh;
mod refusals;

pub use launch::launch_of;

use serde_json::Value;

use super::stage::Stage;
use super::table::Table;
use crate::client::Response;

/// What Inferno says it is when it asks from a browser.
const ORIGIN: &str = "https://inferno.healthit.gov";
const TLS: &str = "TLS ends at the proxy in front; the listener itself speaks plain HTTP";

#[test]
fn inferno() {
    let stage = Stage::set();
    let mut table = Table::default();
    for part in [
        discovery::discovery,
        launch::standalone,
        launch::ehr,
        launch::other_clients,
        openid::openid,
        refresh::refresh,
        access::unrestricted,
        access::limited,
        access::version_1,
        granular::fine_grained,
        granular::selection,
        refusals::refusals,
        refresh::revocation,
        refresh::introspection,
        backend::backend,
        brands::brands,
    ] {
        table.part(|table| part(table, &stage));
    }
    attestations(&mut table);
    table.finish("inferno");
}

/// What a person attests in Inferno, with nothing to ask the server about.
fn attestations(table: &mut Table) {
    table.group("Visual Inspection and Attestation");
    for (title, why) in [
        (
            "Health IT Module demonstrated support for application registration for single patients",
            "shown at /admin/clients",
        ),
        (
            "Health IT Module demonstrated support for application registration for multiple patients",
            "shown at /admin/clients",
        ),
        (
            "Health IT Module demonstrated a graphical user interface for user to authorize FHIR resources",
            "flows in tests/e2e",
        ),
        ("Health IT Module informed patient when \"offline_access\" scope is being granted", "flows in tests/e2e"),
        (
            "Health IT Module attested that refresh tokens are valid for a period of no shorter than three months",
            "attested",
        ),
        ("Health IT Module attested that it is capable of issuing refresh tokens to native applications", "attested"),
        ("Health IT developer demonstrated the ability of the Health IT Module to validate the ID token", "attested"),
        (
            "Health IT Module demonstrated that it does not cache the JWK Set longer than the cache-control header",
            "attested",
        ),
        ("Health IT developer demonstrated the documentation is available at a publicly accessible URL", "README.md"),
    ] {
        table.left_out(title, why);
    }
}

/// Checks that pages of any origin may read an answer. SMART App Launch 2.2, CORS.
#[track_caller]
fn enables_cors(answer: &Response) {
    let allowed = answer.header("access-control-allow-origin");
    assert!(matches!(allowed, Some("*" | ORIGIN)), "{}: {allowed:?}", answer.asked);
}

/// Checks that a field is a text, and returns it.
#[track_caller]
fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().filter(|text| !text.is_empty()).unwrap_or_else(|| panic!("no '{name}' in {object}"))
}

/// Checks that a list has a member.
#[track_caller]
fn has(object: &Value, name: &str, member: &str) {
    let list = object[name].as_array().unwrap_or_else(|| panic!("no list '{name}' in {object}"));
    assert!(list.iter().any(|found| found == member), "'{name}' is without '{member}': {list:?}");
}

/// Returns the scopes of a token response.
#[track_caller]
fn scopes(given: &Value) -> Vec<&str> {
    text(given, "scope").split(' ').collect()
}

/// Checks that two lists of scopes are the same but for their order.
#[track_caller]
fn same_scopes(given: &Value, wanted: &str) {
    let (mut got, mut want) = (scopes(given), wanted.split(' ').collect::<Vec<_>>());
    got.sort_unstable();
    want.sort_unstable();
    assert_eq!(got, want);
}
