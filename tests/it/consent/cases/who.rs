//! Whom Consents are about, when and why: what nobody said, bases, periods, states, purposes, organizations and groups.

use serde_json::json;

use super::super::day;
use super::{Case, actor, labels, purpose, seen_by, sees, with};
use crate::app::TestApp;
use crate::races::unique;

#[test]
fn without_a_consent_the_default_and_care_decide() {
    let deny = TestApp::builder().secured().set("consent-default", "deny").start();
    for (name, app, for_doctor, for_stranger) in [
        ("treatment", super::app(), true, false),
        ("permit", super::super::app(), true, true),
        ("deny", &deny, false, false),
    ] {
        let case = Case::on(app);
        let observation = case.observation(json!({}));
        let paying = case.person("physician", &case.doctor, |claims| claims.purpose_of_use = Some("HPAYMT".into()));
        for (who, client, want) in [
            ("the doctor", case.doctor(), for_doctor),
            ("a stranger", case.stranger(), for_stranger),
            ("the doctor, for the bill", paying, name == "permit"),
            ("the patient", case.own(), true),
            ("the keeper", case.keeper.clone(), true),
        ] {
            assert_eq!(sees(&client, &observation), want, "{name}: {who}");
        }
    }
}

#[test]
fn opting_out_alone_closes_the_record_to_all_but_the_patient() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    assert!(sees(&case.doctor(), &observation));
    case.opts("OPTOUT", json!({}));
    seen_by(&observation, &[("the doctor", &case.doctor(), false), ("the patient", &case.own(), true)]);
    assert!(!sees(&case.doctor(), &format!("Patient/{}", case.patient)));
}

#[test]
fn opting_in_alone_opens_the_record() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    assert!(!sees(&case.stranger(), &observation));
    case.opts("OPTIN", json!({}));
    assert!(sees(&case.stranger(), &observation));
}

#[test]
fn opting_in_but_for_what_is_related_to_a_visit_closes_that_visit_alone() {
    let case = Case::new();
    let class = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"});
    let visit = || {
        case.put(json!({"resourceType": "Encounter", "id": unique("visit"), "status": "finished", "class": class,
                        "subject": {"reference": format!("Patient/{}", case.patient)}}))
    };
    let (closed, open) = (visit(), visit());
    let of = |visit: &str| case.observation(json!({"encounter": {"reference": visit}}));
    let (hidden, shown, plain) = (of(&closed), of(&open), case.observation(json!({})));
    let data = json!([{"meaning": "related", "reference": {"reference": closed}}]);
    case.opts("OPTIN", json!({"provision": {"data": data}}));
    for client in [case.doctor(), case.stranger()] {
        for (reference, want) in [(&closed, false), (&hidden, false), (&open, true), (&shown, true), (&plain, true)] {
            assert_eq!(sees(&client, reference), want, "{reference}");
        }
    }
}

#[test]
fn opting_out_but_for_one_opens_the_record_to_that_one_alone() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    case.opts("OPTOUT", json!({"provision": {"type": "permit", "actor": actor(&case.stranger)}}));
    seen_by(&observation, &[("named", &case.stranger(), true), ("the doctor", &case.doctor(), false)]);
}

#[test]
fn a_consent_whose_period_is_over_says_nothing() {
    for (end, holds) in [(day(-1), false), (day(1), true)] {
        let case = Case::new();
        let observation = case.observation(json!({}));
        let period = json!({"start": day(-9), "end": end});
        case.rules(json!({"type": "deny", "actor": actor(&case.doctor), "period": period}));
        case.rules(json!({"type": "permit", "actor": actor(&case.stranger), "period": period}));
        seen_by(&observation, &[("the doctor", &case.doctor(), !holds), ("a stranger", &case.stranger(), holds)]);
    }
}

#[test]
fn a_consent_whose_period_has_not_begun_says_nothing() {
    for (start, holds) in [(day(1), false), (day(-1), true)] {
        let case = Case::new();
        let observation = case.observation(json!({}));
        let period = json!({ "start": start });
        case.rules(json!({"type": "deny", "actor": actor(&case.doctor), "period": period}));
        case.rules(json!({"type": "permit", "actor": actor(&case.stranger), "period": period}));
        seen_by(&observation, &[("the doctor", &case.doctor(), !holds), ("a stranger", &case.stranger(), holds)]);
    }
}

