//! Random searches as trees of parameters, which can be written as a query and read as an expression.

use super::people::{CODES, DATES, EACH, NUMBERS, SYSTEMS, TYPES, UCUM, UNITS, URLS, WORDS, id};
use crate::catalog::ParamKind;
use crate::fhir::ResourceType;
use crate::search::column::{Param, Rank};
use crate::search::expr::{Expr, Referred, Refers};
use crate::search::query::filter;
use crate::search::tests::dice::Dice;
use crate::search::tests::{REGISTRY, resource_type};
use std::collections::BTreeSet;

/// Most chains and `_has` inside each other.
const DEPTH_MAX: usize = 3;

/// What a search asks for. Or and not, which a query has no words for, are asked of expressions.
#[derive(Debug, Clone)]
pub enum Question {
    All(Vec<Question>),
    Any(Vec<Question>),
    Not(Box<Question>),
    /// A parameter with its modifier, and its value.
    Pair(String, String),
    /// A reference of the type, the type that it is followed to, and what is asked there.
    Chain(String, ResourceType, Box<Question>),
    /// A type, its reference that leads here, and what is asked of it.
    Has(ResourceType, String, Box<Question>),
}

use Question::{All, Any, Chain, Has, Not, Pair};

impl Question {
    /// Returns `name=value` of a question about one parameter.
    pub fn pair(&self) -> Option<(String, String)> {
        match self {
            Pair(name, value) => Some((name.clone(), value.clone())),
            Chain(name, t, rest) => rest.pair().map(|(rest, value)| (format!("{name}:{t}.{rest}"), value)),
            Has(t, name, rest) => rest.pair().map(|(rest, value)| (format!("_has:{t}:{name}:{rest}"), value)),
            All(_) | Any(_) | Not(_) => None,
        }
    }

    /// Returns the question in words.
    pub fn told(&self) -> String {
        let several = |parts: &[Question], word: &str| parts.iter().map(Question::told).collect::<Vec<_>>().join(word);
        match self {
            All(parts) => format!("({})", several(parts, " & ")),
            Any(parts) => format!("({})", several(parts, " | ")),
            Not(part) => format!("not {}", part.told()),
            one => one.pair().map(|(name, value)| format!("{name}={value}")).unwrap_or_default(),
        }
    }

    /// Returns the expression as the reader of queries makes it.
    pub fn read(&self, types: &[ResourceType]) -> Expr {
        match self {
            All(parts) => Expr::and(parts.iter().map(|part| part.read(types))),
            Any(parts) => Expr::or(parts.iter().map(|part| part.read(types))),
            Not(part) => Expr::not(part.read(types)),
            one => {
                let (name, value) = one.pair().expect("it is about one parameter");
                filter(&REGISTRY, types, &name, &value).unwrap_or_else(|f| panic!("{types:?} {f}"))
            }
        }
    }

    /// Returns the expression with chains and `_has` put together here, by the words of R4.
    pub fn meant(&self, types: &[ResourceType]) -> Expr {
        match self {
            All(parts) => Expr::and(parts.iter().map(|part| part.meant(types))),
            Any(parts) => Expr::or(parts.iter().map(|part| part.meant(types))),
            Not(part) => Expr::not(part.meant(types)),
            Pair(..) => self.read(types),
            Chain(name, t, rest) => refers(columns(types[0], name, *t), *t, rest.meant(&[*t])),
            Has(t, name, rest) => Expr::Referred(Box::new(Referred {
                columns: columns(*t, name, types[0]),
                source: *t,
                by: rest.meant(&[*t]),
                targets: types.to_vec(),
                role: None,
            })),
        }
    }
}

fn refers(columns: Vec<i64>, t: ResourceType, to: Expr) -> Expr {
    Expr::Refers(Box::new(Refers { columns, targets: vec![t], to, rank: Rank::Code, role: None }))
}

/// Returns the columns of a reference parameter that lead to a type.
fn columns(t: ResourceType, name: &str, target: ResourceType) -> Vec<i64> {
    let index = REGISTRY.of(t);
    let param = index.param(name).expect("the parameter was chosen from the list");
    let leading = param.columns.iter().filter(|use_| use_.resolves.is_none_or(|only| only == target));
    leading.map(|use_| index.columns[usize::from(use_.index)].key).collect()
}

/// Makes questions that the stored resources can answer.
pub struct Asker<'a> {
    pub dice: &'a mut Dice,
    /// Keys of columns that some resource has a value in.
    pub present: &'a BTreeSet<i64>,
    /// Moments at which something was stored, as text.
    pub moments: &'a [String],
}

