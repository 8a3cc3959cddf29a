//! Who may, when and why: bases, actors, periods, states and purposes.

use super::super::{Action, Decision::*, Rule, changes_at};
use super::*;

#[test]
fn no_consent_leaves_it_to_what_is_implied() {
    assert_eq!(decide(&[], &doctor(), &observation(json!({}))), Silent);
}

#[test]
fn the_base_decides_alone() {
    check(consent(json!({"policyRule": opt_out()})), &doctor(), Deny);
    check(consent(json!({"policyRule": opt_in()})), &doctor(), Permit);
    check(consent(json!({"policyRule": {"text": "as they said"}})), &doctor(), Silent);
}

#[test]
fn opting_in_with_an_exception_denies_the_exception_alone() {
    let data = json!([{"meaning": "related", "reference": {"reference": "Encounter/x"}}]);
    let consent = consent(json!({"policyRule": opt_in(), "provision": {"data": data}}));
    let of = |id: &str| observation(json!({"encounter": {"reference": format!("Encounter/{id}")}}));
    assert_eq!(decide(std::slice::from_ref(&consent), &doctor(), &of("x")), Deny);
    assert_eq!(decide(std::slice::from_ref(&consent), &doctor(), &of("y")), Permit);
    let encounter = json!({"resourceType": "Encounter", "id": "x"});
    assert_eq!(decide(&[consent], &doctor(), &encounter), Deny);
}

#[test]
fn opting_out_with_an_exception_permits_the_actor_alone() {
    let consent =
        consent(json!({"policyRule": opt_out(), "provision": {"type": "permit", "actor": actor("Practitioner/a")}}));
    check(consent.clone(), &doctor(), Permit);
    check(consent, &asker("TREAT", &["Practitioner/b"]), Deny);
}

#[test]
fn a_type_that_repeats_the_base_narrows_a_permit_and_not_a_refusal() {
    let provision = |kind: &str| json!({"type": kind, "actor": actor("Practitioner/b")});
    check(consent(json!({"policyRule": opt_in(), "provision": provision("permit")})), &doctor(), Silent);
    check(consent(json!({"policyRule": opt_out(), "provision": provision("deny")})), &doctor(), Deny);
}

#[test]
fn a_consent_holds_within_its_period() {
    for (start, end, expected) in [
        (None, Some("2024-06-15"), Permit),
        (None, Some("2024-06-14"), Silent),
        (None, Some("2024-06"), Permit),
        (None, Some("2024-06-15T12:00:00Z"), Silent),
        (None, Some("2024-06-15T12:00:01Z"), Permit),
        (Some("2024-06-15T12:00:00Z"), None, Permit),
        (Some("2024-06-15T12:00:01Z"), None, Silent),
        (Some("2025"), None, Silent),
        (Some("2024"), Some("2024"), Permit),
        (Some("2025"), Some("2023"), Silent),
    ] {
        let mut period = json!({});
        for (name, day) in [("start", start), ("end", end)] {
            if let Some(day) = day {
                period[name] = day.into();
            }
        }
        check(with(json!({"type": "permit", "period": period})), &doctor(), expected);
    }
    let over = json!({"type": "permit", "actor": actor("Practitioner/a"), "period": {"end": "2020"}});
    check(consent(json!({"policyRule": opt_out(), "provision": over})), &doctor(), Silent);
}

