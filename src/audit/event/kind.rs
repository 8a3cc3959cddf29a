//! What happened, as the codes of an AuditEvent: a row of the audit names an action, and this table says what it is.
//!
//! IHE Basic Audit Log Patterns, <https://profiles.ihe.net/ITI/BALP/content.html>; DICOM PS3.16, context groups 400 and 401.

use crate::store::trail::Row;

pub const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: &str = "http://hl7.org/fhir/restful-interaction";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const IHE: &str = "urn:ihe:event-type-code";
const AUTHZ: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType";
/// Stands for the code system of this server, whose address an installation sets.
pub const OWN: &str = "";

/// System, code, display.
pub type Code = (&'static str, &'static str, &'static str);

/// Who hands what to whom: it decides the parts that the agents play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Read,
    Query,
    Create,
    Update,
    Delete,
    Operate,
    Security,
}

/// What kind of event a row is.
#[derive(Debug, Clone)]
pub struct Kind {
    pub deed: Deed,
    pub code: Code,
    pub subtypes: Vec<Code>,
    /// C, R, U, D or E.
    pub action: &'static str,
    /// The name of the profile; none where IHE has none.
    pub profile: Option<&'static str>,
}

const REST_CALL: Code = (EVENT_TYPE, "rest", "Restful Operation");
const ALERT: Code = (DCM, "110113", "Security Alert");
const AUTHENTICATION: Code = (DCM, "110114", "User Authentication");
const ACTIVITY: Code = (DCM, "110100", "Application Activity");
const OPERATION: Code = (REST, "operation", "operation");
const PERMISSIONS: Code = (DCM, "110135", "Object Security Attributes Changed");
const PERSON: Code = (DCM, "110137", "User Security Attributes Changed");
const SETTING: Code = (DCM, "110129", "Security Configuration");

/// The interactions of the RESTful API: the action of the row, its subtype, and what it does.
const INTERACTIONS: &[(&str, Code, Deed)] = &[
    ("read", (REST, "read", "read"), Deed::Read),
    ("vread", (REST, "vread", "vread"), Deed::Read),
    ("history-instance", (REST, "history-instance", "history-instance"), Deed::Read),
    ("history-type", (REST, "history-type", "history-type"), Deed::Query),
    ("history-system", (REST, "history-system", "history-system"), Deed::Query),
    ("search-type", (REST, "search-type", "search-type"), Deed::Query),
    ("search-system", (REST, "search-system", "search-system"), Deed::Query),
    ("search-compartment", (REST, "search", "search"), Deed::Query),
    ("create", (REST, "create", "create"), Deed::Create),
    ("update", (REST, "update", "update"), Deed::Update),
    ("patch", (REST, "patch", "patch"), Deed::Update),
    ("delete", (REST, "delete", "delete"), Deed::Delete),
    ("capabilities", (REST, "capabilities", "capabilities"), Deed::Operate),
    ("batch", (REST, "batch", "batch"), Deed::Operate),
    ("transaction", (REST, "transaction", "transaction"), Deed::Operate),
    ("operation", OPERATION, Deed::Operate),
];

