//! A function at work: its input, its arguments, and the means to evaluate them.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#functions>: most functions take one item, and an argument is either
//! evaluated once where the function stands, or for each item of the input.

use super::super::ast::{Ast, Call};
use super::super::error::FhirpathError;
use super::super::evaluator::{Evaluator, Scope, one};
use super::super::item::Item;
use std::borrow::Cow;

pub(in crate::fhirpath) struct Invocation<'s, 'a> {
    pub evaluator: &'s mut Evaluator<'a>,
    pub scope: Scope<'s, 'a>,
    pub call: &'a Call,
    pub input: Vec<Item<'a>>,
}

impl<'s, 'a> Invocation<'s, 'a> {
    pub(super) fn name(&self) -> &'static str {
        self.call.function.name
    }

    pub(super) fn arg(&self, i: usize) -> Option<&'a Ast> {
        self.call.args.get(i)
    }

    pub(super) fn error(&self, message: impl std::fmt::Display) -> FhirpathError {
        FhirpathError::evaluation(format!("{}(): {message}", self.name()))
    }

    /// Returns the one item of the input; several are an error.
    pub(super) fn input_one(&mut self) -> Result<Option<Item<'a>>, FhirpathError> {
        one(std::mem::take(&mut self.input), self.name())
    }

    /// Returns the one item of the input, where it has a value.
    pub(super) fn input_value(&mut self) -> Result<Option<Item<'a>>, FhirpathError> {
        Ok(self.input_one()?.filter(|item| !item.is_void()))
    }

    /// Returns the text of the one item of the input; another type is an error.
    pub(super) fn input_text(&mut self) -> Result<Option<Cow<'a, str>>, FhirpathError> {
        let Some(item) = self.input_value()? else {
            return Ok(None);
        };
        self.text_of(item).map(Some)
    }

    /// Long texts cost fuel, because work on them does.
    pub(super) fn text_of(&mut self, item: Item<'a>) -> Result<Cow<'a, str>, FhirpathError> {
        if item.as_str().is_none() {
            return Err(self.error(format!("a string is expected, not {}", item.type_label())));
        }
        let text = item.into_text().unwrap_or_default();
        self.evaluator.spend(text.len() / 64)?;
        Ok(text)
    }

    /// Returns the items of an argument that is evaluated once, where the function stands.
    pub(super) fn argument(&mut self, i: usize) -> Result<Vec<Item<'a>>, FhirpathError> {
        match self.arg(i) {
            Some(ast) => self.evaluator.collect(ast, self.scope),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn argument_one(&mut self, i: usize) -> Result<Option<Item<'a>>, FhirpathError> {
        let name = self.name();
        match self.arg(i) {
            Some(ast) => Ok(self.evaluator.single(ast, self.scope, name)?.filter(|item| !item.is_void())),
            None => Ok(None),
        }
    }

    pub(super) fn argument_text(&mut self, i: usize) -> Result<Option<Cow<'a, str>>, FhirpathError> {
        let Some(item) = self.argument_one(i)? else {
            return Ok(None);
        };
        self.text_of(item).map(Some)
    }

    pub(super) fn argument_integer(&mut self, i: usize) -> Result<Option<i64>, FhirpathError> {
        let Some(item) = self.argument_one(i)? else {
            return Ok(None);
        };
        let label = item.type_label();
        item.as_integer().map(Some).ok_or_else(|| self.error(format!("an Integer is expected, not {label}")))
    }

    /// Adds what an argument yields for one item of the input, which is its `$this`.
    pub(super) fn project(
        &mut self,
        i: usize,
        item: &Item<'a>,
        index: usize,
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        let Some(ast) = self.arg(i) else { return Ok(()) };
        let scope = Scope { this: std::slice::from_ref(item), index: Some(index), ..self.scope };
        self.evaluator.eval(ast, scope, out)
    }

    /// Returns whether a criterion holds for one item of the input.
    pub(super) fn criterion(&mut self, i: usize, item: &Item<'a>, index: usize) -> Result<Option<bool>, FhirpathError> {
        let Some(ast) = self.arg(i) else { return Ok(None) };
        let scope = Scope { this: std::slice::from_ref(item), index: Some(index), ..self.scope };
        self.evaluator.truth(ast, scope)
    }
}
