//! Reads an expression by the precedence of its operators.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#operator-precedence> and its grammar. The depth of the result is
//! limited, because evaluation (and freeing) recurses along it.

use super::ast::{Ast, Call, Expr, Op, Step, TypeName, TypeOp};
use super::error::FhirpathError;
use super::functions::{self, Function};
use super::item::Item;
use super::lexer::{self, Token};
use super::quantity::{Quantity, Unit};
use rust_decimal::Decimal;
use std::borrow::Cow;

/// Longest expression that is read, in bytes.
pub const LENGTH_MAX: usize = 64 * 1024;
/// Deepest nesting of an expression: parentheses, arguments, chained calls and operators.
pub const DEPTH_MAX: usize = 100;
/// Most names in one run of a path.
const STEPS_MAX: usize = 64;

/// Operators that are no names unless they stand in backticks.
const RESERVED: [&str; 6] = ["and", "or", "xor", "implies", "div", "mod"];

/// Returns the expression that `text` says.
pub fn parse(text: &str) -> Result<Expr, FhirpathError> {
    if text.len() > LENGTH_MAX {
        return Err(FhirpathError::TooCostly(format!(
            "the expression is longer than {LENGTH_MAX} bytes"
        )));
    }
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser {
        tokens,
        next: 0,
        depth: 0,
    };
    let tree = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(Expr { ast: tree.ast }),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// A part of the result and how deep it is.
struct Tree {
    ast: Ast,
    depth: usize,
}

impl Tree {
    fn leaf(ast: Ast) -> Tree {
        Tree { ast, depth: 1 }
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    /// Never beyond the last token, which is `End`.
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(s) if *s == symbol)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), FhirpathError> {
        if self.eat(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{symbol}'")))
        }
    }

    fn unexpected(&self, wanted: &str) -> FhirpathError {
        let found = match self.peek() {
            Token::End => "the expression ends".to_string(),
            Token::Word(w) | Token::Quoted(w) => format!("'{w}' stands"),
            Token::Text(t) => format!("the text '{t}' stands"),
            Token::Number(n) | Token::Long(n) => format!("the number {n} stands"),
            Token::Temporal(t) => format!("@{t} stands"),
            Token::Variable(v) => format!("%{v} stands"),
            Token::Special(s) => format!("${s} stands"),
            Token::Symbol(s) => format!("'{s}' stands"),
        };
        FhirpathError::syntax(self.at(), format!("{found} where {wanted} should follow"))
    }

    fn grow(&self, ast: Ast, below: usize) -> Result<Tree, FhirpathError> {
        if below >= DEPTH_MAX {
            return Err(too_deep());
        }
        Ok(Tree { ast, depth: below + 1 })
    }

    /// Reads operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Tree, FhirpathError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let mut left = self.unary()?;
        while let Some((infix, strength)) = self.infix().filter(|(_, s)| *s >= least) {
            self.next += 1;
            left = match infix {
                Infix::Binary(op) => {
                    let right = self.expression(strength + 1)?;
                    let below = left.depth.max(right.depth);
                    self.grow(
                        Ast::Binary {
                            op,
                            left: left.ast.into(),
                            right: right.ast.into(),
                        },
                        below,
                    )?
                }
                Infix::Union => {
                    let right = self.expression(strength + 1)?;
                    self.union(left, right)?
                }
                Infix::Type(op) => {
                    let ty = self.type_name()?;
                    self.grow(
                        Ast::Type {
                            op,
                            input: left.ast.into(),
                            ty,
                        },
                        left.depth,
                    )?
                }
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `a | b | c` is one union; `(a | b) | c` is the same, because union is associative.
    fn union(&self, left: Tree, right: Tree) -> Result<Tree, FhirpathError> {
        let (mut branches, below) = match left.ast {
            Ast::Union(branches) => (branches.into_vec(), (left.depth - 1).max(right.depth)),
            ast => (vec![ast], left.depth.max(right.depth)),
        };
        branches.push(right.ast);
        self.grow(Ast::Union(branches.into()), below)
    }

    fn infix(&self) -> Option<(Infix, u8)> {
        let text = match self.peek() {
            Token::Symbol(symbol) => *symbol,
            Token::Word(word) => word.as_str(),
            _ => return None,
        };
        Some(match text {
            "implies" => (Infix::Binary(Op::Implies), 1),
            "or" => (Infix::Binary(Op::Or), 2),
            "xor" => (Infix::Binary(Op::Xor), 2),
            "and" => (Infix::Binary(Op::And), 3),
            "in" => (Infix::Binary(Op::In), 4),
            "contains" => (Infix::Binary(Op::Contains), 4),
            "=" => (Infix::Binary(Op::Equal), 5),
            "!=" => (Infix::Binary(Op::NotEqual), 5),
            "~" => (Infix::Binary(Op::Equivalent), 5),
            "!~" => (Infix::Binary(Op::NotEquivalent), 5),
            "<" => (Infix::Binary(Op::Less), 6),
            "<=" => (Infix::Binary(Op::LessOrEqual), 6),
            ">" => (Infix::Binary(Op::Greater), 6),
            ">=" => (Infix::Binary(Op::GreaterOrEqual), 6),
            "|" => (Infix::Union, 7),
            "is" => (Infix::Type(TypeOp::Is), 8),
            "as" => (Infix::Type(TypeOp::As), 8),
            "+" => (Infix::Binary(Op::Add), 9),
            "-" => (Infix::Binary(Op::Subtract), 9),
            "&" => (Infix::Binary(Op::Concatenate), 9),
            "*" => (Infix::Binary(Op::Multiply), 10),
            "/" => (Infix::Binary(Op::Divide), 10),
            "div" => (Infix::Binary(Op::Div), 10),
            "mod" => (Infix::Binary(Op::Mod), 10),
            _ => return None,
        })
    }

    fn unary(&mut self) -> Result<Tree, FhirpathError> {
        let negative = self.is_symbol("-");
        if !negative && !self.is_symbol("+") {
            return self.postfix();
        }
        self.next += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let inner = self.unary()?;
        self.depth -= 1;
        let input = Box::new(inner.ast);
        self.grow(
            if negative {
                Ast::Negate(input)
            } else {
                Ast::Positive(input)
            },
            inner.depth,
        )
    }

    /// A term and what follows it after points and in brackets.
    fn postfix(&mut self) -> Result<Tree, FhirpathError> {
        let mut tree = self.term()?;
        loop {
            if self.eat(".") {
                tree = self.invocation(Some(tree))?;
            } else if self.eat("[") {
                let index = self.expression(0)?;
                self.expect("]")?;
                let below = tree.depth.max(index.depth);
                tree = self.grow(
                    Ast::Element {
                        input: tree.ast.into(),
                        index: index.ast.into(),
                    },
                    below,
                )?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn term(&mut self) -> Result<Tree, FhirpathError> {
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
                let value = text
                    .parse()
                    .map_err(|_| FhirpathError::syntax(at, format!("{text}L is too large")))?;
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
    fn invocation(&mut self, input: Option<Tree>) -> Result<Tree, FhirpathError> {
        let at = self.at();
        let name = match self.peek().clone() {
            Token::Word(name) | Token::Quoted(name) => name,
            _ => return Err(self.unexpected("a name")),
        };
        self.next += 1;
        if self.is_symbol("(") {
            return self.call(input, &name, at);
        }
        let step = Step {
            capital: name.starts_with(|c: char| c.is_ascii_uppercase()),
            name: name.into(),
        };
        match input {
            Some(Tree {
                ast: Ast::Path { input, steps },
                depth,
            }) if steps.len() < STEPS_MAX => {
                let mut steps = steps.into_vec();
                steps.push(step);
                Ok(Tree {
                    ast: Ast::Path {
                        input,
                        steps: steps.into(),
                    },
                    depth,
                })
            }
            Some(Tree { ast: Ast::This, .. }) => Ok(Tree::leaf(Ast::Path {
                input: Some(Box::new(Ast::This)),
                steps: Box::new([step]),
            })),
            Some(tree) => self.grow(
                Ast::Path {
                    input: Some(tree.ast.into()),
                    steps: Box::new([step]),
                },
                tree.depth,
            ),
            None => Ok(Tree::leaf(Ast::Path {
                input: None,
                steps: Box::new([step]),
            })),
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
            return self.grow(
                Ast::Type {
                    op,
                    input: tree.ast.into(),
                    ty,
                },
                tree.depth,
            );
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
        let call = Call {
            input: input.map(|t| t.ast),
            function,
            args: args.into(),
            pattern,
        };
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

    fn type_name(&mut self) -> Result<TypeName, FhirpathError> {
        let first = self.type_part()?;
        if self.is_symbol(".") && matches!(&*first, "FHIR" | "System") {
            self.next += 1;
            return Ok(TypeName {
                namespace: Some(first),
                name: self.type_part()?,
            });
        }
        Ok(TypeName {
            namespace: None,
            name: first,
        })
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

enum Infix {
    Binary(Op),
    Union,
    Type(TypeOp),
}

fn check_count(function: &Function, found: usize, at: usize) -> Result<(), FhirpathError> {
    let (least, most) = function.args;
    if found >= usize::from(least) && found <= usize::from(most) {
        return Ok(());
    }
    let wanted = if least == most {
        least.to_string()
    } else {
        format!("{least} to {most}")
    };
    let name = function.name;
    Err(FhirpathError::syntax(
        at,
        format!("{name}() takes {wanted} arguments, not {found}"),
    ))
}

fn too_deep() -> FhirpathError {
    FhirpathError::TooCostly(format!("the expression is nested more than {DEPTH_MAX} deep"))
}
