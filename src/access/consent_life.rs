//! The life of a Consent: which states follow which, and who may bring that about by a plain write.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html>, `Consent.status`. The operations `$request`, `$grant`, `$deny` and `$revoke` make the
//! steps that need a second person, with the notices and proofs that belong to them; a plain write makes no step in the place of
//! somebody else. Pure.

use super::facts::keeps_records;
use super::principal::{Person, Principal};
use super::role::Role;
use crate::fhir::ResourceId;
use crate::fhir::ResourceType;
use crate::fhir::reference::Literal;
use serde_json::Value;

/// The code in `meta.tag` of a Consent that broken glass left.
pub const BREAK_GLASS: &str = "break-glass";

/// The values of `Consent.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Draft,
    Proposed,
    Active,
    Rejected,
    Inactive,
    EnteredInError,
}

impl Status {
    pub fn parse(code: &str) -> Option<Status> {
        Some(match code {
            "draft" => Status::Draft,
            "proposed" => Status::Proposed,
            "active" => Status::Active,
            "rejected" => Status::Rejected,
            "inactive" => Status::Inactive,
            "entered-in-error" => Status::EnteredInError,
            _ => return None,
        })
    }

    pub fn code(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Proposed => "proposed",
            Status::Active => "active",
            Status::Rejected => "rejected",
            Status::Inactive => "inactive",
            Status::EnteredInError => "entered-in-error",
        }
    }
}

/// What of one version of a Consent its life depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub status: Status,
    /// The patient of this server whom it is about.
    pub patient: Option<ResourceId>,
    /// It carries the tag of broken glass.
    pub is_break_glass: bool,
    /// It names the paper that was signed.
    pub has_source: bool,
}

impl State {
    /// Returns the state of a Consent; one without a status that R4 knows counts as a draft, which has no effect.
    pub fn read(consent: &Value, base_url: &str) -> State {
        let text = |pointer: &str| consent.pointer(pointer).and_then(Value::as_str);
        let tags = consent.pointer("/meta/tag").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let is_ours =
            |it: &Literal| it.resource_type == ResourceType::PATIENT && (it.base.is_empty() || it.base == base_url);
        State {
            status: text("/status").and_then(Status::parse).unwrap_or(Status::Draft),
            patient: text("/patient/reference")
                .and_then(Literal::parse)
                .filter(is_ours)
                .and_then(|it| ResourceId::parse(it.id)),
            // Whatever its system is written as: nothing but broken glass uses the code.
            is_break_glass: tags.iter().any(|tag| tag.get("code").and_then(Value::as_str) == Some(BREAK_GLASS)),
            has_source: consent.get("sourceAttachment").is_some() || consent.get("sourceReference").is_some(),
        }
    }
}

/// Why a write of a Consent is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub path: &'static str,
    pub text: &'static str,
}

const fn refused(path: &'static str, text: &'static str) -> Result<(), Refusal> {
    Err(Refusal { path, text })
}

/// Decides a plain write: from what is there, none for a new one, to what takes its place, none for a delete.
pub fn allowed(old: Option<&State>, new: Option<&State>, principal: &Principal) -> Result<(), Refusal> {
    let token = match principal {
        Principal::Unrestricted => return Ok(()),
        Principal::Anonymous => return refused("Consent", "a Consent is written by somebody who is known"),
        Principal::Token(token) => token,
    };
    if old.is_some_and(|old| old.is_break_glass) {
        return refused("Consent", "this Consent records that the glass was broken; only $end-break-glass changes it");
    }
    if new.is_some_and(|new| new.is_break_glass) {
        return refused("Consent.meta.tag", "the tag 'break-glass' is set by $break-glass alone");
    }
    if keeps_records(token) {
        // The operator, and systems that are the record or adapters of another one: their scopes say what they may.
        return Ok(());
    }
    let Some(new) = new else {
        return refused("Consent", "a Consent is not deleted: it is revoked, or marked entered-in-error");
    };
    let Some(person) = &token.person else {
        // Whom consents bind makes none that binds less: an app writes for its patient, and a system as one who asks.
        let role = if token.patient.is_some() { Role::Patient } else { Role::Physician };
        return by(role, old, new, token.patient.as_ref());
    };
    let own = own_patient(person, token.patient.as_ref());
    let mut last = Refusal { path: "Consent.status", text: "the role of the person does not write Consents" };
    for role in &person.roles {
        match by(*role, old, new, own) {
            Ok(()) => return Ok(()),
            Err(refusal) => last = refusal,
        }
    }
    Err(last)
}

