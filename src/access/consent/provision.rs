//! A provision of a Consent, read into what it says and what of it is not understood.
//!
//! R4 <https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision>. Reading never fails: what cannot be read is noted, and
//! then permits nothing and refuses more.

use super::code::{ACT_REASON, CONSENT_ACTION};
use super::label::Label;
use super::listed::Listed;
use super::{Action, purpose, reading};
use crate::fhir::{ResourceId, ResourceType};
use crate::search::period::{self, Period};
use serde_json::Value;

/// Exceptions to exceptions, counted from the root.
const DEPTH_MAX: usize = 8;
/// Provisions of one Consent.
const PROVISIONS_MAX: usize = 500;
/// Repetitions of one element.
const REPEATS_MAX: usize = 1_000;
/// Notes of one Consent on what is not understood.
const NOTES_MAX: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Permit,
    Deny,
}

/// One provision and the exceptions to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provision {
    /// Where it stands: `provision.provision[1]`.
    pub path: Box<str>,
    pub kind: Kind,
    pub in_force: Span,
    pub elements: Elements,
    pub exceptions: Vec<Provision>,
}

/// From the first moment to the one before the last, in microseconds since 1970; none is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub from: Option<i64>,
    pub until: Option<i64>,
}

/// System and code.
pub type Code = (Option<Box<str>>, Box<str>);

/// What a provision is about. Elements that are absent constrain nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elements {
    /// Whether there is something that might change all of it.
    pub is_blurred: bool,
    pub actors: Option<Listed<Box<str>>>,
    pub actions: Option<Listed<Action>>,
    pub labels: Option<Listed<Label>>,
    pub purposes: Option<Listed<Box<str>>>,
    pub classes: Option<Listed<Class>>,
    /// System and code; without a system none.
    pub codes: Option<Listed<Code>>,
    pub data_period: Option<Listed<Period>>,
    pub data: Option<Listed<Data>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    Type(ResourceType),
    /// A canonical, with or without a version.
    Profile(Box<str>),
    /// A media type.
    Mime(Box<str>),
}

/// Resources that are named, and what has to do with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    pub meaning: Meaning,
    pub to: (ResourceType, ResourceId),
    /// What [`super::Rule::relate`] added.
    pub also: Vec<(ResourceType, ResourceId)>,
    pub through: Vec<(ResourceType, ResourceId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Instance,
    Related,
    Dependents,
    AuthoredBy,
}

impl Span {
    pub fn holds(&self, now: i64) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

impl Elements {
    /// Takes over what these leave open from others.
    pub fn inherit(&mut self, from: &Elements) {
        fn take<T: Clone>(own: &mut Option<T>, from: &Option<T>) {
            if own.is_none() {
                own.clone_from(from);
            }
        }
        self.is_blurred |= from.is_blurred;
        take(&mut self.actors, &from.actors);
        take(&mut self.actions, &from.actions);
        take(&mut self.labels, &from.labels);
        take(&mut self.purposes, &from.purposes);
        take(&mut self.classes, &from.classes);
        take(&mut self.codes, &from.codes);
        take(&mut self.data_period, &from.data_period);
        take(&mut self.data, &from.data);
    }
}

impl Provision {
    pub fn new(path: &str, kind: Kind) -> Provision {
        let elements = Elements::default();
        Provision { path: path.into(), kind, in_force: Span::default(), elements, exceptions: Vec::new() }
    }

    /// Hands what is left open down to exceptions of the same type: such a one would otherwise say nothing that the outer one does
    /// not say, so it stands beside it and not in it.
    pub fn hand_down(&mut self) {
        for exception in &mut self.exceptions {
            if exception.kind == self.kind {
                exception.elements.inherit(&self.elements);
            }
            exception.hand_down();
        }
    }
}

/// Reads the provisions of one Consent.
pub struct Reader<'a> {
    pub base_url: &'a str,
    /// Whether the Consent refuses what it does not permit: then the custodian alone may be a recipient.
    pub is_opt_out: bool,
    pub notes: Vec<String>,
    pub count: usize,
}

