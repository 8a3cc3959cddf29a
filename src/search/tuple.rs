//! Values that stand in the same item of a repeating element, as composite parameters ask for them.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#composite>. The code of a component and its value are found together: the
//! value has a row under each key of the code. Where two whole numbers are asked for, as start and end of a variant,
//! the row is a stretch between two ends, kept and searched like a stretch of time.

use super::column::Column;
use super::key::Keyer;
use super::kind::Emit;
use super::period::{self, Period};
use super::rows::IndexRows;
use super::sink::Sink;
use super::tree::{Hop, follow};
use serde_json::Value;

/// Most rows of one item. Only an item with many codings in each of its parts has more; they are not found.
const ROWS_MAX: usize = 10_000;

#[derive(Debug, PartialEq)]
pub struct Tuple {
    /// The way to the items.
    pub focus: Vec<Hop>,
    /// Parts that are matched by equality.
    pub keys: Vec<Reader>,
    pub last: Last,
}

/// The part that a row carries in clear, or one more key.
#[derive(Debug, PartialEq)]
pub enum Last {
    Value(Reader),
    /// Two whole numbers.
    Stretch {
        start: Reader,
        end: Reader,
    },
}

/// How one part is read from an item.
#[derive(Debug)]
pub struct Reader {
    /// Gives the part its keys; no other values are under it.
    pub column: u16,
    pub routes: Vec<(Vec<Hop>, Emit)>,
}

impl PartialEq for Reader {
    fn eq(&self, other: &Reader) -> bool {
        // A column has one way to be read.
        self.column == other.column
    }
}

impl Tuple {
    pub fn emit(&self, sink: &mut Sink, columns: &[Column], resource: &Value) {
        follow(resource, &self.focus, &mut |item| self.emit_item(sink, columns, item));
    }

    fn emit_item(&self, sink: &mut Sink, columns: &[Column], item: &Value) {
        match &self.last {
            Last::Value(part) => {
                let column = &columns[usize::from(part.column)];
                let found = part.rows(sink, columns, item);
                let count = found.terms.len() + found.strings.len() + found.dates.len() + found.quantities.len();
                // Most items have no value of this kind, and so their keys need not be made.
                if let Some(keys_max) = ROWS_MAX.checked_div(count) {
                    let keys = self.keys_of(sink, columns, item, keys_max);
                    keys.iter().for_each(|key| under(sink, *key, column, &found));
                }
            }
            Last::Stretch { start, end } => {
                let Some((lo, hi)) = start.whole(item).zip(end.whole(item)) else { return };
                let class = period::class(Period { lo, hi });
                for key in self.keys_of(sink, columns, item, ROWS_MAX) {
                    let narrow = narrow(&sink.keyer, key, &columns[usize::from(start.column)]);
                    sink.rows.dates.push((narrow[class], lo, hi));
                }
            }
        }
    }

    /// Returns what the value of an item stands beside; nothing where a key is missing or there are too many.
    fn keys_of(&self, sink: &mut Sink, columns: &[Column], item: &Value, keys_max: usize) -> Vec<i64> {
        let mut keys = vec![NO_KEYS];
        for part in &self.keys {
            let mut found = part.rows(sink, columns, item).terms;
            found.sort_unstable();
            found.dedup();
            if keys.len() * found.len() > keys_max {
                return Vec::new();
            }
            keys = cross(&sink.keyer, &keys, &found);
        }
        keys
    }
}

/// Stands for the keys of a tuple that has none.
pub const NO_KEYS: i64 = 0;

/// Returns the keys of every pair.
pub fn cross(keyer: &Keyer, keys: &[i64], others: &[i64]) -> Vec<i64> {
    keys.iter().flat_map(|key| others.iter().map(|other| keyer.pair(*key, *other))).collect()
}

/// Returns the keys of the tables with 32 bits, for values of a column beside a key.
pub fn narrow(keyer: &Keyer, key: i64, column: &Column) -> [i32; 4] {
    let pair = keyer.pair(key, column.key);
    [0, 1, 2, 3].map(|part| keyer.narrow(pair, part))
}

/// Adds the rows of a value beside a key.
fn under(sink: &mut Sink, key: i64, column: &Column, found: &IndexRows) {
    let keyer = sink.keyer;
    sink.rows.terms.extend(found.terms.iter().map(|term| keyer.pair(key, *term)));
    let quantities = found.quantities.iter().map(|(unit, lo, hi)| (keyer.pair(key, *unit), lo.clone(), hi.clone()));
    sink.rows.quantities.extend(quantities);
    if found.dates.is_empty() && found.strings.is_empty() {
        return;
    }
    // 32 bits are few for keys that are made of values, so a term says for sure that the key is there.
    sink.rows.terms.push(keyer.pair(key, column.key));
    let narrow = narrow(&keyer, key, column);
    let of = |known: i32| column.narrow.iter().position(|part| *part == known).map_or(narrow[0], |part| narrow[part]);
    sink.rows.dates.extend(found.dates.iter().map(|(class, lo, hi)| (of(*class), *lo, *hi)));
    sink.rows.strings.extend(found.strings.iter().map(|(part, text)| (of(*part), text.clone())));
}

impl Reader {
    /// Returns the rows that the part would have alone.
    fn rows(&self, sink: &mut Sink, columns: &[Column], item: &Value) -> IndexRows {
        let column = &columns[usize::from(self.column)];
        sink.apart(|sink| {
            for (route, emit) in &self.routes {
                follow(item, route, &mut |value| emit(sink, column, value));
            }
        })
    }

    /// Returns the whole number in an item. R4 2.24.0.1: integers have 32 bits.
    fn whole(&self, item: &Value) -> Option<i64> {
        let mut number = None;
        for (route, _) in &self.routes {
            follow(item, route, &mut |value| number = value.as_i64().and_then(|n| i32::try_from(n).ok()).or(number));
        }
        number.map(i64::from)
    }
}
