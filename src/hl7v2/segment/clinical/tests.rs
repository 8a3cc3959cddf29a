//! What stands below PID: a case is a message and what is found in its drafts.

use crate::hl7v2::draft::{Draft, Identity};
use crate::hl7v2::segment::case::{check, check_damaged, converted};
use serde_json::{Value, json};

const PID: &str = "PID|1||1||A^B|||||||||||||AC7\nPV1|1|I|||||||||||||||||V9";

fn drafts(event: &str, segments: &str, kind: &str) -> Vec<Draft> {
    let conversion = converted(event, &format!("{PID}\n{segments}")).unwrap();
    conversion.drafts.of_type(kind).map(|(_, draft)| draft.clone()).collect()
}

#[track_caller]
fn says(event: &str, segments: &str, kind: &str, expected: &[(&str, Value)]) {
    check(event, &format!("{PID}\n{segments}"), kind, expected);
}

/// Returns a segment with these fields.
fn line(name: &str, fields: &[(usize, &str)]) -> String {
    let last = fields.iter().map(|(n, _)| *n).max().unwrap_or_default();
    let mut cells = vec![""; last + 1];
    cells[0] = name;
    fields.iter().for_each(|(n, text)| cells[*n] = text);
    cells.join("|")
}

fn search(draft: &Draft) -> String {
    match &draft.identity {
        Identity::Search(search) => search.clone(),
        Identity::Identifiers(all) => format!("{}|{}", all[0].system, all[0].value),
        Identity::New => String::new(),
    }
}

#[test]
fn an_allergy_is_that_of_a_patient_to_a_thing() {
    let al1 = "AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives~Rash|20200102";
    let kind = "AllergyIntolerance";
    let expected = [
        ("/category", json!(["medication"])),
        ("/type", json!("allergy")),
        ("/criticality", json!("high")),
        ("/clinicalStatus/coding/0/code", json!("active")),
        ("/onsetDateTime", json!("2020-01-02")),
        ("/reaction", json!([{"manifestation": [{"text": "Hives"}, {"text": "Rash"}], "severity": "severe"}])),
    ];
    says("ADT^A01", al1, kind, &expected);
    let found = drafts("ORM^O01", &format!("{al1}\n{al1}\nORC|NW|1"), kind);
    assert_eq!(found.len(), 1);
    assert!(search(&found[0]).contains("&code=http://www.nlm.nih.gov/research/umls/rxnorm|7980&"), "{:?}", found[0]);
    assert!(search(&drafts("ADT^A01", "AL1|1|DA|^Nuts", kind)[0]).ends_with("identifier=urn:x-v2:HOSP:allergy|nuts"));
    assert!(drafts("ADT^A01", "AL1|1|DA", kind).is_empty());
}

#[test]
fn an_allergy_that_is_taken_back_is_none_where_it_never_was() {
    let found = drafts("ADT^A60", "IAM|1|FA|1^Nuts^L|MI||D|77^^1.2.3^ISO", "AllergyIntolerance");
    assert!(found[0].only_if_there && search(&found[0]) == "urn:oid:1.2.3|77");
    let made = found[0].made();
    assert_eq!(made["verificationStatus"]["coding"][0]["code"], "entered-in-error");
    assert!(made.get("clinicalStatus").is_none(), "R4 ait-2");
    let iam = line(
        "IAM",
        &[
            (2, "FA"),
            (3, "1^Nuts^L"),
            (4, "MI"),
            (5, "2^Rash^L"),
            (6, "A"),
            (8, "late"),
            (9, "IN"),
            (12, "as a child"),
            (17, "I"),
        ],
    );
    let expected = [
        ("/clinicalStatus/coding/0/code", json!("inactive")),
        ("/type", json!("intolerance")),
        ("/onsetString", json!("as a child")),
        ("/note/0/text", json!("late")),
        ("/reaction/0/manifestation/0/coding/0/code", json!("2")),
    ];
    says("ADT^A60", &iam, "AllergyIntolerance", &expected);
    let below = format!("{iam}\nNTE|1||seen\nIAR|3^Hives^L|SV|AL^Allergy|rest");
    let reaction = json!({
        "manifestation": [{"coding": [{"system": "urn:x-v2:HOSP:L", "code": "3", "display": "Hives"}]}],
        "severity": "severe",
        "description": "Allergy, rest",
    });
    let expected = [("/note/1/text", json!("seen")), ("/reaction/1", reaction)];
    says("ADT^A60", &below, "AllergyIntolerance", &expected);
}

