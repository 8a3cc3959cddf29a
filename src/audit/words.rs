//! A row of the audit in plain words, for the patient whose record it is about.
//!
//! No code, no id and nothing clinical stands in a line: what somebody saw is told by kind, not by content.

use crate::fhir::Instant;
use crate::store::trail::Row;

/// What a line is, so that a page can mark it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Somebody looked.
    Looked,
    /// Somebody wrote or changed something.
    Changed,
    /// Somebody was refused.
    Refused,
    /// The emergency card, or broken glass.
    Emergency,
    /// Who may see what was decided.
    Sharing,
    Other,
}

/// One line of a patient's access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub when: Instant,
    /// "Dr Mei Lin, physician"
    pub who: String,
    /// "read your laboratory results"
    pub what: String,
    /// "for your treatment"; none where nothing was said.
    pub why: Option<String>,
    pub kind: Sort,
}

impl Line {
    /// Returns the line as one sentence.
    pub fn sentence(&self) -> String {
        let why = self.why.as_deref().map(|why| format!(", {why}")).unwrap_or_default();
        // A name with a profession behind it is closed by a comma.
        let comma = if self.who.contains(", ") && !self.who.ends_with(',') { "," } else { "" };
        format!("{}{comma} {}{why}.", self.who, self.what)
    }
}

/// Returns how somebody is called: of a person `Type/id`, of an app `Device/id`; none where nobody knows.
pub type Names<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns a row in the words of the patient it is about.
pub fn words(row: &Row, names: Names) -> Line {
    let is_self = row.agent.as_deref().is_some_and(|agent| is_patient(row, agent));
    Line { when: row.at, who: who(row, names, is_self), what: what(row), why: why(row, is_self), kind: sort(row) }
}

fn is_patient(row: &Row, agent: &str) -> bool {
    let id = agent.strip_prefix("Patient/");
    row.patients.iter().any(|patient| patient.id.is_some() && patient.id.as_deref() == id)
}

fn who(row: &Row, names: Names, is_self: bool) -> String {
    let app = || {
        let client = row.client.as_deref()?;
        Some(names(&format!("Device/{client}")).unwrap_or_else(|| client.to_string()))
    };
    if is_self {
        return app().map_or_else(|| "You".to_string(), |app| format!("You, by the app '{app}',"));
    }
    if let Some(agent) = &row.agent {
        return names(agent).unwrap_or_else(|| unnamed(agent).to_string());
    }
    match row.principal.as_str() {
        "anonymous" => "Somebody who did not sign in".to_string(),
        "unrestricted" => "Somebody at the server itself".to_string(),
        principal => match app() {
            Some(app) => format!("The program '{app}'"),
            None => names(principal).unwrap_or_else(|| "An operator of the server".to_string()),
        },
    }
}

fn unnamed(agent: &str) -> &'static str {
    match agent.split_once('/').map(|(t, _)| t) {
        Some("Practitioner" | "PractitionerRole") => "A member of the staff",
        Some("RelatedPerson") => "A person who speaks for you",
        Some("Patient") => "Another patient",
        _ => "Somebody",
    }
}

fn sort(row: &Row) -> Sort {
    match row.action.as_str() {
        action if action.starts_with("emergency") => Sort::Emergency,
        _ if row.status >= 400 => Sort::Refused,
        _ if row.purpose.as_deref() == Some("BTG") => Sort::Emergency,
        action if action.starts_with("consent-") || is_sharing(row) => Sort::Sharing,
        "create" | "update" | "patch" | "delete" | "merge" | "transaction" => Sort::Changed,
        "read" | "vread" | "history-instance" | "history-type" | "history-system" | "everything" => Sort::Looked,
        action if action.starts_with("search") || action == "message-read" => Sort::Looked,
        _ if is_by_operation(row) => Sort::Changed,
        _ => Sort::Other,
    }
}

/// Returns whether a row tells that somebody wrote a Consent.
fn is_sharing(row: &Row) -> bool {
    let writes = matches!(row.action.as_str(), "create" | "update" | "patch" | "delete") || is_by_operation(row);
    writes && row.resource_type.is_some_and(|t| t.name() == "Consent")
}

/// Returns whether a row tells of what an operation wrote: it has the operation's name.
fn is_by_operation(row: &Row) -> bool {
    let is_interaction = matches!(row.action.as_str(), "read" | "vread" | "create" | "update" | "patch" | "delete");
    row.version.is_some() && !is_interaction
}

