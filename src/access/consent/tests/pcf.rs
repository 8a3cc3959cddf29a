//! Consents in the shapes of IHE Privacy Consent on FHIR.
//!
//! <https://profiles.ihe.net/ITI/PCF/>: basic, intermediate and advanced Consents. The root always has a type.

use super::super::Decision::{self, *};
use super::*;

const TPO: [&str; 3] = ["TREAT", "HPAYMT", "HOPERAT"];

fn pcf(policy: &str, more: Value) -> Value {
    let mut provision = json!({"purpose": purposes(&TPO)});
    for (name, value) in more.as_object().expect("an object") {
        provision[name] = value.clone();
    }
    consent(json!({
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "performer": [{"reference": "Patient/p"}], "organization": [{"reference": "Organization/a"}],
        "sourceReference": {"reference": "DocumentReference/d"},
        "policy": [{"uri": policy}], "provision": provision,
    }))
}

fn plain(provision: Value) -> Value {
    pcf("http://hospital.example/policy.txt", provision)
}

fn decided(consent: &Value, asker: &Asker, resource: Value) -> Decision {
    decide(std::slice::from_ref(consent), asker, &resource)
}

#[test]
fn basic_consents_and_dissents() {
    check(plain(json!({"type": "permit"})), &doctor(), Permit);
    check(plain(json!({"type": "permit"})), &asker("HRESCH", &["Practitioner/a"]), Silent);
    check(plain(json!({"type": "deny"})), &doctor(), Deny);
    check(plain(json!({"type": "deny"})), &asker("HRESCH", &["Practitioner/a"]), Silent);
    check(plain(json!({"type": "permit", "period": {"end": "2022-12-31"}})), &doctor(), Silent);
    let research = json!({"type": "permit", "purpose": purposes(&["HRESCH"]), "actor": actor("Organization/r")});
    check(plain(research.clone()), &asker("HRESCH", &["Organization/r"]), Permit);
    check(plain(research), &asker("HRESCH", &["Organization/s"]), Silent);
}

#[test]
fn intermediate_time_frames_authors_encounters_and_data() {
    let frame = json!({"start": "2022-01", "end": "2022-12"});
    let on = |date: &str| observation(json!({"effectiveDateTime": date}));
    let (within, without) = (
        plain(json!({"type": "permit", "dataPeriod": frame})),
        plain(json!({"type": "permit", "provision": [{"type": "deny", "dataPeriod": frame}]})),
    );
    assert_eq!(
        [decided(&within, &doctor(), on("2022-05-05")), decided(&within, &doctor(), on("2021-05-05"))],
        [Permit, Silent]
    );
    assert_eq!(
        [decided(&without, &doctor(), on("2022-05-05")), decided(&without, &doctor(), on("2021-05-05"))],
        [Deny, Permit]
    );
    for (meaning, reference, hit) in [
        ("authoredby", "Practitioner/w", observation(json!({"performer": [{"reference": "Practitioner/w"}]}))),
        ("related", "Encounter/e", observation(json!({"encounter": {"reference": "Encounter/e"}}))),
        ("instance", "Observation/alcohol", observation(json!({"id": "alcohol"}))),
    ] {
        let data = json!([{"meaning": meaning, "reference": {"reference": reference}}]);
        let only = plain(json!({"type": "permit", "data": data}));
        let not = plain(json!({"type": "permit", "provision": [{"type": "deny", "data": data}]}));
        let other = observation(json!({}));
        assert_eq!(
            [decided(&only, &doctor(), hit.clone()), decided(&only, &doctor(), other.clone())],
            [Permit, Silent],
            "{meaning}"
        );
        assert_eq!([decided(&not, &doctor(), hit), decided(&not, &doctor(), other)], [Deny, Permit], "{meaning}");
    }
}

#[test]
fn a_dissent_with_break_glass_opens_to_the_privileged_in_an_emergency() {
    let inner = json!({"type": "permit", "purpose": purposes(&["BTG"]), "actor": actor("Group/privileged")});
    let dissent = pcf(
        "https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only",
        json!({"type": "deny", "purpose": purposes(&["TREAT", "BTG"]), "provision": [inner]}),
    );
    check(dissent.clone(), &doctor(), Deny);
    check(dissent.clone(), &asker("BTG", &["Practitioner/a", "Group/privileged"]), Permit);
    check(dissent.clone(), &asker("TREAT", &["Practitioner/a", "Group/privileged"]), Deny);
    check(dissent, &asker("BTG", &["Practitioner/a"]), Deny);
}

