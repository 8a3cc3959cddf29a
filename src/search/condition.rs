//! One parameter and one of its values, as the kinds see them.

use super::ask::Place;
use super::column::{Column, Param, ParamColumn, Rank};
use super::expr::{Expr, Term};
use super::key::Form;
use super::modifier::Modifier;
use super::registry::Registry;
use super::value;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use std::borrow::Cow;

/// One parameter of one type, as a condition sees it.
pub struct Asked<'a> {
    pub registry: &'a Registry,
    pub resource_type: ResourceType,
    pub param: &'a Param,
}

/// One alternative of one parameter in the query.
pub struct Condition<'a> {
    /// The name as it was given, with the modifier.
    pub name: &'a str,
    pub modifier: &'a Modifier,
    /// Still escaped; has no comma with a meaning.
    pub value: &'a str,
    pub now_us: i64,
}

impl<'a> Asked<'a> {
    pub fn columns(&self) -> impl Iterator<Item = (&'a Column, &'a ParamColumn)> + use<'a> {
        let columns = &self.registry.of(self.resource_type).columns;
        self.param.columns.iter().map(|use_| (&columns[usize::from(use_.index)], use_))
    }

    /// Returns those of the columns that pass, as a question names them.
    pub fn places(&self, passes: impl Fn(&Column, &ParamColumn) -> bool) -> Vec<Place> {
        let passing = self.columns().filter(|(column, use_)| passes(column, use_));
        passing.map(|(_, use_)| Place { resource_type: self.resource_type, column: use_.index }).collect()
    }

    /// Returns the condition that a column has a value.
    pub fn term(&self, column: &Column, form: Form, first: &str, second: &str) -> Expr {
        Expr::Term(Term {
            keys: vec![self.registry.keyer.term(column.key, form, first, second)],
            rank: if form == Form::System { Rank::Flag } else { column.rank },
            exclusive: column.single.then_some(column.key ^ form as i64),
            role: column.role.filter(|_| form == Form::SystemCode),
        })
    }
}

impl<'a> Condition<'a> {
    /// Returns the value without escapes.
    pub fn text(&self) -> Result<Cow<'a, str>, Fault> {
        self.unescape(self.value)
    }

    /// Returns the parts between separators, without escapes.
    pub fn parts(&self, separator: char) -> Result<Vec<Cow<'a, str>>, Fault> {
        value::split(self.value, separator).into_iter().map(|part| self.unescape(part)).collect()
    }

    fn unescape(&self, text: &'a str) -> Result<Cow<'a, str>, Fault> {
        value::unescape(text).ok_or_else(|| self.invalid(r"has a backslash that is not part of \, \| \$ or \\"))
    }

    pub fn describe(&self, reason: &str) -> String {
        let shown: String = self.value.chars().take(100).collect();
        format!("parameter '{}': '{shown}' {reason}", self.name)
    }

    pub fn invalid(&self, reason: &str) -> Fault {
        Fault::new(Kind::Invalid, self.describe(reason))
    }

    pub fn not_supported(&self, reason: &str) -> Fault {
        Fault::new(Kind::NotSupported, self.describe(reason))
    }
}
