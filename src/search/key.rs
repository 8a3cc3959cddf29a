//! Index keys: values of any length as 64 bits that say nothing about the value.
//!
//! SipHash-1-3 <https://www.aumasson.jp/siphash/siphash.pdf> under a secret. The same function must give the same key
//! for as long as the index stands, so it is written out here and does not lean on the standard library's hasher.

/// Makes index keys under one secret.
#[derive(Debug, Clone, Copy)]
pub struct Keyer {
    k0: u64,
    k1: u64,
}

/// What a term key stands for. The number is part of the key: it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// `system|code`
    SystemCode = 1,
    /// `code`, whatever the system
    Code = 2,
    /// `system|`
    System = 3,
    /// `|code`: there is no system
    NoSystem = 4,
    /// A whole URI or canonical.
    Uri = 5,
    /// `type-system|type-code|value` of an Identifier.
    OfType = 6,
    /// `system|value` of the Identifier inside a Reference.
    Identifier = 7,
    /// A quantity in `system|code`.
    Unit = 8,
    /// A quantity in a unit given by code or text alone.
    UnitText = 9,
}

impl Keyer {
    /// Returns the keyer that every database uses until secrets are kept per database.
    pub const fn fixed() -> Keyer {
        Keyer { k0: 0x6d65_6469_6c69_6e6b, k1: 0x7365_6172_6368_0001 }
    }

    /// Returns the key of a sequence of texts; the borders between them count.
    pub fn hash(&self, parts: &[&[u8]]) -> i64 {
        let mut sip = Sip::new(self.k0, self.k1);
        for part in parts {
            sip.write(&(part.len() as u32).to_le_bytes());
            sip.write(part);
        }
        sip.finish() as i64
    }

    /// Returns the key of a value of a column, which is itself known by its key.
    pub fn term(&self, column: i64, form: Form, first: &str, second: &str) -> i64 {
        let mut sip = Sip::new(self.k0, self.k1);
        let mut head = [0; 13];
        head[..8].copy_from_slice(&column.to_le_bytes());
        head[8] = form as u8;
        head[9..].copy_from_slice(&(first.len() as u32).to_le_bytes());
        sip.write(&head);
        sip.write(first.as_bytes());
        sip.write(second.as_bytes());
        sip.finish() as i64
    }

    /// Returns the key of a resource as the target of references.
    pub fn target(&self, type_name: &str, id: &str) -> i64 {
        self.hash(&[b"target", type_name.as_bytes(), id.as_bytes()])
    }

    /// Returns the key under which a resource is found by a reference to it.
    ///
    /// Both halves are spread over all bits, so their exclusive or is too; and SQL can compute it, so that a join can
    /// go from a resource to what refers to it.
    pub fn reference(column: i64, target: i64) -> i64 {
        column ^ target
    }

    /// Returns the key of a reference and another key that hold together.
    ///
    /// Again an exclusive or, so that SQL can go on from a resource to what refers to it and has the other key.
    pub fn pair(&self, reference: i64, other: i64) -> i64 {
        reference ^ self.hash(&[b"pair", &other.to_le_bytes()])
    }

    /// Returns the key of a column narrowed to 32 bits, for tables whose rows carry their value in clear.
    pub fn narrow(&self, column: i64, part: u8) -> i32 {
        self.hash(&[b"narrow", &column.to_le_bytes(), &[part]]) as i32
    }
}

/// SipHash with one round a word and three at the end.
struct Sip {
    v: [u64; 4],
    tail: u64,
    length: usize,
}

impl Sip {
    fn new(k0: u64, k1: u64) -> Sip {
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Sip { v, tail: 0, length: 0 }
    }

    fn write(&mut self, bytes: &[u8]) {
        let held = self.length % 8;
        self.length += bytes.len();
        let mut rest = bytes;
        if held > 0 {
            let take = rest.len().min(8 - held);
            self.tail |= word(&rest[..take]) << (8 * held);
            rest = &rest[take..];
            if held + take < 8 {
                return;
            }
            self.compress(self.tail);
        }
        let (words, left) = rest.as_chunks::<8>();
        for bytes in words {
            self.compress(u64::from_le_bytes(*bytes));
        }
        self.tail = word(left);
    }

    fn compress(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.v[0] ^= word;
    }

    fn finish(mut self) -> u64 {
        let last = (self.length as u64) << 56 | self.tail;
        self.compress(last);
        self.v[2] ^= 0xff;
        for _ in 0..3 {
            self.round();
        }
        self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }
}

/// Returns up to seven bytes as the low end of a word.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_siphash_1_3_however_the_text_is_cut() {
        // The standard library's default hasher is SipHash-1-3 under a zero key today; that makes it a second
        // opinion.
        use std::hash::Hasher;
        let text: Vec<u8> = (0..100).collect();
        for cut in 0..text.len() {
            let mut ours = Sip::new(0, 0);
            ours.write(&text[..cut]);
            ours.write(&text[cut..]);
            let mut theirs = std::hash::DefaultHasher::new();
            theirs.write(&text);
            assert_eq!(ours.finish(), theirs.finish(), "cut at {cut}");
        }
    }

    #[test]
    fn keys_never_change() {
        let keyer = Keyer::fixed();
        let column = keyer.hash(&[b"Patient", b"token", b"identifier"]);
        let seen = [column, keyer.term(column, Form::SystemCode, "urn:mrn", "7"), keyer.target("Patient", "1")];
        assert_eq!(seen, KEYS);
        assert_ne!(keyer.term(column, Form::Code, "ab", "c"), keyer.term(column, Form::Code, "a", "bc"));
    }

    const KEYS: [i64; 3] = [-7440935807783391857, -2343706465452276019, -4595833598366844388];
}