/// What is not a request for resources: the action of the row, its type, the subtypes besides the action's own name, C to E.
const HAPPENINGS: &[(&str, Code, &[Code], &str)] = &[
    ("sign-in", AUTHENTICATION, &[(DCM, "110122", "Login")], "E"),
    ("sign-out", AUTHENTICATION, &[(DCM, "110123", "Logout")], "E"),
    ("step-up", AUTHENTICATION, &[(DCM, "110122", "Login")], "E"),
    ("token", AUTHENTICATION, &[(IHE, "ITI-71", "Get Access Token")], "E"),
    ("authorize", AUTHENTICATION, &[], "E"),
    ("authorization", PERMISSIONS, &[], "U"),
    ("factor", PERSON, &[], "U"),
    ("passkey", PERSON, &[], "U"),
    ("password", PERSON, &[], "U"),
    ("outside-identity", PERSON, &[], "U"),
    ("account", PERSON, &[(DCM, "110136", "Security Roles Changed")], "U"),
    ("admin", SETTING, &[], "E"),
    ("client", SETTING, &[], "U"),
    ("register", SETTING, &[], "C"),
    ("feed", SETTING, &[], "U"),
    // Somebody looks into a message that was not taken over, and says what is to become of it.
    ("message-read", ACTIVITY, &[], "R"),
    ("message-replay", ACTIVITY, &[], "E"),
    ("message-correct", ACTIVITY, &[], "U"),
    ("message-dismiss", ACTIVITY, &[], "U"),
    ("keys", SETTING, &[], "U"),
    ("revoke", PERMISSIONS, &[], "D"),
    ("launch", ACTIVITY, &[], "E"),
    ("page", ACTIVITY, &[], "R"),
    ("form", ACTIVITY, &[], "E"),
    ("emergency-override-start", ALERT, &[(DCM, "110127", "Emergency Override Started")], "E"),
    ("emergency-override-stop", ALERT, &[(DCM, "110138", "Emergency Override Stopped")], "E"),
    ("emergency-view", REST_CALL, &[OPERATION], "R"),
    ("emergency", REST_CALL, &[OPERATION], "R"),
    ("everything", REST_CALL, &[OPERATION], "R"),
    // DICOM's "Import" of data from another system.
    ("hl7v2-message", (DCM, "110107", "Import"), &[], "C"),
    // What operations write: the rows of their writes have their names.
    ("request", PERMISSIONS, &[OPERATION], "C"),
    ("grant", PERMISSIONS, &[OPERATION], "U"),
    ("deny", PERMISSIONS, &[OPERATION], "U"),
    ("break-glass", ALERT, &[OPERATION], "E"),
    ("end-break-glass", ALERT, &[OPERATION], "E"),
    ("review-break-glass", ALERT, &[OPERATION], "E"),
    ("break-glass-review", ALERT, &[], "E"),
    ("consent-request", PERMISSIONS, &[], "C"),
    ("consent-grant", PERMISSIONS, &[], "U"),
    ("consent-deny", PERMISSIONS, &[], "U"),
    ("consent-revoke", PERMISSIONS, &[], "U"),
    ("consent-expire", PERMISSIONS, &[], "U"),
];

/// Returns every action that the table knows.
pub fn known() -> impl Iterator<Item = &'static str> {
    INTERACTIONS.iter().map(|(action, ..)| *action).chain(HAPPENINGS.iter().map(|(action, ..)| *action))
}

/// Returns the known actions whose events have one of these codes, as the search parameters `type`, `subtype` and `action` ask.
pub fn with_codes(parameter: &str, codes: &[&str]) -> Vec<&'static str> {
    let has = |action: &&'static str| {
        let kind = of_action(action, false);
        match parameter {
            "type" => codes.contains(&kind.code.1),
            "action" => codes.contains(&kind.action),
            _ => codes.contains(action) || kind.subtypes.iter().any(|code| codes.contains(&code.1)),
        }
    };
    known().filter(has).collect()
}

/// Returns what a row is.
pub fn of(row: &Row) -> Kind {
    if is_alert(row) {
        return Kind { profile: None, code: ALERT, ..usual(row) };
    }
    if let Some(consent) = refused(row) {
        let usual = usual(row);
        let by = if consent { (AUTHZ, "AuthZ-Consent", "Consent") } else { (AUTHZ, "AuthZ-Role", "Role") };
        let subtypes = std::iter::once(by).chain(usual.subtypes).collect();
        let profile = consent.then_some("IHE.BasicAudit.AuthZconsent");
        return Kind { deed: Deed::Security, code: ALERT, subtypes, action: "E", profile };
    }
    usual(row)
}

