//! Whom a resource is about, who cares for whom by it, and who belongs to what.
//!
//! What policy asks of a resource beside what it is searched by. R4 Patient compartment
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>, of which subjects alone count here: whoever wrote, performed or
//! received a record does not decide over it.

use super::key::Keyer;
use super::rows::IndexRows;
use crate::fhir::ResourceType;
use crate::fhir::reference::Literal;
use serde_json::Value;

/// The first patient of a [`Link`] is cared for by the second.
pub const CARE: i16 = 1;
/// The first belongs to the second.
pub const MEMBER: i16 = 2;

/// Kind, and the targets that are linked.
pub type Link = (i16, i64, i64);

/// Elements that name the patient of a resource; of other types they are `subject` and `patient`.
const ABOUT: &[(&str, &[&str])] = &[
    ("Account", &["subject"]),
    ("Appointment", &["participant.actor"]),
    ("AppointmentResponse", &["actor"]),
    ("AuditEvent", &["entity.what"]),
    ("Binary", &["securityContext"]),
    ("Coverage", &["beneficiary"]),
    ("EnrollmentRequest", &["candidate"]),
    ("Group", &["member.entity"]),
    ("Linkage", &["item.resource"]),
    ("MessageHeader", &["focus"]),
    ("Person", &["link.target"]),
    ("Provenance", &["target"]),
    ("ResearchSubject", &["individual"]),
    ("Schedule", &["actor"]),
    ("SupplyRequest", &["deliverTo"]),
    ("Task", &["for"]),
];

/// Types whose elements in [`ABOUT`] name others than patients as often: who stands there is a patient only where it says so.
const SHARED: &[&str] = &[
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Binary",
    "Group",
    "Linkage",
    "MessageHeader",
    "Person",
    "Provenance",
    "Schedule",
    "SupplyRequest",
];

/// Elements that name records which a resource tells of, where it names no patient itself.
const CARRIES: &[(&str, &str)] = &[
    ("Linkage", "item.resource"),
    ("List", "entry.item"),
    ("MessageHeader", "focus"),
    ("Provenance", "target"),
    ("Task", "focus"),
];

/// Types that are records of nobody.
const OF_NOBODY: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "CodeSystem",
    "ConceptMap",
    "Endpoint",
    "HealthcareService",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "MedicationKnowledge",
    "NamingSystem",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "Subscription",
    "Substance",
    "ValueSet",
];

/// Elements that name who cares for the patient of a resource.
const CARERS: &[(&str, &[&str])] = &[
    ("Patient", &["generalPractitioner", "managingOrganization"]),
    ("Encounter", &["participant.individual", "serviceProvider"]),
    ("EpisodeOfCare", &["careManager", "managingOrganization", "team"]),
    ("CareTeam", &["participant.member", "participant.onBehalfOf", "managingOrganization"]),
    ("Appointment", &["participant.actor"]),
];

/// Elements that name what a resource makes one belong to: the members, and what they are members of. An empty list is the
/// resource itself.
const MEMBERS: &[(&str, &[&str], &[&str])] = &[
    ("PractitionerRole", &["practitioner"], &[]),
    ("PractitionerRole", &[], &["organization"]),
    ("Organization", &[], &["partOf"]),
    ("CareTeam", &["participant.member"], &[]),
    ("Group", &["member.entity"], &[]),
];

/// Types of which one resource can be about several patients.
pub fn is_of_many(t: ResourceType) -> bool {
    matches!(
        t.name(),
        "Account"
            | "Appointment"
            | "Bundle"
            | "Contract"
            | "Group"
            | "Linkage"
            | "MessageHeader"
            | "Person"
            | "Provenance"
            | "Schedule"
    )
}

/// Returns the target that stands for a patient of whom it is not known who: one named by an identifier alone, one of another server.
/// Nobody cares for that patient, and no Consent is theirs.
pub fn somebody(keyer: &Keyer) -> i64 {
    keyer.target("Patient", "")
}

