//! Evaluates a parsed expression.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#evaluation>. Work is limited by fuel, depth by the parser.

mod operators;

use super::ast::{Ast, Call, Expr, TypeOp};
use super::context::Context;
use super::error::FhirpathError;
use super::functions::{Invocation, Run};
use super::item::{Item, truth};
use super::temporal::Temporal;
use super::{arithmetic, equality, types, variables};

impl Expr {
    /// Returns what the expression yields for the resource of the context.
    pub fn evaluate<'a>(&'a self, ctx: &'a Context<'a>) -> Result<Vec<Item<'a>>, FhirpathError> {
        let mut out = Vec::new();
        self.evaluate_into(ctx, &mut out)?;
        Ok(out)
    }

    /// Adds what the expression yields for the resource to `out`, so that one list serves many expressions.
    pub fn evaluate_into<'a>(&'a self, ctx: &'a Context<'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
        self.evaluate_on(ctx, &[Item::Node(ctx.resource)], out)
    }

    /// Adds what the expression yields when it starts from `focus` instead of the resource.
    pub fn evaluate_on<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        focus: &[Item<'a>],
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        let (fuel, now, strict) = (ctx.fuel, ctx.now, ctx.strict);
        let mut evaluator = Evaluator { ctx, fuel, now, strict, spare: Vec::new() };
        let scope = Scope { this: focus, context: focus, index: None, total: None };
        evaluator.eval(&self.ast, scope, out)
    }

    /// Returns whether an invariant or filter holds for `focus`; none when the result is empty.
    pub fn holds<'a>(&'a self, ctx: &'a Context<'a>, focus: Item<'a>) -> Result<Option<bool>, FhirpathError> {
        let mut out = Vec::new();
        self.evaluate_on(ctx, &[focus], &mut out)?;
        truth(&out)
    }
}

/// One evaluation on its way.
pub(super) struct Evaluator<'a> {
    pub ctx: &'a Context<'a>,
    fuel: u32,
    /// Set at the first `now()`, so that all of one evaluation agree.
    pub now: Option<Temporal>,
    /// Whether a name that a type does not have is an error.
    pub strict: bool,
    /// An empty list that keeps its memory from one comparison to the next: filters compare for every item.
    spare: Vec<Item<'a>>,
}

/// What the names with `$` mean at one place of the expression.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    /// `$this`, where paths without an input start.
    pub this: &'s [Item<'a>],
    /// `%context`
    pub context: &'s [Item<'a>],
    pub index: Option<usize>,
    pub total: Option<&'s [Item<'a>]>,
}

