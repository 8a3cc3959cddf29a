//! Takes the values of one resource and makes rows of them.

use super::column::{Column, Role};
use super::key::{Form, Keyer};
use super::normal;
use super::period::{self, Period};
use super::rows::IndexRows;

/// The rows of one resource in the making.
pub struct Sink<'a> {
    pub keyer: Keyer,
    /// The server's own address, which makes absolute references to it local. Ends without a slash.
    pub base_url: &'a str,
    pub rows: IndexRows,
    /// Keys of the columns that have a value; of references also the key of column and target type.
    pub present: Vec<i64>,
    pub roles: Roles,
}

/// What the timeline is composed of.
#[derive(Debug, Default)]
pub struct Roles {
    /// Reference keys of the patients.
    pub patients: Vec<i64>,
    /// `system|code` keys.
    pub codes: Vec<i64>,
    pub categories: Vec<i64>,
    pub period: Option<Period>,
}

impl Sink<'_> {
    /// Returns the rows that `emit` adds, and keeps them and what they say of the columns out of the resource's.
    pub fn apart(&mut self, emit: impl FnOnce(&mut Self)) -> IndexRows {
        let (rows, present) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.present));
        emit(self);
        self.present = present;
        std::mem::replace(&mut self.rows, rows)
    }

    pub fn term(&mut self, column: &Column, form: Form, first: &str, second: &str) -> i64 {
        let key = self.keyer.term(column.key, form, first, second);
        self.rows.terms.push(key);
        key
    }

    /// Adds the four forms of a token, as far as they apply.
    pub fn token(&mut self, column: &Column, system: Option<&str>, code: Option<&str>) {
        self.present.push(column.key);
        if let Some(code) = code {
            self.term(column, Form::Code, code, "");
        }
        match (system, code) {
            (Some(system), Some(code)) => {
                let key = self.term(column, Form::SystemCode, system, code);
                match column.role {
                    Some(Role::Code) => self.roles.codes.push(key),
                    Some(Role::Category) => self.roles.categories.push(key),
                    _ => {}
                }
                self.term(column, Form::System, system, "");
            }
            (Some(system), None) => {
                self.term(column, Form::System, system, "");
            }
            (None, Some(code)) if !column.plain => {
                self.term(column, Form::NoSystem, code, "");
            }
            (None, _) => {}
        }
    }

    /// Adds a reference to a resource of this server.
    pub fn reference(&mut self, column: &Column, type_name: &str, id: &str) {
        let target = self.keyer.target(type_name, id);
        let key = Keyer::reference(column.key, target);
        self.rows.terms.push(key);
        self.rows.refs.push(key);
        self.present.push(column.key);
        self.present.push(self.keyer.term(column.key, Form::Code, type_name, ""));
        if type_name == "Patient" {
            if column.role == Some(Role::Patient) {
                self.roles.patients.push(key);
            }
            if column.compartment {
                self.rows.terms.push(super::compartment::patient_key(target));
            }
        }
    }

    pub fn text(&mut self, column: &Column, text: &str) {
        let stored = normal::stored(text);
        if stored.is_empty() {
            return;
        }
        self.present.push(column.key);
        // Folding may lengthen a text.
        if text.len().max(stored.len()) > normal::QUERY_BYTES_MAX {
            let folded = normal::fold(text);
            let more = normal::continuations(&folded).map(|part| (column.narrow[1], part));
            self.rows.strings.extend(more);
        }
        self.rows.strings.push((column.narrow[0], stored));
    }

    pub fn period(&mut self, column: &Column, period: Period) {
        self.present.push(column.key);
        let class = period::class(period);
        self.rows.dates.push((column.narrow[class], period.lo, period.hi));
        if column.role == Some(Role::Date) {
            self.roles.period = Some(period);
        }
    }

    /// Adds a value that lies between two decimals; `infinity` and `-infinity` are allowed.
    pub fn quantity(&mut self, column: &Column, key: i64, lo: &str, hi: &str) {
        self.present.push(column.key);
        self.rows.quantities.push((key, lo.to_string(), hi.to_string()));
    }
}
