//! Reads an expression by the precedence of its operators.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#operator-precedence> and its grammar. The depth of the result is
//! limited, because evaluation (and freeing) recurses along it.

mod term;

use super::ast::{Ast, Expr, Op, TypeOp};
use super::error::FhirpathError;
use super::lexer::{self, Token};

/// Longest expression that is read, in bytes.
pub const LENGTH_MAX: usize = 64 * 1024;
/// Deepest nesting of an expression: parentheses, arguments, chained calls and operators.
pub const DEPTH_MAX: usize = 100;

/// Returns the expression that `text` says.
pub fn parse(text: &str) -> Result<Expr, FhirpathError> {
    if text.len() > LENGTH_MAX {
        return Err(FhirpathError::TooCostly(format!("the expression is longer than {LENGTH_MAX} bytes")));
    }
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser { tokens, next: 0, depth: 0 };
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
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(&format!("'{symbol}'"))) }
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
                    self.grow(Ast::Binary { op, left: left.ast.into(), right: right.ast.into() }, below)?
                }
                Infix::Union => {
                    let right = self.expression(strength + 1)?;
                    self.union(left, right)?
                }
                Infix::Type(op) => {
                    let ty = self.type_name()?;
                    self.grow(Ast::Type { op, input: left.ast.into(), ty }, left.depth)?
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
        self.grow(if negative { Ast::Negate(input) } else { Ast::Positive(input) }, inner.depth)
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
                tree = self.grow(Ast::Element { input: tree.ast.into(), index: index.ast.into() }, below)?;
            } else {
                return Ok(tree);
            }
        }
    }
}

enum Infix {
    Binary(Op),
    Union,
    Type(TypeOp),
}

fn too_deep() -> FhirpathError {
    FhirpathError::TooCostly(format!("the expression is nested more than {DEPTH_MAX} deep"))
}
