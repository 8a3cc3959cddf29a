//! What VXU says.

use crate::hl7v2::draft::Identity;
use crate::hl7v2::segment::case::{check, check_damaged, check_fails, converted};
use serde_json::{Value, json};

const PID: &str = "PID|1||77^^^HOSP^MR||A^B";
const RXA: &str = "RXA|0|1|20260501||140^Influenza^CVX|0.5|mL^mL^UCUM||00^New^NIP001|7^Shot^Sue|||||L1|20270101|CSL^CSL Behring^MVX|||CP|A";

fn of(orc: &str, rest: &str, expected: &[(&str, Value)]) {
    check("VXU^V04", &format!("{PID}\nORC|{orc}\n{rest}"), "Immunization", expected);
}

#[test]
fn a_vaccination() {
    let expected = [
        ("/status", json!("completed")),
        ("/patient/reference", json!("urn:x-draft:0")),
        ("/occurrenceDateTime", json!("2026-05-01")),
        (
            "/vaccineCode/coding/0",
            json!({"system": "http://hl7.org/fhir/sid/cvx", "code": "140", "display": "Influenza"}),
        ),
        (
            "/doseQuantity",
            json!({"value": serde_json::from_str::<Value>("0.5").unwrap(), "unit": "mL", "system": "http://unitsofmeasure.org", "code": "mL"}),
        ),
        ("/primarySource", json!(true)),
        ("/reportOrigin", Value::Null),
        ("/lotNumber", json!("L1")),
        ("/manufacturer/display", json!("CSL Behring")),
        ("/performer/0/function/coding/0/code", json!("AP")),
        ("/performer/1/function/coding/0/code", json!("OP")),
        ("/performer/1/actor/display", json!("Ann Lee")),
        ("/recorded", json!("2026-05-02")),
        ("/route/coding/0/code", json!("IM")),
        ("/site/coding/0/system", json!("http://terminology.hl7.org/CodeSystem/v2-0163")),
        ("/identifier/0/value", json!("F1")),
        ("/identifier/1/value", json!("P1")),
    ];
    of(
        "RE|P1^EHR|F1^IIS||||||20260502|||12^Lee^Ann",
        &format!("{RXA}\nRXR|IM^Intramuscular^HL70162|LD^Left Arm^HL70163"),
        &expected,
    );
}

#[test]
fn what_was_not_done() {
    let status = |rxa: &str, expected: &[(&str, Value)]| of("RE||9999", rxa, expected);
    let refused =
        [("/status", json!("not-done")), ("/statusReason/coding/0/code", json!("00")), ("/doseQuantity", Value::Null)];
    status("RXA|0|1|20260501||140^Flu^CVX|999||||||||||||00^Parental decision^NIP002||RE", &refused);
    status("RXA|0|1|20260501||140^Flu^CVX|999||||||||||||00^Parental decision^NIP002", &refused[..1]);
    status("RXA|0|1|20260501||140^Flu^CVX|999||||||||||||||NA", &refused[..1]);
    status(
        "RXA|0|1|20260501||140^Flu^CVX|1||||||||||||||PA",
        &[("/status", json!("completed")), ("/note/0/text", json!("Partially administered"))],
    );
    status("RXA|0|1|20260501||140^Flu^CVX|1", &[("/status", json!("completed"))]);
}

#[test]
fn what_was_deleted_was_an_error_where_it_is_there() {
    let text = format!("{PID}\nORC|RE||F1\nRXA|0|1|20260501||140^Flu^CVX|1|||||||||||||||CP|D");
    check(
        "VXU^V04",
        &text.replace("|1|||||||||||||||CP", "|1||||||||||||||CP"),
        "Immunization",
        &[("/status", json!("entered-in-error"))],
    );
    let drafts = converted("VXU^V04", &text.replace("|1|||||||||||||||CP", "|1||||||||||||||CP")).unwrap().drafts;
    assert!(drafts.of_type("Immunization").all(|(_, draft)| draft.only_if_there));
}

#[test]
fn who_reports_it() {
    let source = |rxa9: &str, expected: &[(&str, Value)]| {
        of("RE||F1", &format!("RXA|0|1|20260501||140^Flu^CVX|1|||{rxa9}"), expected)
    };
    source("01^Historical^NIP001", &[("/primarySource", json!(false)), ("/reportOrigin/coding/0/code", json!("01"))]);
    source("00^New^NIP001", &[("/primarySource", json!(true)), ("/reportOrigin", Value::Null)]);
    source("^was brave", &[("/primarySource", Value::Null), ("/note/0/text", json!("was brave"))]);
}

