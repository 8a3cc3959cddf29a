//! One version of a Consent, compiled.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html>: `policyRule` gives the base and the root provision the first exceptions to it. IHE
//! Privacy Consent on FHIR <https://profiles.ihe.net/ITI/PCF/> names four policies by `policy.uri`, and always says the type of the root.

use super::code::{CONFIDENTIALITY, CONSENT_SCOPE};
use super::label::{Label, NORMAL};
use super::listed::Listed;
use super::provision::{Data, Elements, Kind, Meaning, Provision, Reader};
use super::{purpose, reading};
use crate::fhir::{ResourceId, ResourceType};
use crate::search::period::{self, Period};
use serde_json::Value;

/// One version of a Consent, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: Box<str>,
    pub version: Option<Box<str>>,
    pub(super) patient: ResourceId,
    /// When it was agreed, as exactly as it says.
    pub date_time: Option<Period>,
    /// Who agreed: `Patient/1`. Sorted.
    pub performers: Vec<Box<str>>,
    /// The custodians of the data. Sorted.
    pub organizations: Vec<Box<str>>,
    /// The document that was signed, if it is a resource.
    pub source: Option<Box<str>>,
    /// What of it is not understood, with the path.
    pub notes: Vec<String>,
    /// Whether it may permit anything.
    pub(super) can_permit: bool,
    pub(super) top: Option<Provision>,
}

/// What a Consent says of what its provisions leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Base {
    OptOut,
    BreakGlassOnly,
    BasicNormal,
    AllNormal,
    OptIn,
    Unsaid,
}

impl Rule {
    /// Compiles a Consent; none for one that is not active, says nothing of data, or names no patient of this server.
    pub fn read(consent: &Value, base_url: &str) -> Option<Rule> {
        let text = |name: &str| consent.get(name).and_then(Value::as_str);
        if text("resourceType") != Some("Consent") || text("status") != Some("active") {
            return None;
        }
        let patient = reading::reference(consent.get("patient")?, base_url)?;
        let (_, patient) = reading::local(&patient).filter(|(t, _)| *t == ResourceType::PATIENT)?;
        let scope = Scope::of(consent)?;
        let (base, base_path) = base(consent);
        let mut reader = Reader { base_url, is_opt_out: base == Base::OptOut, notes: Vec::new(), count: 0 };
        let mut top = top(&mut reader, consent, base, base_path);
        if let Some(top) = &mut top {
            settle(&mut reader, consent, &scope, top);
        }
        let list = |name: &str| {
            let items = consent.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let mut list: Vec<Box<str>> = items.iter().filter_map(|it| reading::reference(it, base_url)).collect();
            list.sort_unstable();
            list.dedup();
            list
        };
        let version = consent.pointer("/meta/versionId").and_then(Value::as_str);
        Some(Rule {
            id: text("id").unwrap_or_default().into(),
            version: version.map(Into::into),
            patient,
            date_time: text("dateTime").and_then(period::parse),
            performers: list("performer"),
            organizations: list("organization"),
            source: consent.get("sourceReference").and_then(|source| reading::reference(source, base_url)),
            notes: reader.notes,
            can_permit: scope != Scope::Unknown && !is_record_of_broken_glass(consent),
            top,
        })
    }

    pub fn patient(&self) -> &ResourceId {
        &self.patient
    }

    /// Returns the resources to which data must be related to be covered, or by whom they must be written.
    ///
    /// What is two references away, or is referred to by one of these, is not seen in a resource itself: who knows it tells by
    /// [`Rule::relate`].
    pub fn relations(&self) -> Vec<&(ResourceType, ResourceId)> {
        let mut found = Vec::new();
        self.each_data(&mut |data| {
            if data.meaning != Meaning::Instance {
                found.push(&data.to);
            }
        });
        found
    }

    /// Adds what is related to one of [`Rule::relations`]: the resources in `also` themselves, and those in `through` with whatever
    /// refers to them, as the encounters of an episode do; of who wrote something, the other resources of the same person.
    pub fn relate(
        &mut self,
        to: &(ResourceType, ResourceId),
        also: &[(ResourceType, ResourceId)],
        through: &[(ResourceType, ResourceId)],
    ) {
        fn walk(provision: &mut Provision, change: &mut impl FnMut(&mut Data)) {
            let data = provision.elements.data.iter_mut().flat_map(|listed| &mut listed.known);
            data.for_each(&mut *change);
            provision.exceptions.iter_mut().for_each(|exception| walk(exception, change));
        }
        let mut change = |data: &mut Data| {
            if data.meaning != Meaning::Instance && data.to == *to {
                data.also.extend_from_slice(also);
                data.through.extend_from_slice(through);
            }
        };
        if let Some(top) = &mut self.top {
            walk(top, &mut change);
        }
    }

    fn each_data<'a>(&'a self, see: &mut impl FnMut(&'a Data)) {
        fn walk<'a>(provision: &'a Provision, see: &mut impl FnMut(&'a Data)) {
            provision.elements.data.iter().flat_map(|listed| &listed.known).for_each(&mut *see);
            provision.exceptions.iter().for_each(|exception| walk(exception, see));
        }
        if let Some(top) = &self.top {
            walk(top, see);
        }
    }
}

/// What the Consent is about.
#[derive(Debug, PartialEq, Eq)]
enum Scope {
    Privacy,
    Research,
    Unknown,
}

