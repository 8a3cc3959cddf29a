//! The resource types of R4, numbered for good.
//!
//! R4 <https://hl7.org/fhir/R4/resourcelist.html>. The number of a type stands in the database, so the list
//! never changes its order; R4 is closed, and a later version of FHIR appends.

use std::fmt;

/// A resource type by its number: its place in [`NAMES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(u8);

impl ResourceType {
    pub const AUDIT_EVENT: ResourceType = ResourceType(6);
    pub const BINARY: ResourceType = ResourceType(8);
    pub const BUNDLE: ResourceType = ResourceType(11);
    pub const CARE_TEAM: ResourceType = ResourceType(14);
    pub const COMMUNICATION: ResourceType = ResourceType(22);
    pub const CONSENT: ResourceType = ResourceType(28);
    pub const ENCOUNTER: ResourceType = ResourceType(43);
    pub const GROUP: ResourceType = ResourceType(57);
    pub const LIST: ResourceType = ResourceType(69);
    pub const OPERATION_OUTCOME: ResourceType = ResourceType(98);
    pub const ORGANIZATION: ResourceType = ResourceType(99);
    pub const PARAMETERS: ResourceType = ResourceType(101);
    pub const PATIENT: ResourceType = ResourceType(102);
    pub const PRACTITIONER: ResourceType = ResourceType(107);
    pub const PRACTITIONER_ROLE: ResourceType = ResourceType(108);
    pub const PROVENANCE: ResourceType = ResourceType(110);
    pub const RELATED_PERSON: ResourceType = ResourceType(113);
    pub const SEARCH_PARAMETER: ResourceType = ResourceType(122);
    pub const TASK: ResourceType = ResourceType(139);

    /// Returns the type of this name, which is case-sensitive; none when R4 has no such resource.
    pub fn parse(name: &str) -> Option<ResourceType> {
        NAMES.binary_search(&name).ok().map(|i| ResourceType(i as u8))
    }

    pub fn all() -> impl Iterator<Item = ResourceType> {
        (0..NAMES.len()).map(|i| ResourceType(i as u8))
    }

    pub fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    /// Returns the number that stands in the database.
    pub fn number(self) -> i16 {
        i16::from(self.0)
    }

    /// Returns the type of a number from the database.
    pub fn from_number(number: i16) -> Option<ResourceType> {
        u8::try_from(number).ok().filter(|n| (*n as usize) < NAMES.len()).map(ResourceType)
    }

    /// Returns whether instances live on the server: Parameters and OperationOutcome only travel.
    pub fn is_stored(self) -> bool {
        self != ResourceType::PARAMETERS && self != ResourceType::OPERATION_OUTCOME
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Every resource type of R4, in ASCII order.
#[rustfmt::skip]
pub const NAMES: [&str; 146] = [
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_a_search_finds_them() {
        assert!(NAMES.is_sorted());
        for t in ResourceType::all() {
            assert_eq!(ResourceType::parse(t.name()), Some(t));
            assert_eq!(ResourceType::from_number(t.number()), Some(t));
        }
        assert_eq!(ResourceType::PATIENT.name(), "Patient");
        assert_eq!(ResourceType::AUDIT_EVENT.name(), "AuditEvent");
        assert_eq!(ResourceType::LIST.name(), "List");
        assert_eq!(ResourceType::parse("patient"), None);
    }
}
