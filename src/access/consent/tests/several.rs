//! Several Consents of a patient, several patients of a resource, and what the reason says.

use super::super::Decision::*;
use super::*;

fn dated(id: &str, date_time: &str, provision: Value) -> Value {
    let mut consent = with(provision);
    consent["id"] = id.into();
    consent["dateTime"] = date_time.into();
    consent["performer"] = json!([{"reference": "Patient/p"}]);
    consent
}

#[test]
fn a_refusal_wins_but_against_a_later_permit_of_the_same_people_that_names_the_asker() {
    let deny = dated("d", "2024-02-02", json!({"type": "deny"}));
    let permit = |date: &str, reference: &str| dated("p", date, json!({"type": "permit", "actor": actor(reference)}));
    let plain = observation(json!({}));
    for (permit, expected) in [
        (permit("2024-02-03", "Practitioner/a"), Permit),
        (permit("2024-02-01", "Practitioner/a"), Deny),
        // The same day may be before.
        (permit("2024-02-02T23:00:00Z", "Practitioner/a"), Deny),
        (permit("2024-02-03", "Organization/a"), Deny),
        (permit("2024-02-03", "Practitioner/b"), Deny),
        (dated("p", "2024-02-03", json!({"type": "permit"})), Deny),
    ] {
        assert_eq!(decide(&[deny.clone(), permit.clone()], &doctor(), &plain), expected, "{permit}");
        assert_eq!(decide(&[permit, deny.clone()], &doctor(), &plain), expected, "in the other order");
    }
    let mut of_another = permit("2024-02-03", "Practitioner/a");
    of_another["performer"] = json!([{"reference": "RelatedPerson/r"}]);
    assert_eq!(decide(&[deny.clone(), of_another], &doctor(), &plain), Deny);
    let mut undated = permit("2024-02-03", "Practitioner/a");
    undated.as_object_mut().unwrap().remove("dateTime");
    assert_eq!(decide(&[deny, undated], &doctor(), &plain), Deny);
}

#[test]
fn a_later_permit_opens_no_more_than_it_covers() {
    let deny = dated("d", "2024-02-02", json!({"type": "deny"}));
    let permit = json!({"type": "permit", "actor": actor("Practitioner/a"), "securityLabel": labels(&["N"])});
    let permit = dated("p", "2024-03-02", permit);
    assert_eq!(decide(&[deny.clone(), permit.clone()], &doctor(), &labelled(&["N"])), Permit);
    assert_eq!(decide(&[deny, permit], &doctor(), &labelled(&["R"])), Deny);
}

#[test]
fn every_patient_of_a_resource_is_asked_alone() {
    let both = json!({"resourceType": "Observation", "id": "o", "subject": {"reference": "Group/both"}});
    let permit = with(json!({"type": "permit"}));
    let mut other = with(json!({"type": "deny"}));
    other["patient"]["reference"] = "Patient/q".into();
    let each = [permit, other].map(|consent| decide(&[consent], &doctor(), &both));
    assert_eq!(each, [Permit, Deny], "so that who combines them sees one refusal");
}

#[test]
fn the_reason_names_the_consents_and_the_provision() {
    let inner = json!([{"type": "deny", "securityLabel": labels(&["HIV"])}, {"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "Observation/o"}}]}]);
    let consents = rules(&[
        dated("one", "2024", json!({"type": "permit", "provision": inner})),
        dated("two", "2024", json!({"type": "deny"})),
    ]);
    let found = reason(&consents, &doctor(), &known(&observation(json!({}))));
    assert_eq!(found.consents, ["one".into(), "two".into()]);
    assert_eq!(found.path.as_deref(), Some("provision.provision[1]"));
    assert_eq!(found.text, "Consent/one denies it by provision.provision[1] (deny), and so do 1 others");
    let found = reason(&consents[..1], &doctor(), &known(&observation(json!({"id": "other"}))));
    assert_eq!((found.decision, found.path.as_deref()), (Permit, Some("provision")));
    let base = rules(&[consent(json!({"policyRule": opt_out()}))]);
    let found = reason(&base, &doctor(), &known(&observation(json!({}))));
    assert_eq!(found.text, "Consent/c denies it by policyRule (deny)");
    let found = reason(&[], &doctor(), &known(&observation(json!({}))));
    assert_eq!((found.decision, found.path), (Silent, None));
}

#[test]
fn what_is_not_understood_is_said_in_the_reason() {
    let deny = json!({"type": "deny", "code": [{"text": "the bad thing"}]});
    let found = reason(&rules(&[with(deny)]), &doctor(), &known(&observation(json!({}))));
    assert_eq!(found.decision, Deny);
    assert!(found.text.contains("provision.code[0] is not understood"), "{}", found.text);
}
