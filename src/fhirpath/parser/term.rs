//! Terms of an expression: literals, names, calls, parentheses.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#expressions>.

use super::super::ast::{Ast, Call, Step, TypeName, TypeOp};
use super::super::error::FhirpathError;
use super::super::functions::{self, Function};
use super::super::item::Item;
use super::super::lexer::Token;
use super::super::quantity::{Quantity, Unit};
use super::{Parser, Tree};
use rust_decimal::Decimal;
use std::borrow::Cow;

/// Most names in one run of a path.
const STEPS_MAX: usize = 64;

/// Operators that are no names unless they stand in backticks.
const RESERVED: [&str; 6] = ["and", "or", "xor", "implies", "div", "mod"];

impl Parser {
    pub(super) fn term(&mut self) -> Result<Tree, FhirpathError> {
        let at = self.at();
        let ast = match self.peek().clone() {
            Token::Word(word) if word == "true" || word == "false" => Ast::Literal(Item::Boolean(word == "true")),
            Token::Word(word) if RESERVED.contains(&word.as_str()) => return Err(self.unexpected("a value")),
            Token::Word(_) | Token::Quoted(_) => return self.invocation(None),
            Token::Symbol("(") => {
                self.next += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("{") => {
                self.next += 1;
                self.expect("}")?;
                return Ok(Tree::leaf(Ast::Empty));
            }
            Token::Number(text) => {
                self.next += 1;
                return Ok(Tree::leaf(Ast::Literal(self.number(&text, at)?)));
            }
            Token::Text(text) => Ast::Literal(Item::String(Cow::Owned(text))),
            Token::Long(text) => {
                let value = text.parse().map_err(|_| FhirpathError::syntax(at, format!("{text}L is too large")))?;
                Ast::Literal(Item::Long(value))
            }
            Token::Temporal(value) => Ast::Literal(Item::Temporal(value)),
            Token::Variable(name) => Ast::Variable(name.into()),
            Token::Special(name) => match name.as_str() {
                "this" => Ast::This,
                "index" => Ast::Index,
                "total" => Ast::Total,
                _ => return Err(FhirpathError::syntax(at, format!("${name} is not known"))),
            },
            Token::Symbol(_) | Token::End => return Err(self.unexpected("a value, a name or '('")),
        };
        self.next += 1;
        Ok(Tree::leaf(ast))
    }

    /// A number, with its unit when one follows: `4 'mg'`, `2 days`.
    fn number(&mut self, text: &str, at: usize) -> Result<Item<'static>, FhirpathError> {
        let unit = match self.peek() {
            Token::Text(unit) => Some(Unit::ucum(unit.clone())),
            Token::Word(word) => Unit::calendar(word),
            _ => None,
        };
        let too_large = |_| FhirpathError::syntax(at, format!("{text} has too many digits"));
        if let Some(unit) = unit {
            self.next += 1;
            let value = Decimal::from_str_exact(text).map_err(too_large)?;
            return Ok(Item::Quantity(Quantity { value, unit }));
        }
        if text.contains('.') {
            return Ok(Item::Decimal(Decimal::from_str_exact(text).map_err(too_large)?));
        }
        let value = text.parse::<i32>();
        let value = value.map_err(|_| FhirpathError::syntax(at, format!("{text} is more than an Integer holds")))?;
        Ok(Item::Integer(value.into()))
    }

    /// A name or a call, after a point or at the start.
    pub(super) fn invocation(&mut self, input: Option<Tree>) -> Result<Tree, FhirpathError> {
        let at = self.at();
        let name = match self.peek().clone() {
            Token::Word(name) | Token::Quoted(name) => name,
            _ => return Err(self.unexpected("a name")),
        };
        self.next += 1;
        if self.is_symbol("(") {
            return self.call(input, &name, at);
        }
        let step = Step { capital: name.starts_with(|c: char| c.is_ascii_uppercase()), name: name.into() };
        match input {
            Some(Tree { ast: Ast::Path { input, steps }, depth }) if steps.len() < STEPS_MAX => {
                let mut steps = steps.into_vec();
                steps.push(step);
                Ok(Tree { ast: Ast::Path { input, steps: steps.into() }, depth })
            }
            Some(Tree { ast: Ast::This, .. }) => {
                Ok(Tree::leaf(Ast::Path { input: Some(Box::new(Ast::This)), steps: Box::new([step]) }))
            }
            Some(tree) => self.grow(Ast::Path { input: Some(tree.ast.into()), steps: Box::new([step]) }, tree.depth),
            None => Ok(Tree::leaf(Ast::Path { input: None, steps: Box::new([step]) })),
        }
    }

    fn call(&mut self, input: Option<Tree>, name: &str, at: usize) -> Result<Tree, FhirpathError> {
        self.expect("(")?;
        let type_op = match name {
            "is" => Some(TypeOp::Is),
            "as" => Some(TypeOp::As),
            "ofType" => Some(TypeOp::OfType),
            _ => None,
        };
        if let Some(op) = type_op {
            let ty = self.type_name()?;
            self.expect(")")?;
            let tree = input.unwrap_or(Tree::leaf(Ast::This));
            return self.grow(Ast::Type { op, input: tree.ast.into(), ty }, tree.depth);
        }
        let function = functions::named(name)
            .ok_or_else(|| FhirpathError::syntax(at, format!("no function is called '{name}'")))?;
        let (args, deepest) = self.arguments()?;
        check_count(function, args.len(), at)?;
        let pattern = match (function.pattern, args.first()) {
            (Some(anchored), Some(Ast::Literal(Item::String(text)))) => Some(functions::pattern(text, anchored)?),
            _ => None,
        };
        let below = deepest.max(input.as_ref().map_or(0, |t| t.depth));
        let call = Call { input: input.map(|t| t.ast), function, args: args.into(), pattern };
        self.grow(Ast::Call(call.into()), below)
    }

    fn arguments(&mut self) -> Result<(Vec<Ast>, usize), FhirpathError> {
        let (mut args, mut deepest) = (Vec::new(), 0);
        if self.eat(")") {
            return Ok((args, deepest));
        }
        loop {
            let tree = self.expression(0)?;
            deepest = deepest.max(tree.depth);
            args.push(tree.ast);
            // STU of FHIRPath 3: sort(name desc).
            if let Token::Word(word) = self.peek() {
                match word.as_str() {
                    "asc" => self.next += 1,
                    "desc" => {
                        self.next += 1;
                        let ast = args.pop().unwrap_or(Ast::Empty);
                        args.push(Ast::Negate(ast.into()));
                    }
                    _ => {}
                }
            }
            if !self.eat(",") {
                self.expect(")")?;
                return Ok((args, deepest));
            }
        }
    }

    pub(super) fn type_name(&mut self) -> Result<TypeName, FhirpathError> {
        let first = self.type_part()?;
        if self.is_symbol(".") && matches!(&*first, "FHIR" | "System") {
            self.next += 1;
            return Ok(TypeName { namespace: Some(first), name: self.type_part()? });
        }
        Ok(TypeName { namespace: None, name: first })
    }

    fn type_part(&mut self) -> Result<Box<str>, FhirpathError> {
        match self.peek() {
            Token::Word(name) | Token::Quoted(name) => {
                let name = name.as_str().into();
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("the name of a type")),
        }
    }
}

fn check_count(function: &Function, found: usize, at: usize) -> Result<(), FhirpathError> {
    let (least, most) = function.args;
    if found >= usize::from(least) && found <= usize::from(most) {
        return Ok(());
    }
    let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let name = function.name;
    Err(FhirpathError::syntax(at, format!("{name}() takes {wanted} arguments, not {found}")))
}
