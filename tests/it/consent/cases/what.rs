//! What Consents open and close: labels, classes and codes, time, authors, several Consents and several patients.

use serde_json::{Value, json};

use super::{Case, LOINC, actor, class, labels, seen_by, sees, with};
use crate::races::unique;

#[test]
fn a_permit_of_normal_data_opens_nothing_restricted() {
    let case = Case::new();
    let (plain, normal) = (case.observation(json!({})), case.labelled(&["N"]));
    let (restricted, low) = (case.labelled(&["R"]), case.labelled(&["L"]));
    case.rules(json!({"type": "permit", "actor": actor(&case.stranger), "securityLabel": labels(&["N"])}));
    for (reference, want) in [(plain, true), (normal, true), (low, true), (restricted, false)] {
        assert_eq!(sees(&case.stranger(), &reference), want, "{reference}");
    }
}

#[test]
fn a_permit_of_restricted_data_opens_nothing_very_restricted() {
    let case = Case::new();
    let (restricted, very) = (case.labelled(&["R"]), case.labelled(&["V"]));
    let both = case.labelled(&["N", "V"]);
    let permit = |label| json!({"type": "permit", "actor": actor(&case.stranger), "securityLabel": labels(&[label])});
    let consent = case.rules(permit("R"));
    for (reference, want) in [(&restricted, true), (&very, false), (&both, false)] {
        assert_eq!(sees(&case.stranger(), reference), want, "{reference}");
    }
    assert!(!sees(&case.doctor(), &very), "what is very restricted is open by an explicit Consent alone");
    case.takes_back(&consent);
    case.rules(permit("V"));
    assert!(sees(&case.stranger(), &very));
    let nurse = case.person("nurse", &case.stranger, |_| {});
    assert!(!sees(&nurse, &very), "beyond what a nurse may see");
}

#[test]
fn a_nested_permit_opens_restricted_data_to_its_actor_alone() {
    let case = Case::new();
    let (normal, restricted) = (case.labelled(&["N"]), case.labelled(&["R"]));
    let inner = json!([{"type": "permit", "actor": actor(&case.stranger), "securityLabel": labels(&["R"])}]);
    case.rules(json!({"type": "permit", "securityLabel": labels(&["N"]), "provision": inner}));
    let other = case.physician(&format!("Practitioner/{}", unique("other")));
    seen_by(&normal, &[("named", &case.stranger(), true), ("another", &other, true)]);
    seen_by(&restricted, &[("named", &case.stranger(), true), ("another", &other, false)]);
}

#[test]
fn a_refused_topic_hides_what_is_labelled_with_it() {
    let case = Case::new();
    let (psychiatry, both) = (case.labelled(&["N", "PSY"]), case.labelled(&["HIV", "PSY"]));
    let (plain, hiv) = (case.labelled(&["N"]), case.labelled(&["HIV"]));
    case.rules(json!({"type": "deny", "securityLabel": labels(&["PSY"])}));
    for (reference, want) in [(psychiatry, false), (both, false), (plain, true), (hiv, true)] {
        assert_eq!(sees(&case.doctor(), &reference), want, "{reference}");
    }
}

#[test]
fn a_class_and_a_code_together_choose_what_is_open() {
    let code = |code: &str| json!([{"coding": [{"system": LOINC, "code": code}]}]);
    for (kind, covered) in [("permit", true), ("deny", false)] {
        let case = Case::new();
        let subject = json!({"reference": format!("Patient/{}", case.patient)});
        let of = |given: &str| case.observation(json!({"code": code(given)[0]}));
        let (same, other) = (of("718-7"), of("2345-7"));
        let foreign = case.observation(json!({"code": {"coding": [{"system": "urn:other", "code": "718-7"}]}}));
        let condition = case
            .put(json!({"resourceType": "Condition", "id": unique("condition"), "code": code("718-7")[0],
                                        "subject": subject}));
        // What a permit does not cover stays closed to a stranger, and what a refusal does not cover open to the doctor.
        let (who, client) = if covered { (&case.stranger, case.stranger()) } else { (&case.doctor, case.doctor()) };
        case.rules(json!({"type": kind, "actor": actor(who), "class": class("Observation"), "code": code("718-7")}));
        for (reference, is_covered) in [(same, true), (other, false), (foreign, false), (condition, false)] {
            assert_eq!(sees(&client, &reference), is_covered == covered, "{kind} {reference}");
        }
    }
}

#[test]
fn a_data_period_holds_to_the_millisecond() {
    let case = Case::new();
    let at = |moment: &str| case.observation(json!({ "effectiveDateTime": moment }));
    let over = |start: &str, end: &str| case.observation(json!({"effectivePeriod": {"start": start, "end": end}}));
    let given = [
        // What happened, whether a permit of 2020 opens it, and whether a refusal of 2020 closes it.
        (at("2019-12-31T23:59:59.999Z"), false, false),
        (at("2020-01-01T00:00:00Z"), true, true),
        (at("2020-12-31T23:59:59.999Z"), true, true),
        (at("2021-01-01T00:00:00Z"), false, false),
        (at("2020"), true, true),
        (at("2020-06-15"), true, true),
        (over("2020-02-01", "2020-03-01"), true, true),
        (over("2019-12-01", "2020-01-15"), false, true),
        (over("2020-12-01", "2021-01-15"), false, true),
        (over("2019-01-01", "2022-01-01"), false, true),
    ];
    let period = json!({"start": "2020-01-01", "end": "2020-12-31"});
    case.rules(json!({"type": "permit", "actor": actor(&case.stranger), "dataPeriod": period}));
    case.rules(json!({"type": "deny", "actor": actor(&case.doctor), "dataPeriod": period}));
    for (reference, opens, closes) in given {
        let told = case.keeper.get(&reference).expect(200).text();
        assert_eq!(sees(&case.stranger(), &reference), opens, "permit: {told}");
        assert_eq!(sees(&case.doctor(), &reference), !closes, "deny: {told}");
    }
}

