//! Where in a resource we are, as FHIRPath: a list on the stack that costs nothing until a fault names it.
//!
//! R4 <https://hl7.org/fhir/R4/fhirpath.html#simple>.

use std::fmt;

#[derive(Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    name: &'a str,
    index: Option<usize>,
    depth: usize,
}

impl<'a> Path<'a> {
    pub fn root(name: &'a str) -> Path<'a> {
        Path { parent: None, name, index: None, depth: 1 }
    }

    pub fn child(&'a self, name: &'a str, index: Option<usize>) -> Path<'a> {
        Path { parent: Some(self), name, index, depth: self.depth + 1 }
    }

    /// Returns how many elements deep this is; the root is at 1.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}