impl Reader<'_> {
    pub fn note(&mut self, path: &str, what: &str) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(format!("{path} {what}"));
        }
    }

    /// Returns the provision at a path; `implied` is its type where it says none.
    pub fn provision(&mut self, value: &Value, path: &str, implied: Kind, depth: usize) -> Provision {
        self.count += 1;
        let mut provision = Provision::new(path, implied);
        if !value.is_object() {
            self.note(path, "cannot be read");
            provision.kind = Kind::Deny;
            provision.elements.is_blurred = true;
            return provision;
        }
        provision.elements = self.elements(value, path);
        match value.get("type").map(Value::as_str) {
            None => {}
            Some(Some("permit")) => provision.kind = Kind::Permit,
            Some(Some("deny")) => provision.kind = Kind::Deny,
            Some(_) => {
                self.note(&format!("{path}.type"), "is neither permit nor deny");
                provision.kind = Kind::Deny;
                provision.elements.is_blurred = true;
            }
        }
        if let Some(period) = value.get("period") {
            match span(period) {
                Some(span) => provision.in_force = span,
                None => {
                    self.note(&format!("{path}.period"), "cannot be read");
                    provision.elements.is_blurred = true;
                }
            }
        }
        if let Some(inner) = value.get("provision") {
            provision.exceptions = self.exceptions(inner, path, provision.kind, depth);
        }
        provision
    }

    fn exceptions(&mut self, value: &Value, path: &str, outer: Kind, depth: usize) -> Vec<Provision> {
        let path = format!("{path}.provision");
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        if depth >= DEPTH_MAX || items.is_empty() || self.count + items.len() > PROVISIONS_MAX {
            // An exception that is not read may refuse anything.
            self.note(&path, "has exceptions that are not read: too deep, too many or malformed");
            return vec![Provision::new(&path, Kind::Deny)];
        }
        let implied = if outer == Kind::Permit { Kind::Deny } else { Kind::Permit };
        let each = items.iter().enumerate();
        each.map(|(i, item)| self.provision(item, &format!("{path}[{i}]"), implied, depth + 1)).collect()
    }

    fn elements(&mut self, value: &Value, path: &str) -> Elements {
        if value.get("modifierExtension").is_some() {
            self.note(&format!("{path}.modifierExtension"), "is not known");
        }
        Elements {
            is_blurred: value.get("modifierExtension").is_some(),
            actors: self.actors(value, path),
            actions: self.listed(value, path, "action", reading::of_codings(action)),
            labels: self.listed(value, path, "securityLabel", |coding| {
                let (system, code) = reading::coding(coding)?;
                Some(vec![Label::read(system?, code)?])
            }),
            purposes: self.listed(value, path, "purpose", |coding| Some(vec![purpose_of(coding)?])),
            classes: self.listed(value, path, "class", |coding| Some(vec![class(coding)?])),
            codes: self.listed(value, path, "code", reading::of_codings(code)),
            data_period: value.get("dataPeriod").map(|period| {
                let known: Vec<Period> = stretch(period).into_iter().collect();
                let has_unknown = known.is_empty();
                if has_unknown {
                    self.note(&format!("{path}.dataPeriod"), "cannot be read");
                }
                Listed { known, has_unknown }
            }),
            data: self.data(value, path),
        }
    }

    /// Returns the repetitions of an element; `read` gives none for one that is not understood.
    fn listed<T>(
        &mut self,
        value: &Value,
        path: &str,
        name: &str,
        read: impl Fn(&Value) -> Option<Vec<T>>,
    ) -> Option<Listed<T>> {
        let items = value.get(name)?.as_array().map_or(&[][..], Vec::as_slice);
        let mut listed = Listed { known: Vec::new(), has_unknown: items.is_empty() || items.len() > REPEATS_MAX };
        for (i, item) in items.iter().enumerate().take(REPEATS_MAX) {
            match read(item) {
                Some(known) => listed.known.extend(known),
                None => {
                    self.note(&format!("{path}.{name}[{i}]"), "is not understood");
                    listed.has_unknown = true;
                }
            }
        }
        Some(listed)
    }

    /// Returns the recipients. A custodian says who holds the data and not who gets them, but in a Consent that refuses everybody
    /// and names nobody else.
    fn actors(&mut self, value: &Value, path: &str) -> Option<Listed<Box<str>>> {
        let base_url = self.base_url;
        let read = |actor: &Value| {
            let reference = reading::reference(actor.get("reference")?, base_url)?;
            Some(vec![(reference, reading::has_code(actor.get("role"), "CST"))])
        };
        let all = self.listed(value, path, "actor", read)?;
        let is_held_by_alone = !all.known.is_empty() && all.known.iter().all(|(_, is_custodian)| *is_custodian);
        let keeps = self.is_opt_out && is_held_by_alone && !all.has_unknown;
        let known: Vec<Box<str>> = all
            .known
            .into_iter()
            .filter(|(_, custodian)| keeps || !custodian)
            .map(|(reference, _)| reference)
            .collect();
        let has_unknown = all.has_unknown || known.is_empty();
        if has_unknown && !all.has_unknown {
            self.note(&format!("{path}.actor"), "names a custodian and no recipient");
        }
        Some(Listed { known, has_unknown })
    }

    fn data(&mut self, value: &Value, path: &str) -> Option<Listed<Data>> {
        let base_url = self.base_url;
        self.listed(value, path, "data", |data| {
            let meaning = match data.get("meaning")?.as_str()? {
                "instance" => Meaning::Instance,
                "related" => Meaning::Related,
                "dependents" => Meaning::Dependents,
                "authoredby" => Meaning::AuthoredBy,
                _ => return None,
            };
            let reference = reading::reference(data.get("reference")?, base_url)?;
            match reading::local(&reference) {
                Some(to) => Some(vec![Data { meaning, to, also: Vec::new(), through: Vec::new() }]),
                // A resource of another server is none of ours.
                None if meaning == Meaning::Instance => Some(Vec::new()),
                None => None,
            }
        })
    }
}