#[test]
fn advanced_labels_with_focus() {
    let normal = plain(json!({"type": "permit", "securityLabel": labels(&["N"])}));
    let restricted = plain(json!({"type": "permit", "securityLabel": labels(&["N", "R"])}));
    let not_restricted = plain(
        json!({"type": "permit", "securityLabel": labels(&["N"]), "provision": [{"type": "deny", "securityLabel": labels(&["R"])}]}),
    );
    let nested = |codes: &[&str]| {
        plain(json!({"type": "permit", "securityLabel": labels(&["N"]), "provision": [
        {"type": "permit", "securityLabel": labels(codes), "actor": actor("Practitioner/a")}]}))
    };
    let stranger = asker("TREAT", &["Practitioner/b"]);
    for (consent, asker, on, expected) in [
        (&normal, &doctor(), &["N"][..], Permit),
        (&normal, &doctor(), &[], Permit),
        (&normal, &doctor(), &["R"], Silent),
        (&restricted, &doctor(), &["R"], Permit),
        (&restricted, &doctor(), &["V"], Silent),
        (&not_restricted, &doctor(), &["N"], Permit),
        (&not_restricted, &doctor(), &["R"], Silent),
        (&nested(&["R"]), &doctor(), &["R"], Permit),
        (&nested(&["R"]), &doctor(), &["N"], Permit),
        (&nested(&["R"]), &stranger, &["R"], Silent),
        (&nested(&["R"]), &stranger, &["N"], Permit),
        (&nested(&["PSY"]), &doctor(), &["R", "PSY"], Permit),
        (&nested(&["PSY"]), &doctor(), &["R", "HIV"], Silent),
        (&nested(&["PSY"]), &doctor(), &["R", "PSY", "HIV"], Silent),
        (&nested(&["PSY"]), &stranger, &["R", "PSY"], Silent),
        (&nested(&["PSY", "SDV"]), &doctor(), &["R", "SDV", "PSY"], Permit),
    ] {
        assert_eq!(decided(consent, asker, labelled(on)), expected, "{on:?} by {consent}");
    }
}

#[test]
fn normal_for_all_and_restricted_for_the_privileged_in_an_emergency() {
    let inner = json!({"type": "permit", "purpose": purposes(&["BTG"]), "securityLabel": labels(&["R"]), "actor": actor("Group/privileged")});
    let consent = plain(json!({"type": "permit", "securityLabel": labels(&["N"]), "provision": [inner]}));
    for (purpose, actors, on, expected) in [
        ("TREAT", &["Practitioner/a"][..], "N", Permit),
        ("TREAT", &["Practitioner/a", "Group/privileged"], "R", Silent),
        ("BTG", &["Practitioner/a", "Group/privileged"], "R", Permit),
        ("BTG", &["Practitioner/a", "Group/privileged"], "V", Silent),
        ("BTG", &["Practitioner/a"], "R", Silent),
        ("BTG", &["Practitioner/a"], "N", Permit),
    ] {
        assert_eq!(decided(&consent, &asker(purpose, actors), labelled(&[on])), expected, "{purpose} {actors:?} {on}");
    }
}

#[test]
fn the_four_policies_mean_what_their_names_say() {
    let policy = |name: &str| consent(json!({"policy": [{"uri": format!("https://profiles.ihe.net/ITI/PCF/{name}")}]}));
    for (name, purpose, on, expected) in [
        ("Policy-deny", "TREAT", "N", Deny),
        ("Policy-deny", "BTG", "N", Deny),
        ("Policy-break-glass-only", "TREAT", "N", Deny),
        ("Policy-break-glass-only", "HRESCH", "N", Deny),
        ("Policy-break-glass-only", "BTG", "N", Silent),
        ("Policy-basic-normal", "TREAT", "N", Permit),
        ("Policy-basic-normal", "TREAT", "R", Silent),
        ("Policy-basic-normal", "HRESCH", "N", Silent),
        ("Policy-all-normal", "HRESCH", "N", Permit),
        ("Policy-all-normal", "HRESCH", "R", Silent),
    ] {
        let asker = asker(purpose, &["Practitioner/a"]);
        assert_eq!(decided(&policy(name), &asker, labelled(&[on])), expected, "{name} {purpose} {on}");
    }
}