#[test]
fn what_belongs_to_the_vaccination_is_an_element_of_it() {
    let obx = "OBX|1|CE|64994-7^Eligibility^LN|1|V05^VFC^HL70064||||||F|||20260501\n\
               OBX|2|CE|30963-3^Funding^LN|1|PHC70^Private^CDCPHINVS||||||F\n\
               OBX|3|CE|30956-7^Vaccine type^LN|2|88^Influenza^CVX||||||F\n\
               OBX|4|TS|29768-9^Published^LN|2|20250702||||||F\n\
               OBX|5|TS|29769-7^Presented^LN|2|20260501||||||F\n\
               OBX|6|NM|30973-2^Dose number^LN|3|2||||||F\n\
               OBX|7|NM|59782-3^Doses^LN|3|3||||||F\n\
               OBX|8|CE|31044-1^Reaction^LN|4|39579001^Anaphylaxis^SCT||||||F|||20260501";
    let expected = [
        ("/programEligibility/0/coding/0/code", json!("V05")),
        ("/fundingSource/coding/0/code", json!("PHC70")),
        (
            "/education/0",
            json!({"documentType": "Influenza", "publicationDate": "2025-07-02", "presentationDate": "2026-05-01"}),
        ),
        ("/protocolApplied/0", json!({"doseNumberPositiveInt": 2, "seriesDosesPositiveInt": 3})),
        ("/reaction/0/date", json!("2026-05-01")),
    ];
    of("RE||F1", &format!("{RXA}\n{obx}"), &expected);
    let drafts = converted("VXU^V04", &format!("{PID}\nORC|RE||F1\n{RXA}\n{obx}")).unwrap().drafts;
    let (vaccination, _) = drafts.of_type("Immunization").next().unwrap();
    let observations: Vec<Value> = drafts.of_type("Observation").map(|(_, draft)| draft.made()).collect();
    assert_eq!(observations.len(), 1);
    assert_eq!(observations[0]["partOf"][0], vaccination.reference());
}

#[test]
fn without_a_vaccine_there_are_observations_alone() {
    let text = format!(
        "{PID}\nORC|RE||9999\nRXA|0|1|20260501||998^None^CVX|999||||||||||||||NA\nOBX|1|CE|59784-9^Immunity^LN|1|38907003^Varicella^SCT||||||F"
    );
    let drafts = converted("VXU^V04", &text).unwrap().drafts;
    assert_eq!((drafts.of_type("Immunization").count(), drafts.of_type("Observation").count()), (0, 1));
}

#[test]
fn vaccinations_are_known_by_the_filler_else_by_what_they_were() {
    let identities = |segments: &str| -> Vec<String> {
        let drafts = converted("VXU^V04", &format!("{PID}\n{segments}")).unwrap().drafts;
        let word = |identity: &Identity| match identity {
            Identity::Identifiers(keys) => keys.iter().map(|key| key.value.clone()).collect::<Vec<_>>().join("+"),
            Identity::Search(text) => text.rsplit('/').next().unwrap_or_default().to_string(),
            Identity::New => "new".to_string(),
        };
        drafts.of_type("Immunization").map(|(_, draft)| word(&draft.identity)).collect()
    };
    let flu = "RXA|0|1|202605010900||140^Flu^CVX|1|||||||||L7";
    assert_eq!(identities(&format!("ORC|RE|P1|F1\n{flu}")), ["F1"]);
    let own = identities(flu);
    assert!(own[0].starts_with("hl7v2-immunization|140") && own[0].contains("20260501"), "{own:?}");
    // Nobody's number: 9999 is said where there is none.
    assert_eq!(identities(&format!("ORC|RE|P1|9999\n{flu}")), own);
    assert_eq!(identities(&format!("ORC|RE|P1\n{flu}")), own);
    // The number of a visit.
    let tetanus = "RXA|0|1|20260501||115^Tdap^CVX|1";
    let two = identities(&format!("ORC|RE|P1|F1\n{flu}\nORC|RE|P1|F1\n{tetanus}"));
    assert!(two[0] == own[0] && two[1] != two[0], "{two:?}");
}

#[test]
fn without_what_was_administered_nothing_is_taken_over() {
    check_fails("VXU^V04", &format!("{PID}\nORC|RE||F1\nRXA|0|1|20260501"), 101, "RXA-5");
    let undated = [("/occurrenceString", json!("unknown"))];
    of("RE||F1", "RXA|0|1|||140^Flu^CVX|1", &undated);
}

#[test]
fn no_damage_harms() {
    let text = format!(
        "{PID}\nORC|RE|P1|F1||||||20260502|||1^X\n{RXA}\nRXR|IM|LD\nOBX|1|CE|64994-7^E^LN|1|V05||||||F\nOBX|2|TS|29769-7^P^LN|2|20260501||||||F\nOBX|3|NM|30973-2^D^LN|3|2||||||F"
    );
    check_damaged("VXU^V04", &text);
}
