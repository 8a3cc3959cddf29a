//! The cases that a server which enforces Consents is measured by, each a test over HTTP, and the table of them.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html>. Who is cared for is seen without a word of theirs (`consent-default=treatment`), unless
//! a case names another default.

mod leaks;
pub mod moments;
mod what;
mod who;

use std::path::Path;
use std::sync::OnceLock;

use medilink::oauth::Claims;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::races::unique;

const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const LOINC: &str = "http://loinc.org";
/// What two servers of one database call themselves.
const OURS: &str = "http://ours.example/fhir";

/// The number of the case, and the test that proves it.
const CASES: &[(u8, &str)] = &[
    (1, "without_a_consent_the_default_and_care_decide"),
    (2, "opting_out_alone_closes_the_record_to_all_but_the_patient"),
    (3, "opting_in_alone_opens_the_record"),
    (4, "opting_in_but_for_what_is_related_to_a_visit_closes_that_visit_alone"),
    (5, "opting_out_but_for_one_opens_the_record_to_that_one_alone"),
    (6, "a_consent_whose_period_is_over_says_nothing"),
    (7, "a_consent_whose_period_has_not_begun_says_nothing"),
    (8, "a_consent_that_is_not_active_says_nothing"),
    (9, "a_permit_for_treatment_opens_nothing_restricted_to_an_emergency"),
    (10, "who_is_refused_by_the_parent_organization_is_refused_in_a_child_of_it"),
    (11, "a_member_of_a_group_is_let_in_until_removed_from_it"),
    (11, "who_is_removed_from_a_group_on_one_server_is_out_on_the_other_at_once"),
    (12, "a_permit_of_normal_data_opens_nothing_restricted"),
    (13, "a_permit_of_restricted_data_opens_nothing_very_restricted"),
    (14, "a_nested_permit_opens_restricted_data_to_its_actor_alone"),
    (15, "a_refused_topic_hides_what_is_labelled_with_it"),
    (16, "a_class_and_a_code_together_choose_what_is_open"),
    (17, "a_data_period_holds_to_the_millisecond"),
    (18, "what_somebody_wrote_is_permitted_or_refused_by_its_author"),
    (19, "a_newer_permit_that_names_the_asker_beats_an_older_refusal"),
    (20, "a_resource_about_two_patients_is_open_when_both_allow_it"),
    (21, "a_search_finds_and_counts_what_reading_one_by_one_shows"),
    (22, "includes_leave_out_what_is_hidden"),
    (23, "a_chain_does_not_lead_through_what_is_hidden"),
    (24, "a_reverse_chain_does_not_lead_through_what_is_hidden"),
    (25, "a_label_hides_the_versions_before_it"),
    (26, "counts_are_of_what_is_seen"),
    (27, "everything_about_a_patient_who_refuses_is_refused"),
    (28, "what_is_revoked_closes_between_two_pages_and_on_another_server_at_once"),
    (29, "a_conditional_create_tells_nothing_of_a_hidden_match"),
    (30, "an_attachment_is_as_hidden_as_its_document"),
    (31, "what_is_hidden_is_answered_like_what_is_absent"),
    (32, "what_is_hidden_takes_as_long_as_what_is_absent"),
    (33, "reading_and_finding_agree_whatever_a_consent_says"),
    (33, "conditions_reasons_and_a_plain_reading_of_the_json_agree"),
];

/// Cases of features that are not here yet.
const WAITING: &[(u8, &str)] = &[(30, "GraphQL is of a later release: its fields are read by the same grant")];

/// Returns the names of the functions of all Rust files in a folder.
pub fn functions(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            names.extend(functions(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            let after = text.lines().filter_map(|line| line.trim().strip_prefix("fn "));
            names.extend(after.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_string));
        }
    }
    names
}

/// Checks that there is a test for every case from 1 to `last`, and that it is where the table says.
pub fn check_table(cases: &[(u8, &str)], waiting: &[(u8, &str)], last: u8) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known: Vec<String> =
        functions(&root.join("tests/it")).into_iter().chain(functions(&root.join("src"))).collect();
    for (number, test) in cases {
        assert!(known.iter().any(|name| name == test), "case {number}: there is no test {test}");
    }
    let missing: Vec<u8> = (1..=last).filter(|n| cases.iter().chain(waiting).all(|(number, _)| number != n)).collect();
    assert_eq!(missing, [0; 0], "cases without a test");
}

#[test]
fn every_case_of_consent_has_its_test() {
    check_table(CASES, WAITING, 33);
}

/// Returns the server of which the tests here each use patients of their own.
pub fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().set("consent-default", "treatment").start())
}

/// A patient of a server, the doctor who cares for them, and a doctor who does not.
struct Case<'a> {
    app: &'a TestApp,
    keeper: Client,
    patient: String,
    doctor: String,
    stranger: String,
}

impl Case<'static> {
    fn new() -> Case<'static> {
        Case::on(app())
    }
}

