//! Operators: logic of three values, equality, membership, order, arithmetic.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#operations>.

use super::super::ast::{Ast, Op};
use super::super::error::FhirpathError;
use super::super::item::{self, Item};
use super::super::{arithmetic, compare, equality};
use super::{Evaluator, Scope};
use std::cmp::Ordering;

impl<'a> Evaluator<'a> {
    pub(super) fn binary(
        &mut self,
        op: Op,
        left: &'a Ast,
        right: &'a Ast,
        scope: Scope<'_, 'a>,
    ) -> Result<Option<Item<'a>>, FhirpathError> {
        match op {
            Op::And | Op::Or | Op::Xor | Op::Implies => Ok(self.logic(op, left, right, scope)?.map(Item::Boolean)),
            Op::Equal | Op::NotEqual => {
                let mut a = std::mem::take(&mut self.spare);
                self.eval(left, scope, &mut a)?;
                let b = self.operand(right, scope)?;
                let equal = equality::equal(self, &a, b.as_slice())?;
                a.clear();
                self.spare = a;
                Ok(equal.map(|equal| Item::Boolean(equal == (op == Op::Equal))))
            }
            Op::Equivalent | Op::NotEquivalent => {
                let (a, b) = (self.collect(left, scope)?, self.collect(right, scope)?);
                let equivalent = equality::equivalent(self, &a, &b)?;
                Ok(Some(Item::Boolean(equivalent == (op == Op::Equivalent))))
            }
            Op::In => self.member(left, right, scope, "in"),
            Op::Contains => self.member(right, left, scope, "contains"),
            Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => {
                let (a, b) = (self.value(left, scope, op.symbol())?, self.value(right, scope, op.symbol())?);
                let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
                let ordering = compare::order(&a, &b)?;
                Ok(ordering.map(|o| Item::Boolean(satisfies(op, o))))
            }
            _ => {
                let (a, b) = (self.value(left, scope, op.symbol())?, self.value(right, scope, op.symbol())?);
                let result = arithmetic::apply(op, a, b)?;
                if let Some(Item::String(text)) = &result {
                    self.spend(text.len() / 64)?;
                }
                Ok(result)
            }
        }
    }

    fn member(
        &mut self,
        item: &'a Ast,
        collection: &'a Ast,
        scope: Scope<'_, 'a>,
        what: &str,
    ) -> Result<Option<Item<'a>>, FhirpathError> {
        let Some(item) = self.single(item, scope, what)? else {
            return Ok(None);
        };
        let items = self.collect(collection, scope)?;
        let found = equality::contains(self, &items, &item)?;
        Ok(Some(Item::Boolean(found)))
    }

    /// Returns the truth of an expression; operators of Booleans need no collection for it.
    pub(in crate::fhirpath) fn truth(
        &mut self,
        ast: &'a Ast,
        scope: Scope<'_, 'a>,
    ) -> Result<Option<bool>, FhirpathError> {
        if let Ast::Binary { op, left, right } = ast
            && !op.is_arithmetic()
        {
            self.spend(1)?;
            return Ok(self.binary(*op, left, right, scope)?.and_then(|item| item.as_bool()));
        }
        item::truth(&self.collect(ast, scope)?)
    }

    /// Three-valued logic; the right side is evaluated only where the left does not decide.
    fn logic(
        &mut self,
        op: Op,
        left: &'a Ast,
        right: &'a Ast,
        scope: Scope<'_, 'a>,
    ) -> Result<Option<bool>, FhirpathError> {
        let a = self.truth(left, scope)?;
        match (op, a) {
            (Op::And, Some(false)) => return Ok(Some(false)),
            (Op::Or, Some(true)) | (Op::Implies, Some(false)) => return Ok(Some(true)),
            _ => {}
        }
        let b = self.truth(right, scope)?;
        Ok(match (op, a, b) {
            (Op::And, _, Some(false)) => Some(false),
            (Op::And, Some(true), b) => b,
            (Op::Or | Op::Implies, _, Some(true)) => Some(true),
            (Op::Or, Some(false), b) | (Op::Implies, Some(true), b) => b,
            (Op::Xor, Some(a), Some(b)) => Some(a != b),
            _ => None,
        })
    }

    /// Returns the one item of an operand, where it has a value.
    pub(super) fn value(
        &mut self,
        ast: &'a Ast,
        scope: Scope<'_, 'a>,
        what: &str,
    ) -> Result<Option<Item<'a>>, FhirpathError> {
        Ok(self.single(ast, scope, what)?.filter(|item| !item.is_void()))
    }

    /// Returns the items of an operand; a literal, the usual case, needs no list.
    fn operand(&mut self, ast: &'a Ast, scope: Scope<'_, 'a>) -> Result<Operand<'a>, FhirpathError> {
        if let Ast::Literal(item) = ast {
            return Ok(Operand::One([item.borrow()]));
        }
        self.collect(ast, scope).map(Operand::Many)
    }
}

enum Operand<'a> {
    One([Item<'a>; 1]),
    Many(Vec<Item<'a>>),
}

impl<'a> Operand<'a> {
    fn as_slice(&self) -> &[Item<'a>] {
        match self {
            Operand::One(one) => one,
            Operand::Many(many) => many,
        }
    }
}

fn satisfies(op: Op, ordering: Ordering) -> bool {
    match op {
        Op::Less => ordering.is_lt(),
        Op::LessOrEqual => ordering.is_le(),
        Op::Greater => ordering.is_gt(),
        _ => ordering.is_ge(),
    }
}
