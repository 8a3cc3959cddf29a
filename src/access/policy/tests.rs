//! What scopes, roles and records open, in tables.

use super::*;
use crate::access::facts::Knowledge;
use crate::access::grant::Way;
use crate::access::principal::Person;
use crate::access::role::Role;
use crate::access::scope::Scope;
use crate::catalog::Catalog;
use crate::fhir::ResourceId;
use crate::search::Expr;
use serde_json::{Value, json};
use std::sync::LazyLock;

static REGISTRY: LazyLock<Arc<Registry>> =
    LazyLock::new(|| Arc::new(Registry::new(Arc::new(Catalog::load().unwrap()), "http://here/fhir")));

fn token(scopes: &str) -> Token {
    Token {
        subject: "test".into(),
        scopes: scopes.split(' ').filter_map(Scope::parse).collect(),
        patient: ResourceId::parse("p1"),
        ..Token::default()
    }
}

fn of_person(scopes: &str, role: Role) -> Token {
    Token { person: Some(Person { roles: vec![role], ..Person::default() }), ..token(scopes) }
}

fn decided(token: Token, needs: &Needs) -> Result<Grant, Fault> {
    decide(&Principal::Token(Arc::new(token)), needs, &REGISTRY, &Knowledge::Keeper)
}

fn t(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

#[test]
fn each_interaction_needs_its_letter_on_its_type() {
    use Letter::*;
    for (scopes, letters, status) in [
        ("system/Patient.r", vec![Read], 200),
        ("system/*.r", vec![Read], 200),
        ("system/Patient.cu", vec![Create, Update], 200),
        ("system/Patient.c", vec![Create, Update], 403),
        ("system/Observation.cruds", vec![Read], 403),
        ("patient/*.cruds", vec![Read], 200),
        ("patient/*.cruds", vec![Create], 403),
        ("patient/*.cruds", vec![Update], 200),
        ("", vec![Read], 403),
    ] {
        let got =
            decided(token(scopes), &Needs::Type(letters, ResourceType::PATIENT)).map_or_else(|f| f.status(), |_| 200);
        assert_eq!(got, status, "{scopes}");
    }
    let anonymous = decide(&Principal::Anonymous, &Needs::Token, &REGISTRY, &Knowledge::Keeper);
    assert_eq!(anonymous.unwrap_err().status(), 401);
    assert!(decide(&Principal::Anonymous, &Needs::Nothing, &REGISTRY, &Knowledge::Keeper).is_ok());
}

#[test]
fn a_system_search_sees_only_the_types_of_its_scopes() {
    let grant = decided(token("system/Patient.s system/Bundle.r"), &Needs::AnyType(Letter::Search)).unwrap();
    assert_eq!(grant.limit(&[], Letter::Search, None), Expr::Types(vec![ResourceType::PATIENT]));
}

/// The layers together: what a scope opens, the role narrows, and the record in context narrows again.
#[test]
fn scopes_roles_and_records_each_narrow() {
    let own = json!({"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p1"}, "category": [{"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]});
    let mut vital = own.clone();
    vital["category"][0]["coding"][0]["code"] = "vital-signs".into();
    let mut others = own.clone();
    others["subject"]["reference"] = "Patient/p2".into();
    let laboratory =
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory";
    let shown = |token: Token, letter: Letter, resource: &Value| {
        let grant = Grant::of_token(&Arc::new(token), &REGISTRY, &Knowledge::Keeper);
        grant.shows(
            t("Observation"),
            &ResourceId::parse("o").unwrap(),
            resource.to_string().as_bytes(),
            Way::Letter(letter),
        )
    };
    use Letter::*;
    for (who, letter, is_own, is_vital, is_others) in [
        (token("system/*.rs"), Read, true, true, true),
        (token("patient/*.rs"), Read, true, true, false),
        (token("patient/*.rs"), Update, false, false, false),
        (token("patient/Observation.rs?category=laboratory"), Read, true, false, false),
        (token(laboratory), Search, true, false, false),
        (token(&format!("{laboratory} patient/Observation.r")), Read, true, true, false),
        (token(&format!("{laboratory} patient/Observation.r")), Search, true, false, false),
        (Token { patient: None, ..token("patient/*.rs") }, Read, false, false, false),
        (of_person("user/*.cruds", Role::Physician), Update, true, true, true),
        (of_person("user/*.rs", Role::Physician), Update, false, false, false),
        (of_person("user/*.cruds", Role::Receptionist), Read, false, false, false),
        (of_person("user/*.cruds", Role::LabTechnician), Read, true, true, true),
        (of_person("user/*.cruds", Role::LabTechnician), Update, true, false, true),
        (of_person("user/*.cruds", Role::Patient), Read, true, true, false),
        (of_person("patient/*.cruds", Role::Patient), Read, true, true, false),
        (of_person("patient/*.cruds", Role::Patient), Update, false, false, false),
        (of_person("patient/*.cruds", Role::Physician), Update, true, true, false),
        (of_person("system/*.cruds", Role::Physician), Read, true, true, true),
    ] {
        let told = format!("{:?} {letter:?}", who.scopes);
        let got = [&own, &vital, &others].map(|resource| shown(clone(&who), letter, resource));
        assert_eq!(got, [is_own, is_vital, is_others], "{told}");
    }
}

fn clone(token: &Token) -> Token {
    Token {
        scopes: token.scopes.clone(),
        person: token.person.clone(),
        patient: token.patient.clone(),
        ..Token::default()
    }
}

#[test]
fn a_record_opens_what_is_about_its_patient_and_what_is_about_nobody() {
    let read = |name: &str, resource: Value| {
        let grant = Grant::of_token(&Arc::new(token("patient/*.cruds")), &REGISTRY, &Knowledge::Keeper);
        let id = ResourceId::parse(resource["id"].as_str().unwrap_or("x")).unwrap();
        grant.shows(t(name), &id, resource.to_string().as_bytes(), Way::Letter(Letter::Read))
    };
    for (name, resource, is_shown) in [
        ("Patient", json!({"resourceType": "Patient", "id": "p1"}), true),
        ("Patient", json!({"resourceType": "Patient", "id": "p2"}), false),
        ("Practitioner", json!({"resourceType": "Practitioner", "id": "d"}), true),
        ("Medication", json!({"resourceType": "Medication", "id": "m"}), true),
        ("Device", json!({"resourceType": "Device", "id": "x", "patient": {"reference": "Patient/p1"}}), true),
        ("Device", json!({"resourceType": "Device", "id": "x", "patient": {"reference": "Patient/p2"}}), false),
        ("Device", json!({"resourceType": "Device", "id": "x"}), false),
        ("Task", json!({"resourceType": "Task", "id": "x", "for": {"reference": "Patient/p1"}}), true),
        ("Bundle", json!({"resourceType": "Bundle", "id": "x"}), false),
        ("Encounter", json!({"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p1"}}), true),
        (
            "Encounter",
            json!({"resourceType": "Encounter", "id": "e", "subject": {"reference": "http://here/fhir/Patient/p1"}}),
            true,
        ),
        (
            "Encounter",
            json!({"resourceType": "Encounter", "id": "e", "subject": {"reference": "http://there/fhir/Patient/p1"}}),
            false,
        ),
    ] {
        assert_eq!(read(name, resource.clone()), is_shown, "{resource}");
    }
    let grant = Grant::of_token(&Arc::new(token("patient/*.cruds")), &REGISTRY, &Knowledge::Keeper);
    // What a Binary belongs to decides on its reading, elsewhere; nothing else shows one.
    assert_eq!((grant.sight(t("Binary"), Letter::Read), grant.seen(t("Binary"))), (Expr::All, Expr::None));
    for name in ["Practitioner", "Medication", "Binary", "Subscription"] {
        assert_eq!(grant.sight(t(name), Letter::Create), Expr::None, "{name} is nobody's to write");
    }
}

#[test]
fn who_a_patient_is_is_asked_of_who_manages_patients() {
    let shown = |role: Role, scopes: &str, code: &str, letter: Letter| {
        let grant = Grant::of_token(&Arc::new(of_person(scopes, role)), &REGISTRY, &Knowledge::Keeper);
        let task = json!({"resourceType": "Task", "id": "x", "for": {"reference": "Patient/p1"},
            "code": {"coding": [{"system": "https://here.example/CodeSystem/task-code", "code": code}]}});
        grant.shows(t("Task"), &ResourceId::parse("x").unwrap(), task.to_string().as_bytes(), Way::Letter(letter))
    };
    use Letter::*;
    for (role, scopes, [is_read, is_changed], is_other_read) in [
        (Role::Admin, "user/*.cruds", [true, true], false),
        (Role::FacilityAdmin, "user/*.cruds", [true, true], true),
        (Role::Receptionist, "user/*.cruds", [true, true], true),
        (Role::Physician, "user/*.cruds", [true, true], true),
        (Role::Patient, "patient/*.cruds", [false, false], true),
        (Role::RelatedPerson, "patient/*.cruds", [false, false], true),
        (Role::SystemAuditor, "user/*.cruds", [false, false], false),
    ] {
        let own = [Read, Update].map(|letter| shown(role, scopes, "patient-identification", letter));
        assert_eq!(own, [is_read, is_changed], "{role:?}");
        assert_eq!(shown(role, scopes, "fulfill", Read), is_other_read, "{role:?}");
    }
}

#[test]
fn rights_come_from_roles_or_from_the_scope_of_a_system() {
    let system = Token { rights: vec![Right::OpenLaunch], ..token("") };
    for (who, status) in [
        (of_person("user/*.rs", Role::Physician), 200),
        (of_person("user/*.rs", Role::Patient), 403),
        (Token { rights: vec![Right::OpenLaunch], ..of_person("", Role::Patient) }, 403),
        (system, 200),
        (token("system/*.cruds"), 403),
    ] {
        let got = decided(who, &Needs::Right(Right::OpenLaunch)).map_or_else(|f| f.status(), |_| 200);
        assert_eq!(got, status);
    }
}

#[test]
fn the_scope_fhir_user_opens_the_one_resource_that_is_the_person() {
    let shown = |who: &Token, name: &str, id: &str, letter: Letter| {
        let grant = Grant::of_token(&Arc::new(clone(who)), &REGISTRY, &Knowledge::Keeper);
        let resource = json!({"resourceType": name, "id": id}).to_string();
        grant.shows(t(name), &ResourceId::parse(id).unwrap(), resource.as_bytes(), Way::Letter(letter))
    };
    let of = |scopes: &str, reads_itself: bool, is: &str| {
        let (own, id) = is.split_once('/').unwrap();
        let fhir_user = Some((t(own), ResourceId::parse(id).unwrap()));
        let person = Person { roles: vec![Role::Physician], fhir_user, reads_itself, ..Person::default() };
        Token { person: Some(person), ..token(scopes) }
    };
    use Letter::*;
    for (who, name, id, letter, is_shown) in [
        (of("patient/Observation.rs", true, "Practitioner/doc"), "Practitioner", "doc", Read, true),
        (of("patient/Observation.rs", false, "Practitioner/doc"), "Practitioner", "doc", Read, false),
        (of("patient/Observation.rs", true, "Practitioner/doc"), "Practitioner", "other", Read, false),
        (of("patient/Observation.rs", true, "Practitioner/doc"), "Patient", "doc", Read, false),
        (of("patient/Observation.rs", true, "Practitioner/doc"), "Practitioner", "doc", Update, false),
        (of("patient/Observation.rs", true, "Practitioner/doc"), "Practitioner", "doc", Search, false),
        (of("patient/Observation.rs", true, "Patient/own"), "Patient", "own", Read, true),
        (of("user/Practitioner.rs", true, "Practitioner/doc"), "Practitioner", "other", Read, true),
    ] {
        assert_eq!(shown(&who, name, id, letter), is_shown, "{:?} {name}/{id} {letter:?}", who.scopes);
    }
}
