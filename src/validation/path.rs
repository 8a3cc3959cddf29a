//! Where in a resource the check stands.
//!
//! R4 <https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression>: a simple FHIRPath
//! of names and indexes. It becomes text only when something is reported.

use std::fmt::Write as _;

#[derive(Default)]
pub(super) struct Path<'a> {
    segments: Vec<Segment<'a>>,
}

enum Segment<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    pub fn push_name(&mut self, name: &'a str) {
        self.segments.push(Segment::Name(name));
    }

    pub fn push_index(&mut self, index: usize) {
        self.segments.push(Segment::Index(index));
    }

    pub fn pop(&mut self) {
        self.segments.pop();
    }

    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Returns the FHIRPath of this place, such as `Patient.name[0].given[1]`; none before the resource type is known.
    pub fn expression(&self) -> Option<String> {
        if self.segments.is_empty() {
            return None;
        }
        let mut text = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Name(name) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                Segment::Index(index) => write!(text, "[{index}]").expect("a string takes all"),
            }
        }
        Some(text)
    }
}