#[test]
fn a_diagnosis_is_one_of_its_visit() {
    let dg1 = "DG1|1||I20.0^Angina^I10|Angina pectoris|20260301|A|||||||||2|7^Doe";
    let expected = [
        ("/code/text", json!("Angina pectoris")),
        ("/onsetDateTime", json!("2026-03-01")),
        ("/verificationStatus", Value::Null),
    ];
    says("ADT^A01", dg1, "Condition", &expected);
    let expected = [("/diagnosis/0/use/coding/0/code", json!("AD")), ("/diagnosis/0/rank", json!(2))];
    says("ADT^A01", dg1, "Encounter", &expected);
    let ordered = format!("ORC|NW|1\nOBR|1|1||X\n{dg1}");
    says(
        "OML^O21",
        &ordered,
        "Encounter",
        &[("/diagnosis/0/rank", json!(2)), ("/account/0/reference", json!("urn:x-draft:1"))],
    );
    let of = |segments: &str| drafts("BAR^P01", segments, "Condition").iter().map(search).collect::<Vec<_>>();
    let twice = of(&format!("{dg1}\n{dg1}\nPV1|2|O|||||||||||||||||V10\n{dg1}"));
    assert_eq!(twice.len(), 2, "{twice:?}");
    assert!(twice[0].contains("&encounter={") && twice[0] != twice[1]);
    assert_eq!(of(&line("DG1", &[(3, "I20^^I10"), (20, "77^^1.2.3^ISO")])), ["urn:oid:1.2.3|77"]);
    assert!(of(&line("DG1", &[(3, "I20^^I10"), (20, "77")]))[0].starts_with("patient={0}&identifier="));
    let gone_said = line("DG1", &[(3, "I20^^I10"), (21, "D")]);
    let gone = &drafts("ADT^A08", &gone_said, "Condition")[0];
    assert!(gone.only_if_there && gone.resource["clinicalStatus"].is_null());
    says("ADT^A08", &gone_said, "Encounter", &[("/diagnosis", Value::Null)]);
}

#[test]
fn what_is_named_before_it_is_told_of_is_one() {
    let child = line("DG1", &[(3, "I21^^I10"), (20, "2"), (22, "1")]);
    let parent = line("DG1", &[(3, "I20^^I10"), (20, "1")]);
    for segments in [format!("{child}\n{parent}"), format!("{parent}\n{child}")] {
        let found = drafts("ADT^A01", &segments, "Condition");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|draft| draft.resource.contains_key("code")));
    }
    assert_eq!(drafts("ADT^A01", &child, "Condition").len(), 2);
}

#[test]
fn a_procedure_takes_as_long_as_it_says() {
    let pr1 = "PR1|1||76^Biopsy^SCT||20260301113000+0100||30|1^Ann|||2^Surg|3^Other||||A~B|||88|||||||77";
    let expected = [
        ("/status", json!("unknown")),
        ("/performedPeriod/end", json!("2026-03-01T12:00:00+01:00")),
        ("/performer/0/function/coding/0/code", json!("88189002")),
        ("/performer/1/function/coding/0/code", json!("304292004")),
        ("/performer/2/function", Value::Null),
        ("/code/coding/0/code", json!("76:A:B")),
    ];
    says("BAR^P12", pr1, "Procedure", &expected);
    says("BAR^P12", "PR1|1||76^^SCT||20260301||30", "Procedure", &[("/performedDateTime", json!("2026-03-01"))]);
    let found = drafts("BAR^P12", "PR1|1||76^^SCT||20260301\nPR1|2||76^^SCT||20260302", "Procedure");
    assert_ne!(search(&found[0]), search(&found[1]));
}

#[test]
fn who_did_a_procedure_did_it_for_a_house() {
    let rol = line("ROL", &[(2, "AD"), (3, "AT"), (4, "7^Doe"), (14, "West Hospital")]);
    let pr1 = format!("PR1|1||76^Biopsy^SCT||20260301\n{rol}");
    says("BAR^P12", &pr1, "Procedure", &[("/performer/0/actor/display", json!("Doe, West Hospital"))]);
    says("BAR^P12", &pr1, "PractitionerRole", &[("/organization/display", json!("West Hospital"))]);
    let role = &drafts("BAR^P12", &format!("{pr1}\n{}", pr1.replace("76^", "77^")), "PractitionerRole");
    assert_eq!(role.len(), 1);
    assert!(search(&role[0]).ends_with("/sid/hl7v2-role|urn:x-v2:HOSP#7#West Hospital"), "{}", search(&role[0]));
}

