//! Index rows of many resources at once, one array a column, as the statements of `store/sql/` take them.
//!
//! Removal names the exact rows, so it never waits for rows of other resources.

use crate::search::IndexRows;
use crate::search::extract::Shape;

/// Index rows to add or to remove, one vector a column.
#[derive(Debug, Default)]
pub struct Columns {
    pub terms: (Vec<i64>, Vec<i64>),
    pub strings: (Vec<i32>, Vec<String>, Vec<i64>),
    pub dates: (Vec<i32>, Vec<i64>, Vec<i64>, Vec<i64>),
    pub quantities: (Vec<i64>, Vec<String>, Vec<String>, Vec<i64>),
    pub timeline: (Vec<i64>, Vec<i64>, Vec<i64>, Vec<i64>),
    pub shapes: (Vec<i64>, Vec<i16>, Vec<String>),
    pub links: (Vec<i16>, Vec<i64>, Vec<i64>, Vec<i64>),
}

impl Columns {
    /// Adds the rows of the resource numbered `no`.
    pub fn add(&mut self, no: i64, rows: IndexRows) {
        for key in rows.terms {
            self.terms.0.push(key);
            self.terms.1.push(no);
        }
        for (key, value) in rows.strings {
            self.strings.0.push(key);
            self.strings.1.push(value);
            self.strings.2.push(no);
        }
        for (key, lo, hi) in rows.dates {
            self.dates.0.push(key);
            self.dates.1.push(lo);
            self.dates.2.push(hi);
            self.dates.3.push(no);
        }
        for (key, lo, hi) in rows.quantities {
            self.quantities.0.push(key);
            self.quantities.1.push(lo);
            self.quantities.2.push(hi);
            self.quantities.3.push(no);
        }
        for (key, lo, hi) in rows.timeline {
            self.timeline.0.push(key);
            self.timeline.1.push(lo);
            self.timeline.2.push(hi);
            self.timeline.3.push(no);
        }
        for (kind, a, b) in rows.links {
            self.links.0.push(kind);
            self.links.1.push(a);
            self.links.2.push(b);
            self.links.3.push(no);
        }
        self.add_shape(&rows.shape);
    }

    fn add_shape(&mut self, shape: &Shape) {
        // A difference without a new shape has the key 0; a resource with nothing to search has a shape without columns.
        if shape.key == 0 || self.shapes.0.contains(&shape.key) {
            return;
        }
        self.shapes.0.push(shape.key);
        self.shapes.1.push(shape.resource_type);
        self.shapes.2.push(array(&shape.columns));
    }
}

/// Returns the numbers as an array in PostgreSQL's notation: it has no arrays of arrays of different lengths.
pub fn array(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
