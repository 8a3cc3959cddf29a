//! One request of the matrix.
//!
//! `{n}` stands for a number of the cell in addresses, bodies and what is stored for it: who changes something changes what nobody else
//! looks at.

use serde_json::Value;

/// How a request is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// With an access token.
    Api,
    /// By a browser in which somebody has signed in; a POST is a form.
    Browser,
}

pub struct Row {
    pub group: &'static str,
    pub way: Way,
    pub method: &'static str,
    pub path: &'static str,
    /// What the address does not say: of whom the body is, and what was there before.
    pub what: &'static str,
    /// Why a cell is as it is, where a reader would wonder.
    pub note: &'static str,
    /// Stored by the keeper of the record before every cell.
    pub given: Vec<Value>,
    /// Whether the glass was broken over `Patient/p{n}` before, by a physician of its own: then there are `{grant}` and `{task}`.
    pub glass: bool,
    pub body: Option<Value>,
    pub headers: &'static [(&'static str, &'static str)],
    pub fields: &'static [(&'static str, &'static str)],
}

/// Returns a request by its line, such as `GET Patient/cara`.
pub fn ask(line: &'static str) -> Row {
    let (method, path) = line.split_once(' ').expect("a method and an address");
    Row {
        group: "",
        way: Way::Api,
        method,
        path,
        what: "",
        note: "",
        given: Vec::new(),
        glass: false,
        body: None,
        headers: &[],
        fields: &[],
    }
}

/// The same for a browser.
pub fn browse(line: &'static str) -> Row {
    Row { way: Way::Browser, ..ask(line) }
}

/// Puts rows into a group.
pub fn group(name: &'static str, rows: Vec<Row>) -> impl Iterator<Item = Row> {
    rows.into_iter().map(move |row| Row { group: name, ..row })
}

impl Row {
    pub fn what(self, what: &'static str) -> Row {
        Row { what, ..self }
    }

    pub fn note(self, note: &'static str) -> Row {
        Row { note, ..self }
    }

    pub fn given(self, given: Vec<Value>) -> Row {
        Row { given, ..self }
    }

    pub fn glass(self) -> Row {
        Row { glass: true, ..self }
    }

    pub fn body(self, body: Value) -> Row {
        Row { body: Some(body), ..self }
    }

    pub fn headers(self, headers: &'static [(&'static str, &'static str)]) -> Row {
        Row { headers, ..self }
    }

    pub fn fields(self, fields: &'static [(&'static str, &'static str)]) -> Row {
        Row { fields, ..self }
    }
}
