//! Random questions of the leak test, with what is known of their meaning: which references their chains lead through, and by which
//! ones others come along.

use super::world::{World, at};
use crate::dice::Dice;
use serde_json::Value;

/// A question, without `_count`.
#[derive(Debug, Clone)]
pub struct Question {
    pub path: String,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Search {
        /// What only those meet of which the asker may see all that the chain leads through.
        chains: Vec<Step>,
        along: Vec<Along>,
        /// Whether it finds the same whatever consents say.
        is_fixed: bool,
    },
    /// Of one patient, or of all.
    Everything(Option<String>),
    History,
    /// `$search`
    Ranked,
}

/// A way from a resource to others: by what it refers to, or by what refers to it.
#[derive(Debug, Clone)]
pub enum Step {
    /// Parameter, path of the reference, type that it leads to.
    To(Edge, Box<End>),
    /// The type that refers.
    From(Edge, Box<End>),
}

/// A type, a parameter of it, the path of its reference, and a type that it leads to.
pub type Edge = (&'static str, &'static str, &'static str, &'static str);

#[derive(Debug, Clone)]
pub enum End {
    /// `gender=female`
    Has(String),
    More(Step),
}

#[derive(Debug, Clone)]
pub struct Along {
    pub edge: Edge,
    pub reverse: bool,
    pub iterate: bool,
}

const EDGES: &[Edge] = &[
    ("Observation", "subject", "subject", "Patient"),
    ("Observation", "encounter", "encounter", "Encounter"),
    ("Observation", "performer", "performer", "Patient"),
    ("Condition", "encounter", "encounter", "Encounter"),
    ("Condition", "subject", "subject", "Patient"),
    ("Procedure", "encounter", "encounter", "Encounter"),
    ("Procedure", "patient", "subject", "Patient"),
    ("Immunization", "patient", "patient", "Patient"),
    ("DiagnosticReport", "result", "result", "Observation"),
    ("DiagnosticReport", "encounter", "encounter", "Encounter"),
    ("MedicationRequest", "encounter", "encounter", "Encounter"),
    ("MedicationRequest", "requester", "requester", "Practitioner"),
    ("Encounter", "participant", "participant.individual", "Practitioner"),
    ("Encounter", "service-provider", "serviceProvider", "Organization"),
    ("Encounter", "patient", "subject", "Patient"),
    ("CarePlan", "care-team", "careTeam", "CareTeam"),
    ("CarePlan", "encounter", "encounter", "Encounter"),
    ("CareTeam", "participant", "participant.member", "Practitioner"),
    ("CareTeam", "subject", "subject", "Patient"),
    ("Group", "member", "member.entity", "Patient"),
    ("List", "item", "entry.item", "Patient"),
    ("List", "item", "entry.item", "Observation"),
    ("Composition", "entry", "section.entry", "Observation"),
    ("Composition", "subject", "subject", "Patient"),
    ("Appointment", "actor", "participant.actor", "Patient"),
    ("Task", "focus", "focus", "Observation"),
    ("Task", "patient", "for", "Patient"),
    ("Person", "patient", "link.target", "Patient"),
    ("ExplanationOfBenefit", "patient", "patient", "Patient"),
    ("Claim", "patient", "patient", "Patient"),
];

enum Form {
    Token,
    Reference,
    Date,
    Text,
    Code,
}

