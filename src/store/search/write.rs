//! Index rows of many resources at once: one statement a table, one array a column.
//!
//! Removal names the exact rows, so it never waits for rows of other resources.

use crate::search::IndexRows;
use crate::search::extract::Shape;

pub const INSERT_TERMS: &str = "insert into term (key, no) select * from unnest($1::bigint[], $2::bigint[]) \
     on conflict do nothing";
pub const DELETE_TERMS: &str = "delete from term t using unnest($1::bigint[], $2::bigint[]) as d (key, no) \
     where t.key = d.key and t.no = d.no";
pub const INSERT_STRINGS: &str = "insert into string_value (key, value, no) \
     select * from unnest($1::integer[], $2::text[], $3::bigint[]) on conflict do nothing";
pub const DELETE_STRINGS: &str = "delete from string_value t \
     using unnest($1::integer[], $2::text[], $3::bigint[]) as d (key, value, no) \
     where t.key = d.key and t.value = d.value collate \"C\" and t.no = d.no";
pub const INSERT_DATES: &str = "insert into date_value (key, lo, hi, no) \
     select * from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[]) on conflict do nothing";
pub const DELETE_DATES: &str = "delete from date_value t \
     using unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[]) as d (key, lo, hi, no) \
     where t.key = d.key and t.lo = d.lo and t.hi = d.hi and t.no = d.no";
pub const INSERT_QUANTITIES: &str = "insert into quantity_value (key, lo, hi, no) \
     select key, lo::numeric, hi::numeric, no \
     from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) as q (key, lo, hi, no) on conflict do nothing";
pub const DELETE_QUANTITIES: &str = "delete from quantity_value t \
     using unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) as d (key, lo, hi, no) \
     where t.key = d.key and t.lo = d.lo::numeric and t.hi = d.hi::numeric and t.no = d.no";
pub const INSERT_TIMELINE: &str = "insert into timeline (key, lo, hi, no) \
     select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) on conflict do nothing";
pub const DELETE_TIMELINE: &str = "delete from timeline t \
     using unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as d (key, lo, hi, no) \
     where t.key = d.key and t.lo = d.lo and t.hi = d.hi and t.no = d.no";
/// Columns travel as text because arrays of arrays must be rectangular: `{1,2,3}`.
pub const INSERT_SHAPES: &str = "insert into shape (key, type, columns) \
     select key, type, columns::bigint[] from unnest($1::bigint[], $2::smallint[], $3::text[]) as s (key, type, columns) \
     order by key on conflict do nothing";

/// The parameters of the statements, one vector a column.
#[derive(Debug, Default)]
pub struct Columns {
    pub terms: (Vec<i64>, Vec<i64>),
    pub strings: (Vec<i32>, Vec<String>, Vec<i64>),
    pub dates: (Vec<i32>, Vec<i64>, Vec<i64>, Vec<i64>),
    pub quantities: (Vec<i64>, Vec<String>, Vec<String>, Vec<i64>),
    pub timeline: (Vec<i64>, Vec<i64>, Vec<i64>, Vec<i64>),
    pub shapes: (Vec<i64>, Vec<i16>, Vec<String>),
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
        self.add_shape(&rows.shape);
    }

    fn add_shape(&mut self, shape: &Shape) {
        if shape.columns.is_empty() || self.shapes.0.contains(&shape.key) {
            return;
        }
        let columns: Vec<String> = shape.columns.iter().map(i64::to_string).collect();
        self.shapes.0.push(shape.key);
        self.shapes.1.push(shape.resource_type);
        self.shapes.2.push(format!("{{{}}}", columns.join(",")));
    }
}