#[test]
fn what_somebody_wrote_is_permitted_or_refused_by_its_author() {
    let case = Case::new();
    let by = |who: &str| case.observation(json!({"performer": [{"reference": who}]}));
    let writer = format!("Practitioner/{}", unique("writer"));
    let (theirs, others, nobodys) = (by(&writer), by("Practitioner/another"), case.observation(json!({})));
    let condition = |role: &str| {
        case.put(json!({"resourceType": "Condition", "id": unique("condition"), role: {"reference": writer},
                        "subject": {"reference": format!("Patient/{}", case.patient)}}))
    };
    let (asserted, recorded) = (condition("asserter"), condition("recorder"));
    let data = json!([{"meaning": "authoredby", "reference": {"reference": writer}}]);
    case.rules(json!({"type": "permit", "actor": actor(&case.stranger), "data": data}));
    case.rules(json!({"type": "deny", "actor": actor(&case.doctor), "data": data}));
    // R4 has no search parameter for the recorder of a Condition: what it might say opens nothing and closes.
    seen_by(&recorded, &[("permit", &case.stranger(), false), ("deny", &case.doctor(), false)]);
    for (reference, is_theirs) in [(theirs, true), (asserted, true), (others, false), (nobodys, false)] {
        seen_by(&reference, &[("permit", &case.stranger(), is_theirs), ("deny", &case.doctor(), !is_theirs)]);
    }
}

#[test]
fn a_newer_permit_that_names_the_asker_beats_an_older_refusal() {
    let permit = |who: Option<&str>| match who {
        Some(who) => json!({"type": "permit", "actor": actor(who)}),
        None => json!({"type": "permit"}),
    };
    let guardian = json!([{"reference": "RelatedPerson/guardian"}]);
    type More<'a> = &'a dyn Fn(&Case) -> Value;
    let cases: &[(&str, &str, More, bool)] = &[
        ("newer and named", "2024-02-02", &|case| json!({"provision": permit(Some(&case.stranger))}), true),
        ("older and named", "2024-01-01", &|case| json!({"provision": permit(Some(&case.stranger))}), false),
        ("of the same day", "2024-02-01", &|case| json!({"provision": permit(Some(&case.stranger))}), false),
        ("newer for anybody", "2024-02-02", &|_| json!({"provision": permit(None)}), false),
        (
            "newer of somebody else",
            "2024-02-02",
            &|case| json!({"provision": permit(Some(&case.stranger)), "performer": guardian}),
            false,
        ),
    ];
    for (name, date, more, want) in cases {
        let case = Case::new();
        let observation = case.observation(json!({}));
        case.says(json!({"dateTime": "2024-02-01", "provision": {"type": "deny"}}));
        case.says(with(json!({ "dateTime": date }), more(&case)));
        assert_eq!(sees(&case.stranger(), &observation), *want, "{name}");
        assert!(!sees(&case.doctor(), &observation), "{name}: who is not named is refused");
    }
}

#[test]
fn a_resource_about_two_patients_is_open_when_both_allow_it() {
    let (one, two) = (Case::new(), Case::new());
    let with_whom =
        |case: &Case| json!({"actor": {"reference": format!("Patient/{}", case.patient)}, "status": "accepted"});
    let both = one.put(json!({"resourceType": "Appointment", "id": unique("appointment"), "status": "proposed",
                              "participant": [with_whom(&one), with_whom(&two)]}));
    let entity = |case: &Case| json!({"entity": {"reference": format!("Patient/{}", case.patient)}});
    let group = one.put(json!({"resourceType": "Group", "id": unique("group"), "type": "person", "actual": true,
                               "member": [entity(&one), entity(&two)]}));
    let alone = one.put(json!({"resourceType": "Appointment", "id": unique("appointment"), "status": "proposed",
                               "participant": [with_whom(&one)]}));
    let doctor = one.doctor();
    let check = |step: &str, opens_both: bool, opens_alone: bool| {
        for (reference, want) in [(&both, opens_both), (&group, opens_both), (&alone, opens_alone)] {
            assert_eq!(sees(&doctor, reference), want, "{step}: {reference}");
        }
    };
    check("cares for one of them", false, true);
    let permit = two.rules(json!({"type": "permit", "actor": actor(&one.doctor)}));
    check("the other one permits it", true, true);
    two.takes_back(&permit);
    check("and takes it back", false, true);
    two.put(with(permit, json!({"status": "active"})));
    one.rules(json!({"type": "deny"}));
    check("the first one refuses it", false, false);
}