/// Parameters, and where their values are.
const PARAMS: &[(&str, &str, &str, Form)] = &[
    ("Observation", "code", "code.coding", Form::Token),
    ("Observation", "category", "category.coding", Form::Token),
    ("Observation", "patient", "subject.reference", Form::Reference),
    ("Observation", "encounter", "encounter.reference", Form::Reference),
    ("Observation", "performer", "performer.reference", Form::Reference),
    ("Observation", "date", "effectiveDateTime", Form::Date),
    ("Observation", "_security", "meta.security", Form::Token),
    ("Condition", "code", "code.coding", Form::Token),
    ("Condition", "clinical-status", "clinicalStatus.coding", Form::Token),
    ("Condition", "patient", "subject.reference", Form::Reference),
    ("Condition", "onset-date", "onsetDateTime", Form::Date),
    ("Encounter", "class", "class", Form::Token),
    ("Encounter", "type", "type.coding", Form::Token),
    ("Encounter", "date", "period.start", Form::Date),
    ("Encounter", "participant", "participant.individual.reference", Form::Reference),
    ("Encounter", "service-provider", "serviceProvider.reference", Form::Reference),
    ("Procedure", "code", "code.coding", Form::Token),
    ("Procedure", "date", "performedPeriod.start", Form::Date),
    ("Immunization", "vaccine-code", "vaccineCode.coding", Form::Token),
    ("Immunization", "date", "occurrenceDateTime", Form::Date),
    ("MedicationRequest", "status", "status", Form::Code),
    ("MedicationRequest", "code", "medicationCodeableConcept.coding", Form::Token),
    ("DiagnosticReport", "category", "category.coding", Form::Token),
    ("DiagnosticReport", "result", "result.reference", Form::Reference),
    ("DiagnosticReport", "date", "effectiveDateTime", Form::Date),
    ("CarePlan", "status", "status", Form::Code),
    ("CareTeam", "participant", "participant.member.reference", Form::Reference),
    ("Claim", "patient", "patient.reference", Form::Reference),
    ("ExplanationOfBenefit", "patient", "patient.reference", Form::Reference),
    ("DocumentReference", "author", "author.reference", Form::Reference),
    ("DocumentReference", "date", "date", Form::Date),
    ("AllergyIntolerance", "code", "code.coding", Form::Token),
    ("Patient", "gender", "gender", Form::Code),
    ("Patient", "birthdate", "birthDate", Form::Date),
    ("Patient", "family", "name.family", Form::Text),
    ("Patient", "address-city", "address.city", Form::Text),
    ("Provenance", "target", "target.reference", Form::Reference),
    ("Group", "member", "member.entity.reference", Form::Reference),
    ("List", "item", "entry.item.reference", Form::Reference),
    ("Appointment", "actor", "participant.actor.reference", Form::Reference),
    ("Task", "patient", "for.reference", Form::Reference),
    ("Communication", "recipient", "recipient.reference", Form::Reference),
    ("Person", "patient", "link.target.reference", Form::Reference),
    ("Composition", "title", "title", Form::Text),
    ("ImagingStudy", "patient", "subject.reference", Form::Reference),
    ("MedicationAdministration", "status", "status", Form::Code),
    ("Practitioner", "family", "name.family", Form::Text),
];

const SORTED: &[&str] = &["_lastUpdated", "-_lastUpdated", "_id", "-_id"];

/// Returns a question, which may find nothing.
pub fn question(world: &World, dice: &mut Dice) -> Question {
    match dice.below(20) {
        0 => everything(world, dice),
        1 | 2 => history(world, dice),
        3 => ranked(dice),
        4 | 5 => compartment(world, dice),
        6 => several_types(world, dice),
        7..=11 => chained(world, dice),
        _ => {
            let t = dice.one(PARAMS).0;
            search(world, dice, t, Vec::new())
        }
    }
}

/// Returns a condition on a type that some resource of it meets; none where the world has none.
fn condition(world: &World, dice: &mut Dice, t: &str) -> Option<String> {
    let of_type: Vec<_> = PARAMS.iter().filter(|(of, ..)| *of == t).collect();
    if of_type.is_empty() || dice.percent(4) {
        let (name, _) = world.any(dice, t)?;
        return Some(format!("_id={}", name.split_once('/')?.1));
    }
    let (_, param, path, form) = dice.one(&of_type);
    let (_, resource) = world.any(dice, t)?;
    let mut values = Vec::new();
    at(resource, path, &mut |value| values.extend(said(value, form)));
    if values.is_empty() {
        return None;
    }
    let value = dice.one(&values).clone();
    let text = match form {
        Form::Date => format!("{param}={}{}", dice.text(&["ge", "le", "eq", ""]), &value[..value.len().min(10)]),
        Form::Token | Form::Code if dice.percent(8) => format!("{param}:not={value}"),
        _ => format!("{param}={value}"),
    };
    Some(encoded(&text))
}

fn said(value: &Value, form: &Form) -> Option<String> {
    match form {
        Form::Token => {
            let code = value["code"].as_str()?;
            Some(value["system"].as_str().map_or(code.to_string(), |system| format!("{system}|{code}")))
        }
        _ => value.as_str().map(str::to_string),
    }
}

fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/,=".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Returns a search of a type by these conditions and others, with what comes along.
fn search(world: &World, dice: &mut Dice, t: &str, mut parts: Vec<String>) -> Question {
    if parts.is_empty() || dice.percent(20) {
        parts.extend(condition(world, dice, t));
    }
    if dice.percent(15) {
        parts.extend(condition(world, dice, t));
    }
    if dice.percent(5) {
        parts.push(format!("_list={}", dice.text(&["leak-list", "leak-other"])));
    }
    let mut chains = Vec::new();
    if parts.iter().any(|part| part.starts_with("_list=")) {
        // A list that is not seen has no items.
        let list = parts.iter().find_map(|part| part.strip_prefix("_list=")).unwrap_or_default();
        let edge = ("List", "item", "entry.item", "");
        chains.push(Step::From(edge, Box::new(End::Has(format!("_id={list}")))));
    }
    let along = along(dice, t);
    parts.extend(along.iter().map(Along::text));
    if dice.percent(40) {
        parts.push(format!("_sort={}", dice.text(SORTED)));
    }
    Question { path: format!("{t}?{}", parts.join("&")), kind: Kind::Search { chains, along, is_fixed: true } }
}

fn along(dice: &mut Dice, t: &str) -> Vec<Along> {
    let mut all: Vec<Along> = Vec::new();
    if !dice.percent(40) {
        return all;
    }
    let mut reached = vec![t];
    for _ in 0..1 + dice.below(3) {
        let from = *dice.one(&reached);
        let forward = EDGES.iter().filter(|edge| edge.0 == from).map(|edge| (*edge, false));
        let back = EDGES.iter().filter(|edge| edge.3 == from).map(|edge| (*edge, true));
        let ways: Vec<(Edge, bool)> = forward.chain(back).collect();
        if ways.is_empty() {
            break;
        }
        let (edge, reverse) = *dice.one(&ways);
        let iterate = from != t || dice.percent(25);
        reached.push(if reverse { edge.0 } else { edge.3 });
        all.push(Along { edge, reverse, iterate });
    }
    all
}

impl Along {
    fn text(&self) -> String {
        let (t, param, _, target) = self.edge;
        let name = if self.reverse { "_revinclude" } else { "_include" };
        let iterate = if self.iterate { ":iterate" } else { "" };
        format!("{name}{iterate}={t}:{param}:{target}")
    }
}

fn chained(world: &World, dice: &mut Dice) -> Question {
    let edge = *dice.one(EDGES);
    let forward = dice.percent(55);
    let (t, end) = if forward { (edge.0, edge.3) } else { (edge.3, edge.0) };
    let Some(end) = end_of(world, dice, end, 1) else { return search(world, dice, t, Vec::new()) };
    let step = if forward { Step::To(edge, Box::new(end)) } else { Step::From(edge, Box::new(end)) };
    let mut question = search(world, dice, t, vec![step.text()]);
    if let Kind::Search { chains, .. } = &mut question.kind {
        chains.push(step);
    }
    question
}

/// Returns what the end of a chain must meet, perhaps by another chain.
fn end_of(world: &World, dice: &mut Dice, t: &'static str, depth: usize) -> Option<End> {
    if depth < 3 && dice.percent(35) {
        let forward: Vec<&Edge> = EDGES.iter().filter(|edge| edge.0 == t).collect();
        if !forward.is_empty() && dice.percent(70) {
            let edge = **dice.one(&forward);
            let end = end_of(world, dice, edge.3, depth + 1)?;
            return Some(End::More(Step::To(edge, Box::new(end))));
        }
        let back: Vec<&Edge> = EDGES.iter().filter(|edge| edge.3 == t).collect();
        if !back.is_empty() {
            let edge = **dice.one(&back);
            let end = end_of(world, dice, edge.0, depth + 1)?;
            return Some(End::More(Step::From(edge, Box::new(end))));
        }
    }
    // A condition with a modifier or without a value has no place in a chain.
    let said = condition(world, dice, t).filter(|said| !said.contains(":not"))?;
    Some(End::Has(said))
}

