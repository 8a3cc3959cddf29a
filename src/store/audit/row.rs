//! An audit row as bytes that never change: what is authenticated, chained, and kept in the spool.
//!
//! Numbers are big-endian; a text has its length before it, and what may be missing one byte that says whether it is there.
//! Nothing is rendered, so that any release reads and checks what another one has written.

use super::Entry;
use crate::fhir::ResourceType;
use aws_lc_rs::{digest, hmac};
use std::borrow::Cow;

/// Which columns there are, and in which order. Another number is another encoding.
const VERSION: u8 = 1;
/// How much of an HMAC-SHA256 is kept.
pub const MAC_BYTES: usize = 16;

/// A mac, cut to what is kept.
pub type Mac = [u8; MAC_BYTES];
/// The hash of a link of the chain.
pub type Hash = [u8; 32];

/// The columns of an audit row, apart from its number and mac.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row<'a> {
    pub at: i64,
    pub request: Cow<'a, str>,
    pub principal: Cow<'a, str>,
    pub action: Cow<'a, str>,
    pub type_: Option<i16>,
    pub id: Option<Cow<'a, str>>,
    pub version: Option<i32>,
    pub status: i16,
    pub client: Option<Cow<'a, str>>,
    pub detail: Option<Cow<'a, str>>,
    pub agent: Option<Cow<'a, str>>,
    pub purpose: Option<Cow<'a, str>>,
    pub token: Option<Cow<'a, str>>,
    pub address: Option<Cow<'a, str>>,
    pub query: Option<Cow<'a, str>>,
    pub patients: Vec<i64>,
    pub consent: Option<Cow<'a, str>>,
    pub content: Option<Cow<'a, str>>,
}

impl<'a> Row<'a> {
    /// Returns the columns of an entry, as the database takes them.
    pub fn of(entry: &'a Entry) -> Row<'a> {
        let text = |text: &'a Option<Box<str>>| text.as_deref().map(storable);
        Row {
            at: entry.at.0,
            request: storable(&entry.request),
            principal: storable(&entry.principal),
            action: entry.action.into(),
            type_: entry.resource_type.map(ResourceType::number),
            id: entry.id.as_ref().map(|id| id.as_str().into()),
            version: entry.version,
            status: i16::try_from(entry.status).unwrap_or(i16::MAX),
            client: text(&entry.client),
            detail: text(&entry.detail),
            agent: text(&entry.agent),
            purpose: text(&entry.purpose),
            token: text(&entry.token),
            address: text(&entry.address),
            query: text(&entry.query),
            patients: patients(entry),
            consent: text(&entry.consent),
            content: entry.content.as_ref().map(|content| storable(content.get())),
        }
    }

    /// Appends the bytes of the row.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.at.to_be_bytes());
        for text in [&self.request, &self.principal, &self.action] {
            put_text(out, text);
        }
        out.push(u8::from(self.type_.is_some()));
        out.extend(self.type_.unwrap_or(0).to_be_bytes());
        put(out, &self.id);
        out.push(u8::from(self.version.is_some()));
        out.extend(self.version.unwrap_or(0).to_be_bytes());
        out.extend(self.status.to_be_bytes());
        for text in [&self.client, &self.detail, &self.agent, &self.purpose, &self.token, &self.address, &self.query] {
            put(out, text);
        }
        out.extend((self.patients.len() as u32).to_be_bytes());
        for patient in &self.patients {
            out.extend(patient.to_be_bytes());
        }
        put(out, &self.consent);
        put(out, &self.content);
    }