/// Returns whose record a person speaks for: their own, or that of the patient in context.
fn own_patient<'a>(person: &'a Person, context: Option<&'a ResourceId>) -> Option<&'a ResourceId> {
    match &person.fhir_user {
        Some((t, id)) if *t == ResourceType::PATIENT => Some(id),
        _ => context,
    }
}

/// Decides for one role. What it reaches at all is in `roles.txt`; this is about the step.
fn by(role: Role, old: Option<&State>, new: &State, own: Option<&ResourceId>) -> Result<(), Refusal> {
    use Status::*;
    let step = (old.map(|old| old.status), new.status);
    match role {
        Role::Patient | Role::RelatedPerson => {
            let is_own = own.is_some() && new.patient.as_ref() == own;
            if !is_own || old.is_some_and(|old| old.patient.as_ref() != own) {
                return refused("Consent.patient", "patients write the Consents about themselves alone");
            }
            match step {
                (None | Some(Draft), Draft | Active) | (Some(Active), Inactive) => Ok(()),
                (Some(Proposed), _) => {
                    refused("Consent.status", "a Consent that somebody asked for is answered by $grant or $deny")
                }
                (Some(Active), Active) => {
                    refused("Consent", "an active Consent stays as it was given: revoke it and give another")
                }
                _ => refused("Consent.status", "this state does not follow from the one before"),
            }
        }
        Role::Receptionist => match step {
            (None, Draft | Proposed) => Ok(()),
            (None, Active) if new.has_source => Ok(()),
            (None, Active) => {
                refused("Consent.source", "who records a Consent for a patient names the paper that was signed")
            }
            _ => refused("Consent.status", "an existing Consent is changed by the patient"),
        },
        _ => match step {
            (None, Draft | Proposed) => Ok(()),
            (None, _) => {
                refused("Consent.status", "a Consent becomes active by the patient alone: write it as proposed")
            }
            _ => refused("Consent.status", "an existing Consent is changed by the patient"),
        },
    }
}

/// Returns whether a write records the paper of a patient, who then is told of it.
pub fn is_paper(old: Option<&State>, new: Option<&State>, principal: &Principal) -> bool {
    let Some(person) = principal.person() else { return false };
    let Some(new) = new.filter(|new| old.is_none() && new.status == Status::Active) else { return false };
    let Principal::Token(token) = principal else { return false };
    new.patient.is_some() && new.patient.as_ref() != own_patient(person, token.patient.as_ref())
}