fn action(system: Option<&str>, code: &str) -> Option<Action> {
    if system.is_some_and(|system| system != CONSENT_ACTION) {
        return None;
    }
    Some(match code {
        "access" => Action::Access,
        "collect" => Action::Collect,
        "correct" => Action::Correct,
        "disclose" => Action::Disclose,
        "use" => Action::Use,
        _ => return None,
    })
}

fn purpose_of(coding: &Value) -> Option<Box<str>> {
    let (system, code) = reading::coding(coding)?;
    (system? == ACT_REASON && purpose::is_known(code)).then(|| code.into())
}

fn code(system: Option<&str>, code: &str) -> Option<(Option<Box<str>>, Box<str>)> {
    // A value set in the place of a system would have to be expanded.
    let is_value_set = system.is_some_and(|system| system.contains("/ValueSet/"));
    (!is_value_set).then(|| (system.map(Into::into), code.into()))
}

fn class(coding: &Value) -> Option<Class> {
    let (system, code) = reading::coding(coding)?;
    match system.map(|system| system.trim_end_matches('/')) {
        Some("http://hl7.org/fhir/resource-types" | "http://hl7.org/fhir/fhir-types") | None if !code.contains(':') => {
            ResourceType::parse(code).map(Class::Type)
        }
        Some("urn:ietf:bcp:13") => Some(Class::Mime(code.into())),
        _ if code.contains("://") => Some(Class::Profile(code.into())),
        Some(system) if system.ends_with("/StructureDefinition") => {
            Some(Class::Profile(format!("{system}/{code}").into()))
        }
        _ => None,
    }
}

/// Returns the time in which a provision is in force. A day, month or year ends with its last moment; a moment is the end itself.
fn span(period: &Value) -> Option<Span> {
    let both = stretch(period)?;
    let end = period.get("end").and_then(Value::as_str);
    Some(Span {
        from: period.get("start").map(|_| both.lo),
        until: match end {
            Some(text) if text.contains('T') => Some(period::parse(text)?.lo),
            Some(_) => Some(both.hi + 1),
            None => None,
        },
    })
}

/// Returns the stretch of a Period; none for one without limits or whose limits cannot be read.
fn stretch(period: &Value) -> Option<Period> {
    let limit = |name: &str| match period.get(name) {
        None => Some(None),
        Some(limit) => Some(Some(period::parse(limit.as_str()?)?)),
    };
    let (start, end) = (limit("start")?, limit("end")?);
    if start.is_none() && end.is_none() {
        return None;
    }
    let (lo, hi) = (start.map_or(period::BEGINNING, |start| start.lo), end.map_or(period::END, |end| end.hi));
    (lo <= hi).then_some(Period { lo, hi })
}
