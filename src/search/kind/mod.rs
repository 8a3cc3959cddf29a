//! The kinds of search parameters: how each reads a value of the resource and a value of the query.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#ptypes>. One file a kind; this is their list.

mod composite;
mod concept;
pub mod date;
pub mod near;
pub mod number;
pub mod quantity;
pub mod reference;
mod sampled;
pub mod string;
pub mod token;
mod tree;
pub mod uri;

use super::column::Column;
use super::condition::{Asked, Condition};
use super::sink::Sink;
use crate::catalog::ParamKind;
use crate::fault::Fault;
use crate::search::expr::Expr;
use serde_json::Value;

/// Adds the rows of one value. Odd content has no rows.
pub type Emit = fn(&mut Sink, &Column, &Value);

/// What one kind can do.
pub struct Kind {
    /// Returns how values of a FHIR type are read; none when the kind cannot be asked for in such a type.
    pub emitter: fn(type_name: &str) -> Option<Emit>,
    /// Returns what one value of a query asks of one parameter of one type.
    pub condition: fn(asked: &Asked, condition: &Condition) -> Result<Expr, Fault>,
}

/// Returns what a kind can do.
pub fn of(kind: ParamKind) -> Kind {
    match kind {
        ParamKind::Date => Kind { emitter: date::emitter, condition: date::condition },
        ParamKind::Number => Kind { emitter: number::emitter, condition: number::condition },
        ParamKind::Quantity => Kind { emitter: quantity::emitter, condition: quantity::condition },
        ParamKind::Reference => Kind { emitter: reference::emitter, condition: reference::condition },
        ParamKind::String => Kind { emitter: string::emitter, condition: string::condition },
        ParamKind::Token => Kind { emitter: token::emitter, condition: token::condition },
        ParamKind::Uri => Kind { emitter: uri::emitter, condition: uri::condition },
        ParamKind::Special => Kind { emitter: near::emitter, condition: near::condition },
        // No single value is a composite.
        ParamKind::Composite => Kind { emitter: |_| None, condition: composite::condition },
    }
}

/// Returns a member of an object that is a string.
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// Returns the members of an array member; nothing where there is none.
fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
