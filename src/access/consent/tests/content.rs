//! Which data a provision covers: labels, classes, codes, times and relations.

use super::super::Decision::{self, *};
use super::super::class;
use super::*;

fn decided(kind: &str, elements: Value, resource: &Value) -> Decision {
    let mut provision = elements;
    provision["type"] = kind.into();
    decide(&[with(provision)], &doctor(), resource)
}

/// Checks what a permit and a refusal with these elements say of a resource.
fn check_both(elements: Value, resource: &Value, permit: bool, deny: bool) {
    let expected = (if permit { Permit } else { Silent }, if deny { Deny } else { Silent });
    let found = (decided("permit", elements.clone(), resource), decided("deny", elements.clone(), resource));
    assert_eq!(found, expected, "{elements} on {resource}");
}

#[test]
fn labels_cover_up_to_a_level_when_permitted_and_from_it_on_when_refused() {
    for (named, on, permit, deny) in [
        (&["N"][..], &["R"][..], false, true),
        (&["R"], &["V"], false, true),
        (&["R"], &["R"], true, true),
        (&["R"], &["N"], true, false),
        (&["R"], &[], true, false),
        (&["N"], &[], true, true),
        (&["N"], &["L"], true, false),
        (&["M"], &[], false, true),
        (&["M"], &["U"], true, false),
        (&["U"], &["U"], true, true),
        (&["V"], &["V"], true, true),
        (&["V"], &["R"], true, false),
        // The highest label counts.
        (&["N"], &["L", "R"], false, true),
        (&["PSY"], &["PSY", "N"], true, true),
        (&["PSY"], &["N"], false, false),
        (&["PSY"], &["PSY", "HIV", "R"], false, true),
        (&["PSY"], &["PSY", "V"], false, true),
        (&["SUD"], &["ETHUD", "R"], true, true),
        (&["ETHUD"], &["SUD", "R"], false, false),
        (&["R", "PSY"], &["R", "PSY"], true, true),
        (&["R", "PSY"], &["R", "HIV"], false, true),
        (&["R", "PSY"], &["HIV"], true, false),
        (&["R"], &["R", "HIV"], true, true),
    ] {
        check_both(json!({"securityLabel": labels(named)}), &labelled(on), permit, deny);
    }
    let bare = observation(json!({"meta": {"security": [{"code": "R"}]}}));
    check_both(json!({"securityLabel": labels(&["R"])}), &bare, true, true);
    check_both(json!({"securityLabel": labels(&["N"])}), &bare, false, true);
}

#[test]
fn classes_are_types_profiles_and_media_types() {
    let class = |system: &str, code: &str| json!({"class": [{"system": system, "code": code}]});
    let types = "http://hl7.org/fhir/resource-types";
    let profiled = observation(json!({"meta": {"profile": ["http://p.example/StructureDefinition/lab|2.0"]}}));
    let document = json!({"resourceType": "DocumentReference", "id": "d", "content": [{"attachment": {"contentType": "application/pdf"}}]});
    let binary = json!({"resourceType": "Binary", "id": "b", "contentType": "application/pdf"});
    let plain = observation(json!({}));
    for (elements, resource, permit, deny) in [
        (class(types, "Observation"), &plain, true, true),
        (class(types, "Condition"), &plain, false, false),
        (class(types, "Opservation"), &plain, false, true),
        (class("http://p.example/StructureDefinition", "lab"), &profiled, true, true),
        (class("urn:x", "http://p.example/StructureDefinition/lab"), &profiled, true, true),
        (class("urn:x", "http://p.example/StructureDefinition/lab|2.0"), &profiled, true, true),
        (class("urn:x", "http://p.example/StructureDefinition/lab|1.0"), &profiled, false, true),
        (class("urn:x", "http://p.example/StructureDefinition/lab"), &plain, false, false),
        (class("urn:ietf:bcp:13", "application/pdf"), &document, true, true),
        (class("urn:ietf:bcp:13", "text/plain"), &document, false, false),
        (class("urn:ietf:bcp:13", "application/pdf"), &plain, false, false),
        (class("urn:ietf:bcp:13", "application/pdf"), &binary, false, true),
        (class("urn:unheard-of", "x"), &plain, false, true),
    ] {
        check_both(elements, resource, permit, deny);
    }
}