impl Step {
    pub fn text(&self) -> String {
        match self {
            Step::To((_, param, _, target), end) => format!("{param}:{target}.{}", end.text()),
            Step::From((t, param, ..), end) => format!("_has:{t}:{param}:{}", end.text()),
        }
    }
}

impl End {
    fn text(&self) -> String {
        match self {
            End::Has(text) => text.clone(),
            End::More(step) => step.text(),
        }
    }
}

fn compartment(world: &World, dice: &mut Dice) -> Question {
    let (owner, of): (&str, &[&str]) = match dice.below(4) {
        0 => ("Encounter", &["Observation", "Condition", "Procedure"]),
        1 => ("Practitioner", &["Encounter", "CareTeam", "Appointment"]),
        _ => {
            ("Patient", &["Observation", "Condition", "Encounter", "Claim", "Group", "List", "Appointment", "Consent"])
        }
    };
    let name = match (owner, world.any(dice, owner)) {
        ("Practitioner", _) => world.doctor(dice.below(3)),
        (_, Some((name, _))) => name.clone(),
        _ => world.patients[0].clone(),
    };
    let t = dice.text(of);
    let path = match dice.below(3) {
        0 => format!("{name}/*?_type={t},{}", dice.text(of)),
        1 if t != "Consent" => {
            format!("{name}/{t}?{}", condition(world, dice, t).unwrap_or_else(|| "_lastUpdated=ge2000".into()))
        }
        _ => format!("{name}/{t}"),
    };
    let is_fixed = !path.contains("Consent");
    Question { path, kind: Kind::Search { chains: Vec::new(), along: Vec::new(), is_fixed } }
}

fn several_types(world: &World, dice: &mut Dice) -> Question {
    let all =
        ["Condition", "Patient", "Group", "CareTeam", "Consent", "List", "Appointment", "CarePlan", "Practitioner"];
    let mut types: Vec<&str> = (0..1 + dice.below(3)).map(|_| dice.text(&all)).collect();
    types.sort_unstable();
    types.dedup();
    let more = match dice.below(3) {
        0 => format!("&_security={}", dice.text(&["R", "V", "PSY"])),
        1 => format!("&_lastUpdated=ge{}", encoded(&world.loaded)),
        _ => format!("&_sort={}", dice.text(SORTED)),
    };
    let is_fixed = !types.contains(&"Consent");
    let path = format!("?_type={}{more}", types.join(","));
    Question { path, kind: Kind::Search { chains: Vec::new(), along: Vec::new(), is_fixed } }
}

fn everything(world: &World, dice: &mut Dice) -> Question {
    let patient = dice.percent(70).then(|| dice.one(&world.patients).clone());
    let place = patient.clone().unwrap_or_else(|| "Patient".to_string());
    let from = 1990 + dice.below(30);
    let narrowed = match dice.below(3) {
        0 => format!(
            "?_type={}",
            dice.text(&["Condition,Practitioner", "Encounter,Organization,Location", "Patient,Group"])
        ),
        1 => format!("?_type=Observation,Practitioner,Consent&start={from}&end={}", from + 3),
        _ => format!("?_since={}", encoded(&world.loaded)),
    };
    Question { path: format!("{place}/$everything{narrowed}"), kind: Kind::Everything(patient) }
}

fn history(world: &World, dice: &mut Dice) -> Question {
    let changed = ["leak-moved", "leak-restricted", "leak-released", "leak-gone"];
    let path = match dice.below(6) {
        0 => format!("Observation/{}/_history", dice.text(&changed)),
        1 => format!("Consent/leak-{}-{}/_history", dice.below(3), dice.below(3)),
        2 => format!("Observation/_history?_since={}", encoded(&world.loaded)),
        3 => format!("Condition/_history?_since={}", encoded(&world.loaded)),
        _ => format!(
            "{}/_history",
            dice.text(&["Patient", "Group", "CareTeam", "List", "Appointment", "CarePlan", "Person"])
        ),
    };
    Question { path, kind: Kind::History }
}

fn ranked(dice: &mut Dice) -> Question {
    let words = dice.text(&["zebrafish", "zebrafish labelled", "pharyngitis", "disorder", "letter", "leukocytes"]);
    let t = dice.text(&["", "Observation/", "Condition/"]);
    Question { path: format!("{t}$search?query={}", encoded(words)), kind: Kind::Ranked }
}
