//! Bytes that are not XML, or XML that a server must not read.
//!
//! R4 <https://hl7.org/fhir/R4/security.html#xml>: no document types, no entities of their own.

use super::{refused, still_answers};
use crate::app::TestApp;
use crate::client::XML;

const PATIENT: &str = "<Patient xmlns=\"http://hl7.org/fhir\">";

#[test]
#[rustfmt::skip]
fn xml_that_is_broken_or_dangerous_is_refused() {
    let app = TestApp::shared();
    let deep = format!("{PATIENT}{}", "<extension url=\"x\">".repeat(10_000));
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    for (body, status, issue, words) in [
        (String::new(), 400, "invalid", "body"),
        ("  ".to_string(), 400, "structure", ""),
        ("{\"resourceType\":\"Patient\"}".to_string(), 400, "structure", ""),
        ("<Patient".to_string(), 400, "structure", ""),
        (PATIENT.to_string(), 400, "structure", ""),
        (format!("{PATIENT}</Observation>"), 400, "structure", ""),
        (format!("{PATIENT}<active value=\"true\"/>"), 400, "structure", ""),
        (format!("{PATIENT}<active value=true/></Patient>"), 400, "structure", "Patient"),
        (format!("{PATIENT}<active value=\"true\" value=\"false\"/></Patient>"), 400, "structure", "Patient.active"),
        (format!("{PATIENT}</Patient>{PATIENT}</Patient>"), 400, "structure", "second root"),
        (format!("{PATIENT}text</Patient>"), 400, "structure", "text"),
        (format!("{PATIENT}<![CDATA[x]]></Patient>"), 400, "structure", "text"),
        ("<Patient><active value=\"true\"/></Patient>".to_string(), 400, "structure", "http://hl7.org/fhir"),
        ("<Patient xmlns=\"urn:other\"/>".to_string(), 400, "structure", "http://hl7.org/fhir"),
        (format!("{PATIENT}<x:active xmlns:x=\"urn:other\" value=\"true\"/></Patient>"), 400, "structure", "active"),
        (format!("{PATIENT}<nope value=\"1\"/></Patient>"), 400, "structure", "Patient.nope"),
        (format!("{PATIENT}<active nope=\"1\" value=\"true\"/></Patient>"), 400, "structure", "nope"),
        (format!("{PATIENT}<active/></Patient>"), 400, "structure", "Patient.active"),
        (format!("{PATIENT}<active value=\"yes\"/></Patient>"), 400, "", "Patient.active"),
        (format!("{PATIENT}<active value=\"true\"/><active value=\"true\"/></Patient>"), 400, "structure", "Patient.active"),
        (format!("{PATIENT}<birthDate value=\"1970\"/><active value=\"true\"/></Patient>"), 400, "structure", "active"),
        ("<Nope xmlns=\"http://hl7.org/fhir\"/>".to_string(), 400, "", "Nope"),
        ("<Observation xmlns=\"http://hl7.org/fhir\"><status value=\"final\"/></Observation>".to_string(), 400, "invalid", "Observation"),
        // Entities and document types.
        ("<!DOCTYPE Patient><Patient xmlns=\"http://hl7.org/fhir\"/>".to_string(), 400, "structure", "DOCTYPE"),
        (format!("<!DOCTYPE Patient SYSTEM \"file:///etc/passwd\">{PATIENT}</Patient>"), 400, "structure", "DOCTYPE"),
        (format!("<!DOCTYPE p [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{PATIENT}<language value=\"&x;\"/></Patient>"), 400, "structure", "DOCTYPE"),
        (format!("{laughs}{PATIENT}<language value=\"&c;\"/></Patient>"), 400, "structure", "DOCTYPE"),
        (format!("{PATIENT}<language value=\"&x;\"/></Patient>"), 400, "structure", "Patient.language"),
        (format!("{PATIENT}<language value=\"&nbsp;\"/></Patient>"), 400, "structure", "Patient.language"),
        (format!("{PATIENT}<language value=\"a&#0;b\"/></Patient>"), 400, "structure", "Patient.language"),
        (format!("{PATIENT}<language value=\"a&#xD800;b\"/></Patient>"), 400, "structure", "Patient.language"),
        (format!("{PATIENT}<language value=\"a & b\"/></Patient>"), 400, "structure", "Patient.language"),
        (format!("{PATIENT}<language value=\"a\0b\"/></Patient>"), 400, "structure", "byte"),
        (format!("{PATIENT}<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\"/></Patient>"), 400, "structure", "include"),
        (format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{PATIENT}</Patient>"), 400, "structure", "ISO-8859-1"),
        (format!("<?xml version=\"2.0\"?>{PATIENT}</Patient>"), 400, "structure", ""),
        (deep, 413, "too-long", "deep"),
        (format!("{PATIENT}<text><status value=\"generated\"/><div xmlns=\"http://www.w3.org/1999/xhtml\"><p></div></text></Patient>"), 400, "structure", "Patient.text.div"),
    ] {
        let answer = app.client().request("POST", "Patient", &[XML], body.as_bytes());
        if issue.is_empty() {
            let code = answer.json()["issue"][0]["code"].as_str().unwrap_or_default().to_string();
            refused(&answer, status, &code, words);
        } else {
            let told: String = body.chars().take(150).collect();
            let answer = crate::client::Response { asked: told, ..answer };
            refused(&answer, status, issue, words);
        }
    }
    for (body, words) in [
        (&b"<Patient xmlns=\"http://hl7.org/fhir\"><language value=\"\xff\"/></Patient>"[..], "UTF-8"),
        (b"\xff\xfe<\x00P\x00", "UTF-16"),
    ] {
        refused(&app.client().request("POST", "Patient", &[XML], body), 400, "structure", words);
    }
    still_answers(&app);
}