fn what(row: &Row) -> String {
    if row.content.is_some() {
        return "reported a use of your record at another place".into();
    }
    let refused = row.status >= 400;
    let things = row.resource_type.map_or("your record", |t| things(t.name()));
    let (did, was_refused) = match row.action.as_str() {
        "emergency-override-start" if refused => {
            return "tried to open your whole record in an emergency, and was refused".into();
        }
        "emergency-override-start" => return "opened your whole record in an emergency".into(),
        "emergency-override-stop" => return "ended the emergency access to your record".into(),
        "emergency-view" | "emergency" if refused => return "tried to see your emergency card, and was refused".into(),
        "emergency-view" | "emergency" => return "saw your emergency card".into(),
        "access-log" => return "looked at this list".into(),
        "message-read" => return "looked at a message about you that could not be taken over".into(),
        "message-correct" => return "mended a message about you that could not be taken over".into(),
        "message-replay" => return "tried again to take over a message about you".into(),
        "message-dismiss" => return "put aside a message about you that could not be taken over".into(),
        "consent-request" => return "asked to see parts of your record".into(),
        "consent-grant" => return "allowed somebody to see parts of your record".into(),
        "consent-deny" => return "refused a request to see your record".into(),
        "consent-revoke" => return "stopped sharing parts of your record".into(),
        "consent-expire" => return "ended a permission whose time was over".into(),
        "sign-in" | "sign-out" | "step-up" => return "used your account".into(),
        "hl7v2-message" => return "sent a message about you".into(),
        "export" => ("took a copy of", "take a copy of"),
        "everything" | "summary" => return told("read", "read", "your whole record", refused),
        "match" | "verify-health-id" => return told("looked for", "look for", "you by your name or number", refused),
        "merge" | "link-health-id" | "issue-health-id" => ("changed", "change"),
        "create" => ("added to", "add to"),
        "update" | "patch" => ("changed", "change"),
        "delete" => ("removed something from", "remove something from"),
        action if action.starts_with("search") => ("looked through", "look through"),
        "read" | "vread" | "history-instance" | "history-type" | "history-system" => ("read", "read"),
        "break-glass-review" | "review-break-glass" if row.version.is_none() => {
            return "checked an emergency access to your record".into();
        }
        _ if is_by_operation(row) && row.status == 201 => ("added to", "add to"),
        _ if is_by_operation(row) => ("changed", "change"),
        _ => ("used", "use"),
    };
    told(did, was_refused, things, refused)
}

fn told(did: &str, tried: &str, things: &str, refused: bool) -> String {
    if refused { format!("tried to {tried} {things}, and was refused") } else { format!("{did} {things}") }
}

/// Returns what resources of a type are called by those who are not at home in FHIR.
fn things(t: &str) -> &'static str {
    match t {
        "Patient" | "Person" | "RelatedPerson" => "your personal data",
        "Observation" | "DiagnosticReport" | "Specimen" | "MolecularSequence" => "your results and measurements",
        "ImagingStudy" | "Media" => "your pictures and scans",
        "Condition" | "Flag" | "AdverseEvent" | "DetectedIssue" | "RiskAssessment" | "ClinicalImpression" => {
            "your list of illnesses"
        }
        "AllergyIntolerance" => "your allergies",
        "FamilyMemberHistory" => "your family's illnesses",
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            "your medicines"
        }
        "Immunization" | "ImmunizationEvaluation" | "ImmunizationRecommendation" => "your vaccinations",
        "Procedure" | "CarePlan" | "CareTeam" | "Goal" | "ServiceRequest" => "your treatments",
        "Encounter" | "EpisodeOfCare" => "your visits",
        "Appointment" | "AppointmentResponse" | "Schedule" | "Slot" => "your appointments",
        "DocumentReference" | "DocumentManifest" | "Composition" | "Binary" | "Bundle" | "List" => "your documents",
        "Communication" | "CommunicationRequest" | "QuestionnaireResponse" => "your messages",
        "Consent" | "Contract" => "who may see your record",
        "Coverage" | "Claim" | "ClaimResponse" | "ExplanationOfBenefit" | "Invoice" | "Account" | "ChargeItem" => {
            "your bills and insurance"
        }
        "Device" | "DeviceRequest" | "DeviceUseStatement" => "your implants and devices",
        "AuditEvent" | "Provenance" => "this list of who looked",
        "Task" => "tasks about you",
        _ => "your record",
    }
}

fn why(row: &Row, is_self: bool) -> Option<String> {
    let why = match row.purpose.as_deref()? {
        "BTG" => "in an emergency that the clinician declared",
        "ETREAT" | "ERTREAT" => "in an emergency",
        "TREAT" | "TREATDS" | "CAREMGT" => "for your treatment",
        "HPAYMT" | "COVERAGE" => "to settle bills",
        "HOPERAT" | "PATADMIN" | "HSYSADMIN" | "RECORDMGT" => "to run the hospital",
        "HCOMPL" | "FRAUD" | "PATSFTY" => "to check that rules were kept",
        "HRESCH" | "CLINTRCH" => "for research",
        "PUBHLTH" | "DISASTER" | "THREAT" => "for public health",
        "FAMRQT" | "PWATRNY" | "SUPNWK" => "on behalf of the family",
        "PATRQT" if !is_self => "at your request",
        _ => return None,
    };
    Some(why.to_string())
}

#[cfg(test)]
mod tests;
