//! What XML is refused, with which words, and what comes out of the rest.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::catalog::Catalog;
use crate::fault::Kind::{self, Malformed, NotAcceptable, Structure, TooLarge};
use crate::format::Limits;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().expect("the definitions load"));

fn parse(text: &str) -> Result<Value, crate::fault::Fault> {
    read(&CATALOG, text.as_bytes(), &Limits::default())
}

/// A Patient with this content; `@` stands for the namespace of XHTML.
fn patient(content: &str) -> String {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">{}</Patient>", content.replace('@', XHTML))
}

/// Kind, element and a part of the message, for the content of a Patient.
#[rustfmt::skip]
const REFUSED_CONTENT: &[(&str, Kind, &str, &str)] = &[
    ("<foo value=\"1\"/>", Structure, "Patient.foo", "Patient has no element `foo`"),
    ("<name><foo/></name>", Structure, "Patient.name[0].foo", "HumanName has no element `foo`"),
    ("<Name/>", Structure, "Patient.Name", "Patient has no element `Name`"),
    ("<deceased value=\"true\"/>", Structure, "Patient.deceased", "Patient has no element `deceased`"),
    ("<deceasedString value=\"x\"/>", Structure, "Patient.deceasedString", "has no element"),
    ("<active value=\"true\" foo=\"1\"/>", Structure, "Patient.active", "attribute `foo` does not belong"),
    ("<name value=\"x\"/>", Structure, "Patient.name[0]", "attribute `value` does not belong"),
    ("<name url=\"x\"/>", Structure, "Patient.name[0]", "attribute `url` does not belong"),
    ("<name><id value=\"x\"/></name>", Structure, "Patient.name[0]", "`id` is an attribute here"),
    ("<active value=\"true\" xmlns:x=\"urn:x\" x:value=\"1\"/>", Structure, "Patient.active", "`x:value`"),
    ("<active xmlns=\"\" value=\"true\"/>", Structure, "Patient.active", "not in the namespace http://hl7.org/fhir"),
    ("<f:active value=\"true\"/>", Structure, "Patient.active", "not in the namespace http://hl7.org/fhir"),
    ("<active value=\"yes\"/>", Kind::Value, "Patient.active", "\"yes\" is not true or false"),
    ("<multipleBirthInteger value=\"1.5\"/>", Kind::Value, "Patient.multipleBirth", "\"1.5\" is not an integer"),
    ("<multipleBirthInteger value=\"+-1\"/>", Kind::Value, "Patient.multipleBirth", "is not an integer"),
    ("<multipleBirthInteger value=\" 1\"/>", Kind::Value, "Patient.multipleBirth", "is not an integer"),
    ("<active value=\"\"/>", Kind::Value, "Patient.active", "the attribute `value` is empty"),
    ("<active/>", Structure, "Patient.active", "neither a value nor an extension"),
    ("<active id=\"a\"/>", Structure, "Patient.active", "neither a value nor an extension"),
    ("<name/>", Structure, "Patient.name[0]", "the element is empty"),
    ("<name id=\"a\"></name>", Structure, "Patient.name[0]", "the element is empty"),
    ("<name><given value=\"A\"/>text</name>", Structure, "Patient.name[0]", "text stands between elements"),
    ("<name>&#65;</name>", Structure, "Patient.name[0]", "text stands between elements"),
    ("<name><![CDATA[x]]></name>", Structure, "Patient.name[0]", "text stands between elements"),
    ("<birthDate value=\"1970\"/><active value=\"true\"/>", Structure, "Patient.active", "stands after `birthDate`"),
    ("<name><given value=\"A\"/><family value=\"B\"/></name>", Structure, "Patient.name[0].family", "after `given`"),
    ("<active value=\"true\"/><active value=\"true\"/>", Structure, "Patient.active", "`active` appears twice"),
    (
        "<deceasedBoolean value=\"true\"/><deceasedDateTime value=\"2020\"/>",
        Structure,
        "Patient.deceased",
        "both `deceasedBoolean` and `deceasedDateTime` are given",
    ),
    ("<contained/>", Structure, "Patient.contained[0]", "holds no resource"),
    ("<contained><Foo/></contained>", Structure, "Patient.contained[0]", "`Foo` is not a resource type"),
    ("<contained><Resource/></contained>", Structure, "Patient.contained[0]", "`Resource` is not a resource type"),
    ("<contained><Patient/><Patient/></contained>", Structure, "Patient.contained[0]", "more than one resource"),
    ("<contained><Patient><x/></Patient></contained>", Structure, "Patient.contained[0].x", "no element `x`"),
    ("<active value=\"tr&foo;ue\"/>", Malformed, "Patient.active", "foo"),
    ("<active value=\"a&#0;\"/>", Malformed, "Patient.active", "not XML"),
    ("<active value=\"a&#1;\"/>", Malformed, "Patient.active", "character that XML does not allow"),
    ("<active value=\"a&#xD800;\"/>", Malformed, "Patient.active", "not XML"),
    ("<active value=\"a<b\"/>", Malformed, "Patient.active", "bare `<`"),
    ("<active value=\"a\" value=\"b\"/>", Malformed, "Patient.active", "duplicated"),
    ("<active value=true/>", Malformed, "Patient.active", "not XML"),
    ("<name></nome>", Malformed, "Patient.name[0]", "not XML"),
    ("<name><given value=\"A\"/>", Malformed, "Patient.name[0]", "not XML"),
    ("<!-- a -- b -->", Malformed, "Patient", "not XML"),
    ("<?xml version=\"1.0\"?>", Malformed, "", "an XML declaration stands where none may"),
    ("<text><status value=\"empty\"/><div>x</div></text>", Structure, "Patient.text.div", "not in the namespace"),
    ("<text><div xmlns=\"@\">&nbsp;</div></text>", Kind::Value, "Patient.text.div", "`&nbsp;` is not known in XML"),
    ("<text><div xmlns=\"@\"><b x=\"<\"/></div></text>", Kind::Value, "Patient.text.div", "bare `<`"),
    ("<text><div xmlns=\"@\"><?x y?></div></text>", Kind::Value, "Patient.text.div", "is not allowed"),
    ("<text><div xmlns=\"@\"><p><b></p></b></div></text>", Malformed, "Patient.text.div", "not XML"),
    ("<text><div xmlns=\"@\"><x:b/></div></text>", Kind::Value, "Patient.text.div", "not one of XHTML"),
    ("<text><div xmlns=\"@\"><b xmlns=\"urn:x\"/></div></text>", Kind::Value, "Patient.text.div", "namespace is urn:x"),
    ("<text><div xmlns=\"@\"><b x=\"1\"y=\"2\"/></div></text>", Kind::Value, "Patient.text.div", "no space separates"),
    ("<text><div xmlns=\"@\" xmlns:x=\"\"/></text>", Kind::Value, "Patient.text.div", "attribute `xmlns:x`"),
    ("<text><p xmlns=\"@\"/></text>", Structure, "Patient.text.p", "Narrative has no element `p`"),
];

