//! The menu of every page, and where a person begins: by role.

use super::clinician::is_clinician;
use crate::access::role::{Right, has};
use crate::account::Session;
use crate::fhir::ResourceType;

/// Where a person begins who wanted nothing in particular.
pub const HOME: &str = "/home";

/// Returns the links of the menu: addresses and words, what people come for first.
pub fn menu(session: Option<&Session>) -> Vec<(&'static str, &'static str)> {
    let mut menu = Vec::new();
    if let Some(session) = session {
        let roles = &session.account.roles;
        let record = session.account.fhir_user.as_ref().map(|(t, _)| *t);
        let is_patient = record == Some(ResourceType::PATIENT);
        if is_clinician(roles) && record == Some(ResourceType::PRACTITIONER) {
            menu.extend([("/clinician", "My patients"), ("/clinician/requests", "My requests")]);
        }
        if is_patient || is_relative(session) {
            menu.extend([("/patient", "My record"), ("/patient/sharing", "Sharing")]);
        }
        if is_patient {
            menu.extend([("/patient/log", "Who looked"), ("/patient/card", "Emergency card")]);
        }
        if has(roles, Right::Audit) {
            menu.extend([("/admin/alerts", "Alerts"), ("/admin/reviews", "Reviews"), ("/admin/events", "Audit")]);
        }
        if has(roles, Right::ManageAccounts) {
            menu.push(("/admin/accounts", "People"));
        }
        if has(roles, Right::ManageClients) {
            menu.push(("/admin/clients", "Clients"));
        }
        if has(roles, Right::ManageFeeds) {
            menu.extend([("/admin/feeds", "Feeds"), ("/admin/messages", "Messages")]);
        }
    }
    menu.extend([("/account", "My account"), ("/account/apps", "Apps")]);
    menu
}

/// Returns whether a person speaks for a patient.
fn is_relative(session: &Session) -> bool {
    session.account.fhir_user.as_ref().is_some_and(|(t, _)| t.name() == "RelatedPerson")
}

/// Returns the first page of a person.
pub fn home(session: &Session) -> &'static str {
    menu(Some(session)).first().map_or("/account", |(to, _)| to)
}
