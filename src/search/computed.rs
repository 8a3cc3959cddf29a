//! Parameters whose expression is more than a path, such as `Patient.deceased.exists() and Patient.deceased !=
//! false`.

use super::column::Column;
use super::kind::{self, Emit, token};
use super::sink::Sink;
use crate::catalog::{Catalog, ParamKind};
use crate::fhir::ResourceType;
use crate::fhirpath::{self, Context, Item, Node};
use serde_json::Value;

/// One expression that is evaluated for every resource of its type.
#[derive(Debug)]
pub struct Computed {
    column: u16,
    kind: ParamKind,
    expression: fhirpath::Expr,
}

/// Returns why an expression cannot be evaluated for resources of a type; none when it can.
pub(super) fn wrong(catalog: &Catalog, t: ResourceType, kind: ParamKind, text: &str) -> Option<String> {
    let expression = match fhirpath::parse(text) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("is no FHIRPath: {error}")),
    };
    if matches!(kind, ParamKind::Composite | ParamKind::Special) {
        return Some(format!("is more than a path, which a {} parameter cannot have", kind.code()));
    }
    // An empty resource has no values, but an element that its type lacks shows.
    let empty = serde_json::json!({"resourceType": t.name()});
    let context = Context { strict: true, ..Context::for_search(catalog, &empty) };
    expression.evaluate(&context).err().map(|error| format!("does not fit {t}: {error}"))
}

impl Computed {
    /// Returns the parameter; none when the expression cannot be read.
    pub fn new(column: u16, kind: ParamKind, text: &str) -> Option<Computed> {
        Some(Computed { column, kind, expression: fhirpath::parse(text).ok()? })
    }

    /// Returns whether all values are true or false.
    pub fn is_flag(&self) -> bool {
        self.expression.is_condition()
    }

    /// Adds what the expression yields. One that fails on this resource yields nothing.
    pub fn emit(&self, sink: &mut Sink, catalog: &Catalog, columns: &[Column], resource: &Value) {
        let context = Context::for_search(catalog, resource);
        let column = &columns[usize::from(self.column)];
        for item in self.expression.evaluate(&context).unwrap_or_default() {
            match item {
                Item::Node(Node { value: Some(value), ty, .. }) => {
                    self.emit_node(sink, column, ty.map(|ty| ty.name), value)
                }
                Item::Boolean(flag) if self.kind == ParamKind::Token => {
                    token::boolean(sink, column, &Value::Bool(flag))
                }
                _ => {}
            }
        }
    }

    /// Calls `visit` with the column and every element that the expression yields.
    pub fn nodes(&self, catalog: &Catalog, resource: &Value, visit: &mut impl FnMut(u16, &Value)) {
        let context = Context::for_search(catalog, resource);
        for item in self.expression.evaluate(&context).unwrap_or_default() {
            if let Item::Node(Node { value: Some(value), .. }) = item {
                visit(self.column, value);
            }
        }
    }

    fn emit_node(&self, sink: &mut Sink, column: &Column, type_name: Option<&str>, value: &Value) {
        let emit: Option<Emit> = type_name.and_then(|name| (kind::of(self.kind).emitter)(name));
        if let Some(emit) = emit {
            return emit(sink, column, value);
        }
        // `Bundle.entry[0].resource` leads to a resource that is there and not referred to.
        let member = |name| value.get(name).and_then(Value::as_str);
        if let (ParamKind::Reference, Some(t), Some(id)) = (self.kind, member("resourceType"), member("id")) {
            sink.reference(column, t, id);
        }
    }
}
