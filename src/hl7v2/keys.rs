//! What tells apart what nobody numbered, and which numbers of a message stand for several things.

use super::message::Message;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};

/// What is known of the numbers and keys of one message, so that it is read once.
#[derive(Debug, Default)]
pub struct Keys {
    /// How many things of one message have had the same key.
    counts: RefCell<HashMap<String, usize>>,
    /// Numbers of several OBR that ask for different things, and their fields.
    shared: OnceCell<HashSet<(usize, String)>>,
    /// The same of orders of several medicines.
    medicines: OnceCell<HashSet<(usize, String)>>,
}

impl Keys {
    /// Returns a key that nothing else of this message has: the second of its kind ends in `##2`.
    pub fn free(&self, of: &str, base: &str) -> String {
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(format!("{of} {base}")).or_insert(0);
        *count += 1;
        let base = if base.is_empty() { "-" } else { base };
        if *count == 1 { base.to_string() } else { format!("{base}##{count}") }
    }

    /// Returns the numbers that several medicines share, which are looked for once.
    pub fn of_medicines(&self, shared: impl FnOnce() -> HashSet<(usize, String)>) -> &HashSet<(usize, String)> {
        self.medicines.get_or_init(shared)
    }

    /// Returns whether orders of different things have this number, which is that of field `n`.
    pub fn is_shared(&self, message: &Message, n: usize, number: &str) -> bool {
        self.shared.get_or_init(|| shared(message)).contains(&(n, number.trim().to_string()))
    }
}

fn shared(message: &Message) -> HashSet<(usize, String)> {
    let (mut of_orc, mut codes, mut shared) = (["", ""], HashMap::new(), HashSet::new());
    for segment in message.segments() {
        match segment.name {
            "ORC" => of_orc = [2, 3].map(|n| segment.field(n).raw()),
            "OBR" => {
                let code = segment.field(4).part(1).raw().trim();
                for n in [2, 3] {
                    let own = Some(segment.field(n)).filter(|own| own.is_there());
                    let number = (n, own.map_or(of_orc[n - 2], |own| own.raw()).trim());
                    if *codes.entry(number).or_insert(code) != code {
                        shared.insert((n, number.1.to_string()));
                    }
                }
            }
            _ => {}
        }
    }
    shared
}
