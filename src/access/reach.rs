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
        return compartment::of_patients(registry, std::slice::from_ref(patient));
    }
    if let Some((_, parameter)) = ABOUT.iter().find(|(name, _)| *name == t.name()) {
        let pair = (parameter.to_string(), format!("Patient/{patient}"));
        return crate::search::parse(registry, Some(t), &[pair], false).map_or(Expr::None, |search| search.filter);
    }
    let is_open = !CLOSED.contains(&t.name()) && matches!(letter, Letter::Read | Letter::Search);
    if is_open { Expr::All } else { Expr::None }
}