#[test]
fn a_refusal_names_the_element_and_the_rule() {
    for (content, kind, element, words) in REFUSED_CONTENT {
        let fault = parse(&patient(content)).expect_err(content);
        let issue = &fault.issues()[0];
        assert_eq!((issue.kind, issue.expression.as_deref().unwrap_or("")), (*kind, *element), "{content}: {fault}");
        assert!(issue.diagnostics.contains(words), "{content}: {fault}");
        assert!(issue.diagnostics.contains("(line 1, column "), "{content}: {fault}");
    }
}

#[test]
fn a_document_that_is_no_resource_is_refused() {
    #[rustfmt::skip]
    let table: &[(&str, Kind, &str)] = &[
        ("", Malformed, "no XML element"),
        ("{\"resourceType\":\"Patient\"}", Structure, "text stands between elements"),
        ("<Patient/>", Structure, "not in the namespace http://hl7.org/fhir"),
        ("<Patient xmlns=\"http://hl7.org/FHIR\"/>", Structure, "not in the namespace"),
        ("<patient xmlns=\"http://hl7.org/fhir\"/>", Structure, "`patient` is not a resource type"),
        ("<HumanName xmlns=\"http://hl7.org/fhir\"/>", Structure, "`HumanName` is not a resource type"),
        ("<Patient xmlns=\"http://hl7.org/fhir\" id=\"a\"/>", Structure, "the id of a resource is an element"),
        ("<Patient xmlns=\"http://hl7.org/fhir\"/><a/>", Malformed, "second root"),
        ("<Patient xmlns=\"http://hl7.org/fhir\"/>x", Structure, "text stands"),
        ("<Patient xmlns=\"http://hl7.org/fhir\">", Malformed, "ends before this element is closed"),
        ("</Patient>", Malformed, "not XML"),
        ("<!DOCTYPE Patient><Patient xmlns=\"http://hl7.org/fhir\"/>", Malformed, "DOCTYPE"),
        ("<!DOCTYPE x [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><Patient/>", Malformed, "DOCTYPE"),
        ("<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><Patient/>", Malformed, "DOCTYPE"),
        ("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><Patient/>", Malformed, "the encoding iso-8859-1"),
        ("<?xml version=\"1.1\"?><Patient/>", Malformed, "XML version 1.1"),
        (" <?xml version=\"1.0\"?><Patient/>", Malformed, "XML declaration stands where none may"),
        ("<Patient \0/>", Malformed, "byte 9"),
    ];
    for (text, kind, words) in table {
        let fault = parse(text).expect_err(text);
        assert_eq!(fault.kind(), *kind, "{text}: {fault}");
        assert!(fault.to_string().contains(words), "{text}: {fault}");
    }
    for bytes in [b"<Patient \xff/>".as_slice(), b"\xff\xfe<\0P\0"] {
        assert_eq!(read(&CATALOG, bytes, &Limits::default()).unwrap_err().kind(), Malformed);
    }
}