/// Returns what is wrong with a Consent whoever writes it: one of privacy that is active names its patient, by reference to a Patient
/// of this server. One that names nobody whom the server knows would be kept, and not heard.
///
/// R4 consent.html, constraint ppc-2, which as published compares the system with a literal and never fires.
pub fn check(consent: &Value, base_url: &str) -> Result<(), Refusal> {
    let codings = consent.pointer("/scope/coding").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_privacy = codings.iter().any(|coding| coding.get("code").and_then(Value::as_str) == Some("patient-privacy"));
    let is_active = consent.get("status").and_then(Value::as_str) == Some("active");
    if is_active && is_privacy && State::read(consent, base_url).patient.is_none() {
        return refused("Consent.patient", "an active Consent about privacy must refer to a Patient of this server");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::principal::Token;
    use crate::access::role::Right;
    use serde_json::json;
    use std::sync::Arc;

    const BASE: &str = "http://here/fhir";

    fn state(status: &str) -> State {
        State::read(&json!({"status": status, "patient": {"reference": "Patient/p"}}), BASE)
    }

    fn token(roles: &[Role], fhir_user: (&str, &str)) -> Principal {
        let fhir_user = ResourceType::parse(fhir_user.0).zip(ResourceId::parse(fhir_user.1));
        let person = Person { roles: roles.to_vec(), fhir_user, ..Person::default() };
        Principal::Token(Arc::new(Token { person: Some(person), ..Token::default() }))
    }

    fn patient() -> Principal {
        token(&[Role::Patient], ("Patient", "p"))
    }

    #[test]
    fn a_system_that_consents_bind_opens_nothing_to_itself() {
        let system = |rights: &[Right]| {
            let client = Some("machine".into());
            Principal::Token(Arc::new(Token { client, rights: rights.to_vec(), ..Token::default() }))
        };
        for (old, new, bound, keeper) in [
            (None, Some("draft"), true, true),
            (None, Some("proposed"), true, true),
            (None, Some("active"), false, true),
            (Some("proposed"), Some("active"), false, true),
            (Some("active"), Some("inactive"), false, true),
            (Some("active"), None, false, true),
        ] {
            let is_allowed =
                |principal: &Principal| allowed(old.map(state).as_ref(), new.map(state).as_ref(), principal).is_ok();
            assert_eq!(is_allowed(&system(&[])), bound, "{old:?} to {new:?}");
            assert_eq!(is_allowed(&system(&[Right::KeepRecords])), keeper, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn each_role_makes_its_own_steps_and_no_others() {
        let all = ["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"];
        let doctor = token(&[Role::Physician], ("Practitioner", "d"));
        let reception = token(&[Role::Receptionist], ("Practitioner", "r"));
        for (who, principal, steps) in [
            ("patient", patient(), &[" draft", " active", "draft draft", "draft active", "active inactive"][..]),
            ("physician", doctor, &[" draft", " proposed"]),
            ("receptionist without paper", reception, &[" draft", " proposed"]),
        ] {
            for old in [None].into_iter().chain(all.map(Some)) {
                for new in all {
                    let step = format!("{} {new}", old.unwrap_or_default());
                    let done = allowed(old.map(state).as_ref(), Some(&state(new)), &principal);
                    assert_eq!(done.is_ok(), steps.contains(&step.as_str()), "{who}: '{step}'");
                }
            }
        }
    }

    #[test]
    fn a_receptionist_records_paper_and_the_patient_is_told() {
        let reception = token(&[Role::Receptionist], ("Practitioner", "r"));
        let paper = State { has_source: true, ..state("active") };
        assert_eq!(allowed(None, Some(&paper), &reception), Ok(()));
        assert!(is_paper(None, Some(&paper), &reception));
        assert!(!is_paper(None, Some(&state("proposed")), &reception));
        assert!(!is_paper(None, Some(&state("active")), &patient()), "patients need not be told what they do");
        assert!(!is_paper(None, Some(&paper), &Principal::Unrestricted));
        assert!(allowed(Some(&state("draft")), Some(&paper), &reception).is_err(), "paper is recorded anew");
    }

    #[test]
    fn patients_write_about_themselves_alone() {
        let other = State { patient: ResourceId::parse("q"), ..state("active") };
        assert!(allowed(None, Some(&other), &patient()).is_err());
        assert!(allowed(Some(&other), Some(&state("inactive")), &patient()).is_err());
        // A receptionist who is a patient, too, needs paper for others and none for herself.
        let both = token(&[Role::Receptionist, Role::Patient], ("Patient", "p"));
        assert!(allowed(None, Some(&other), &both).is_err());
        assert_eq!(allowed(None, Some(&state("active")), &both), Ok(()));
        let nobody = token(&[Role::RelatedPerson], ("RelatedPerson", "r"));
        let unnamed = State { patient: None, ..state("active") };
        assert!(allowed(None, Some(&unnamed), &nobody).is_err(), "no patient is not the same patient");
    }

    #[test]
    fn nobody_but_the_server_touches_broken_glass() {
        let tagged = json!({"status": "active", "meta": {"tag": [{"system": "http://x", "code": "break-glass"}]}});
        let tagged = State::read(&tagged, BASE);
        let system = Principal::Token(Arc::new(Token::default()));
        for principal in [patient(), system.clone()] {
            assert!(allowed(None, Some(&tagged), &principal).is_err());
            assert!(allowed(Some(&tagged), Some(&state("inactive")), &principal).is_err());
            assert!(allowed(Some(&tagged), None, &principal).is_err());
        }
        assert_eq!(allowed(Some(&state("active")), Some(&state("proposed")), &system), Ok(()));
        assert_eq!(allowed(Some(&state("active")), None, &system), Ok(()));
        assert!(allowed(Some(&state("draft")), None, &patient()).is_err());
        assert_eq!(allowed(Some(&tagged), None, &Principal::Unrestricted), Ok(()));
    }

    #[test]
    fn an_active_consent_about_privacy_names_its_patient() {
        let consent = |status: &str, scope: &str, patient: Value| json!({"status": status, "scope": {"coding": [{"code": scope}]}, "patient": patient});
        for (consent, fine) in [
            (consent("active", "patient-privacy", json!({"reference": "Patient/p"})), true),
            (consent("active", "patient-privacy", json!({"identifier": {"value": "1"}})), false),
            (consent("active", "patient-privacy", json!({"reference": "http://here/fhir/Patient/p"})), true),
            (consent("active", "patient-privacy", json!({"reference": "http://there/fhir/Patient/p"})), false),
            (consent("active", "patient-privacy", json!({"reference": "Group/p"})), false),
            (consent("active", "patient-privacy", json!({"display": "Amina"})), false),
            (consent("active", "patient-privacy", Value::Null), false),
            (consent("draft", "patient-privacy", Value::Null), true),
            (consent("active", "research", Value::Null), true),
        ] {
            assert_eq!(check(&consent, BASE).is_ok(), fine, "{consent}");
        }
    }
}