#[test]
fn a_consent_that_is_not_active_says_nothing() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    let consents = [
        case.said(json!({"provision": {"type": "deny", "actor": actor(&case.doctor)}})),
        case.said(json!({"provision": {"type": "permit", "actor": actor(&case.stranger)}})),
    ];
    for status in ["draft", "proposed", "active", "rejected", "inactive", "entered-in-error", "active"] {
        consents.iter().for_each(|consent| _ = case.put(with(consent.clone(), json!({"status": status}))));
        let holds = status == "active";
        assert_eq!((status, sees(&case.doctor(), &observation)), (status, !holds));
        assert_eq!((status, sees(&case.stranger(), &observation)), (status, holds));
    }
}

#[test]
fn a_permit_for_treatment_opens_nothing_restricted_to_an_emergency() {
    let case = Case::new();
    let (normal, restricted) = (case.observation(json!({})), case.labelled(&["R"]));
    let asks =
        |code: &str| case.person("physician", &case.stranger, |claims| claims.purpose_of_use = Some(code.into()));
    let permit = |code: &str| json!({"type": "permit", "purpose": purpose(code), "securityLabel": labels(&["R"])});
    let consent = case.rules(permit("TREAT"));
    for (code, opens_normal, opens_restricted) in
        [("TREAT", true, true), ("ETREAT", true, false), ("BTG", true, false), ("HPAYMT", false, false)]
    {
        assert_eq!((code, sees(&asks(code), &normal)), (code, opens_normal));
        assert_eq!((code, sees(&asks(code), &restricted)), (code, opens_restricted));
    }
    case.takes_back(&consent);
    case.rules(permit("ETREAT"));
    seen_by(&restricted, &[("emergency", &asks("ETREAT"), true), ("treatment", &asks("TREAT"), false)]);
}

#[test]
fn who_is_refused_by_the_parent_organization_is_refused_in_a_child_of_it() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    let parent = case.put(json!({"resourceType": "Organization", "id": unique("parent"), "name": "P"}));
    let child =
        json!({"resourceType": "Organization", "id": unique("child"), "name": "C", "partOf": {"reference": parent}});
    let child = case.put(child);
    let role = json!({"resourceType": "PractitionerRole", "id": unique("role"), "organization": {"reference": child},
                      "practitioner": {"reference": case.doctor}});
    case.rules(json!({"type": "deny", "actor": actor(&parent)}));
    assert!(sees(&case.doctor(), &observation), "the doctor belongs to nothing yet");
    case.put(role.clone());
    assert!(!sees(&case.doctor(), &observation), "the doctor is of a child now");
    case.put(with(role, json!({"active": false})));
    assert!(sees(&case.doctor(), &observation), "the doctor has left");
}

#[test]
fn a_member_of_a_group_is_let_in_until_removed_from_it() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    let group = |members: &[&str]| {
        let members: Vec<_> = members.iter().map(|who| json!({"entity": {"reference": who}})).collect();
        with(
            json!({"resourceType": "Group", "id": format!("group-{}", case.patient), "type": "practitioner", "actual": true}),
            if members.is_empty() { json!({}) } else { json!({ "member": members }) },
        )
    };
    let stored = case.put(group(&[&case.stranger, "Practitioner/other"]));
    assert!(!sees(&case.stranger(), &observation));
    case.rules(json!({"type": "permit", "actor": actor(&stored)}));
    assert!(sees(&case.stranger(), &observation));
    case.put(group(&["Practitioner/other"]));
    assert!(!sees(&case.stranger(), &observation), "removed");
    case.put(group(&[&case.stranger]));
    assert!(sees(&case.stranger(), &observation), "a member again");
    let left = json!([{"entity": {"reference": case.stranger}, "inactive": true}]);
    case.put(with(group(&[]), json!({ "member": left })));
    assert!(!sees(&case.stranger(), &observation), "no longer active");
}