#[test]
fn a_nested_period_ends_the_exception_alone() {
    let inner = |period: Value| {
        let deny = json!({"type": "deny", "period": period, "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]});
        with(json!({"type": "permit", "provision": [deny]}))
    };
    check(inner(json!({"end": "2023"})), &doctor(), Permit);
    check(inner(json!({"start": "2024-01"})), &doctor(), Deny);
}

#[test]
fn the_next_change_is_the_nearest_end_or_beginning() {
    let inner = json!({"period": {"start": "2024-07-01", "end": "2024-08-31"}});
    let all = rules(&[with(
        json!({"type": "permit", "period": {"start": "2024", "end": "2025-01-01T00:00:00Z"}, "provision": [inner]}),
    )]);
    let at = |text: &str| Instant::parse(text).unwrap();
    assert_eq!(changes_at(&all, now()), Some(at("2024-07-01T00:00:00Z")));
    assert_eq!(changes_at(&all, at("2024-07-01T00:00:00Z")), Some(at("2024-09-01T00:00:00Z")));
    assert_eq!(changes_at(&all, at("2024-09-01T00:00:00Z")), Some(at("2025-01-01T00:00:00Z")));
    assert_eq!(changes_at(&all, at("2025-01-01T00:00:00Z")), None);
}

#[test]
fn only_active_consents_about_data_of_a_patient_here_are_rules() {
    for status in ["draft", "proposed", "rejected", "inactive", "entered-in-error", ""] {
        assert_eq!(
            Rule::read(&consent(json!({"status": status, "policyRule": opt_out()})), BASE_URL),
            None,
            "{status}"
        );
    }
    let scope = |code: &str| json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": code}]});
    for (more, expected) in [
        (json!({"scope": scope("treatment")}), None),
        (json!({"scope": scope("adr")}), None),
        (json!({"patient": {"reference": "http://other.example/fhir/Patient/p"}}), None),
        (json!({"patient": {"reference": "Practitioner/p"}}), None),
        (json!({"patient": {"identifier": {"value": "1"}}}), None),
        (json!({"patient": {"reference": format!("{BASE_URL}/Patient/q")}}), Some("q")),
        (json!({"patient": {"reference": "Patient/q/_history/3"}}), Some("q")),
        (json!({"scope": scope("research")}), Some("p")),
    ] {
        let rule = Rule::read(&consent(more.clone()), BASE_URL);
        assert_eq!(rule.as_ref().map(|rule| rule.patient().as_str()), expected, "{more}");
    }
}

#[test]
fn a_consent_to_research_permits_research() {
    let mut research = with(json!({"type": "permit"}));
    research["scope"]["coding"][0]["code"] = "research".into();
    check(research.clone(), &doctor(), Silent);
    check(research.clone(), &asker("CLINTRCH", &["Practitioner/a"]), Permit);
    research["scope"]["coding"][0]["code"] = "unheard-of".into();
    check(research, &doctor(), Silent);
}

#[test]
fn purposes_contain_each_other_but_emergencies_are_named() {
    for (kind, named, asked, expected) in [
        ("permit", "TREAT", "TREAT", Permit),
        ("permit", "TREAT", "HPAYMT", Silent),
        ("permit", "HOPERAT", "CAREMGT", Permit),
        ("permit", "BTG", "TREAT", Silent),
        // Normal data, which a permit for treatment opens in an emergency too.
        ("permit", "TREAT", "BTG", Permit),
        ("deny", "TREAT", "TREAT", Deny),
        ("deny", "TREAT", "ETREAT", Silent),
        ("deny", "TREAT", "BTG", Silent),
        ("deny", "ETREAT", "BTG", Deny),
        ("deny", "BTG", "BTG", Deny),
        ("deny", "BTG", "TREAT", Silent),
        ("deny", "TREAT", "", Deny),
        ("permit", "TREAT", "", Silent),
    ] {
        let consent = with(json!({"type": kind, "purpose": purposes(&[named])}));
        check(consent, &asker(asked, &["Practitioner/a"]), expected);
    }
    let consent =
        |code: &str| with(json!({"type": "permit", "purpose": purposes(&[code]), "securityLabel": labels(&["R"])}));
    for (named, asked, expected) in
        [("TREAT", "TREAT", Permit), ("TREAT", "ETREAT", Silent), ("ETREAT", "BTG", Silent), ("BTG", "BTG", Permit)]
    {
        let asker = asker(asked, &["Practitioner/a"]);
        assert_eq!(decide(&[consent(named)], &asker, &labelled(&["R"])), expected, "{named} {asked}");
    }
}

#[test]
fn actors_are_whom_the_asker_is_or_belongs_to() {
    let member = asker("TREAT", &["Practitioner/a", "Organization/child", "Organization/parent", "Group/g"]);
    let former = asker("TREAT", &["Practitioner/a", "Organization/child", "Organization/parent"]);
    let of = |kind: &str, reference: &str| with(json!({"type": kind, "actor": actor(reference)}));
    check(of("deny", "Organization/parent"), &member, Deny);
    check(of("permit", "Group/g"), &member, Permit);
    check(of("permit", "Group/g"), &former, Silent);
    check(of("permit", "Practitioner/a/_history/2"), &member, Permit);
    check(of("permit", &format!("{BASE_URL}/Practitioner/a")), &member, Permit);
    check(of("permit", "http://other.example/fhir/Practitioner/a"), &member, Silent);
    check(of("deny", "http://other.example/fhir/Practitioner/a"), &member, Silent);
    check(of("permit", "#a"), &member, Silent);
    check(of("deny", "#a"), &member, Deny);
}

#[test]
fn a_custodian_is_no_recipient_unless_nobody_else_is_named_in_an_opt_out() {
    let role = json!({"coding": [{"code": "CST"}]});
    let custodian = json!([{"role": role, "reference": {"reference": "Organization/a"}}]);
    let permit = json!({"type": "permit", "actor": custodian});
    check(with(permit.clone()), &doctor(), Silent);
    check(consent(json!({"policyRule": opt_out(), "provision": permit})), &doctor(), Permit);
    check(with(json!({"type": "deny", "actor": custodian})), &asker("TREAT", &["Practitioner/b"]), Deny);
    let both = json!([custodian[0], actor("Practitioner/b")[0]]);
    check(consent(json!({"policyRule": opt_out(), "provision": {"type": "permit", "actor": both}})), &doctor(), Deny);
}

#[test]
fn actions_are_what_is_done() {
    let action = |code: &str| json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": code}]}]);
    let writer = Asker { action: Action::Correct, ..doctor() };
    for (kind, code, asker, expected) in [
        ("permit", "access", doctor(), Permit),
        ("permit", "disclose", doctor(), Silent),
        ("permit", "correct", writer.clone(), Permit),
        ("permit", "access", writer.clone(), Silent),
        ("deny", "disclose", doctor(), Deny),
        ("deny", "collect", doctor(), Silent),
        ("deny", "disclose", writer, Silent),
        ("permit", "burn", doctor(), Silent),
        ("deny", "burn", doctor(), Deny),
    ] {
        check(with(json!({"type": kind, "action": action(code)})), &asker, expected);
    }
}

#[test]
fn the_record_of_a_broken_glass_is_no_leave() {
    let tag = json!({"tag": [{"system": "https://here.example/fhir/CodeSystem/tag", "code": "break-glass"}]});
    let policy = json!([{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only"}]);
    let permit = json!({"type": "permit", "actor": actor("Practitioner/a"), "purpose": purposes(&["BTG"])});
    let record = consent(json!({"meta": tag, "policy": policy, "provision": permit}));
    check(record.clone(), &asker("BTG", &["Practitioner/a"]), Silent);
    check(record, &asker("TREAT", &["Practitioner/b"]), Silent);
}
