//! A filter as it was written, taken apart.

use super::operator::Operator;
use crate::fhir::ResourceType;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
}

/// `path operator value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Where it begins, as a count of characters from 1 on.
    pub at: usize,
    /// The references on the way to the parameter.
    pub steps: Vec<Step>,
    /// The parameter that is compared.
    pub name: String,
    pub operator: Operator,
    pub value: String,
}

/// `name.`, `name:Type.` or `name[filter].`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub only: Option<ResourceType>,
    pub filter: Option<Filter>,
}

impl Test {
    /// Returns the names of the path from one step on, without what stands in brackets.
    pub fn path(&self, from: usize) -> String {
        let mut path = String::new();
        for step in &self.steps[from..] {
            path.push_str(&step.name);
            if let Some(only) = step.only {
                path.push(':');
                path.push_str(only.name());
            }
            path.push('.');
        }
        path + &self.name
    }
}
