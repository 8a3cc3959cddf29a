//! From a JSON key to its field, fast: validation asks this for every member of every object.
//!
//! An open-addressing table that is at most half full. The hash reads both ends of a key, which tells the keys of any
//! one FHIR type apart well enough that a lookup compares one string.

const EMPTY: u16 = u16::MAX;

#[derive(Debug)]
pub(super) struct KeyTable {
    /// Indexes into `keys`; the length is a power of two.
    slots: Box<[u16]>,
    keys: Box<[Key]>,
}

#[derive(Debug)]
struct Key {
    text: Box<str>,
    field: u16,
    ty: u16,
}

impl KeyTable {
    /// Returns a table of `(key, field, type)`; of equal keys the first wins.
    pub fn new(entries: impl Iterator<Item = (Box<str>, u16, u16)>) -> KeyTable {
        let keys: Box<[Key]> = entries.map(|(text, field, ty)| Key { text, field, ty }).collect();
        let mut slots = vec![EMPTY; (keys.len() * 2).next_power_of_two()].into_boxed_slice();
        let mask = slots.len() - 1;
        for (i, key) in keys.iter().enumerate() {
            let mut at = hash(&key.text) & mask;
            while slots[at] != EMPTY {
                at = (at + 1) & mask;
            }
            slots[at] = i as u16;
        }
        KeyTable { slots, keys }
    }

    /// Returns the field and, within it, the type of a key.
    pub fn get(&self, text: &str) -> Option<(u16, u16)> {
        let mask = self.slots.len() - 1;
        let mut at = hash(text) & mask;
        // The table is never full, so the walk meets an empty slot.
        while self.slots[at] != EMPTY {
            let key = &self.keys[usize::from(self.slots[at])];
            if *key.text == *text {
                return Some((key.field, key.ty));
            }
            at = (at + 1) & mask;
        }
        None
    }
}

fn hash(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mixed = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(head), Some(tail)) => u64::from_le_bytes(*head) ^ u64::from_le_bytes(*tail).rotate_left(29),
        _ => bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)),
    };
    let spread = (mixed ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_and_a_stranger_is_not() {
        let names =
            ["id", "value", "valueQuantity", "valueCodeableConcept", "a", "abatementDateTime", "abatementString"];
        let entries = names.iter().enumerate().map(|(i, name)| (Box::from(*name), i as u16, 0));
        let table = KeyTable::new(entries);
        for (i, name) in names.iter().enumerate() {
            assert_eq!(table.get(name), Some((i as u16, 0)));
        }
        for stranger in ["", "ID", "valueQuantit", "valueQuantityy", "_id", "b", "abatementDatetime"] {
            assert_eq!(table.get(stranger), None);
        }
    }

    #[test]
    fn an_empty_table_answers() {
        assert_eq!(KeyTable::new(std::iter::empty()).get("id"), None);
    }
}