    /// Reads what [`Row::encode`] wrote; none where it is something else.
    pub fn decode(bytes: &'a [u8]) -> Option<Row<'a>> {
        let mut from = Reader(bytes);
        let row = Row {
            at: i64::from_be_bytes(from.array()?),
            request: from.text()?,
            principal: from.text()?,
            action: from.text()?,
            type_: from.maybe()?.then_some(i16::from_be_bytes(from.array()?)),
            id: from.optional()?,
            version: from.maybe()?.then_some(i32::from_be_bytes(from.array()?)),
            status: i16::from_be_bytes(from.array()?),
            client: from.optional()?,
            detail: from.optional()?,
            agent: from.optional()?,
            purpose: from.optional()?,
            token: from.optional()?,
            address: from.optional()?,
            query: from.optional()?,
            patients: from.numbers()?,
            consent: from.optional()?,
            content: from.optional()?,
        };
        from.0.is_empty().then_some(row)
    }
}

/// Authenticates rows and links. The key is not in the database.
pub struct MacKey(hmac::Key);

impl MacKey {
    pub fn new(key: &[u8; 32]) -> MacKey {
        MacKey(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Returns the mac of a row with this number, given its bytes.
    pub fn row(&self, number: i64, bytes: &[u8]) -> Mac {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"row");
        context.update(&[VERSION]);
        context.update(&number.to_be_bytes());
        context.update(bytes);
        cut(&context.sign())
    }

    /// Returns the mac of a link of the chain.
    pub fn link(&self, seq: i64, number: i64, sound: bool, hash: &[u8]) -> Mac {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"link");
        context.update(&[VERSION, u8::from(sound)]);
        context.update(&seq.to_be_bytes());
        context.update(&number.to_be_bytes());
        context.update(hash);
        cut(&context.sign())
    }
}

/// Returns the hash of a link: over the one before, the row, and its mac.
pub fn link_hash(before: &Hash, number: i64, bytes: &[u8], mac: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(before);
    context.update(&[VERSION]);
    context.update(&number.to_be_bytes());
    context.update(&(bytes.len() as u64).to_be_bytes());
    context.update(bytes);
    context.update(mac);
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn cut(tag: &hmac::Tag) -> Mac {
    tag.as_ref()[..MAC_BYTES].try_into().expect("HMAC-SHA256 has more bytes")
}

/// Returns a text as the database takes it: one NUL that somebody sent must not keep a batch of rows out of the audit.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Returns the keys of the patients that a row is about: a Patient that it names is one of them.
fn patients(entry: &Entry) -> Vec<i64> {
    let itself = entry.id.as_ref().filter(|_| entry.resource_type == Some(ResourceType::PATIENT));
    let mut keys: Vec<i64> = entry.patients.iter().copied().chain(itself.map(super::patient_key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_be_bytes());
    out.extend(text.as_bytes());
}

fn put(out: &mut Vec<u8>, text: &Option<Cow<'_, str>>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, number: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(number)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn maybe(&mut self) -> Option<bool> {
        match self.array::<1>()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<Cow<'a, str>> {
        let length = u32::from_be_bytes(self.array()?) as usize;
        std::str::from_utf8(self.bytes(length)?).ok().map(Cow::Borrowed)
    }

    fn optional(&mut self) -> Option<Option<Cow<'a, str>>> {
        if self.maybe()? { self.text().map(Some) } else { Some(None) }
    }

    fn numbers(&mut self) -> Option<Vec<i64>> {
        let count = u32::from_be_bytes(self.array()?) as usize;
        let bytes = self.bytes(count.checked_mul(8)?)?;
        Some(bytes.chunks_exact(8).map(|eight| i64::from_be_bytes(eight.try_into().expect("eight bytes"))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Row<'static> {
        let some = |text: &'static str| Some(Cow::Borrowed(text));
        Row {
            at: 1,
            request: "r".into(),
            principal: "p".into(),
            action: "read".into(),
            type_: Some(3),
            id: some("7"),
            version: Some(2),
            status: 200,
            client: some("app"),
            detail: some(""),
            agent: some("Practitioner/1"),
            purpose: some("TREAT"),
            token: some("jti"),
            address: some("192.0.2.1"),
            query: some("name=x"),
            patients: vec![-5, 9],
            consent: some("Consent/1"),
            content: some("{}"),
        }
    }

    fn bytes(row: &Row) -> Vec<u8> {
        let mut out = Vec::new();
        row.encode(&mut out);
        out
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        for row in [full(), Row::default()] {
            assert_eq!(Row::decode(&bytes(&row)), Some(row));
        }
        let whole = bytes(&full());
        for length in 0..whole.len() {
            assert_eq!(Row::decode(&whole[..length]), None, "cut to {length}");
        }
        assert_eq!(Row::decode(&[&whole[..], &[0]].concat()), None, "something behind it");
    }

    /// What is stored was authenticated under these bytes; another encoding needs another version.
    #[test]
    fn the_encoding_stays_as_it_is() {
        let (key, row) = (MacKey::new(&[7; 32]), bytes(&full()));
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        expect_test::expect!["26cfb7b76f85d3e28cbfe9a08331d9a4"].assert_eq(&hex(&key.row(1, &row)));
        expect_test::expect!["add4e5ca4775cd802d854b6a6dcd024d5f24209c6ae2be05b3e6c8e8115b2105"]
            .assert_eq(&hex(&link_hash(&[0; 32], 1, &row, &[1; 16])));
        expect_test::expect!["535307e1688cd692fc8a753e82591ee2"].assert_eq(&hex(&key.link(1, 1, true, &[2; 32])));
    }

    #[test]
    fn the_mac_is_of_every_part() {
        let key = MacKey::new(&[7; 32]);
        assert_ne!(key.row(1, b"a"), key.row(2, b"a"));
        assert_ne!(key.row(1, b"a"), key.row(1, b"b"));
        assert_ne!(key.row(1, b"a"), MacKey::new(&[8; 32]).row(1, b"a"));
        assert_ne!(key.link(1, 1, true, &[0; 32]), key.link(1, 1, false, &[0; 32]));
        assert_ne!(key.link(1, 1, true, &[0; 32]), key.link(2, 1, true, &[0; 32]));
    }

    #[test]
    fn what_the_database_refuses_is_replaced_and_a_patient_named_once() {
        let entry = Entry { patients: vec![3, 1, 3], ..Entry::event("read", "a\0b", "p", 200) };
        let row = Row::of(&entry);
        assert_eq!(row.request, "a\u{fffd}b");
        assert_eq!(row.patients, [1, 3]);
    }
}
