//! From the text of a filter to its tree.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html>: `and` and `or` are taken from left to right, neither binds closer;
//! `not` stands before parentheses. A step of a path may name its type, as in ordinary chains: `subject:Patient.name`.

use super::operator::{OPERATORS, Operator};
use super::scan::Scanner;
use super::tree::{Filter, Step, Test};
use super::{NESTING_MAX, TESTS_MAX, too_costly};
use crate::fault::Fault;
use crate::fhir::ResourceType;

pub fn parse(text: &str) -> Result<Filter, Fault> {
    let mut parser = Parser { scanner: Scanner::new(text), tests: 0 };
    let filter = parser.filter(0)?;
    match parser.scanner.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.scanner.expected("'and', 'or' or the end")),
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    /// How many comparisons were read.
    tests: usize,
}

impl Parser<'_> {
    /// Reads up to the end or to a bracket that closes.
    fn filter(&mut self, depth: usize) -> Result<Filter, Fault> {
        let mut left = self.one(depth)?;
        loop {
            self.scanner.space();
            if matches!(self.scanner.peek(), None | Some(')' | ']')) {
                return Ok(left);
            }
            let all = self.scanner.eat_word("and");
            if !all && !self.scanner.eat_word("or") {
                return Err(self.scanner.expected("'and', 'or', a closing bracket or the end"));
            }
            let right = self.one(depth)?;
            left = match (left, all) {
                (Filter::And(parts), true) => Filter::And(with(parts, right)),
                (Filter::Or(parts), false) => Filter::Or(with(parts, right)),
                (left, true) => Filter::And(vec![left, right]),
                (left, false) => Filter::Or(vec![left, right]),
            };
        }
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Fault> {
        self.scanner.space();
        if self.scanner.eat('(') {
            return self.nested(depth + 1, ')');
        }
        if self.scanner.eat_word("not") {
            self.scanner.space();
            if !self.scanner.eat('(') {
                return Err(self.scanner.expected("'(' after 'not'"));
            }
            return Ok(Filter::Not(Box::new(self.nested(depth + 1, ')')?)));
        }
        self.tests += 1;
        if self.tests > TESTS_MAX {
            return Err(too_costly(&format!("has more than {TESTS_MAX} comparisons")));
        }
        self.test(depth).map(Filter::Test)
    }

    fn nested(&mut self, depth: usize, close: char) -> Result<Filter, Fault> {
        check_depth(depth)?;
        let filter = self.filter(depth)?;
        if self.scanner.eat(close) { Ok(filter) } else { Err(self.scanner.expected(&format!("'{close}'"))) }
    }

    fn test(&mut self, depth: usize) -> Result<Test, Fault> {
        let at = self.scanner.place();
        let mut steps = Vec::new();
        let name = loop {
            let (step, leads_on) = self.step(depth + steps.len())?;
            if !leads_on {
                break step.name;
            }
            steps.push(step);
            check_depth(depth + steps.len())?;
        };
        self.gap("a space and an operator")?;
        let operator = self.operator()?;
        self.gap("a space and a value")?;
        let value = self.scanner.value()?;
        Ok(Test { at, steps, name, operator, value })
    }

    /// Reads a name of a path; says whether another follows.
    fn step(&mut self, depth: usize) -> Result<(Step, bool), Fault> {
        let is_start = |c: char| c == '_' || c.is_ascii_alphabetic();
        if !self.scanner.peek().is_some_and(is_start) {
            return Err(self.scanner.expected("the name of a parameter, 'not' or '('"));
        }
        let name = self.scanner.word().to_string();
        let only = if self.scanner.eat(':') { Some(self.type_name()?) } else { None };
        let filter = if self.scanner.eat('[') { Some(self.nested(depth + 1, ']')?) } else { None };
        let leads_on = self.scanner.eat('.');
        if !leads_on && (only.is_some() || filter.is_some()) {
            return Err(self.scanner.expected("'.' and the name of a parameter there"));
        }
        Ok((Step { name, only, filter }, leads_on))
    }

    fn type_name(&mut self) -> Result<ResourceType, Fault> {
        let before = self.scanner.place();
        let name = self.scanner.word();
        ResourceType::parse(name).filter(|t| t.is_stored()).ok_or_else(|| {
            let text = format!("'{name}', after the ':' of character {}, is not a resource type", before - 1);
            self.scanner.wrong(&text)
        })
    }

    fn gap(&mut self, wanted: &str) -> Result<(), Fault> {
        if self.scanner.space() { Ok(()) } else { Err(self.scanner.expected(wanted)) }
    }

    fn operator(&mut self) -> Result<Operator, Fault> {
        if let Some((_, operator)) = OPERATORS.iter().find(|(name, _)| self.scanner.eat_word(name)) {
            return Ok(*operator);
        }
        let names: Vec<&str> = OPERATORS.iter().map(|(name, _)| *name).collect();
        Err(self.scanner.expected(&format!("one of the operators {}", names.join(" "))))
    }
}

fn check_depth(depth: usize) -> Result<(), Fault> {
    if depth > NESTING_MAX { Err(too_costly(&format!("is nested deeper than {NESTING_MAX} levels"))) } else { Ok(()) }
}

fn with(mut parts: Vec<Filter>, one: Filter) -> Vec<Filter> {
    parts.push(one);
    parts
}
