//! Roles: what a person may do at most, whatever scopes an app was given. The table is `roles.txt`.
//!
//! RBAC as in SMART App Launch 2.2: `user/` scopes never go beyond what the user may do.

use super::label::Confidentiality;
use super::scope::Letter;
use crate::fhir::ResourceType;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A role of a person. What it may do is a column of `roles.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Admin,
    FacilityAdmin,
    Physician,
    Nurse,
    Receptionist,
    Pharmacist,
    LabTechnician,
    Patient,
    RelatedPerson,
    InsurerAuditor,
    SystemAuditor,
}

impl Role {
    /// Every role, in the order of the columns of the table.
    pub const ALL: [Role; 11] = [
        Role::Admin,
        Role::FacilityAdmin,
        Role::Physician,
        Role::Nurse,
        Role::Receptionist,
        Role::Pharmacist,
        Role::LabTechnician,
        Role::Patient,
        Role::RelatedPerson,
        Role::InsurerAuditor,
        Role::SystemAuditor,
    ];

    /// Returns the name in tokens, commands and tables.
    pub fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::FacilityAdmin => "facility-admin",
            Role::Physician => "physician",
            Role::Nurse => "nurse",
            Role::Receptionist => "receptionist",
            Role::Pharmacist => "pharmacist",
            Role::LabTechnician => "lab-technician",
            Role::Patient => "patient",
            Role::RelatedPerson => "related-person",
            Role::InsurerAuditor => "insurer-auditor",
            Role::SystemAuditor => "system-auditor",
        }
    }

    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Returns whether the role reaches one record alone: that of the patient it speaks for.
    pub fn is_of_one_record(self) -> bool {
        matches!(self, Role::Patient | Role::RelatedPerson)
    }
}

/// In which relation to a patient a role stands who may see the record where no Consent says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// In none: the role is not about patients, or sees nothing clinical of them.
    Any,
    /// The organization cares for the patient.
    Facility,
    /// The person cares for the patient.
    Care,
    /// It is the person's own record.
    Own,
    /// In one on which patients have no say: who watches over all others.
    Unbound,
}

/// What a role may do beside reading and writing resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Approve, suspend and change people.
    ManageAccounts,
    /// Approve, suspend and change clients.
    ManageClients,
    /// Open a launch of an app in the name of an EHR.
    OpenLaunch,
    /// Give out, link and merge Health IDs of others.
    ManageHealthIds,
    /// See, and end, sessions and apps of others.
    ManageSessions,
    /// Keep whole records, whatever patients let others see: for the systems of a hospital that are the record.
    KeepRecords,
    /// Break the glass: open a record in an emergency without the patient's consent.
    BreakGlass,
    /// See who did what, and review what was done in emergencies.
    Audit,
    /// See the few facts of any patient that an emergency needs.
    Emergency,
    /// Ask a patient for consent.
    AskConsent,
    /// Register feeds of HL7 v2 messages, and look into and mend messages that were not taken over.
    ManageFeeds,
}

impl Right {
    pub const ALL: [Right; 11] = [
        Right::ManageAccounts,
        Right::ManageClients,
        Right::OpenLaunch,
        Right::ManageHealthIds,
        Right::ManageSessions,
        Right::KeepRecords,
        Right::BreakGlass,
        Right::Audit,
        Right::Emergency,
        Right::AskConsent,
        Right::ManageFeeds,
    ];

    /// Returns the right that a scope gives.
    pub fn parse(scope: &str) -> Option<Right> {
        Right::ALL.into_iter().find(|right| right.scope() == scope)
    }

    /// Returns the scope that gives a system this right: SMART's form for scopes of one's own.
    pub fn scope(self) -> &'static str {
        match self {
            Right::ManageAccounts => "__manage_accounts",
            Right::ManageClients => "__manage_clients",
            Right::OpenLaunch => "__open_launch",
            Right::ManageHealthIds => "__manage_health_ids",
            Right::ManageSessions => "__manage_sessions",
            Right::KeepRecords => "__keep_records",
            Right::BreakGlass => "__break_glass",
            Right::Audit => "__audit",
            Right::Emergency => "__emergency",
            Right::AskConsent => "__ask_consent",
            Right::ManageFeeds => "__manage_feeds",
        }
    }
}

/// Returns whether one of the roles has the right.
pub fn has(roles: &[Role], right: Right) -> bool {
    use Role::*;
    let holders: &[Role] = match right {
        Right::ManageAccounts => &[Admin, FacilityAdmin],
        Right::ManageClients => &[Admin],
        Right::OpenLaunch => &[Physician, Nurse, Receptionist, Pharmacist, LabTechnician],
        Right::ManageHealthIds => &[Admin, Receptionist],
        Right::ManageSessions => &[Admin],
        // Of people nobody has it.
        Right::KeepRecords => &[],
        Right::BreakGlass => &[Physician],
        Right::Audit => &[SystemAuditor],
        Right::Emergency => &[Physician, Nurse, Pharmacist],
        Right::AskConsent => &[Physician, Nurse, Pharmacist, LabTechnician],
        // Not the administrator of one facility: a message that was not taken over belongs to nobody's record yet, and so to no facility.
        Right::ManageFeeds => &[Admin],
    };
    roles.iter().any(|role| holders.contains(role))
}

/// Returns the letters (`cruds`) that the roles together may use on a type at most, with or without conditions.
pub fn ceiling(roles: &[Role], resource_type: ResourceType) -> String {
    let may = |letter: &char| roles.iter().any(|role| rules(*role, resource_type).any(|r| r.letters.contains(*letter)));
    "cruds".chars().filter(may).collect()
}

/// Letters that a role may use on a type.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub letters: &'static str,
    /// Only on resources that meet this search.
    pub query: Option<&'static str>,
}

impl Rule {
    pub fn allows(&self, letter: Letter) -> bool {
        self.letters.contains(letter.char())
    }
}

/// Returns what the table says of a role and a type; any of the rules is enough.
pub fn rules(role: Role, resource_type: ResourceType) -> impl Iterator<Item = &'static Rule> {
    TABLE.rules.get(&(role, resource_type)).into_iter().flatten()
}

/// Returns in which relation a role must stand to a patient whose consent is not asked for.
pub fn relation(role: Role) -> Relation {
    TABLE.relations[role as usize]
}

/// Returns how confidential a resource may be for a role.
pub fn clearance(role: Role) -> Confidentiality {
    TABLE.clearances[role as usize]
}

#[derive(Default)]
struct Table {
    rules: HashMap<(Role, ResourceType), Vec<Rule>>,
    /// In the order of [`Role::ALL`].
    relations: Vec<Relation>,
    clearances: Vec<Confidentiality>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("roles.txt")).expect("a test reads the table that is built in"));

fn read(text: &'static str) -> Result<Table, String> {
    let mut groups: HashMap<&str, Vec<ResourceType>> = HashMap::new();
    let mut table = Table::default();
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    while let Some(line) = lines.next() {
        let mut words: Vec<&'static str> = line.split_ascii_whitespace().collect();
        if words.last() == Some(&"\\") {
            words.pop();
            words.extend(lines.next().unwrap_or("").split_ascii_whitespace());
        }
        let one = |name: &str| ResourceType::parse(name).ok_or_else(|| format!("'{name}' is no resource type"));
        match words[..] {
            [] => {}
            ["group", name, ref types @ ..] => {
                groups.insert(name, types.iter().map(|name| one(name)).collect::<Result<_, _>>()?);
            }
            ["relation", ref cells @ ..] => table.relations = each(cells, Relation::parse)?,
            ["clearance", ref cells @ ..] => table.clearances = each(cells, Confidentiality::parse)?,
            ["may", what, ref cells @ ..] if cells.len() == Role::ALL.len() => {
                let (name, query) = what.split_once('?').map_or((what, None), |(name, query)| (name, Some(query)));
                let types = match groups.get(name) {
                    Some(types) if query.is_none() => types.clone(),
                    _ => vec![one(name)?],
                };
                for (role, letters) in Role::ALL.into_iter().zip(cells) {
                    if !letters.chars().all(|c| "cruds-".contains(c)) {
                        return Err(format!("'{letters}' in the line of '{what}' is not made of c, r, u, d, s"));
                    }
                    for t in types.iter().filter(|_| *letters != "-") {
                        table.rules.entry((role, *t)).or_default().push(Rule { letters, query });
                    }
                }
            }
            _ => return Err(format!("this is no line of the table: {line}")),
        }
    }
    if table.relations.is_empty() || table.clearances.is_empty() {
        return Err("the table lacks a line of relations or clearances".to_string());
    }
    let grouped: Vec<ResourceType> = groups.into_values().flatten().collect();
    match ResourceType::all().find(|t| grouped.iter().filter(|known| *known == t).count() != 1) {
        Some(t) => Err(format!("{t} is not in exactly one group")),
        None => Ok(table),
    }
}

fn each<T>(cells: &[&str], parse: fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let read = |cell: &&str| parse(cell).ok_or_else(|| format!("'{cell}' is not known there"));
    match cells.len() == Role::ALL.len() {
        true => cells.iter().map(read).collect(),
        false => Err(format!("there are {} cells, and {} roles", cells.len(), Role::ALL.len())),
    }
}

impl Relation {
    fn parse(name: &str) -> Option<Relation> {
        match name {
            "any" => Some(Relation::Any),
            "facility" => Some(Relation::Facility),
            "care" => Some(Relation::Care),
            "own" => Some(Relation::Own),
            "none" => Some(Relation::Unbound),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_type_once() {
        read(include_str!("roles.txt")).unwrap();
        assert!(read("group a Patient\nmay a r").is_err());
    }

    #[test]
    fn roles_may_what_the_table_says() {
        for (roles, t, letters) in [
            (&[Role::Physician][..], "Condition", "cruds"),
            (&[Role::Nurse], "Condition", "crus"),
            (&[Role::Receptionist], "Condition", ""),
            (&[Role::Receptionist, Role::Nurse], "Condition", "crus"),
            (&[Role::LabTechnician], "Observation", "crus"),
            (&[Role::LabTechnician], "Encounter", "rs"),
            (&[Role::Pharmacist], "MedicationRequest", "rs"),
            (&[Role::Pharmacist], "MedicationDispense", "crus"),
            (&[Role::Admin], "Observation", ""),
            (&[Role::Admin], "SearchParameter", "cruds"),
            (&[Role::SystemAuditor], "AuditEvent", "rs"),
            (&[Role::SystemAuditor], "Patient", ""),
            (&[Role::InsurerAuditor], "Claim", "rs"),
            (&[], "Patient", ""),
        ] {
            assert_eq!(ceiling(roles, ResourceType::parse(t).unwrap()), letters, "{roles:?} {t}");
        }
        let conditions: Vec<_> = rules(Role::LabTechnician, ResourceType::parse("Observation").unwrap())
            .map(|r| r.query.is_some())
            .collect();
        assert_eq!(conditions, [false, true], "reading all, writing what a laboratory found");
    }
}
