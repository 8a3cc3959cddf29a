//! What RDE, RDS and ORM with RXO say.

use crate::hl7v2::draft::{Identity, Update};
use crate::hl7v2::segment::case::{self, check, check_damaged, converted};
use serde_json::{Value, json};

const PID: &str = "PID|1||77^^^HOSP^MR||A^B";
const RXE: &str = "RXE||308191^Amoxicillin^RXN|1|2|{cap}^capsule^UCUM||Take with food||G|30|{cap}^capsule^UCUM|2|||RX9";

fn prescription(orc: &str, rest: &str, expected: &[(&str, Value)]) {
    check("RDE^O11", &format!("{PID}\nORC|{orc}\n{rest}"), "MedicationRequest", expected);
}

fn with_timing(tq1: &str, expected: &[(&str, Value)]) {
    prescription("NW|1", &format!("RXE||1^X^NDC|1||mg\nTQ1||{tq1}"), expected);
}

#[test]
fn an_encoded_order_is_a_prescription() {
    let expected = [
        ("/status", json!("active")),
        ("/intent", json!("filler-order")),
        ("/authoredOn", json!("2026-05-02T08:00:00Z")),
        ("/identifier/0/system", json!("urn:x-v2:HOSP:EHR")),
        ("/identifier/0/value", json!("P1")),
        ("/identifier/1/value", json!("F1")),
        ("/identifier/2/value", json!("RX9")),
        ("/medicationCodeableConcept/coding/0/code", json!("308191")),
        ("/dosageInstruction/0/text", json!("Take with food")),
        ("/dosageInstruction/0/patientInstruction", json!("Take with food")),
        ("/dosageInstruction/0/additionalInstruction/0/text", json!("Take with food")),
        ("/dosageInstruction/0/doseAndRate/0/doseRange/low/value", json!(1)),
        ("/dosageInstruction/0/doseAndRate/0/doseRange/high/value", json!(2)),
        (
            "/dosageInstruction/0/route/coding",
            case::concept_shown(
                "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
                "PO",
                "Swallow, oral",
            ),
        ),
        (
            "/substitution/allowedCodeableConcept/coding",
            case::concept("http://terminology.hl7.org/CodeSystem/v2-0167", "G"),
        ),
        ("/dispenseRequest/quantity/value", json!(30)),
        ("/dispenseRequest/numberOfRepeatsAllowed", json!(2)),
        ("/requester/display", json!("Ann Lee")),
        ("/note/0/text", json!("with care")),
    ];
    prescription(
        "NW|P1^EHR|F1^PHARM||||||20260502080000|||12^Lee^Ann",
        &format!("{RXE}\nNTE|1||with care\nRXR|PO^Oral^HL70162"),
        &expected,
    );
}

#[test]
fn the_status_is_what_the_order_says() {
    let status = |orc: &str, expected: &str| prescription(orc, RXE, &[("/status", json!(expected))]);
    status("NW|1", "active");
    status("CA|1", "cancelled");
    status("DC|1", "stopped");
    status("HD|1", "on-hold");
    status("RL|1", "active");
    status("RE|1", "active");
    status("FU|1", "active");
    status("SC|1|||CM", "completed");
    status("NW|1|||DC", "stopped");
    let drafts = converted("RDE^O11", &format!("{PID}\nORC|RE|1\n{RXE}")).unwrap().drafts;
    let (_, draft) = drafts.of_type("MedicationRequest").next().unwrap();
    assert!(!draft.resource.contains_key("status"), "what says nothing of the status leaves it as it is");
}

#[test]
fn form_strength_and_components_need_a_medication() {
    let iv =
        "RXE||1^Mix^L|1||L||||||||||||||||||||5|mg|||||||10|mL\nRXC|B|2^Saline^L|1|L\nRXC|A|3^Potassium^L|||20|meq";
    let expected = [
        ("/medicationReference/reference", json!("#medication")),
        ("/medicationReference/display", json!("Mix")),
        ("/medicationCodeableConcept", Value::Null),
        ("/contained/0/resourceType", json!("Medication")),
        ("/contained/0/ingredient/0/strength/numerator/value", json!(5)),
        ("/contained/0/ingredient/0/strength/denominator/value", json!(10)),
        ("/contained/0/ingredient/1/itemCodeableConcept/coding/0/code", json!("2")),
        ("/contained/0/ingredient/2/strength/numerator", json!({"value": 20, "unit": "meq"})),
    ];
    prescription("NW|1", iv, &expected);
    // An order that is cancelled need not repeat what it was.
    prescription(
        "CA|1",
        "RXE|",
        &[("/medicationCodeableConcept/text", json!("not said")), ("/status", json!("cancelled"))],
    );
}