impl Asker<'_> {
    /// Returns one to three questions, now and then joined by or, or turned round.
    pub fn question(&mut self, types: &[ResourceType]) -> Question {
        let n = [1, 1, 1, 2, 2, 3][self.dice.below(6)];
        let mut parts: Vec<Question> = (0..n).map(|_| self.about(types, 0)).collect();
        if self.dice.percent(15) {
            let other = (0..2).map(|_| self.about(types, 1)).collect();
            parts.push(Any(other));
        }
        if self.dice.percent(10) {
            parts.push(Not(Box::new(All((0..2).map(|_| self.about(types, 1)).collect()))));
        }
        All(parts)
    }

    fn about(&mut self, types: &[ResourceType], depth: usize) -> Question {
        if let [t] = *types
            && depth < DEPTH_MAX
            && self.dice.percent(if depth == 0 { 35 } else { 50 })
        {
            let step = if self.dice.percent(60) { self.chain(t, depth) } else { self.has(t, depth) };
            if let Some(step) = step {
                return step;
            }
        }
        match self.dice.below(12) {
            0 => Pair("_id".into(), self.list(20, |it| id(types[0].name(), it.dice.below(EACH)))),
            1 => {
                let prefix = self.dice.text(&["", "lt", "le", "gt", "ge", "ne", "sa", "eb"]);
                let moment = self.dice.below(self.moments.len());
                Pair("_lastUpdated".into(), format!("{prefix}{}", self.moments[moment]))
            }
            _ => self.parameter(types),
        }
    }

    fn chain(&mut self, t: ResourceType, depth: usize) -> Option<Question> {
        let (name, target) = self.step(t)?;
        Some(Chain(name, target, Box::new(self.about(&[target], depth + 1))))
    }

    fn has(&mut self, t: ResourceType, depth: usize) -> Option<Question> {
        let steps: Vec<(ResourceType, String)> = TYPES
            .iter()
            .map(|source| resource_type(source))
            .flat_map(|source| references(source).into_iter().map(move |(name, target)| (source, name, target)))
            .filter(|(source, name, target)| *target == t && self.is_used(*source, name))
            .map(|(source, name, _)| (source, name))
            .collect();
        if steps.is_empty() {
            return None;
        }
        let (source, name) = self.dice.one(&steps).clone();
        Some(Has(source, name, Box::new(self.about(&[source], depth + 1))))
    }

    /// Returns a reference of the type and a type that it leads to.
    fn step(&mut self, t: ResourceType) -> Option<(String, ResourceType)> {
        let steps: Vec<_> = references(t).into_iter().filter(|(name, _)| self.is_used(t, name)).collect();
        (!steps.is_empty()).then(|| self.dice.one(&steps).clone())
    }

    fn is_used(&self, t: ResourceType, name: &str) -> bool {
        let index = REGISTRY.of(t);
        let columns = index.param(name).map_or(&[][..], |param| &param.columns);
        columns.iter().any(|use_| self.present.contains(&index.columns[usize::from(use_.index)].key))
    }

    /// Returns a condition on a parameter that all the types have.
    fn parameter(&mut self, types: &[ResourceType]) -> Question {
        let rare = self.dice.percent(5);
        let shared = |param: &&Param| types.iter().all(|t| REGISTRY.of(*t).param(&param.spec.code).is_some());
        let common = |param: &&Param| types.len() == 1 || param.spec.code.starts_with('_');
        let asked = |param: &&Param| {
            !matches!(param.spec.kind, ParamKind::Composite | ParamKind::Special)
                && (rare || self.is_used(types[0], &param.spec.code))
        };
        let params: Vec<&Param> = REGISTRY.of(types[0]).params().filter(shared).filter(common).filter(asked).collect();
        let param = *self.dice.one(&params);
        let code = &param.spec.code;
        if self.dice.percent(8) {
            return Pair(format!("{code}:missing"), self.dice.text(&["true", "false"]).to_string());
        }
        let (modifier, value) = match param.spec.kind {
            ParamKind::Token => self.token(types[0], param),
            ParamKind::String => self.string(),
            ParamKind::Date => (String::new(), self.list(2, |it| it.compared(&DATES))),
            ParamKind::Number => (String::new(), self.list(2, |it| it.compared(&NUMBERS))),
            ParamKind::Quantity => (String::new(), self.list(2, Self::quantity)),
            ParamKind::Reference => self.reference(param),
            _ => (String::new(), self.list(2, |it| it.dice.text(&URLS).to_string())),
        };
        Pair(format!("{code}{modifier}"), value)
    }

    /// Returns one alternative or, as often, up to `max` and one.
    fn list(&mut self, max: usize, mut make: impl FnMut(&mut Self) -> String) -> String {
        let n = if self.dice.percent(50) { 1 } else { 1 + self.dice.below(max + 1) };
        (0..n).map(|_| make(self)).collect::<Vec<_>>().join(",")
    }

    fn token(&mut self, t: ResourceType, param: &Param) -> (String, String) {
        // Where values have no system, all codes of a system are refused.
        let columns = &REGISTRY.of(t).columns;
        let with_system = param.columns.iter().any(|use_| !columns[usize::from(use_.index)].plain);
        if &*param.spec.code == "identifier" && self.dice.percent(15) {
            let (system, code) = (self.dice.text(&SYSTEMS), self.dice.text(&CODES));
            return (":of-type".into(), format!("{system}|{code}|{}", self.dice.text(&CODES)));
        }
        let plain = ["male", "female", "true", "false", "active", "finished", "order", "final"];
        let value = |it: &mut Self| {
            let (system, code) = (it.dice.text(&SYSTEMS), it.dice.text(&CODES));
            match it.dice.below(8) {
                0 => format!("{system}|{code}"),
                1 => format!("|{code}"),
                2 | 3 if with_system => format!("{system}|"),
                _ if !with_system => it.dice.text(&plain).to_string(),
                _ => code.to_string(),
            }
        };
        let value = self.list(3, value);
        (if self.dice.percent(20) { ":not".into() } else { String::new() }, value)
    }

    fn string(&mut self) -> (String, String) {
        let modifier = self.dice.text(&["", "", "", ":exact", ":contains"]);
        let value = self.list(2, |it| {
            let chars: Vec<char> = it.dice.text(&WORDS).chars().collect();
            if modifier == ":exact" {
                return chars.into_iter().collect();
            }
            let from = if modifier == ":contains" { it.dice.below(chars.len()) } else { 0 };
            let part: String = chars[from..from + 1 + it.dice.below(chars.len() - from)].iter().collect();
            // A space alone says nothing.
            let part = if part.trim().is_empty() { "n".to_string() } else { part };
            if it.dice.percent(30) { part.to_uppercase() } else { part }
        });
        (modifier.to_string(), value)
    }

    fn compared(&mut self, values: &[&str]) -> String {
        // What is about a date depends on the present, so it is asked of numbers alone.
        let about = if values == NUMBERS { "ap" } else { "" };
        let prefix = self.dice.text(&["", about, "eq", "ne", "lt", "le", "gt", "ge", "sa", "eb"]);
        format!("{prefix}{}", self.dice.text(values))
    }

    fn quantity(&mut self) -> String {
        let number = self.compared(&NUMBERS);
        let unit = self.dice.text(&UNITS);
        match self.dice.below(3) {
            0 => format!("{number}|{UCUM}|{unit}"),
            1 => format!("{number}||{unit}"),
            _ => number,
        }
    }

    fn reference(&mut self, param: &Param) -> (String, String) {
        let targets: Vec<ResourceType> =
            TYPES.iter().map(|t| resource_type(t)).filter(|t| param.targets.contains(t)).collect();
        if targets.is_empty() {
            return (String::new(), "Group/1".into());
        }
        if self.dice.percent(10) {
            let (system, code) = (self.dice.text(&SYSTEMS), self.dice.text(&CODES));
            return (":identifier".into(), format!("{system}|{code}"));
        }
        let typed = self.dice.percent(20).then(|| *self.dice.one(&targets));
        let value = self.list(12, |it| {
            let t = typed.unwrap_or_else(|| *it.dice.one(&targets));
            let id = id(t.name(), it.dice.below(EACH));
            match it.dice.below(6) {
                0 | 1 => id,
                2 => format!("{}/{t}/{id}", crate::search::tests::BASE_URL),
                3 if typed.is_none() => format!("http://elsewhere.example/{t}/{id}"),
                _ => format!("{t}/{id}"),
            }
        });
        (typed.map(|t| format!(":{t}")).unwrap_or_default(), value)
    }
}

/// Returns the reference parameters of a type, each with every type of the test's that it leads to.
fn references(t: ResourceType) -> Vec<(String, ResourceType)> {
    let params = REGISTRY.of(t).params().filter(|param| param.spec.kind == ParamKind::Reference);
    let leads = |param: &Param| {
        let targets = param.targets.iter().copied().filter(|t| TYPES.contains(&t.name()));
        targets.map(|target| (param.spec.code.to_string(), target)).collect::<Vec<_>>()
    };
    params.flat_map(leads).collect()
}
