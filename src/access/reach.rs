//! What belongs to one patient, and what belongs to nobody: how far `patient/` scopes reach.
//!
//! R4 <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>, and for types outside of it the table below.

use super::scope::Letter;
use crate::fhir::{ResourceId, ResourceType};
use crate::search::{Expr, Registry, compartment};

/// Types outside the compartment whose resources are about a patient, and the parameter that leads to the patient.
const ABOUT: &[(&str, &str)] = &[("Device", "patient"), ("Task", "patient"), ("GuidanceResponse", "patient")];

/// Types outside the compartment that may hold anything about anybody. They open to nobody by a patient's record.
const CLOSED: &[&str] = &[
    "BiologicallyDerivedProduct",
    "Binary",
    "Bundle",
    "Contract",
    "DeviceMetric",
    "EnrollmentResponse",
    "Linkage",
    "MessageHeader",
    "OperationOutcome",
    "Parameters",
    "PaymentNotice",
    "PaymentReconciliation",
    "Subscription",
    "TestReport",
    "VerificationResult",
];

/// Returns which resources of a type the record of a patient opens.
///
/// Members of the compartment; what is about the patient by another reference; and to read and search, what is about no
/// patient at all: practitioners, places, medicines, definitions.
pub fn of_patient(registry: &Registry, patient: &ResourceId, t: ResourceType, letter: Letter) -> Expr {
    let is_member = registry.catalog.compartment("Patient").is_some_and(|c| c.members().any(|(member, _)| member == t));
    if t == ResourceType::PATIENT {
        // R4 counts every Patient that links to this one in. But whoever writes such a link must not open a record by it.
        // And a new Patient is in nobody's record yet.
        return if letter == Letter::Create { Expr::None } else { Expr::Ids(vec![patient.clone()]) };
    }
    if is_member {
        let member = compartment::of_patients(registry, std::slice::from_ref(patient));
        return match letter {
            Letter::Read | Letter::Search => member,
            Letter::Create | Letter::Update | Letter::Delete => Expr::and([member, about(registry, patient, t)]),
        };
    }
    if let Some((_, parameter)) = ABOUT.iter().find(|(name, _)| *name == t.name()) {
        let pair = (parameter.to_string(), format!("Patient/{patient}"));
        return crate::search::parse(registry, Some(t), &[pair], false).map_or(Expr::None, |search| search.filter);
    }
    // One Binary is read by what it belongs to: see `interaction::binary`. None is found, and none comes along.
    if t == ResourceType::BINARY && letter == Letter::Read {
        return Expr::All;
    }
    let is_open = !CLOSED.contains(&t.name()) && matches!(letter, Letter::Read | Letter::Search);
    if is_open { Expr::All } else { Expr::None }
}

/// Returns which members of a patient's record are about that patient, or about nobody who is named. Others are members because
/// the patient performed, wrote or was sent them: what they say belongs to somebody else's record.
fn about(registry: &Registry, patient: &ResourceId, t: ResourceType) -> Expr {
    let asked = |name: &str, value: &str| {
        let pair = (name.to_string(), value.to_string());
        crate::search::parse(registry, Some(t), &[pair], false).map_or(Expr::None, |search| search.filter)
    };
    let subject = ["subject", "patient"].into_iter().find(|name| registry.of(t).param(name).is_some());
    subject.map_or(Expr::All, |name| {
        Expr::or([asked(name, &format!("Patient/{patient}")), asked(&format!("{name}:missing"), "true")])
    })
}