#[test]
fn when_it_is_taken() {
    with_timing(
        "|BID",
        &[("/dosageInstruction/0/timing/repeat", json!({"frequency": 2, "period": 1, "periodUnit": "d"}))],
    );
    with_timing(
        "|PRNQ4H",
        &[
            ("/dosageInstruction/0/asNeededBoolean", json!(true)),
            ("/dosageInstruction/0/timing/repeat/period", json!(4)),
        ],
    );
    with_timing("|QD|0800~2000", &[("/dosageInstruction/0/timing/repeat/timeOfDay", json!(["08:00:00", "20:00:00"]))]);
    with_timing("|QHS|0800", &[("/dosageInstruction/0/timing/repeat/when", Value::Null)]);
    with_timing("|BID|||10^d", &[("/dosageInstruction/0/timing/repeat/boundsDuration/code", json!("d"))]);
    with_timing(
        "|BID||||20260501|20260510|S",
        &[
            ("/dosageInstruction/0/timing/repeat/boundsPeriod", json!({"start": "2026-05-01", "end": "2026-05-10"})),
            ("/priority", json!("stat")),
        ],
    );
    with_timing(
        "|BID|||2^h|20260501080000",
        &[("/dosageInstruction/0/timing/repeat/boundsPeriod/end", json!("2026-05-01T10:00:00+00:00"))],
    );
    with_timing(
        "|||||||PRN|in pain",
        &[
            ("/dosageInstruction/0/asNeededCodeableConcept/text", json!("in pain")),
            ("/dosageInstruction/0/asNeededBoolean", Value::Null),
        ],
    );
    with_timing(
        "|^^^^^^^PCM|0800|||20260501080000+0000",
        &[
            ("/dosageInstruction/0/timing/event", json!(["2026-05-01T08:00:00Z"])),
            ("/dosageInstruction/0/timing/repeat/when", json!(["PCM"])),
            ("/dosageInstruction/0/timing/repeat/timeOfDay", Value::Null),
        ],
    );
    with_timing("|||||||PRN", &[("/dosageInstruction/0/asNeededBoolean", json!(true)), ("/priority", Value::Null)]);
    with_timing(
        "||||||||when in pain|one at a time",
        &[
            ("/dosageInstruction/0/text", json!("one at a time")),
            ("/dosageInstruction/0/additionalInstruction/0/text", json!("when in pain")),
        ],
    );
    with_timing("||||||||||||5", &[("/dosageInstruction/0/timing/repeat", json!({"count": 5}))]);
}

#[test]
fn versions_before_tq1_say_when_in_the_order() {
    let of = |tq: &str, pointer: &str, expected: Value| {
        prescription("NW|1", &format!("RXE|{tq}|1^X^NDC|"), &[(pointer, expected.clone())]);
        prescription(&format!("NW|1|||||{tq}"), "RXE||1^X^NDC|", &[(pointer, expected)]);
    };
    of("2^Q6H^D10^20260501", "/dosageInstruction/0/timing/repeat/boundsPeriod/start", json!("2026-05-01"));
    of("2^Q6H^D10", "/dosageInstruction/0/timing/repeat/boundsDuration/value", json!(10));
    of("2^Q6H", "/dosageInstruction/0/timing/repeat/period", json!(6));
    of("2^Q6H", "/dosageInstruction/0/doseAndRate/0/doseQuantity/value", json!(2));
    of("^^^^^R", "/priority", json!("routine"));
}

#[test]
fn what_was_asked_for_is_the_prescription_where_nothing_is_encoded() {
    let rxo = "RXO|1^X^NDC|5||mg||tell the patient|one a day||N||10|TAB|3|9^Doc";
    let expected = [
        ("/intent", json!("original-order")),
        ("/dosageInstruction/0/doseAndRate/0/doseQuantity/value", json!(5)),
        ("/dosageInstruction/0/patientInstruction", json!("one a day")),
        ("/note/0/text", json!("tell the patient")),
        ("/dispenseRequest/quantity/unit", json!("TAB")),
        ("/dispenseRequest/numberOfRepeatsAllowed", json!(3)),
        ("/requester/display", json!("Doc")),
        (
            "/substitution/allowedCodeableConcept/coding/0/system",
            json!("http://terminology.hl7.org/CodeSystem/v2-0161"),
        ),
    ];
    check("ORM^O01", &format!("{PID}\nORC|NW|1\n{rxo}"), "MedicationRequest", &expected);
}