#[test]
fn an_accident_is_observed_once() {
    let acc = line(
        "ACC",
        &[(1, "20260301"), (3, "Route 50"), (5, "Y"), (8, "fell"), (9, "police"), (11, "1 Way^^Town"), (13, "5")],
    );
    let expected = [
        ("/code/coding/0/code", json!("11374-6")),
        ("/effectiveDateTime", json!("2026-03-01")),
        ("/valueString", json!("fell")),
        ("/component/0/code/text", json!("Accident job related")),
        ("/component/0/valueCodeableConcept/coding/0/display", json!("Yes")),
        ("/component/1", Value::Null),
        ("/note/0/text", json!("Brought in by: police")),
        ("/extension/0/valueReference/display", json!("Route 50, 1 Way, Town")),
    ];
    says("ADT^A01", &acc, "Observation", &expected);
    let of = |segments: &str| drafts("ADT^A01", segments, "Observation").iter().map(search).collect::<Vec<_>>();
    assert_eq!(of(&format!("{acc}\n{acc}")), ["patient={0}&identifier=urn:x-v2:HOSP:accident|5"]);
    assert_eq!(of("ACC|20260301"), ["patient={0}&identifier=urn:x-v2:HOSP:accident|20260301"]);
    assert!(of("ACC|").is_empty());
}

#[test]
fn a_death_has_a_cause_a_place_and_who_looked_into_it() {
    let pda = "PDA|I21^Infarction^I10|ICU|Y|20260302|7^Cert|Y|20260303^20260304|8^Auto|N";
    says("ADT^A03", pda, "Condition", &[("/code/coding/0/code", json!("I21"))]);
    says("ADT^A03", pda, "Encounter", &[("/location/0/location/display", json!("ICU"))]);
    let of = |segments: &str, kind: &str| -> Vec<(String, Value)> {
        drafts("ADT^A03", segments, kind).iter().map(|draft| (search(draft), draft.made())).collect()
    };
    let facts = of(pda, "Observation");
    let said = facts.iter().map(|(_, made)| made["valueCodeableConcept"]["coding"][0]["code"].clone());
    assert_eq!(said.collect::<Vec<_>>(), [json!("Y"), json!("Y"), json!("N")]);
    assert_eq!(facts[1].0, "patient={0}&identifier=urn:x-v2:HOSP:death|autopsy");
    let done = of(pda, "Procedure");
    assert_eq!(done[0].1["performedDateTime"], "2026-03-02");
    assert_eq!(done[1].1["performedPeriod"], json!({"start": "2026-03-03", "end": "2026-03-04"}));
    assert_eq!(done[1].1["performer"][0]["actor"]["display"], "Auto");
    assert!(of("PDA||||||N|20260303|8^Auto", "Procedure").is_empty());
    assert!(of("PDA|||Y|||Y", "Procedure").is_empty());
}

#[test]
fn an_insurance_covers_the_patient_and_the_account() {
    let in1 = line(
        "IN1",
        &[
            (2, "P1^Basic"),
            (3, "C1^^^&1.2.3&ISO"),
            (4, "Payer"),
            (11, "Firm"),
            (12, "20260101"),
            (13, "20261231"),
            (15, "HMO"),
            (16, "Doe^Jane"),
            (17, "SPO"),
            (18, "19800101"),
            (22, "1"),
            (36, "X99"),
        ],
    );
    let expected = [
        ("/status", json!("active")),
        ("/subscriberId", json!("X99")),
        ("/class/0/value", json!("P1")),
        ("/relationship/coding/0/code", json!("spouse")),
        ("/policyHolder/display", json!("Firm")),
        ("/payor/0/display", json!("Payer")),
        ("/period/end", json!("2026-12-31")),
        ("/type/coding/0/code", json!("HMO")),
    ];
    says("ADT^A01", &in1, "Coverage", &expected);
    says("ADT^A01", &in1, "RelatedPerson", &[("/name/0/family", json!("Doe")), ("/birthDate", json!("1980-01-01"))]);
    says("ADT^A01", &in1, "Account", &[("/coverage/0/priority", json!(1))]);
    assert_eq!(drafts("BAR^P01", &format!("{in1}\n{in1}"), "Coverage").len(), 1);
    let own = line("IN1", &[(2, "P1^Basic"), (16, "A^B"), (17, "SEL")]);
    says(
        "VXU^V04",
        &format!("{own}\nRXA|0|1|20260101||1^^CVX"),
        "Coverage",
        &[("/subscriber/reference", json!("urn:x-draft:0"))],
    );
    says("ADT^A01", &line("IN1", &[(15, "HMO")]), "Coverage", &[("/payor/0/display", json!("unknown"))]);
    assert!(drafts("ADT^A01", "IN1|1", "Coverage").is_empty());
}