#[test]
fn codes_are_found_in_what_a_resource_is_about() {
    let code = |system: &str, code: &str| json!({"code": [{"coding": [{"system": system, "code": code}]}]});
    let concept = |code: &str| json!({"coding": [{"system": "http://loinc.org", "code": code}]});
    let test = observation(json!({"code": concept("1-8"), "component": [{"code": concept("2-6")}]}));
    let vaccine = json!({"resourceType": "Immunization", "id": "i", "vaccineCode": concept("v")});
    let by_reference =
        json!({"resourceType": "MedicationRequest", "id": "m", "medicationReference": {"reference": "Medication/x"}});
    let flag = json!({"resourceType": "Flag", "id": "f", "code": concept("f")});
    let patient = json!({"resourceType": "Patient", "id": "p"});
    let loinc = "http://loinc.org";
    for (elements, resource, permit, deny) in [
        (code(loinc, "1-8"), &test, true, true),
        (code(loinc, "2-6"), &test, true, true),
        (code(loinc, "3-4"), &test, false, false),
        (code("http://other.example", "1-8"), &test, false, false),
        (json!({"code": [{"coding": [{"code": "1-8"}]}]}), &test, false, true),
        (
            json!({"code": [{"coding": [{"system": loinc, "code": "9"}]}, {"coding": [{"system": loinc, "code": "1-8"}]}]}),
            &test,
            true,
            true,
        ),
        (code(loinc, "v"), &vaccine, true, true),
        // The code stands in the Medication.
        (code(loinc, "m"), &by_reference, false, true),
        // No parameter of R4 reads it.
        (code(loinc, "f"), &flag, false, true),
        (code(loinc, "p"), &patient, false, false),
        (code("http://a.example/ValueSet/all", "1-8"), &test, false, true),
    ] {
        check_both(elements, resource, permit, deny);
    }
    let both = json!({"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}], "code": [{"coding": [{"system": loinc, "code": "1-8"}]}]});
    check_both(both.clone(), &test, true, true);
    check_both(both, &vaccine, false, false);
}

#[test]
fn times_lie_in_the_period_when_permitted_and_touch_it_when_refused() {
    let period = json!({"dataPeriod": {"start": "2022-03-01", "end": "2022-03-31"}});
    for (time, permit, deny) in [
        (json!({"effectiveDateTime": "2022-03-01"}), true, true),
        (json!({"effectiveDateTime": "2022-03-31T23:59:59Z"}), true, true),
        (json!({"effectiveDateTime": "2022-04-01"}), false, false),
        (json!({"effectiveDateTime": "2022-02-28T23:59:59Z"}), false, false),
        (json!({"effectiveDateTime": "2022-03"}), true, true),
        (json!({"effectiveDateTime": "2022"}), false, true),
        (json!({"effectivePeriod": {"start": "2022-02-01", "end": "2022-03-02"}}), false, true),
        (json!({"effectivePeriod": {"start": "2022-03-05"}}), false, true),
        (json!({"effectivePeriod": {"end": "2022-02-05"}}), false, false),
        (json!({"meta": {"lastUpdated": "2022-03-05T00:00:00Z"}}), true, true),
        (json!({"meta": {"lastUpdated": "2022-05-05T00:00:00Z"}}), false, false),
        (json!({"meta": {"lastUpdated": "2022-03-05T00:00:00Z"}, "effectiveDateTime": "2020"}), false, false),
    ] {
        check_both(period.clone(), &observation(time), permit, deny);
    }
    let condition = |onset: &str, recorded: &str| json!({"resourceType": "Condition", "id": "c", "onsetDateTime": onset, "recordedDate": recorded});
    check_both(period.clone(), &condition("2022-03-05", "2022-03-06"), true, true);
    check_both(period.clone(), &condition("2010", "2022-03-06"), false, true);
    check_both(period, &condition("2010", "2011"), false, false);
    check_both(
        json!({"dataPeriod": {"start": "2022"}}),
        &observation(json!({"effectiveDateTime": "2030"})),
        true,
        true,
    );
}

#[test]
fn relations_are_what_refers_to_it_and_who_wrote() {
    let data =
        |meaning: &str, reference: &str| json!({"data": [{"meaning": meaning, "reference": {"reference": reference}}]});
    let by = |reference: &str| observation(json!({"performer": [{"reference": reference}]}));
    let ordered = observation(json!({"basedOn": [{"reference": "CarePlan/x"}]}));
    let condition = json!({"resourceType": "Condition", "id": "c", "recorder": {"reference": "Practitioner/w"}});
    let allergy = json!({"resourceType": "AllergyIntolerance", "id": "a", "recorder": {"reference": "Practitioner/w"}});
    let plan = json!({"resourceType": "CarePlan", "id": "x"});
    for (elements, resource, permit, deny) in [
        (data("authoredby", "Practitioner/w"), &by("Practitioner/w"), true, true),
        (data("authoredby", "Organization/w"), &by("Organization/w"), true, true),
        (data("authoredby", "Practitioner/w"), &by("Practitioner/v"), false, false),
        (data("authoredby", "Practitioner/w"), &allergy, true, true),
        // No parameter of R4 reads who recorded a Condition.
        (data("authoredby", "Practitioner/w"), &condition, false, true),
        (data("related", "CarePlan/x"), &ordered, true, true),
        (data("dependents", "CarePlan/x"), &ordered, true, true),
        (data("instance", "CarePlan/x"), &ordered, false, false),
        (data("related", "CarePlan/x"), &plan, true, true),
        (data("instance", "CarePlan/x"), &plan, true, true),
        (data("instance", "CarePlan/x/_history/1"), &plan, true, true),
        (data("instance", "http://other.example/CarePlan/x"), &plan, false, false),
        (data("related", "http://other.example/CarePlan/x"), &ordered, false, true),
        (data("instance", "Observation/x"), &plan, false, false),
        (data("nearby", "CarePlan/x"), &plan, false, true),
    ] {
        check_both(elements, resource, permit, deny);
    }
}

#[test]
fn what_is_two_references_away_is_covered_once_it_is_told() {
    let episode = json!([{"meaning": "related", "reference": {"reference": "EpisodeOfCare/e"}}]);
    let mut rule = Rule::read(&with(json!({"type": "deny", "data": episode})), BASE_URL).unwrap();
    let inside = known(&observation(json!({"encounter": {"reference": "Encounter/1"}})));
    let told = |rule: &Rule, it: &Indexed| reason(&[Arc::new(rule.clone())], &doctor(), it).decision;
    assert_eq!(told(&rule, &inside), Silent);
    let to = rule.relations()[0].clone();
    let encounter = crate::search::tests::resource_type("Encounter");
    let id = crate::fhir::ResourceId::parse("1").unwrap();
    rule.relate(&to, &[], &[(encounter, id)]);
    assert_eq!(told(&rule, &inside), Deny);
    assert_eq!(told(&rule, &known(&json!({"resourceType": "Encounter", "id": "1"}))), Deny);
    assert_eq!(told(&rule, &known(&observation(json!({})))), Silent);
}

#[test]
fn a_permit_of_data_classes_opens_these_and_no_more() {
    let category = |code: &str| json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]}]);
    let lab = observation(json!({"category": category("laboratory")}));
    let vital = observation(json!({"category": category("vital-signs")}));
    let hiv = observation(json!({"category": category("laboratory"), "meta": {"security": labels(&["R", "HIV"])}}));
    let hiv_and_drugs = labelled(&["R", "HIV", "SUD"]);
    let drug = json!({"resourceType": "MedicationRequest", "id": "m"});
    let patient = json!({"resourceType": "Patient", "id": "p"});
    for (classes, opened, closed) in [
        (&["labs"][..], &[&lab, &patient][..], &[&vital, &hiv, &drug][..]),
        (&["labs", "meds"], &[&lab, &drug], &[&vital, &hiv]),
        (&["hiv"], &[&hiv, &patient], &[&lab, &hiv_and_drugs, &drug]),
        (&["hiv", "substance-use", "vitals"], &[&hiv, &hiv_and_drugs, &vital], &[&lab, &drug]),
        (&["all"], &[&lab, &vital, &hiv, &drug, &patient], &[]),
    ] {
        let classes: Vec<_> = classes.iter().map(|code| class::of(code).unwrap()).collect();
        for (resources, expected) in [(opened, Permit), (closed, Silent)] {
            for resource in resources {
                assert_eq!(
                    decided("permit", class::provision_of(&classes), resource),
                    expected,
                    "{classes:?} {resource}"
                );
            }
        }
    }
}
