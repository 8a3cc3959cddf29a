//! The parsed expression.
//!
//! A run of names (`name.given`) is one [`Ast::Path`], so that a plain path is walked without a collection between
//! two steps; a chain of `|` is one [`Ast::Union`], so that its branches can be chosen by type.

use super::functions::Function;
use super::item::Item;
use regex::Regex;

#[derive(Debug, Clone)]
pub(super) enum Ast {
    /// `{}`
    Empty,
    Literal(Item<'static>),
    This,
    Index,
    Total,
    Variable(Box<str>),
    /// Without an input the path starts at `$this`.
    Path {
        input: Option<Box<Ast>>,
        steps: Box<[Step]>,
    },
    Element {
        input: Box<Ast>,
        index: Box<Ast>,
    },
    Call(Box<Call>),
    Type {
        op: TypeOp,
        input: Box<Ast>,
        ty: TypeName,
    },
    Negate(Box<Ast>),
    Positive(Box<Ast>),
    Union(Box<[Ast]>),
    Binary {
        op: Op,
        left: Box<Ast>,
        right: Box<Ast>,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Without an input the function works on `$this`.
    pub input: Option<Ast>,
    pub function: &'static Function,
    pub args: Box<[Ast]>,
    /// The first argument of `matches` and its like, when it is a literal.
    pub pattern: Option<Regex>,
}

/// One name of a path.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub name: Box<str>,
    /// Begins with a capital, so that it may be the type of the root: `Patient` in `Patient.name`.
    pub capital: bool,
}

#[derive(Debug, Clone)]
pub(super) struct TypeName {
    pub namespace: Option<Box<str>>,
    pub name: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeOp {
    Is,
    As,
    OfType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Multiply,
    Divide,
    Div,
    Mod,
    Add,
    Subtract,
    Concatenate,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

impl Op {
    /// Returns whether the result is a number, text or date, and not a Boolean.
    pub fn is_arithmetic(self) -> bool {
        use Op::{Add, Concatenate, Div, Divide, Mod, Multiply, Subtract};
        matches!(self, Multiply | Divide | Div | Mod | Add | Subtract | Concatenate)
    }

    pub fn symbol(self) -> &'static str {
        match self {
            Op::Multiply => "*",
            Op::Divide => "/",
            Op::Div => "div",
            Op::Mod => "mod",
            Op::Add => "+",
            Op::Subtract => "-",
            Op::Concatenate => "&",
            Op::Less => "<",
            Op::LessOrEqual => "<=",
            Op::Greater => ">",
            Op::GreaterOrEqual => ">=",
            Op::Equal => "=",
            Op::NotEqual => "!=",
            Op::Equivalent => "~",
            Op::NotEquivalent => "!~",
            Op::In => "in",
            Op::Contains => "contains",
            Op::And => "and",
            Op::Or => "or",
            Op::Xor => "xor",
            Op::Implies => "implies",
        }
    }
}

/// An expression that was parsed and can be evaluated any number of times, from any thread.
#[derive(Debug, Clone)]
pub struct Expr {
    pub(super) ast: Ast,
}

impl Expr {
    /// Returns whether the outermost operator yields true or false and nothing else.
    pub fn is_condition(&self) -> bool {
        match &self.ast {
            Ast::Binary { op, .. } => !op.is_arithmetic(),
            Ast::Type { op, .. } => *op == TypeOp::Is,
            _ => false,
        }
    }

    /// Returns the expression with only those branches of a top-level union that can apply to a resource of
    /// type `name`; none when no branch does.
    ///
    /// A branch is dropped when its path begins with the name of another type; `Resource` and `DomainResource`
    /// stay. `Patient.name | Person.name` becomes `Patient.name` for a Patient.
    pub fn for_type(&self, name: &str) -> Option<Expr> {
        let keeps = |ast: &Ast| match root_type(ast) {
            Some(root) => root == name || root == "Resource" || root == "DomainResource",
            None => true,
        };
        let Ast::Union(branches) = &self.ast else {
            return keeps(&self.ast).then(|| self.clone());
        };
        let mut kept: Vec<Ast> = branches.iter().filter(|b| keeps(b)).cloned().collect();
        match kept.len() {
            0 => None,
            1 => kept.pop().map(|ast| Expr { ast }),
            _ => Some(Expr { ast: Ast::Union(kept.into()) }),
        }
    }
}

/// Returns the type name that the leftmost path of an expression begins with.
fn root_type(ast: &Ast) -> Option<&str> {
    match ast {
        Ast::Path { input: None, steps } => steps.first().filter(|s| s.capital).map(|s| &*s.name),
        Ast::Path { input: Some(input), .. } | Ast::Element { input, .. } | Ast::Type { input, .. } => root_type(input),
        Ast::Call(call) => call.input.as_ref().and_then(root_type),
        _ => None,
    }
}
