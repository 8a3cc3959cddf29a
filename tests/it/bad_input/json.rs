//! Bytes that are not JSON, or not JSON as FHIR wants it.

use std::fs;
use std::path::Path;

use super::{refused, refused_somehow, still_answers};
use crate::app::TestApp;
use crate::client::JSON;

#[test]
#[rustfmt::skip]
fn broken_json_is_refused_with_its_place() {
    let app = TestApp::shared();
    for (body, issue, words) in [
        (&b""[..], "invalid", "body"),
        (b" \n ", "structure", ""),
        (b"{", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\"", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\",}", "structure", "line 1"),
        (b"{'resourceType':'Patient'}", "structure", "line 1"),
        (b"{resourceType:\"Patient\"}", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\"}{}", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\"} x", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\" // no\n}", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\",\n\"active\":tru}", "structure", "line 2"),
        (b"{\"resourceType\":\"Patient\",\n\"active\":TRUE}", "structure", "line 2"),
        (b"<Patient xmlns=\"http://hl7.org/fhir\"/>", "structure", "line 1"),
        (b"\xff\xfe{\x00}\x00", "structure", "UTF-16"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"\xff\"}", "structure", "UTF-8"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"\xc0\x80\"}", "structure", "UTF-8"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"\xed\xa0\x80\"}", "structure", "UTF-8"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"a\tb\"}", "structure", "line 1"),
        // NUL, raw and escaped: PostgreSQL cannot keep it, FHIR does not allow it.
        (b"{\"resourceType\":\"Patient\",\"language\":\"a\0b\"}", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"a\\u0000b\"}", "structure", "Patient.language"),
        (b"{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"a\",\"\\u0000\"]}]}", "structure", "Patient.name[0].given[1]"),
        (b"{\"resourceType\":\"Patient\",\"a\\u0000\":1}", "structure", "NUL"),
        (b"\0", "structure", "line 1"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"\\ud800\"}", "structure", "surrogate"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"\\udc00\\ud800\"}", "structure", "surrogate"),
        (b"{\"resourceType\":\"Patient\",\"language\":\"\\x41\"}", "structure", "line 1"),
        // A property given twice, at any depth: two parsers would read two resources.
        (b"{\"resourceType\":\"Patient\",\"active\":true,\"active\":false}", "structure", "Patient.active"),
        (b"{\"resourceType\":\"Patient\",\"resourceType\":\"Patient\"}", "structure", "resourceType"),
        (b"{\"resourceType\":\"Patient\",\"active\":true,\"\\u0061ctive\":false}", "structure", "Patient.active"),
        (b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"A\",\"family\":\"A\"}]}", "structure", "Patient.name[0].family"),
        // The parser's own ways of writing numbers and raw text must not come from outside.
        (b"{\"resourceType\":\"Patient\",\"multipleBirthInteger\":{\"$serde_json::private::Number\":\"1\"}}", "structure", "private"),
        (b"{\"resourceType\":\"Patient\",\"name\":{\"$serde_json::private::RawValue\":\"[]\"}}", "structure", "private"),
        (b"[]", "structure", ""),
        (b"null", "structure", ""),
        (b"42", "structure", ""),
        (b"\"Patient\"", "structure", ""),
        (b"{}", "required", "resourceType"),
        (b"[{\"resourceType\":\"Patient\"}]", "structure", ""),
    ] {
        let answer = app.client().request("POST", "Patient", &[JSON], body);
        refused(&answer, 400, issue, words);
    }
    still_answers(&app);
}

/// Every file of the public suite, good JSON or not: none is a Patient.
#[test]
fn nothing_of_the_json_suite_is_taken_for_a_patient() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/json-robustness/JSONTestSuite");
    let app = TestApp::shared();
    let mut posted = 0;
    for part in ["test_parsing", "test_transform"] {
        let Ok(files) = fs::read_dir(folder.join(part)) else {
            println!("skipped: {} is not here", folder.join(part).display());
            continue;
        };
        for file in files {
            let path = file.expect("a readable folder").path();
            let bytes = fs::read(&path).expect("a readable file");
            for address in ["Patient", ""] {
                let mut answer = app.client().request("POST", address, &[JSON], &bytes);
                answer.asked = path.display().to_string();
                refused_somehow(&answer);
            }
            posted += 1;
        }
    }
    println!("{posted} files posted");
    still_answers(&app);
}
