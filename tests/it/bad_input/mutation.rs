//! Good requests, damaged at every place: whatever comes of it, never a 5xx.

use super::still_answers;
use crate::app::TestApp;
use crate::client::{JSON, XML};

const GOOD_JSON: &str = r#"{"resourceType":"Observation","id":"a","meta":{"tag":[{"code":"t"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</p></div>"},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2020-01-01T00:00:00Z","valueQuantity":{"value":1.50,"unit":"kg"},"_issued":{"id":"x"}}"#;
const GOOD_XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Observation xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>x &lt;</p></div></text><status value="final"/><code><text value="a &amp; b"/></code><valueQuantity><value value="1.50"/></valueQuantity></Observation>"#;

/// A small generator, always the same numbers: a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }
}

#[test]
fn damaged_bodies_never_make_the_server_fail() {
    let app = TestApp::shared();
    for (good, header) in [(GOOD_JSON, JSON), (GOOD_XML, XML)] {
        app.client().request("POST", "Observation", &[header], good.as_bytes()).expect(201);
        let good = good.as_bytes();
        let mut bodies: Vec<Vec<u8>> = (0..good.len()).step_by(3).map(|end| good[..end].to_vec()).collect();
        let mut numbers = Numbers(7);
        let odd = b"\"{}[]<>&;:,\\/\0\xff\x80 0-.eE+'=!?#";
        for _ in 0..300 {
            let mut body = good.to_vec();
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(body.len());
                match numbers.below(3) {
                    0 => body[at] = odd[numbers.below(odd.len())],
                    1 => drop(body.remove(at)),
                    _ => body.insert(at, odd[numbers.below(odd.len())]),
                }
            }
            bodies.push(body);
        }
        for body in bodies {
            let answer = app.client().request("POST", "Observation", &[header], &body);
            let told = || format!("{}: {}", String::from_utf8_lossy(&body), answer.text());
            assert!(answer.status == 201 || (400..500).contains(&answer.status), "{} {}", answer.status, told());
            if answer.status != 201 {
                assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{}", told());
            }
        }
    }
    still_answers(&app);
}