/// Adds whom a resource is about, and the links that it makes.
pub(super) fn add(keyer: &Keyer, base_url: &str, t: ResourceType, resource: &Value, rows: &mut IndexRows) {
    let refers = Refers { keyer, base_url, own: resource.get("id").and_then(Value::as_str).map(|id| (t, id)) };
    match t.name() {
        "Patient" => rows.about.push(refers.itself().unwrap_or_else(|| somebody(keyer))),
        "Bundle" => {
            let entries = resource.get("entry").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for (t, entry) in entries.iter().filter_map(|entry| typed(entry.get("resource")?)) {
                let mut inner = IndexRows::default();
                add(keyer, base_url, t, entry, &mut inner);
                rows.about.append(&mut inner.about);
            }
        }
        name => {
            let paths = ABOUT.iter().find(|(known, _)| *known == name).map_or(&["subject", "patient"][..], |(_, p)| p);
            rows.about.extend(refers.at(resource, paths, &|t| t == ResourceType::PATIENT));
            if refers.hints(t, resource, paths) || (rows.about.is_empty() && refers.carries(t, resource)) {
                rows.about.push(somebody(keyer));
            }
        }
    }
    // What is over, or was never meant, lets nobody in.
    if is_void(t, resource) {
        return;
    }
    if let Some((_, paths)) = CARERS.iter().find(|(known, _)| *known == t.name()) {
        let carers = refers.at(resource, paths, &is_carer);
        let pairs = |patient: &i64| carers.iter().map(|carer| (CARE, *patient, *carer)).collect::<Vec<_>>();
        let known = rows.about.iter().filter(|patient| **patient != somebody(keyer));
        rows.links.extend(known.flat_map(pairs));
    }
    for (_, members, of) in MEMBERS.iter().filter(|(known, ..)| *known == t.name()) {
        let named = |paths: &[&str]| match paths {
            [] => refers.itself().into_iter().collect(),
            paths => refers.at(resource, paths, &|_| true),
        };
        let of = named(of);
        rows.links.extend(named(members).iter().flat_map(|member| of.iter().map(|of| (MEMBER, *member, *of))));
    }
}

fn typed(resource: &Value) -> Option<(ResourceType, &Value)> {
    Some((ResourceType::parse(resource.get("resourceType")?.as_str()?)?, resource))
}

fn is_carer(t: ResourceType) -> bool {
    matches!(t.name(), "Practitioner" | "PractitionerRole" | "Organization" | "CareTeam")
}

/// Returns whether a resource says of itself that it does not hold.
fn is_void(t: ResourceType, resource: &Value) -> bool {
    let status = resource.get("status").and_then(Value::as_str).unwrap_or_default();
    let is_inactive = resource.get("active").and_then(Value::as_bool) == Some(false);
    match t.name() {
        "Patient" => false,
        "Appointment" => !matches!(status, "booked" | "arrived" | "checked-in" | "fulfilled"),
        "CareTeam" => matches!(status, "inactive" | "entered-in-error" | "proposed"),
        _ => is_inactive || matches!(status, "entered-in-error" | "cancelled"),
    }
}

struct Refers<'a> {
    keyer: &'a Keyer,
    base_url: &'a str,
    own: Option<(ResourceType, &'a str)>,
}