#[test]
fn what_the_pharmacy_encoded_is_based_on_what_was_asked_for() {
    let rxo = "RXO|1^X^NDC|5||mg\nPRT||AD||CO||||Mayo";
    let rest = "PRT||AD||CO|58^Jackson\nCTI|RS1\nBLG|||A7^^^1.2.3&1.2.3&ISO";
    let both = converted("RDE^O11", &format!("{PID}\nORC|NW|1\n{rxo}\n{RXE}\n{rest}")).unwrap().drafts;
    let made: Vec<_> = both.of_type("MedicationRequest").map(|(handle, draft)| (handle, draft.made())).collect();
    let [(original, asked), (_, encoded)] = &made[..] else { panic!("two prescriptions: {made:?}") };
    assert_eq!((&asked["intent"], &encoded["intent"]), (&json!("original-order"), &json!("filler-order")));
    assert_eq!(encoded["basedOn"], json!([original.reference()]));
    assert_eq!(asked["supportingInformation"], json!([{"display": "Mayo"}]));
    let known: Vec<_> = ["Practitioner", "ResearchStudy", "Account"].map(|t| both.of_type(t).next().unwrap().0).into();
    let told: Vec<&Value> =
        encoded["supportingInformation"].as_array().unwrap().iter().map(|it| &it["reference"]).collect();
    assert_eq!(told, known.iter().map(|it| json!(it.url())).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}

#[test]
fn what_ends_an_order_ends_it_for_who_asked_and_for_who_makes_it() {
    let drafts = |orc: &str, own: &str| {
        let event = if own.contains("RXE") { "RDE^O11" } else { "ORM^O01" };
        let drafts = converted(event, &format!("{PID}\nORC|{orc}\n{own}")).unwrap().drafts;
        let all = drafts.of_type("MedicationRequest").map(|(_, draft)| draft.clone());
        all.map(|it| (it.only_if_there, it.made()["intent"].clone(), it.made()["status"].clone())).collect::<Vec<_>>()
    };
    let (asked, made) = (json!("original-order"), json!("filler-order"));
    let stopped = drafts("DC|1", RXE);
    assert_eq!(stopped, [(false, made.clone(), json!("stopped")), (true, asked.clone(), json!("stopped"))]);
    let asked_off = drafts("CA|1", "RXO|1^X^NDC|5||mg");
    assert_eq!(asked_off, [(false, asked, json!("cancelled")), (true, made.clone(), json!("cancelled"))]);
    assert_eq!(drafts("RL|1", RXE).len(), 2);
    assert_eq!(drafts("NW|1", RXE), [(false, made, json!("active"))]);
    assert_eq!(drafts("DC|1", &format!("RXO|1^X^NDC|5||mg\n{RXE}")).len(), 2);
}

#[test]
fn how_much_is_given_at_most() {
    let limit = |cdo: &str, expected: &str| {
        let own = format!("RXE||1^X^NDC|\nCDO|1|A|{cdo}");
        let expected: Value = serde_json::from_str(expected).unwrap();
        prescription("NW|1", &own, &[("/dosageInstruction/0", expected)]);
    };
    limit("100^mg|^PL", r#"{"maxDosePerLifetime":{"value":100,"unit":"mg"}}"#);
    let per = |per: &str| {
        format!(r#"{{"maxDosePerPeriod":{{"numerator":{{"value":100,"unit":"mg"}},"denominator":{{{per}}}}}}}"#)
    };
    limit("100^mg|^M", &per(r#""value":1,"unit":"mo","system":"http://unitsofmeasure.org","code":"mo""#));
    limit("100^mg|^O", &per(r#""value":1,"unit":"O""#));
    limit("100^mg|", "null");
}

#[test]
fn orders_are_known_by_their_numbers() {
    let identities = |segments: &str| -> Vec<Identity> {
        let event = if segments.contains("RXE") { "RDE^O11" } else { "ORM^O01" };
        let drafts = converted(event, &format!("{PID}\n{segments}")).unwrap().drafts;
        drafts.of_type("MedicationRequest").map(|(_, draft)| draft.identity.clone()).collect()
    };
    let values = |segments: &str| -> Vec<String> {
        let value = |identity: &Identity| match identity {
            Identity::Identifiers(keys) => keys.iter().map(|key| key.value.clone()).collect::<Vec<_>>().join("+"),
            Identity::Search(text) => text.replace("urn:x-v2:HOSP:", ""),
            other => format!("{other:?}"),
        };
        identities(segments).iter().map(value).collect()
    };
    let known = |intent: &str, numbers: &str| [format!("patient={{0}}&intent={intent}-order&identifier={numbers}")];
    assert_eq!(values(&format!("ORC|NW|P|F\n{RXE}")), known("filler", "placer|P,filler|F"));
    assert_eq!(values("ORC|NW|P|F\nRXO|1^A^L|"), known("original", "placer|P,filler|F"));
    assert_eq!(values(&format!("ORC|NW\n{RXE}")), known("filler", "prescription|RX9"));
    assert_eq!(values(RXE), known("filler", "prescription|RX9"));
    // A number that several medicines share is told apart by the medicine.
    let shared = values("ORC|NW|P\nRXE||1^A^L|\nORC|NW|P\nRXE||2^B^L|");
    assert_eq!(shared, ["urn:x-v2:HOSP:placer|P|1", "urn:x-v2:HOSP:placer|P|2"]);
    let search = &identities("ORC|NW|||||||20260501\nRXE||1^A^L|")[0];
    assert!(matches!(search, Identity::Search(text) if text.starts_with("patient={0}&identifier=")), "{search:?}");
}

#[test]
fn a_replacement_names_what_it_replaces() {
    let drafts = converted("RDE^O11", &format!("{PID}\nORC|RP|1\nRXE||1^A^L|\nORC|RO|2\nRXE||2^B^L|")).unwrap().drafts;
    let all = drafts.of_type("MedicationRequest").filter(|(_, draft)| !draft.only_if_there);
    let made: Vec<Value> = all.map(|(_, draft)| draft.made()).collect();
    let (old, _) = drafts.of_type("MedicationRequest").next().unwrap();
    assert_eq!((&made[0]["status"], &made[1]["status"]), (&json!("stopped"), &json!("active")));
    assert_eq!(made[1]["priorPrescription"], old.reference());
}

#[test]
fn what_was_dispensed() {
    let rxd =
        "RXD|1|1^X^NDC|20260501|30|TAB^tablet||RX9||take it easy|5^Pill^Pat|G|3^TAB||||||LOT7|20270101|PMC^Pasteur^MVX";
    let expected = [
        ("/status", json!("completed")),
        ("/whenHandedOver", json!("2026-05-01")),
        ("/quantity/value", json!(30)),
        ("/performer/0/actor/display", json!("Pat Pill")),
        ("/substitution/wasSubstituted", json!(true)),
        ("/note/0/text", json!("take it easy")),
        ("/contained/0/batch", json!({"lotNumber": "LOT7", "expirationDate": "2027-01-01"})),
        ("/contained/0/manufacturer/display", json!("Pasteur")),
        ("/authorizingPrescription/0/identifier/value", json!("RX9")),
        ("/identifier/0/value", json!("urn:x-v2:HOSP:filler|F1|1|1")),
    ];
    check("RDS^O13", &format!("{PID}\nORC|RE|P1|F1\n{rxd}"), "MedicationDispense", &expected);
    let from = format!("{PID}\nORC|RE|P1\nRXD|1|1^X^NDC|20260501{}UNI^Unity^L", "|".repeat(27));
    check("RDS^O13", &from, "MedicationDispense", &[("/location/display", json!("Unity"))]);
    let status = |orc: &str, expected: &str| {
        check("RDS^O13", &format!("{PID}\nORC|{orc}\n{rxd}"), "MedicationDispense", &[("/status", json!(expected))]);
    };
    status("CA|P1", "cancelled");
    status("RE|P1|||ER", "entered-in-error");
    status("DC|P1", "stopped");
    let with_order = converted("RDS^O13", &format!("{PID}\nORC|RE|P1\n{RXE}\n{rxd}")).unwrap().drafts;
    let (request, _) = with_order.of_type("MedicationRequest").next().unwrap();
    let (_, dispense) = with_order.of_type("MedicationDispense").next().unwrap();
    assert_eq!(dispense.made()["authorizingPrescription"][0], request.reference());
    assert!(with_order.of_type("Organization").all(|(_, draft)| draft.update == Update::Keep));
}

#[test]
fn no_damage_harms() {
    let text = format!(
        "{PID}\nORC|NW|P1^EHR|F1|G||||20260502|1^E||2^R\nTQ1|1|2^mg|BID&x^DW^1^3^6^h^^PCM^1^h|0800|5^s|3^d|20260501|20260502|S|a|b||1^h|3\n\
         {RXE}\nRXR|PO|ARM||IVP|X\nRXC|A|1^X|2|mg|3|mg\nRXD|1|1^X|20260501|3|TAB|F|7||n|1^X|G|3^mg||||||L|2027|M^N^MVX"
    );
    check_damaged("RDE^O11", &text);
}