impl Scope {
    /// None where the Consent is about treatment or an advance directive, and not about data.
    fn of(consent: &Value) -> Option<Scope> {
        let codings = consent.get("scope").map_or(&[][..], reading::codings);
        let code = codings.iter().find_map(|coding| {
            let (system, code) = reading::coding(coding)?;
            (system == Some(CONSENT_SCOPE)).then_some(code)
        });
        match code {
            Some("patient-privacy") => Some(Scope::Privacy),
            Some("research") => Some(Scope::Research),
            Some("treatment" | "adr") => None,
            _ => Some(Scope::Unknown),
        }
    }
}

/// Returns the strictest base that the Consent names, and where.
fn base(consent: &Value) -> (Base, &'static str) {
    let rule = consent.get("policyRule").map_or(&[][..], reading::codings).iter().filter_map(|coding| {
        let (_, code) = reading::coding(coding)?;
        let base = match code {
            "OPTOUT" | "OPTOUTE" => Base::OptOut,
            "OPTIN" | "OPTINR" => Base::OptIn,
            _ => return None,
        };
        Some((base, "policyRule"))
    });
    let policies = consent.get("policy").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let policies = policies.iter().filter_map(|policy| {
        let name = policy.get("uri")?.as_str()?.strip_prefix("https://profiles.ihe.net/ITI/PCF/")?;
        let base = match name {
            "Policy-deny" => Base::OptOut,
            "Policy-break-glass-only" => Base::BreakGlassOnly,
            "Policy-basic-normal" => Base::BasicNormal,
            "Policy-all-normal" => Base::AllNormal,
            _ => return None,
        };
        Some((base, "policy"))
    });
    rule.chain(policies).min_by_key(|(base, _)| *base).unwrap_or((Base::Unsaid, "policyRule"))
}

/// Returns the base with the root provision as its exception, or the root provision where that says all.
fn top(reader: &mut Reader, consent: &Value, base: Base, base_path: &str) -> Option<Provision> {
    // Without a type the root is an exception to the base.
    let implied = if base == Base::OptIn { Kind::Deny } else { Kind::Permit };
    let mut root = consent.get("provision").map(|value| reader.provision(value, "provision", implied, 1));
    let kind = if matches!(base, Base::OptOut | Base::BreakGlassOnly) { Kind::Deny } else { Kind::Permit };
    let mut whole = Provision::new(base_path, kind);
    match (base, &mut root) {
        (Base::Unsaid, _) => return root,
        // An explicit permit in a Consent that permits is meant to narrow it.
        (Base::OptIn, Some(root)) if root.kind == Kind::Permit => return Some(root.clone()),
        (Base::OptIn | Base::OptOut, _) => {}
        (Base::BreakGlassOnly, Some(root)) => {
            if root.kind == Kind::Permit {
                root.elements.inherit(&Elements { purposes: purposes(&["BTG"]), ..Elements::default() });
            }
            return Some(root.clone());
        }
        // Everything but emergencies, which are refused by their name alone.
        (Base::BreakGlassOnly, None) => whole.elements.purposes = purposes(&[purpose::ANY]),
        (Base::BasicNormal | Base::AllNormal, root) => {
            let labels = Label::read(CONFIDENTIALITY, super::label::LEVELS[NORMAL]).into_iter().collect();
            let is_basic = base == Base::BasicNormal;
            let limits = Elements {
                labels: Some(Listed { known: labels, has_unknown: false }),
                purposes: if is_basic { purposes(&["TREAT", "HPAYMT", "HOPERAT"]) } else { None },
                ..Elements::default()
            };
            match root {
                Some(root) if root.kind == Kind::Permit => root.elements.inherit(&limits),
                Some(_) => {}
                None => whole.elements = limits,
            }
            return root.clone().or(Some(whole));
        }
    }
    // The period of the root is that of the Consent.
    whole.in_force = root.as_ref().map(|root| root.in_force).unwrap_or_default();
    whole.exceptions.extend(root);
    Some(whole)
}

fn purposes(codes: &[&str]) -> Option<Listed<Box<str>>> {
    Some(Listed { known: codes.iter().map(|code| (*code).into()).collect(), has_unknown: false })
}

/// Applies to the provisions what the Consent says as a whole.
fn settle(reader: &mut Reader, consent: &Value, scope: &Scope, top: &mut Provision) {
    for name in ["modifierExtension", "implicitRules"] {
        if consent.get(name).is_some() {
            reader.note(name, "is not known, and may change all of it");
            top.elements.is_blurred = true;
        }
    }
    match scope {
        Scope::Privacy => {}
        Scope::Unknown => reader.note("scope", "is not known, so nothing is permitted"),
        Scope::Research => {
            let limits = Elements { purposes: purposes(&["HRESCH"]), ..Elements::default() };
            top.elements.inherit(&limits);
        }
    }
    top.hand_down();
}

/// Returns whether the Consent is the record of a broken glass, which is no leave by itself.
fn is_record_of_broken_glass(consent: &Value) -> bool {
    let tags = consent.pointer("/meta/tag").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    tags.iter()
        .filter_map(reading::coding)
        .any(|(system, code)| code == "break-glass" && system.is_some_and(|system| system.ends_with("/CodeSystem/tag")))
}