impl Refers<'_> {
    fn itself(&self) -> Option<i64> {
        self.own.map(|(t, id)| self.keyer.target(t.name(), id))
    }

    /// Returns the targets of the references at the paths that lead to wanted types.
    fn at(&self, resource: &Value, paths: &[&str], wanted: &dyn Fn(ResourceType) -> bool) -> Vec<i64> {
        let mut found = Vec::new();
        for path in paths {
            walk(resource, path, &mut |reference| found.extend(self.target(reference, wanted)));
        }
        found
    }

    /// Returns whether one of the references at the paths is to a patient of whom this server does not know who it is.
    fn hints(&self, t: ResourceType, resource: &Value, paths: &[&str]) -> bool {
        let is_shared = SHARED.contains(&t.name());
        let contained = resource.get("contained").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut found = false;
        let mut look = |reference: &Value| {
            let named = reference.get("type").and_then(Value::as_str);
            let is_patient = named.map_or(!is_shared, |name| name.rsplit('/').next() == Some("Patient"));
            let Some(text) = reference.get("reference").and_then(Value::as_str) else {
                found |= is_patient;
                return;
            };
            let inner = text.strip_prefix('#').and_then(|id| contained.iter().find(|it| it["id"] == id));
            found |= match (Literal::parse(text), inner) {
                (Some(literal), _) => literal.resource_type == ResourceType::PATIENT && !self.is_here(&literal),
                (None, Some(inner)) => inner["resourceType"] == "Patient",
                (None, None) => is_patient,
            };
        };
        paths.iter().for_each(|path| walk(resource, path, &mut look));
        found
    }

    /// Returns whether a resource tells of records without naming whose they are.
    fn carries(&self, t: ResourceType, resource: &Value) -> bool {
        let Some((_, path)) = CARRIES.iter().find(|(known, _)| *known == t.name()) else { return false };
        let mut found = false;
        walk(resource, path, &mut |reference| {
            let literal = reference.get("reference").and_then(Value::as_str).and_then(Literal::parse);
            found |= literal.is_none_or(|literal| !OF_NOBODY.contains(&literal.resource_type.name()));
        });
        found
    }

    fn is_here(&self, literal: &Literal) -> bool {
        literal.base.is_empty() || literal.base == self.base_url
    }

    fn target(&self, reference: &Value, wanted: &dyn Fn(ResourceType) -> bool) -> Option<i64> {
        let literal = Literal::parse(reference.get("reference")?.as_str()?)?;
        (self.is_here(&literal) && wanted(literal.resource_type))
            .then(|| self.keyer.target(literal.resource_type.name(), literal.id))
    }
}