#[test]
fn depth_has_a_limit_and_no_depth_harms_the_stack() {
    let nested = |n: usize| patient(&format!("{}{}", "<extension url=\"u\">".repeat(n), "</extension>".repeat(n)));
    assert!(parse(&nested(63)).is_ok());
    for levels in [64, 100_000] {
        assert_eq!(parse(&nested(levels)).unwrap_err().kind(), TooLarge);
    }
    let contained = |n: usize| "<contained><Patient>".repeat(n);
    assert_eq!(parse(&patient(&contained(100_000))).unwrap_err().kind(), TooLarge);
    let div = format!("<text><div xmlns=\"@\">{}{}</div></text>", "<b>".repeat(100_000), "</b>".repeat(100_000));
    assert!(parse(&patient(&div)).unwrap_err().to_string().contains("nested more than 64"));
    let attributes: String = (0..100_000).map(|i| format!(" a{i}=\"\"")).collect();
    let div = format!("<text><div xmlns=\"@\"{attributes}>x</div></text>");
    assert!(parse(&patient(&div)).unwrap_err().to_string().contains("more than 100 attributes"));
}

#[test]
fn xml_becomes_the_json_of_the_specification() {
    let table = [
        ("", json!({})),
        ("<!-- a --><?b c?> <active value='true'/>", json!({"active": true})),
        ("<multipleBirthInteger value=\"+2\"/>", json!({"multipleBirthInteger": 2})),
        ("<birthDate id=\"a\" value=\"1970\"/>", json!({"birthDate": "1970", "_birthDate": {"id": "a"}})),
        ("<gender value=\"&lt;&#x41;&amp;\r\n&#xA;\tB\"/>", json!({"gender": "<A& \n B"})),
        (
            "<name><given value=\"A\"/><given><extension url=\"u\"><valueCode value=\"x\"/></extension></given>\
             <given value=\"C\"/></name><name id=\"n\"><text value=\"T\"/></name>",
            json!({"name": [
                {"given": ["A", null, "C"], "_given": [null, {"extension": [{"url": "u", "valueCode": "x"}]}, null]},
                {"id": "n", "text": "T"},
            ]}),
        ),
        (
            "<name><given id=\"a\"><extension url=\"u\"><valueUri value=\"x\"/></extension></given></name>",
            json!({"name": [{"_given": [{"id": "a", "extension": [{"url": "u", "valueUri": "x"}]}]}]}),
        ),
        (
            "<contained><Basic><id value=\"b\"/></Basic></contained>",
            json!({"contained": [{"resourceType": "Basic", "id": "b"}]}),
        ),
        (
            "<text><status value=\"empty\"/><div xmlns=\"@\" class='x'>\n<b>1</b> &lt;&#160;<!--c--></div></text>",
            json!({"text": {
                "status": "empty",
                "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\" class='x'>\n<b>1</b> &lt;&#160;<!--c--></div>",
            }}),
        ),
        (
            "<text><h:div xmlns:h=\"@\" class='\"'><h:br/><h:i>1</h:i></h:div></text>",
            json!({"text": {
                "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\" class=\"&quot;\"><br/><i>1</i></div>",
            }}),
        ),
    ];
    for (content, mut expected) in table {
        expected["resourceType"] = json!("Patient");
        assert_eq!(parse(&patient(content)).expect(content), expected, "{content}");
    }
    let prefixed = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<f:Patient xmlns:f=\"http://hl7.org/fhir\" \
        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\">\
        <f:id value=\"1\"/></f:Patient>\n";
    assert_eq!(parse(prefixed).unwrap(), json!({"resourceType": "Patient", "id": "1"}));
}

