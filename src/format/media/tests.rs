//! Which headers ask for what.

use super::ContentKind::{Form, JsonPatch, Resource};
use super::Format::{Json, Xml};
use super::*;

#[test]
fn accept_is_answered_with_the_format_it_likes_best() {
    let table = [
        ("", Some(Json)),
        ("*/*", Some(Json)),
        ("*", Some(Json)),
        ("application/fhir+json", Some(Json)),
        ("application/fhir+xml", Some(Xml)),
        ("Application/FHIR+XML", Some(Xml)),
        ("application/json", Some(Json)),
        ("text/json", Some(Json)),
        ("json", Some(Json)),
        ("application/xml", Some(Xml)),
        ("text/xml", Some(Xml)),
        ("xml", Some(Xml)),
        ("application/fhir+json;fhirVersion=4.0", Some(Json)),
        ("application/fhir+xml; fhirVersion=\"4.0\"; charset=UTF-8", Some(Xml)),
        ("application/fhir+json;fhirVersion=3.0", None),
        ("application/fhir+json;fhirVersion=5.0, application/fhir+xml;fhirVersion=4.0;q=0.1", Some(Xml)),
        ("application/fhir+json;q=0.5, application/fhir+xml", Some(Xml)),
        ("application/fhir+xml, application/fhir+json", Some(Xml)),
        ("application/fhir+json, application/fhir+xml", Some(Json)),
        ("application/fhir+xml;q=0.9, application/fhir+json;q=0.9", Some(Xml)),
        ("application/fhir+json;q=0, */*", Some(Xml)),
        ("application/fhir+xml;q=0.2, */*;q=0.1", Some(Xml)),
        ("text/html, image/gif, *; q=.2, */*; q=.2", Some(Json)),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Xml)),
        ("application/*", Some(Json)),
        ("text/html", None),
        ("application/fhir+turtle", None),
        ("application/fhir+json; charset=iso-8859-1", None),
        ("*/*;q=0", None),
    ];
    for (header, format) in table {
        let found = Format::from_accept(header);
        assert_eq!(found.as_ref().ok().copied(), format, "{header}");
        assert!(found.is_ok() || found.is_err_and(|fault| fault.kind() == Kind::NotAcceptable), "{header}");
    }
    for bad in ["*/*;q=x", "*/*;q=2", "*/*;q=-1", "*/*;q=NaN"] {
        assert_eq!(Format::from_accept(bad).unwrap_err().kind(), Kind::Invalid, "{bad}");
    }
}

#[test]
fn the_parameter_format_knows_short_and_long_names() {
    let table = [
        ("json", Some(Json)),
        ("xml", Some(Xml)),
        ("text/json", Some(Json)),
        ("text/xml", Some(Xml)),
        ("application/json", Some(Json)),
        ("application/xml", Some(Xml)),
        ("application/fhir+json", Some(Json)),
        ("application/fhir xml", Some(Xml)),
        ("application/fhir json; fhirVersion=4.0", Some(Json)),
        ("application/fhir+xml;fhirVersion=3.0", None),
        ("html", None),
        ("ttl", None),
        ("", None),
        ("*/*", None),
    ];
    for (value, format) in table {
        assert_eq!(Format::from_parameter(value).ok(), format, "{value}");
    }
}

#[test]
fn a_content_type_names_what_the_body_is() {
    let table = [
        ("application/fhir+json", Some(Resource(Json))),
        ("application/fhir+json; charset=utf-8", Some(Resource(Json))),
        ("application/fhir+json;charset=\"UTF-8\";fhirVersion=4.0", Some(Resource(Json))),
        ("application/json", Some(Resource(Json))),
        ("text/json", Some(Resource(Json))),
        ("application/fhir+xml", Some(Resource(Xml))),
        ("application/xml", Some(Resource(Xml))),
        ("text/xml;charset=utf8", Some(Resource(Xml))),
        ("application/json-patch+json", Some(JsonPatch)),
        ("application/x-www-form-urlencoded", Some(Form)),
        ("json", None),
        ("*/*", None),
        ("", None),
        ("text/plain", None),
        ("application/fhir+json; charset=iso-8859-1", None),
        ("application/x-www-form-urlencoded; charset=utf-16", None),
        ("application/fhir+json; fhirVersion=5.0", None),
    ];
    for (header, kind) in table {
        let found = ContentKind::parse(header);
        assert_eq!(found.as_ref().ok().copied(), kind, "{header}");
        assert!(found.is_ok() || found.is_err_and(|fault| fault.kind() == Kind::UnsupportedMedia), "{header}");
    }
}
