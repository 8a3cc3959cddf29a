//! JSON and XML, in and out, by header and by parameter.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#mime-type>, <https://hl7.org/fhir/R4/http.html#parameters>.

use super::{check, given_patient, unique};
use crate::app::TestApp;
use crate::client::XML;

const JSON_OUT: &str = "application/fhir+json; charset=utf-8";
const XML_OUT: &str = "application/fhir+xml; charset=utf-8";

#[test]
#[rustfmt::skip]
fn the_client_gets_the_format_it_asks_for() {
    let app = TestApp::shared();
    let address = format!("Patient/{}", given_patient(app.client()));
    for (accept, parameter, want) in [
        ("", "", JSON_OUT),
        ("*/*", "", JSON_OUT),
        ("application/*", "", JSON_OUT),
        ("application/fhir+json", "", JSON_OUT),
        ("application/json", "", JSON_OUT),
        ("text/json", "", JSON_OUT),
        ("application/fhir+xml", "", XML_OUT),
        ("application/xml", "", XML_OUT),
        ("text/xml", "", XML_OUT),
        ("APPLICATION/FHIR+XML", "", XML_OUT),
        ("application/fhir+xml; fhirVersion=4.0", "", XML_OUT),
        ("application/fhir+xml;q=0.5, application/fhir+json;q=0.9", "", JSON_OUT),
        ("application/fhir+json;q=0.5, application/fhir+xml", "", XML_OUT),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "", XML_OUT),
        ("text/html, */*;q=0.1", "", JSON_OUT),
        ("", "_format=json", JSON_OUT),
        ("", "_format=xml", XML_OUT),
        ("", "_format=text/xml", XML_OUT),
        ("", "_format=application/fhir%2Bxml", XML_OUT),
        ("", "_format=application/fhir+xml", XML_OUT),
        ("application/fhir+xml", "_format=json", JSON_OUT),
        ("text/html", "_format=xml", XML_OUT),
    ] {
        let headers: &[(&str, &str)] = if accept.is_empty() { &[] } else { &[("Accept", accept)] };
        let answer = check(app.client(), &format!("GET {address}?{parameter}"), headers, 200, "");
        assert_eq!(answer.header("content-type"), Some(want), "{accept} {parameter}");
        let first = if want == XML_OUT { b'<' } else { b'{' };
        assert_eq!(answer.bytes.trim_ascii_start()[0], first, "{accept} {parameter}");
    }
}

#[test]
fn a_format_that_is_not_written_here_is_not_acceptable() {
    let app = TestApp::shared();
    let address = format!("Patient/{}", given_patient(app.client()));
    for (accept, parameter) in [
        ("text/html", ""),
        ("application/fhir+turtle", ""),
        ("application/fhir+json;q=0", ""),
        ("application/fhir+json; fhirVersion=5.0", ""),
        ("", "_format=ttl"),
        ("", "_format=nonsense"),
    ] {
        let headers: &[(&str, &str)] = if accept.is_empty() { &[] } else { &[("Accept", accept)] };
        check(app.client(), &format!("GET {address}?{parameter}"), headers, 406, "not-supported");
    }
}

#[test]
fn xml_goes_in_and_comes_out() {
    let app = TestApp::shared();
    let id = unique();
    let sent = format!(
        "<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"{id}\"/><text><status value=\"generated\"/>\
         <div xmlns=\"http://www.w3.org/1999/xhtml\"><p>A &amp; B</p></div></text>\
         <active value=\"true\"/><name><family value=\"Ås &quot;x&quot;\"/><given value=\"Eva\"/></name></Patient>"
    );
    let both = [XML, ("Accept", "application/fhir+xml")];
    let address = format!("Patient/{id}");
    let made = app.client().request("PUT", &address, &both, sent.as_bytes()).expect(201);
    assert_eq!(made.header("content-type"), Some(XML_OUT));
    let json = app.client().get(&address).expect(200).json();
    assert_eq!(json["name"][0]["family"], "Ås \"x\"");
    assert_eq!(json["active"], true);
    let xml = app.client().get_with(&address, &both[1..]).expect(200);
    assert_eq!(xml.bytes, made.bytes);
    // What was read can be written again.
    let again = app.client().request("PUT", &address, &both, &xml.bytes).expect(200);
    assert!(again.text().contains("<p>A &amp; B</p>"), "{}", again.text());
    assert_eq!(app.client().get(&address).expect(200).json()["text"], json["text"]);
}

#[test]
fn bundles_go_in_and_come_out_as_xml() {
    let app = TestApp::shared();
    let bundle = "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"transaction\"/><entry><resource>\
        <Patient><active value=\"true\"/></Patient></resource><request><method value=\"POST\"/><url value=\"Patient\"/>\
        </request></entry></Bundle>";
    let headers = [XML, ("Accept", "application/fhir+xml")];
    let answer = app.client().request("POST", "", &headers, bundle.as_bytes()).expect(200);
    let text = answer.text();
    assert!(text.contains("<type value=\"transaction-response\"/>") && text.contains("<status value=\"201"), "{text}");
}

#[test]
fn a_refusal_is_told_in_the_format_asked_for() {
    let app = TestApp::shared();
    let path = format!("Patient/{}", unique());
    let answer = app.client().get_with(&path, &[("Accept", "application/fhir+xml")]).expect(404);
    assert_eq!(answer.header("content-type"), Some(XML_OUT));
    assert!(answer.text().contains("<code value=\"not-found\"/>"), "{}", answer.text());
    // A format that cannot be written is refused in JSON.
    let answer = app.client().get_with(&path, &[("Accept", "text/html")]).expect(406);
    assert_eq!(answer.header("content-type"), Some(JSON_OUT));
}

#[test]
fn pretty_answers_have_lines() {
    let app = TestApp::shared();
    let address = format!("Patient/{}", given_patient(app.client()));
    for format in ["json", "xml"] {
        let plain = app.client().get(&format!("{address}?_format={format}")).expect(200);
        let pretty = app.client().get(&format!("{address}?_format={format}&_pretty=true")).expect(200);
        let flat = app.client().get(&format!("{address}?_format={format}&_pretty=false")).expect(200);
        assert!(pretty.text().lines().count() > 3, "{}", pretty.text());
        assert!(plain.text().trim().lines().count() <= 2, "{}", plain.text());
        assert_eq!(plain.bytes, flat.bytes);
    }
    let pretty = app.client().get(&format!("{address}?_pretty=true")).expect(200).json();
    assert_eq!(pretty, app.client().get(&address).expect(200).json());
}