#[test]
fn who_pays_is_said_in_the_account() {
    let party = |gt1: &str| {
        let account = drafts("BAR^P01", gt1, "Account")[0].made();
        account["guarantor"][0]["party"]["reference"].as_str().map(str::to_string)
    };
    assert_eq!(party(&line("GT1", &[(3, "A^B"), (11, "SEL")])).as_deref(), Some("urn:x-draft:0"));
    assert_ne!(party(&line("GT1", &[(2, "9"), (3, "Doe^Jane"), (11, "SPO")])).as_deref(), Some("urn:x-draft:0"));
    says("BAR^P02", "GT1|1", "Account", &[("/status", json!("inactive")), ("/guarantor", Value::Null)]);
}

#[test]
fn a_charge_is_known_by_its_number() {
    let ft1 = line(
        "FT1",
        &[
            (2, "T1"),
            (4, "20260301"),
            (5, "20260302"),
            (6, "CG"),
            (7, "71045^X-ray^C4"),
            (10, "2"),
            (11, "100&USD"),
            (12, "50&USD"),
            (19, "I20^^I10"),
            (20, "7^Doe"),
            (21, "8^Roe"),
        ],
    );
    let ft1 = &format!(
        "{ft1}
PR1|1||71045^^C4
DG1|1||I20^^I10"
    );
    let expected = [
        ("/status", json!("unknown")),
        ("/quantity/value", json!(2)),
        ("/priceOverride", json!({"value": 100, "currency": "USD"})),
        ("/occurrenceDateTime", json!("2026-03-01")),
        ("/performer/1/function/coding/0/code", json!("OP")),
        ("/factorOverride", Value::Null),
    ];
    says("DFT^P03", ft1, "ChargeItem", &expected);
    assert_eq!(search(&drafts("DFT^P03", ft1, "ChargeItem")[0]), "urn:x-v2:HOSP:charge|T1");
    says("DFT^P03", "FT1|1|T2||20260301||CD|1^^C4||||5&USD", "ChargeItem", &[("/factorOverride", json!(-1))]);
    // The same charge twice is two charges; a payment is none.
    let two = "FT1|1|||20260301||CG|1^^C4\nFT1|2|||20260301||CG|1^^C4";
    assert_eq!(drafts("DFT^P03", two, "ChargeItem").len(), 2);
    assert!(drafts("DFT^P03", "FT1|1|T3||20260301||PY|1^^C4", "ChargeItem").is_empty());
}

#[test]
fn a_referral_is_a_request() {
    let rf1 =
        "RF1|A|S|Med|||R1^^1.2.3^ISO|20260101|20260201|20260101|^Pain\nPRD|RP|Roe^Jim|||||77^NPI\nPRD|RT|Doe^Jane";
    let segments = format!("{rf1}\n{PID}\nDG1|1||I20^^I10\nIN1|1|P1");
    let expected = [
        ("/status", json!("active")),
        ("/intent", json!("order")),
        ("/priority", json!("stat")),
        ("/occurrencePeriod/end", json!("2026-02-01")),
        ("/requester/display", json!("Jim Roe")),
        ("/performer/0/display", json!("Jane Doe")),
        ("/reasonCode/0/text", json!("Pain")),
    ];
    check("REF^I12", &segments, "ServiceRequest", &expected);
    let noted = format!("{segments}\nPV1|1|O|||||||||||||||||V9\nNTE|1||last");
    let conversion = converted("REF^I12", &noted).unwrap();
    let (_, referral) = conversion.drafts.of_type("ServiceRequest").last().unwrap();
    assert!(referral.made()["note"].to_string().contains("last"));
    let cancelled = converted("REF^I14", &segments).unwrap();
    let (_, draft) = cancelled.drafts.of_type("ServiceRequest").next().unwrap();
    assert!(draft.only_if_there && draft.resource["status"] == "revoked");
    assert_eq!(search(draft), "urn:oid:1.2.3|R1");
    assert_eq!(draft.resource["reasonReference"].as_array().map(Vec::len), Some(1));
    assert_eq!(draft.resource["insurance"].as_array().map(Vec::len), Some(1));
}

#[test]
fn no_damage_harms() {
    let all = "AL1|1|DA|1^X^L|SV|Hives\nIAM|1|FA|1^Nuts^L|MI||D|77^^1.2.3^ISO\nDG1|1||I20^A^I10||2026|A|||||||||1\nPR1|1||7^B^SCT||20260301||30|1^A\n\
               GT1|1|9|D^J||||||||SPO\nIN1|1|P1^B|C1^^^&1.2.3&ISO|P|||||||F||||H|D^J|SPO\nFT1|1|T1||2026||CG|7^X^C4|||2|1&USD";
    check_damaged("DFT^P03", &format!("{PID}\n{all}"));
    check_damaged("REF^I12", &format!("RF1|A|S|M|||R1|2026\nPRD|RP|R^J|||||77^NPI\n{PID}\n{all}"));
}