#[test]
fn json_becomes_xml_in_the_order_of_the_definition() {
    let resource = json!({
        "name": [{"given": ["A", null], "_given": [null, {"id": "g", "extension": [{"valueCode": "x", "url": "u"}]}]}],
        "text": {"div": "<div>\u{a0}</div>", "status": "empty"},
        "contained": [{"resourceType": "Basic", "id": "b"}],
        "_active": {"extension": [{"url": "u", "valueDecimal": 1}]},
        "gender": "<\"&\n",
        "resourceType": "Patient",
        "id": "p",
    });
    let xml = String::from_utf8(write(&CATALOG, &resource, false).unwrap()).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Patient xmlns=\"http://hl7.org/fhir\"><id value=\"p\"/>\
        <text><status value=\"empty\"/><div xmlns=\"http://www.w3.org/1999/xhtml\">\u{a0}</div></text>\
        <contained><Basic><id value=\"b\"/></Basic></contained>\
        <active><extension url=\"u\"><valueDecimal value=\"1\"/></extension></active>\
        <name><given value=\"A\"/>\
        <given id=\"g\"><extension url=\"u\"><valueCode value=\"x\"/></extension></given></name>\
        <gender value=\"&lt;&quot;&amp;&#xA;\"/></Patient>";
    assert_eq!(xml, expected);
    let pretty =
        String::from_utf8(write(&CATALOG, &json!({"resourceType": "Basic", "id": "b"}), true).unwrap()).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <Basic xmlns=\"http://hl7.org/fhir\">\n  <id value=\"b\"/>\n</Basic>\n";
    assert_eq!(pretty, expected);
}

#[test]
fn what_xml_cannot_say_is_refused() {
    let table = [
        (json!({"foo": 1}), "Patient.foo"),
        (json!({"gender": "a\u{1}"}), "Patient.gender"),
        (json!({"gender": null}), "Patient.gender"),
        (json!({"gender": {}}), "Patient.gender"),
        (json!({"_gender": {}}), "Patient.gender"),
        (json!({"name": {}}), "Patient.name"),
        (json!({"name": [{}]}), "Patient.name[0]"),
        (json!({"name": [null]}), "Patient.name[0]"),
        (json!({"name": [{"given": [null]}]}), "Patient.name[0].given[0]"),
        (json!({"deceasedBoolean": true, "deceasedDateTime": "2020"}), "Patient.deceased"),
        (json!({"text": {"div": "<div>"}}), "Patient.text.div"),
        (json!({"text": {"div": "x<div/>"}}), "Patient.text.div"),
        (json!({"text": {"div": "<div/><div/>"}}), "Patient.text.div"),
        (json!({"text": {"div": "</div>"}}), "Patient.text.div"),
        (json!({"text": {"div": "<div>&nbsp;</div>"}}), "Patient.text.div"),
        (json!({"contained": [{"resourceType": "Foo"}]}), "Patient.contained[0]"),
        (json!({"contained": ["x"]}), "Patient.contained[0]"),
    ];
    for (mut resource, element) in table {
        resource["resourceType"] = json!("Patient");
        let fault = write(&CATALOG, &resource, false).expect_err(element);
        assert_eq!((fault.kind(), fault.issues()[0].expression.as_deref()), (NotAcceptable, Some(element)), "{fault}");
    }
    assert!(write(&CATALOG, &json!([]), false).is_err());
}