/// Visits the references at a path.
fn walk(value: &Value, path: &str, visit: &mut dyn FnMut(&Value)) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut each = |item: &Value| match rest {
        "" => visit(item),
        // A member who has left is none any more.
        rest if item.get("inactive").and_then(Value::as_bool) != Some(true) => walk(item, rest, visit),
        _ => {}
    };
    match value.get(name) {
        Some(Value::Array(items)) => items.iter().for_each(&mut each),
        Some(item) => each(item),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(resource: Value) -> IndexRows {
        let mut rows = IndexRows::default();
        let t = ResourceType::parse(resource["resourceType"].as_str().unwrap()).unwrap();
        add(&Keyer::fixed(), "http://h/fhir", t, &resource, &mut rows);
        rows
    }

    fn key(reference: &str) -> i64 {
        let (t, id) = reference.split_once('/').unwrap();
        Keyer::fixed().target(t, id)
    }

    #[test]
    fn a_resource_is_about_its_subjects_and_nobody_else() {
        let r = |reference: &str| json!({"reference": reference});
        for (resource, about) in [
            (json!({"resourceType": "Patient", "id": "p", "link": [{"other": r("Patient/q")}]}), &["Patient/p"][..]),
            (
                json!({"resourceType": "Observation", "subject": r("Patient/p"), "performer": [r("Patient/q")]}),
                &["Patient/p"],
            ),
            (
                json!({"resourceType": "Observation", "subject": r("http://h/fhir/Patient/p/_history/2")}),
                &["Patient/p"],
            ),
            (json!({"resourceType": "Observation", "subject": r("Group/g")}), &[]),
            (
                json!({"resourceType": "Observation", "subject": r("#d"), "contained": [{"resourceType": "Device", "id": "d"}]}),
                &[],
            ),
            (json!({"resourceType": "Appointment", "participant": [{"actor": {"display": "Dr. Okafor"}}]}), &[]),
            (json!({"resourceType": "Provenance", "target": [r("Organization/o")]}), &[]),
            (json!({"resourceType": "Provenance", "target": [r("Observation/o"), r("Patient/p")]}), &["Patient/p"]),
            (json!({"resourceType": "Linkage", "item": [{"resource": r("Patient/p")}]}), &["Patient/p"]),
            (json!({"resourceType": "Task", "for": r("Patient/p"), "owner": r("Patient/q")}), &["Patient/p"]),
            (
                json!({"resourceType": "Group", "member": [{"entity": r("Patient/p")}, {"entity": r("Patient/q")}]}),
                &["Patient/p", "Patient/q"],
            ),
            (
                json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Flag", "subject": r("Patient/p")}}]}),
                &["Patient/p"],
            ),
            (json!({"resourceType": "Binary", "securityContext": r("Patient/p")}), &["Patient/p"]),
        ] {
            assert_eq!(rows(resource.clone()).about, about.iter().map(|a| key(a)).collect::<Vec<_>>(), "{resource}");
        }
    }

    #[test]
    fn who_is_named_but_not_known_is_somebody() {
        let r = |reference: &str| json!({"reference": reference});
        for resource in [
            json!({"resourceType": "Observation", "subject": r("http://other/fhir/Patient/p")}),
            json!({"resourceType": "Observation", "subject": {"identifier": {"value": "1"}}}),
            json!({"resourceType": "Observation", "subject": {"display": "Amina"}}),
            json!({"resourceType": "Observation", "subject": {"type": "Patient", "identifier": {"value": "1"}}}),
            json!({"resourceType": "Observation", "subject": r("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0")}),
            json!({"resourceType": "Observation", "subject": r("#p"), "contained": [{"resourceType": "Patient", "id": "p"}]}),
            json!({"resourceType": "Appointment", "participant": [{"actor": {"type": "Patient", "display": "Amina"}}]}),
            json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}),
            json!({"resourceType": "Provenance", "target": [r("Organization/o"), r("Observation/o")]}),
            json!({"resourceType": "List", "entry": [{"item": r("Condition/c")}]}),
            json!({"resourceType": "Task", "focus": r("Condition/c")}),
        ] {
            assert_eq!(rows(resource.clone()).about, [somebody(&Keyer::fixed())], "{resource}");
        }
        let visit = json!({"resourceType": "Encounter", "subject": {"display": "Amina"}, "serviceProvider": r("Organization/o")});
        assert_eq!(rows(visit).links, [], "nobody cares for somebody");
    }

    #[test]
    fn care_and_membership_are_links() {
        let r = |reference: &str| json!({"reference": reference});
        let encounter = json!({
            "resourceType": "Encounter", "status": "finished", "subject": r("Patient/p"),
            "participant": [{"individual": r("Practitioner/d")}], "serviceProvider": r("Organization/o")
        });
        let expected =
            [(CARE, key("Patient/p"), key("Practitioner/d")), (CARE, key("Patient/p"), key("Organization/o"))];
        assert_eq!(rows(encounter.clone()).links, expected);
        let mut over = encounter;
        over["status"] = "cancelled".into();
        assert_eq!(rows(over).links, []);
        let role = json!({
            "resourceType": "PractitionerRole", "id": "x", "practitioner": r("Practitioner/d"), "organization": r("Organization/o")
        });
        let own = key("PractitionerRole/x");
        assert_eq!(rows(role).links, [(MEMBER, key("Practitioner/d"), own), (MEMBER, own, key("Organization/o"))]);
        let group = json!({
            "resourceType": "Group", "id": "g",
            "member": [{"entity": r("Practitioner/d")}, {"entity": r("Practitioner/e"), "inactive": true}]
        });
        assert_eq!(rows(group).links, [(MEMBER, key("Practitioner/d"), key("Group/g"))]);
    }
}