impl<'a> Case<'a> {
    fn on(app: &'a TestApp) -> Case<'a> {
        let case = Case {
            app,
            keeper: app.client_with("system/*.cruds"),
            patient: unique("patient"),
            doctor: format!("Practitioner/{}", unique("doctor")),
            stranger: format!("Practitioner/{}", unique("stranger")),
        };
        case.put(json!({"resourceType": "Patient", "id": case.patient, "name": [{"family": case.patient}],
                        "generalPractitioner": [{"reference": case.doctor}]}));
        case
    }

    /// Returns a client of somebody with a role.
    fn person(&self, role: &str, who: &str, change: impl FnOnce(&mut Claims)) -> Client {
        self.app.client().with_token(&self.app.forged(|claims| {
            claims.sub = format!("account-of-{who}");
            claims.scope = "user/*.cruds".into();
            claims.roles = vec![role.into()];
            claims.fhir_user = Some(who.into());
            claims.client_id = Some("app".into());
            claims.patient = who.strip_prefix("Patient/").map(str::to_string);
            change(claims);
        }))
    }

    fn physician(&self, who: &str) -> Client {
        self.person("physician", who, |_| {})
    }

    /// Returns the doctor who cares for the patient.
    fn doctor(&self) -> Client {
        self.physician(&self.doctor)
    }

    /// Returns a doctor who has nothing to do with the patient.
    fn stranger(&self) -> Client {
        self.physician(&self.stranger)
    }

    fn own(&self) -> Client {
        self.person("patient", &format!("Patient/{}", self.patient), |_| {})
    }

    /// Stores a resource under its id, and returns the reference to it.
    #[track_caller]
    fn put(&self, resource: Value) -> String {
        let reference = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let answer = self.keeper.put(&reference, &resource);
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
        reference
    }

    /// Stores an Observation of the patient.
    #[track_caller]
    fn observation(&self, more: Value) -> String {
        let code = json!({"coding": [{"system": LOINC, "code": "8867-4"}]});
        self.put(with(
            json!({"resourceType": "Observation", "id": unique("observation"), "status": "final", "code": code,
                   "subject": {"reference": format!("Patient/{}", self.patient)}}),
            more,
        ))
    }

    fn labelled(&self, codes: &[&str]) -> String {
        self.observation(json!({"meta": {"security": labels(codes)}}))
    }

    /// Returns an active Consent of the patient that says nothing but what is added.
    fn said(&self, more: Value) -> Value {
        let patient = json!({"reference": format!("Patient/{}", self.patient)});
        let scope = json!({"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"});
        with(
            json!({"resourceType": "Consent", "id": unique("consent"), "status": "active", "scope": {"coding": [scope]},
                   "category": [{"coding": [{"system": LOINC, "code": "59284-0"}]}], "patient": patient,
                   "performer": [patient], "policy": [{"uri": "http://policy.example"}]}),
            more,
        )
    }

    /// Stores such a Consent.
    #[track_caller]
    fn says(&self, more: Value) -> Value {
        let consent = self.said(more);
        self.put(consent.clone());
        consent
    }

    /// Stores a Consent with this root provision.
    #[track_caller]
    fn rules(&self, provision: Value) -> Value {
        self.says(json!({ "provision": provision }))
    }

    /// Stores a Consent that opts out or in, with a root provision or none.
    #[track_caller]
    fn opts(&self, code: &str, more: Value) -> Value {
        let coding = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code});
        self.says(with(json!({"policyRule": {"coding": [coding]}}), more))
    }

    #[track_caller]
    fn takes_back(&self, consent: &Value) {
        self.put(with(consent.clone(), json!({"status": "inactive"})));
    }
}

/// Returns a resource with more members, or others.
fn with(mut resource: Value, more: Value) -> Value {
    let members = more.as_object().expect("members").clone();
    resource.as_object_mut().expect("a resource").extend(members);
    resource
}

fn labels(codes: &[&str]) -> Value {
    let system = |code: &str| if code.len() == 1 { "v3-Confidentiality" } else { "v3-ActCode" };
    let one = |code: &&str| json!({"system": format!("http://terminology.hl7.org/CodeSystem/{}", system(code)), "code": code});
    codes.iter().map(one).collect()
}

fn actor(reference: &str) -> Value {
    let role = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"});
    json!([{"role": {"coding": [role]}, "reference": {"reference": reference}}])
}

fn purpose(code: &str) -> Value {
    json!([{"system": ACT_REASON, "code": code}])
}

fn class(t: &str) -> Value {
    json!([{"system": "http://hl7.org/fhir/resource-types", "code": t}])
}

/// Returns whether somebody sees a resource. Every way to it has to say the same: reading, its history, finding it, the count.
#[track_caller]
fn sees(client: &Client, reference: &str) -> bool {
    let (t, id) = reference.split_once('/').expect("a reference");
    let shown = client.get(reference);
    assert!([200, 403, 404].contains(&shown.status), "{}: {} {}", shown.asked, shown.status, shown.text());
    let is_shown = shown.status == 200;
    let versions = client.get(&format!("{reference}/_history"));
    let found = client.get(&format!("{t}?_id={id}&_total=accurate")).expect(200);
    let counted = client.get(&format!("{t}?_id={id}&_summary=count")).expect(200);
    let number = u64::from(is_shown);
    let has_versions = versions.status == 200 && !versions.resources().is_empty();
    assert_eq!(has_versions, is_shown, "{reference}: history: {}", versions.text());
    assert_eq!(found.resources().len() as u64, number, "{reference}: search: {}", found.text());
    assert_eq!((found.json()["total"].as_u64(), counted.json()["total"].as_u64()), (Some(number), Some(number)));
    is_shown
}

/// Checks who sees a resource, by a word for each.
#[track_caller]
fn seen_by(reference: &str, clients: &[(&str, &Client, bool)]) {
    for (who, client, want) in clients {
        assert_eq!(sees(client, reference), *want, "{who}: {reference}");
    }
}
