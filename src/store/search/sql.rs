//! A statement in the making: text that depends on the shape of a search alone, and the values beside it.

/// A statement and its values, in the order of `$1`, `$2`, …
#[derive(Debug, Clone, PartialEq)]
pub struct Sql {
    pub text: String,
    pub params: Vec<Param>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    I64(i64),
    I64s(Vec<i64>),
    I32(i32),
    I32s(Vec<i32>),
    I16(i16),
    I16s(Vec<i16>),
    Text(String),
    Texts(Vec<String>),
}

/// Gives every value a number.
#[derive(Debug, Default)]
pub(super) struct Values(pub Vec<Param>);

impl Values {
    pub fn bind(&mut self, param: Param) -> String {
        self.0.push(param);
        format!("${}", self.0.len())
    }

    pub fn i64(&mut self, value: i64) -> String {
        self.bind(Param::I64(value))
    }

    /// A decimal arrives as text, which is the one form that keeps every digit.
    pub fn numeric(&mut self, value: &str) -> String {
        let place = self.bind(Param::Text(value.to_string()));
        format!("{place}::text::numeric")
    }
}

/// Returns the conditions joined by `and`, each on a line, with `where` before them; empty without conditions.
pub(super) fn where_all(conditions: &[String]) -> String {
    match conditions {
        [] => String::new(),
        conditions => format!("\nwhere {}", conditions.join("\n  and ")),
    }
}

/// Returns the text with every line but the first set in, for a subquery.
pub(super) fn indent(text: &str) -> String {
    text.replace('\n', "\n  ")
}