impl<'a> Evaluator<'a> {
    /// Takes fuel for some steps of work.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), FhirpathError> {
        match u32::try_from(steps).ok().and_then(|steps| self.fuel.checked_sub(steps)) {
            Some(rest) => {
                self.fuel = rest;
                Ok(())
            }
            None => Err(FhirpathError::TooCostly(format!("the evaluation takes more than {} steps", self.ctx.fuel))),
        }
    }

    /// Adds what `ast` yields to `out`.
    pub(super) fn eval(
        &mut self,
        ast: &'a Ast,
        scope: Scope<'_, 'a>,
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        self.spend(1)?;
        match ast {
            Ast::Empty => {}
            Ast::Literal(item) => out.push(item.borrow()),
            Ast::This => out.extend_from_slice(scope.this),
            Ast::Index => out.extend(scope.index.map(|i| Item::Integer(i as i64))),
            Ast::Total => out.extend_from_slice(scope.total.unwrap_or_default()),
            Ast::Variable(name) => variables::push(self.ctx, name, scope.context, out)?,
            Ast::Path { input: None, steps } => {
                for item in scope.this {
                    self.walk_from_root(item, steps, out)?;
                }
            }
            Ast::Path { input: Some(input), steps } => {
                let items = self.collect(input, scope)?;
                // Of the descendants of something, only some have the element.
                self.strict = self.ctx.strict && items.windows(2).all(|pair| types::are_alike(&pair[0], &pair[1]));
                for item in items {
                    self.walk_item(&item, steps, out)?;
                }
                self.strict = self.ctx.strict;
            }
            Ast::Element { input, index } => out.extend(self.element(input, index, scope)?),
            Ast::Call(call) => self.call(call, scope, out)?,
            Ast::Type { op, input, ty } => {
                let wanted = types::wanted(self.ctx.model, ty)?;
                self.type_op(*op, wanted, input, scope, out)?;
            }
            Ast::Negate(input) => out.extend(arithmetic::negate(self.value(input, scope, "-")?)?),
            Ast::Positive(input) => out.extend(self.single(input, scope, "+")?),
            Ast::Union(branches) => self.union(branches, scope, out)?,
            Ast::Binary { op, left, right } => out.extend(self.binary(*op, left, right, scope)?),
        }
        Ok(())
    }

    pub(super) fn collect(&mut self, ast: &'a Ast, scope: Scope<'_, 'a>) -> Result<Vec<Item<'a>>, FhirpathError> {
        let mut out = Vec::new();
        self.eval(ast, scope, &mut out)?;
        Ok(out)
    }

    /// Returns the one item of an operand; several are an error that names `what`.
    pub(super) fn single(
        &mut self,
        ast: &'a Ast,
        scope: Scope<'_, 'a>,
        what: &str,
    ) -> Result<Option<Item<'a>>, FhirpathError> {
        if let Ast::Literal(item) = ast {
            return Ok(Some(item.borrow()));
        }
        one(self.collect(ast, scope)?, what)
    }

    fn element(
        &mut self,
        input: &'a Ast,
        index: &'a Ast,
        scope: Scope<'_, 'a>,
    ) -> Result<Option<Item<'a>>, FhirpathError> {
        let index = self.single(index, scope, "[]")?;
        let Some(index) = index else { return Ok(None) };
        let position = index.as_integer().ok_or_else(|| FhirpathError::evaluation("an index must be an Integer"))?;
        let mut items = self.collect(input, scope)?;
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        Ok(if position < items.len() { Some(items.swap_remove(position)) } else { None })
    }

    fn call(&mut self, call: &'a Call, scope: Scope<'_, 'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
        let input = match &call.input {
            Some(ast) => self.collect(ast, scope)?,
            None => scope.this.to_vec(),
        };
        let invocation = Invocation { evaluator: self, scope, call, input };
        match call.function.run {
            Run::One(run) => out.extend(run(invocation)?),
            Run::Many(run) => run(invocation, out)?,
        }
        Ok(())
    }

    fn type_op(
        &mut self,
        op: TypeOp,
        wanted: types::Wanted<'a>,
        input: &'a Ast,
        scope: Scope<'_, 'a>,
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        let start = out.len();
        self.eval(input, scope, out)?;
        let count = out.len() - start;
        if count > 1 && (op == TypeOp::Is || (op == TypeOp::As && self.ctx.strict)) {
            return Err(too_many(if op == TypeOp::Is { "is" } else { "as" }, count));
        }
        if op == TypeOp::Is {
            if let Some(item) = out.last_mut().filter(|_| count == 1) {
                *item = Item::Boolean(types::is(self.ctx.model, item, &wanted));
            }
            return Ok(());
        }
        let mut kept = start;
        for i in start..out.len() {
            if types::is(self.ctx.model, &out[i], &wanted) {
                out.swap(kept, i);
                kept += 1;
            }
        }
        out.truncate(kept);
        Ok(())
    }

    fn union(
        &mut self,
        branches: &'a [Ast],
        scope: Scope<'_, 'a>,
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        let start = out.len();
        for branch in branches {
            self.eval(branch, scope, out)?;
        }
        equality::make_distinct(self, out, start)
    }
}

/// Returns the one item of a collection; several are an error that names `what`.
pub(super) fn one<'a>(mut items: Vec<Item<'a>>, what: &str) -> Result<Option<Item<'a>>, FhirpathError> {
    if items.len() > 1 {
        return Err(too_many(what, items.len()));
    }
    Ok(items.pop())
}

fn too_many(what: &str, count: usize) -> FhirpathError {
    FhirpathError::evaluation(format!("'{what}' takes one item, here are {count}"))
}
