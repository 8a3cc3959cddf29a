//! What ORU and OUL messages say: a case is a message and what is found in its drafts.

use crate::hl7v2::convert::{Conversion, convert};
use crate::hl7v2::draft::{Draft, Identity};
use crate::hl7v2::message::Message;
use crate::hl7v2::rules::Rules;
use serde_json::{Value, json};

/// Returns what a message of the laboratory `LAB` says; a line begins with the number of its first field where that is not 1.
pub fn converted(event: &str, segments: &[&str]) -> Conversion {
    let header = format!("MSH|^~\\&|APP|LAB|||20260503100000+0000||{event}|7|P|2.5\rPID|1||1^^^MRN");
    let text = format!("{header}\r{}", segments.join("\r"));
    convert(&Message::parse(text).unwrap(), &Rules::default()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Returns a segment with these fields.
pub fn segment(name: &str, fields: &[(usize, &str)]) -> String {
    let last = fields.iter().map(|(n, _)| *n).max().unwrap_or_default();
    let mut cells = vec![name; 1];
    cells.resize(last + 1, "");
    fields.iter().for_each(|(n, text)| cells[*n] = text);
    cells.join("|")
}

pub fn all<'c>(conversion: &'c Conversion, kind: &'c str) -> Vec<&'c Draft> {
    conversion.drafts.of_type(kind).map(|(_, draft)| draft).collect()
}

/// Checks elements of the first draft of a type; `null` for what is not there.
#[track_caller]
pub fn check(event: &str, segments: &[&str], kind: &str, expected: &[(&str, Value)]) {
    let conversion = converted(event, segments);
    let made = conversion.drafts.of_type(kind).next().map_or(Value::Null, |(_, draft)| draft.made());
    for (pointer, value) in expected {
        assert_eq!(made.pointer(pointer).unwrap_or(&Value::Null), value, "{pointer} of {made}\nin {segments:?}");
    }
}

/// Checks elements of the Observation of an OBX with a code and these fields.
#[track_caller]
fn check_obx(fields: &[(usize, &str)], expected: &[(&str, Value)]) {
    let obx = segment("OBX", &[&[(3, "8867-4^Pulse^LN")], fields].concat());
    check("ORU^R01", &["OBR|1||F1^LAB|24317-0^CBC^LN|||20260503", &obx], "Observation", expected);
}

/// Returns the values of the keys by which drafts of a type are recognized.
fn keys(event: &str, segments: &[&str], kind: &str) -> Vec<String> {
    let key = |draft: &&Draft| match &draft.identity {
        Identity::Identifiers(ids) => ids.iter().map(|id| id.value.clone()).collect::<Vec<_>>().join(" "),
        Identity::Search(text) => text.clone(),
        Identity::New => "new".to_string(),
    };
    all(&converted(event, segments), kind).iter().map(key).collect()
}

const OBR: &str = "OBR|1|P1^EHR|F1^LAB|24317-0^CBC^LN|||202605030800+0000|||||||||||||||20260503093000+0000||CH|F";

#[test]
fn a_report_says_what_obr_says() {
    let expected = [
        ("/code/coding/0/code", json!("24317-0")),
        ("/status", json!("final")),
        ("/effectiveDateTime", json!("2026-05-03T08:00:00Z")),
        ("/issued", json!("2026-05-03T09:30:00Z")),
        ("/category/0/coding/0/code", json!("CH")),
        ("/identifier/0/value", json!("P1")),
        ("/identifier/1/type/coding/0/code", json!("FILL")),
        ("/basedOn/0/reference", json!("urn:x-draft:1")),
        ("/result", Value::Null),
    ];
    check("ORU^R01", &[OBR], "DiagnosticReport", &expected);
    let status = |status: &str| segment("OBR", &[(3, "F1"), (4, "X"), (25, status)]);
    for (said, expected) in
        [("P", "preliminary"), ("A", "partial"), ("C", "corrected"), ("X", "cancelled"), ("", "unknown")]
    {
        check("ORU^R01", &[&status(said)], "DiagnosticReport", &[("/status", json!(expected))]);
    }
    check("ORU^R01", &["ORC|RE||F1||CM", &status("")], "DiagnosticReport", &[("/status", json!("final"))]);
    check("ORU^R01", &["ORC|RE||F1||CM", &status("")], "ServiceRequest", &[("/status", json!("completed"))]);
    let period = segment("OBR", &[(3, "F1"), (4, "X"), (7, "20260503"), (8, "20260504")]);
    let expected = json!({"start": "2026-05-03", "end": "2026-05-04"});
    check("ORU^R01", &[&period], "DiagnosticReport", &[("/effectivePeriod", expected)]);
    // R4 has no note in a report.
    let note = "/extension/0/valueAnnotation/text";
    check("ORU^R01", &[OBR, "NTE|1||a~b"], "DiagnosticReport", &[(note, json!("a\nb"))]);
}

#[test]
fn an_observation_says_what_obx_says() {
    let unit = "/min^per minute^UCUM";
    let expected = [
        (
            "/valueQuantity",
            json!({"value": 72, "unit": "per minute", "system": "http://unitsofmeasure.org", "code": "/min"}),
        ),
        ("/referenceRange/0/low/value", json!(60)),
        ("/referenceRange/0/high/code", json!("/min")),
        ("/referenceRange/0/text", json!("60 - 80")),
        ("/interpretation/0/coding/0/code", json!("H")),
        ("/status", json!("final")),
        ("/effectiveDateTime", json!("2026-05-03")),
        ("/device/reference", json!("urn:x-draft:1")),
        ("/bodySite/text", json!("arm")),
    ];
    let fields = [(2, "NM"), (5, "72"), (6, unit), (7, "60 - 80"), (8, "H"), (11, "F"), (18, "D1^X"), (20, "^arm")];
    check_obx(&fields, &expected);
    check_obx(&[(14, "202605030900+0000")], &[("/effectiveDateTime", json!("2026-05-03T09:00:00Z"))]);
    check_obx(&[(2, "NM"), (5, "\"\"")], &[("/valueQuantity", Value::Null), ("/status", json!("unknown"))]);
    check_obx(&[(7, "[ ]"), (8, "null")], &[("/referenceRange", Value::Null), ("/interpretation", Value::Null)]);
    check_obx(&[(2, "NM"), (11, "F")], &[("/dataAbsentReason/coding/0/code", json!("unknown"))]);
    check_obx(&[(2, "NM"), (11, "P")], &[("/dataAbsentReason", Value::Null)]);
    let alternate = "/_status/extension/0/valueCodeableConcept/coding/0/code";
    check_obx(&[(11, "S")], &[(alternate, json!("S")), ("/status", json!("unknown"))]);
    check_obx(&[(11, "F")], &[("/_status", Value::Null), ("/status", json!("final"))]);
    let v3 = json!("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation");
    check_obx(&[(8, "A^A^HL7nnnn")], &[("/interpretation/0/coding/0/system", v3)]);
    check_obx(&[(11, "N")], &[("/dataAbsentReason/coding/0/code", json!("not-asked")), ("/status", json!("final"))]);
    check_obx(
        &[(11, "X"), (2, "ST"), (5, "hemolyzed")],
        &[("/dataAbsentReason", Value::Null), ("/status", json!("cancelled"))],
    );
    let several = [(2, "NM"), (5, "120~80"), (7, "<130")];
    let first =
        [("/component/0/valueQuantity/value", json!(120)), ("/component/1/referenceRange/0/high/value", json!(130))];
    check_obx(&several, &first);
    check_obx(&several, &[("/valueQuantity", Value::Null), ("/referenceRange", Value::Null)]);
    let sub = "/extension/0/extension";
    let parts = json!([{"url": "original-sub-identifier", "valueString": "1.a"}, {"url": "group", "valueDecimal": 2}]);
    check_obx(&[(4, "1.a^2")], &[(sub, parts)]);
}

#[test]
fn a_document_comes_with_its_order() {
    let txa = segment("TXA", &[(2, "CN"), (5, "7^Nah"), (9, "5^Fee"), (12, "D2"), (13, "D1"), (24, "^Radiology")]);
    let document = ["ORC|RE|P1|F1", "OBX|1|TX|||read", "PRT||AD||AU||||House", &txa];
    let expected = [
        ("/masterIdentifier/value", json!("D2")),
        ("/content/0/attachment/data", json!("cmVhZA==")),
        ("/author/0/display", json!("Fee")),
        ("/author/1/display", json!("House")),
        ("/context/related/1/display", json!("Nah")),
        ("/category/0/text", json!("Radiology")),
        ("/relatesTo/0/code", json!("appends")),
    ];
    let observed = "OBX|1|ST|2345-7^Glucose^LN||x||||||F";
    for behind in [vec!["OBR|1|P1|F1|1^X^L", observed], vec![observed]] {
        let segments = [&document[..], &behind[..]].concat();
        let conversion = converted("ORU^R01", &segments);
        let made = all(&conversion, "DocumentReference").into_iter().map(Draft::made).next_back().unwrap_or_default();
        for (pointer, value) in &expected {
            assert_eq!(made.pointer(pointer).unwrap_or(&Value::Null), value, "{pointer} of {made}");
        }
        // What holds the document is no result.
        let observations = all(&conversion, "Observation");
        assert_eq!(observations.len(), 1, "{segments:?}");
        assert_eq!(observations[0].made()["valueString"], "x");
    }
    // A message of results is about more than a document that nobody can tell from others.
    let unnumbered = ["ORC|RE|P1|F1", "TXA|1|CN", "OBR|1|P1|F1|1^X^L"];
    assert!(all(&converted("ORU^R01", &unnumbered), "DocumentReference").is_empty());
}

#[test]
fn who_observed_is_a_person_a_house_or_both() {
    let fields =
        [(15, "L1^Lab^L"), (16, "77^Doe^Jane"), (23, "Lab House^^^^^X^XX^^^H1"), (24, "1 Road"), (25, "78^Roe^Max")];
    let expected = [
        ("/performer/0/display", json!("Jane Doe")),
        ("/performer/1/display", json!("Lab House")),
        ("/performer/2/display", json!("Lab")),
        ("/performer/3/extension/0/valueCodeableConcept/coding/0/code", json!("MDIR")),
        ("/performer/4", Value::Null),
    ];
    check_obx(&fields, &expected);
    let once = [("/performer/0/display", json!("Lab House")), ("/performer/1", Value::Null)];
    check_obx(&[(15, "H1^Lab^L"), (23, "Lab House^^^^^X^XX^^^H1")], &once);
    check_obx(&[(15, "L1^Lab^L")], &[("/performer/0/display", json!("Lab"))]);
    let prt = ["OBR|1||F1|X", "OBX|1|ST|Y||z", "PRT||AD||RO^Responsible Observer|5^Fee", "NTE|1||seen"];
    let expected = [
        ("/performer/0/extension/0/valueCodeableConcept/coding/0/display", json!("Responsible Observer")),
        // A comment behind a participant is one on the observation.
        ("/note/0/text", json!("seen")),
    ];
    check("ORU^R01", &prt, "Observation", &expected);
    let prt = ["OBR|1||F1|X", "OBX|1|ST|Y||z", "PRT||AD||RO|5^Fee|||Lab", "PRT||AD||RO|^Nah|||Lab"];
    let expected = [("/performer/0/display", json!("Fee, Lab")), ("/performer/1/display", json!("Nah, Lab"))];
    check("ORU^R01", &prt, "Observation", &expected);
    let expected = [
        ("/practitioner/display", json!("Fee")),
        ("/organization/display", json!("Lab")),
        ("/identifier/0/value", json!("urn:x-v2:LAB#5#Lab")),
    ];
    check("ORU^R01", &prt, "PractitionerRole", &expected);
    let people = segment("OBR", &[(3, "F1"), (4, "X"), (32, "5&Fee"), (34, "6&Nah"), (35, "7&Typ")]);
    let expected = [
        ("/resultsInterpreter/0/display", json!("Fee")),
        ("/performer/0/extension/0/valueCodeableConcept/coding/0/code", json!("SPRF")),
        ("/performer/1/extension/0/valueCodeableConcept/coding/0/code", json!("TRANS")),
    ];
    check("ORU^R01", &[&people], "DiagnosticReport", &expected);
}

#[test]
fn reports_of_one_order_are_told_apart_and_nothing_is_doubled() {
    let two =
        ["OBR|1||F1^LAB|A", "OBX|1|ST|Y||1", "OBR|2||F1^LAB|B", "OBX|1|ST|Y||1", "OBX|2|ST|Y||2", "OBX|3|ST|Y|s|3"];
    assert_eq!(keys("ORU^R01", &two, "DiagnosticReport"), ["urn:x-v2:LAB:LAB#F1#A", "urn:x-v2:LAB:LAB#F1#B"]);
    let expected = ["#F1#A#Y", "#F1#B#Y", "#F1#B#Y##2", "#F1#B#Y#s"].map(|key| format!("urn:x-v2:LAB:LAB{key}"));
    assert_eq!(keys("ORU^R01", &two, "Observation"), expected);
    // A correction of one of them is the same.
    let correction = ["OBR|1||F1^LAB|B|||||||||||||||||||||C", "OBX|1|ST|Y|s|4||||||C"];
    assert_eq!(keys("ORU^R01", &correction, "Observation"), ["urn:x-v2:LAB:LAB#F1#B#Y#s"]);
    // Its own number, which some feeds have only one of for all results of an order.
    let obx = |code: &str| segment("OBX", &[(3, code), (21, "N1^X")]);
    let own = keys("ORU^R01", &["OBR|1||F1|A", &obx("Y"), &obx("Z")], "Observation");
    assert_eq!(own, ["urn:x-v2:LAB:X#N1#Y", "urn:x-v2:LAB:X#N1#Z"]);
    // Without a number it is the code and the time, within the patient.
    let none = keys("ORU^R01", &["OBR|1|||A|||20260503", "OBX|1|ST|Y||1||||||F|||20260504"], "DiagnosticReport");
    assert_eq!(none, ["patient={0}&identifier=urn:x-v2:LAB:report|A%2320260503"]);
    let none = keys("ORU^R01", &["OBR|1|||A|||20260503", "OBX|1|ST|Y||1||||||F|||20260504"], "Observation");
    assert_eq!(none, ["patient={0}&identifier=urn:x-v2:LAB:observation|Y%2320260504"]);
}

#[test]
fn what_takes_back_a_result_that_never_came_makes_none() {
    let only = |status: &str| {
        let conversion = converted("ORU^R01", &["OBR|1||F1|A", &segment("OBX", &[(3, "Y"), (11, status)])]);
        all(&conversion, "Observation")[0].only_if_there
    };
    assert!(only("D") && only("W") && !only("F") && !only("C"));
}

#[test]
fn lines_of_a_text_are_one_observation() {
    let segments =
        ["OBR|1||F1|A", "OBX|1|TX|R^Report^L||first", "OBX|2|TX|R^Report^L||a^b", "OBX|3|TX|I^Impression^L||fine"];
    let conversion = converted("ORU^R01", &segments);
    let texts: Vec<Value> =
        all(&conversion, "Observation").iter().map(|draft| draft.resource["valueString"].clone()).collect();
    assert_eq!(texts, [json!("first\na^b"), json!("fine")]);
}

#[test]
fn documents_are_presented_by_the_report_and_images_are_observations() {
    let pdf = ["OBR|1||F1|A", "OBX|1|ED|P^Letter^L||^application^pdf^Base64^JVBERi0="];
    let expected = json!([{"contentType": "application/pdf", "data": "JVBERi0=", "title": "Letter"}]);
    check("ORU^R01", &pdf, "DiagnosticReport", &[("/presentedForm", expected), ("/result", Value::Null)]);
    let elsewhere = ["OBR|1||F1|A", "OBX|1|RP|P||https://x.example/a.pdf^^AP^PDF"];
    let url = [("/presentedForm/0/url", json!("https://x.example/a.pdf"))];
    check("ORU^R01", &elsewhere, "DiagnosticReport", &url);
    let image = ["OBR|1||F1|A", "OBX|1|ED|P||^IM^JPEG^Base64^AAAA"];
    check("ORU^R01", &image, "Observation", &[("/extension/0/valueAttachment/contentType", json!("image/jpeg"))]);
    let broken = converted("ORU^R01", &["OBR|1||F1|A", "OBX|1|ED|P||^application^pdf^Base64^***"]);
    assert_eq!(broken.warnings.len(), 1, "{:?}", broken.warnings);
}

#[test]
fn specimens_are_those_of_spm_else_what_obr_says() {
    let spm = "SPM|1|7&EHR^8&LAB||BLD^Blood^HL70487|||VENIP||||||||||20260503070000+0000|20260503080000+0000||Y";
    let obr = "OBR|1||F1|A|||20260503|||9^Nurse";
    let expected = [
        ("/identifier/0/value", json!("8")),
        ("/identifier/1/type/coding/0/code", json!("PGN")),
        ("/type/coding/0/code", json!("BLD")),
        ("/collection/collectedDateTime", json!("2026-05-03T07:00:00Z")),
        ("/collection/collector/display", json!("Nurse")),
        ("/receivedTime", json!("2026-05-03T08:00:00Z")),
        ("/status", json!("available")),
    ];
    check("ORU^R01", &[obr, "OBX|1|ST|Y||1", spm], "Specimen", &expected);
    let seen = converted("ORU^R01", &[obr, "OBX|1|ST|Y||1", spm, "OBX|1|ST|Q^Quality^L||clotted"]);
    let observations = all(&seen, "Observation");
    let focus: Vec<bool> = observations.iter().map(|draft| draft.resource.contains_key("focus")).collect();
    assert!(focus.contains(&true) && focus.contains(&false), "{focus:?}");
    assert_eq!(all(&seen, "DiagnosticReport")[0].resource["result"].as_array().map(Vec::len), Some(1));
    let source = segment("OBR", &[(3, "F1"), (4, "A"), (7, "20260503"), (14, "20260504"), (15, "BLD^EDTA^left arm")]);
    let expected = [
        ("/type/coding/0/code", json!("BLD")),
        ("/note/0/text", json!("left arm")),
        ("/collection/collectedDateTime", json!("2026-05-03")),
    ];
    check("ORU^R01", &[&source], "Specimen", &expected);
    check("ORU^R01", &["OBR|1||F1|A|||20260503"], "Specimen", &[("", Value::Null)]);
}

#[test]
fn results_by_specimen_container_or_order_are_grouped_alike() {
    let spm = "SPM|1|7^8||BLD";
    let by_specimen = ["SPM|1|7^8||BLD", "OBX|1|ST|Q||clear", "OBR|1||F1|A", "ORC|RE|P1|F1", "OBX|1|ST|Y||1"];
    let by_order = ["OBR|1||F1|A", "ORC|RE|P1|F1", spm, "OBX|1|ST|Y||1"];
    for (event, segments) in [("OUL^R22", &by_specimen[..]), ("OUL^R24", &by_order[..])] {
        let conversion = converted(event, segments);
        let report = all(&conversion, "DiagnosticReport")[0].made();
        for list in ["result", "specimen", "basedOn"] {
            assert_eq!(report[list].as_array().map(Vec::len), Some(1), "{event} {list} of {report}");
        }
        assert_eq!(all(&conversion, "Specimen").len(), 1, "{event}");
    }
}

#[test]
fn without_an_order_there_is_none() {
    assert!(all(&converted("ORU^R01", &["OBR|1||F1|A", "OBX|1|ST|Y||1"]), "ServiceRequest").is_empty());
    let placed = converted("ORU^R01", &["OBR|1|P1|F1|A", "OBX|1|ST|Y||1"]);
    assert_eq!(all(&placed, "ServiceRequest").len(), 1);
    // What answers a question of the order is no result.
    let answer = segment("OBX", &[(2, "ST"), (3, "Q"), (5, "yes"), (29, "QST")]);
    let conversion = converted("ORU^R01", &["OBR|1|P1|F1|A", &answer]);
    assert!(!all(&conversion, "DiagnosticReport")[0].resource.contains_key("result"));
    assert!(all(&conversion, "ServiceRequest")[0].resource.contains_key("supportingInfo"));
}

#[test]
fn an_order_is_made_of_results_where_they_say_something_of_it() {
    let orders = |segments: &[&str]| all(&converted("ORU^R01", segments), "ServiceRequest").len();
    assert_eq!(orders(&["OBR|1||F1|A"]), 0);
    assert_eq!(orders(&["ORC|RE", "OBR|1||F1|A"]), 1);
    assert_eq!(orders(&["OBR|1|P1|F1|A"]), 1);
    assert_eq!(orders(&[&segment("OBR", &[(3, "F1"), (4, "A"), (16, "12^Doe^Jane")])]), 1);
    // What nobody says of it is not known.
    check("ORU^R01", &["ORC|RE||F1", "OBR|1|||A"], "ServiceRequest", &[("/status", json!("unknown"))]);
}

#[test]
fn what_obr_says_of_a_specimen_is_said_of_that_of_spm() {
    let obr = segment("OBR", &[(3, "F1"), (4, "A"), (9, "5^mL"), (14, "20260504"), (39, "7^haemolytic~wet")]);
    let expected = [
        ("/receivedTime", json!("2026-05-04")),
        ("/collection/quantity/value", json!(5)),
        ("/note/0/text", json!("7, haemolytic")),
        ("/note/1/text", json!("wet")),
    ];
    check("ORU^R01", &[&obr, "SPM|1|7^8||BLD"], "Specimen", &expected);
    let specimens = |event: &str, obr: &str| all(&converted(event, &[obr]), "Specimen").len();
    assert_eq!(specimens("ORU^R01", &obr), 1);
    let timed = |section: &str| segment("OBR", &[(3, "F1"), (4, "A"), (7, "20260503"), (24, section)]);
    // When an image was taken is not when a specimen was.
    assert_eq!([specimens("ORU^R01", &timed("CH")), specimens("ORU^R01", &timed("RAD"))], [1, 0]);
    assert_eq!(specimens("OUL^R24", &timed("")), 1);
}
