//! Who asks in the leak test: every role, patients, those who speak for them, and systems.

use super::world::World;
use crate::client::Client;
use medilink::oauth::Claims;

/// Somebody with a token.
pub struct User {
    pub name: String,
    pub client: Client,
}

type Change = Box<dyn Fn(&mut Claims)>;

/// Returns everybody.
pub fn cast(world: &World) -> Vec<User> {
    let id = |n: usize| world.patients[n].strip_prefix("Patient/").expect("a patient").to_string();
    let mut all: Vec<(&str, Change)> = Vec::new();
    let mut person = |name: &'static str, record: &str, roles: &'static [&'static str], scope: &'static str| {
        let record = record.to_string();
        all.push((name, Box::new(move |claims| take(claims, &record, roles, scope))));
    };
    let staff = "user/*.rs";
    person("physician who cares", &world.doctor(0), &["physician"], staff);
    person("physician of the second", &world.doctor(1), &["physician"], staff);
    person("physician from afar", "Practitioner/leak-far", &["physician"], staff);
    person("nurse", "Practitioner/leak-nurse", &["nurse"], staff);
    person("pharmacist", "Practitioner/leak-pharmacist", &["pharmacist"], staff);
    person("lab technician", "Practitioner/leak-lab", &["lab-technician"], staff);
    person("receptionist", "Practitioner/leak-desk", &["receptionist"], staff);
    person("facility admin", "Practitioner/leak-pharmacist", &["facility-admin"], staff);
    person("admin", "Practitioner/leak-desk", &["admin"], staff);
    person("insurer auditor", "Practitioner/leak-desk", &["insurer-auditor"], staff);
    person("system auditor", "Practitioner/leak-desk", &["system-auditor"], staff);
    person("two roles", "Practitioner/leak-two", &["pharmacist", "physician"], staff);
    person(
        "granular scopes",
        &world.doctor(0),
        &["physician"],
        "user/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory \
         user/Patient.rs user/Encounter.rs user/Condition.rs user/Practitioner.rs",
    );
    person("patient", &world.patients[0], &["patient"], "user/*.rs");
    person("patient by an app", &world.patients[1], &["patient"], "patient/*.rs");
    person("third patient", &world.patients[2], &["patient"], "patient/*.rs user/*.rs");
    let mother = id(1);
    all.push((
        "related person",
        Box::new(move |claims| {
            take(claims, "RelatedPerson/leak-mother", &["related-person"], "patient/*.rs user/*.rs");
            claims.patient = Some(mother.clone());
        }),
    ));
    let doctor = world.doctor(0);
    all.push((
        "physician with a record open",
        Box::new(move |claims| take(claims, &doctor, &["physician"], "patient/*.rs")),
    ));
    if let Some((_, change)) = all.last_mut() {
        let (take, patient) = (std::mem::replace(change, Box::new(|_| {})), id(2));
        *change = Box::new(move |claims| {
            take(claims);
            claims.patient = Some(patient.clone());
        });
    }
    for (name, purpose) in [("physician in need", "ETREAT"), ("physician who studies", "HRESCH")] {
        let doctor = world.doctor(1);
        all.push((
            name,
            Box::new(move |claims| {
                take(claims, &doctor, &["physician"], "user/*.rs");
                claims.purpose_of_use = Some(purpose.to_string());
            }),
        ));
    }
    for (name, purpose, patient) in [
        ("system", None, None),
        ("system of a payer", Some("HPAYMT"), None),
        ("system of one patient", Some("TREAT"), Some(id(0))),
    ] {
        all.push((
            name,
            Box::new(move |claims| {
                claims.sub = "leak-app".to_string();
                claims.client_id = Some("leak-app".to_string());
                claims.scope = if patient.is_some() { "patient/*.rs" } else { "system/*.rs" }.to_string();
                claims.purpose_of_use = purpose.map(str::to_string);
                claims.patient.clone_from(&patient);
            }),
        ));
    }
    let signed = |(name, change): (&str, Change)| {
        let token = world.app.forged(change);
        User { name: name.to_string(), client: world.app.client().with_token(&token) }
    };
    all.into_iter().map(signed).collect()
}

/// What consents name of them all.
pub fn actors(world: &World) -> Vec<String> {
    let mut all: Vec<String> = [
        "Practitioner/leak-far",
        "Practitioner/leak-nurse",
        "Practitioner/leak-desk",
        "PractitionerRole/leak-pharmacist",
        "PractitionerRole/leak-two",
        "Organization/leak-ward",
        "CareTeam/leak-team",
        "Group/leak-staff",
        "Device/leak-app",
        "RelatedPerson/leak-mother",
    ]
    .map(str::to_string)
    .into();
    all.extend([world.doctor(0), world.doctor(1), world.patients[0].clone(), world.patients[2].clone()]);
    all.extend(world.led_to("Organization/leak-ward", "partOf"));
    all
}

fn take(claims: &mut Claims, record: &str, roles: &[&str], scope: &str) {
    claims.sub = format!("account of {record} as {}", roles.join(" "));
    claims.client_id = Some("leak-page".to_string());
    claims.fhir_user = Some(record.to_string());
    claims.roles = roles.iter().map(ToString::to_string).collect();
    claims.scope = scope.to_string();
    claims.patient = record.strip_prefix("Patient/").map(str::to_string);
}