fn usual(row: &Row) -> Kind {
    // A conditional create that found what it was to create has read it.
    let is_found = row.action == "create" && row.status == 200;
    let kind = of_action(if is_found { "read" } else { &row.action }, !row.patients.is_empty());
    // The profile of a token is that of one which was given.
    if row.action == "token" && row.status >= 400 { Kind { profile: None, ..kind } } else { kind }
}

fn of_action(action: &str, with_patient: bool) -> Kind {
    if let Some((_, subtype, deed)) = INTERACTIONS.iter().find(|(known, ..)| *known == action) {
        let (action, name) = match deed {
            Deed::Read => ("R", Some("Read")),
            Deed::Query => ("E", Some("Query")),
            Deed::Create => ("C", Some("Create")),
            Deed::Update => ("U", Some("Update")),
            Deed::Delete => ("D", Some("Delete")),
            Deed::Operate | Deed::Security => ("E", None),
        };
        let profile = name.and_then(|name| profile(name, with_patient));
        return Kind { deed: *deed, code: REST_CALL, subtypes: vec![*subtype], action, profile };
    }
    if let Some((known, code, subtypes, action)) = HAPPENINGS.iter().find(|(known, ..)| *known == action) {
        let deed = match (*code, *action) {
            (REST_CALL, "R") => Deed::Read,
            (REST_CALL, _) => Deed::Operate,
            _ => Deed::Security,
        };
        let profile = (*known == "token").then_some("IHE.IUA.71");
        return Kind { deed, code: *code, subtypes: subtypes.to_vec(), action, profile };
    }
    Kind { deed: Deed::Operate, code: REST_CALL, subtypes: vec![OPERATION], action: "E", profile: None }
}

/// Returns whether the action's own name says more than the codes: then it is one more subtype, in this server's own system.
pub fn has_own_name(row: &Row) -> bool {
    !INTERACTIONS.iter().any(|(action, ..)| *action == row.action)
        && !matches!(row.action.as_str(), "sign-in" | "sign-out" | "token")
}

/// Returns whether a row tells that glass was broken or that it is whole again.
pub fn is_override(row: &Row) -> bool {
    row.action.starts_with("emergency-override")
}

/// Returns whether a row tells of what looks like theft of a token.
fn is_alert(row: &Row) -> bool {
    row.action == "token" && row.detail.as_deref().is_some_and(|detail| detail.starts_with("110113"))
}

/// Returns whether a request was refused to somebody who is known, and then whether a consent refused it.
fn refused(row: &Row) -> Option<bool> {
    match row.status {
        _ if is_override(row) => None,
        403 | 404 if row.consent.is_some() => Some(true),
        403 => Some(false),
        _ => None,
    }
}

/// Returns the outcome of R4: 0 success, 4 minor, 8 serious, 12 major failure.
pub fn outcome(row: &Row) -> &'static str {
    match row.status {
        0..400 => "0",
        401 | 403 => "8",
        _ if refused(row).is_some() || row.action == "emergency-override-start" || is_alert(row) => "8",
        400..500 => "4",
        _ => "12",
    }
}

fn profile(name: &str, with_patient: bool) -> Option<&'static str> {
    Some(match (name, with_patient) {
        ("Read", false) => "IHE.BasicAudit.Read",
        ("Read", true) => "IHE.BasicAudit.PatientRead",
        ("Query", false) => "IHE.BasicAudit.Query",
        ("Query", true) => "IHE.BasicAudit.PatientQuery",
        ("Create", false) => "IHE.BasicAudit.Create",
        ("Create", true) => "IHE.BasicAudit.PatientCreate",
        ("Update", false) => "IHE.BasicAudit.Update",
        ("Update", true) => "IHE.BasicAudit.PatientUpdate",
        ("Delete", false) => "IHE.BasicAudit.Delete",
        ("Delete", true) => "IHE.BasicAudit.PatientDelete",
        _ => return None,
    })
}
