//! Cursors: where a page of a search begins or ends, signed, so that only what a server gave out comes back.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#paging>. A cursor is for one question and for a while; it is signed with a key that
//! all servers of a database share. It holds no page number and no list of resources: a page is cut out of what matches
//! when it is asked for.

use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::store::search::{KeyValue, Keyset, Start};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Of the form that is written here; others are refused.
const FORM: u8 = 1;
const MAC_BYTES: usize = 32;

/// Parameters that shape the answer and not the question: they may differ between the pages of one search.
const NOT_ASKING: &[&str] =
    &["_count", "_cursor", "_elements", "_format", "_include", "_pretty", "_revinclude", "_summary", "_total"];

/// The place of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub keyset: Keyset,
    /// Whether the page ends at the place instead of beginning there.
    pub backward: bool,
    /// Of [`question`].
    pub question: i64,
    /// Seconds since 1970.
    pub issued_s: i64,
}

impl Cursor {
    pub fn start(&self) -> Start<'_> {
        if self.backward { Start::UpTo(&self.keyset) } else { Start::After(&self.keyset) }
    }

    /// Returns the cursor as the value of a parameter.
    pub fn seal(&self, key: &[u8]) -> String {
        let sorts: Vec<Value> = self.keyset.sorts.iter().map(to_json).collect();
        let body = serde_json::json!([FORM, self.issued_s, self.question, self.backward, self.keyset.no, sorts]);
        let body = body.to_string();
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body.as_bytes());
        URL_SAFE_NO_PAD.encode([mac.as_ref(), body.as_bytes()].concat())
    }

    /// Reads a cursor that was sealed with the key; anything else is refused.
    pub fn open(text: &str, key: &[u8]) -> Result<Cursor, Fault> {
        let foreign =
            || Fault::new(Kind::Invalid, "_cursor is not one that this server gave; use its links as they are");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign())?;
        let (mac, body) = bytes.split_at_checked(MAC_BYTES).ok_or_else(foreign)?;
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), body, mac).map_err(|_| foreign())?;
        let form: Form = serde_json::from_slice(body).map_err(|_| foreign())?;
        let Form(FORM, issued_s, question, backward, no, sorts) = form else { return Err(foreign()) };
        let sorts: Option<Vec<KeyValue>> = sorts.into_iter().map(from_json).collect();
        Ok(Cursor { keyset: Keyset { sorts: sorts.ok_or_else(foreign)?, no }, backward, question, issued_s })
    }

    /// Refuses a cursor that is too old, or of another question.
    pub fn check(&self, question: i64, now_s: i64, time_s_max: i64) -> Result<(), Fault> {
        if self.question != question {
            let text = "_cursor belongs to another search; parameters, order and compartment must stay as they were";
            return Err(Fault::new(Kind::Invalid, text));
        }
        if now_s.saturating_sub(self.issued_s) > time_s_max {
            let text = format!(
                "_cursor is older than {time_s_max} seconds; start the search anew, without _cursor or by the link 'first'"
            );
            return Err(Fault::new(Kind::Expired, text));
        }
        Ok(())
    }
}

/// Returns the seconds since 1970.
pub fn now_s() -> i64 {
    Instant::now().0.div_euclid(1_000_000)
}

/// Format, time, question, direction, number, sort values.
#[derive(serde::Deserialize)]
struct Form(u8, i64, i64, bool, i64, Vec<Value>);

fn to_json(value: &KeyValue) -> Value {
    match value {
        KeyValue::Missing => Value::Null,
        KeyValue::I64(number) => (*number).into(),
        KeyValue::Text(text) => text.as_str().into(),
    }
}

fn from_json(value: Value) -> Option<KeyValue> {
    match value {
        Value::Null => Some(KeyValue::Missing),
        Value::Number(number) => number.as_i64().map(KeyValue::I64),
        Value::String(text) => Some(KeyValue::Text(text)),
        _ => None,
    }
}

/// Returns a hash of what is asked for: the address below the base and the parameters that choose and order resources.
/// Their sequence does not matter.
pub fn question<'a>(address: &str, pairs: impl Iterator<Item = &'a (String, String)>) -> i64 {
    let asks = |name: &str| !NOT_ASKING.contains(&name.split_once(':').map_or(name, |(code, _)| code));
    let mut pairs: Vec<&(String, String)> = pairs.filter(|(name, _)| asks(name)).collect();
    pairs.sort_unstable();
    let mut hash = digest::Context::new(&digest::SHA256);
    for text in std::iter::once(address).chain(pairs.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()])) {
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finish().as_ref()[..8]);
    i64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[7; 32];

    fn cursor() -> Cursor {
        let sorts = vec![KeyValue::I64(-5), KeyValue::Missing, KeyValue::Text("ä|\u{1}".into())];
        Cursor { keyset: Keyset { sorts, no: 1 << 40 }, backward: true, question: -9, issued_s: 1_000 }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        assert_eq!(Cursor::open(&cursor().seal(KEY), KEY).unwrap(), cursor());
    }

    #[test]
    fn what_was_not_given_out_is_refused() {
        let sealed = cursor().seal(KEY);
        let refused = |text: &str, key: &[u8]| {
            let fault = Cursor::open(text, key).unwrap_err();
            assert!(fault.kind() == Kind::Invalid && fault.to_string().contains("_cursor"), "{text}: {fault}");
        };
        for text in ["", "x", "!!", "W10", "WzEsWzEuNV1d", &sealed[1..], &sealed[..sealed.len() - 4]] {
            refused(text, KEY);
        }
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            refused(&URL_SAFE_NO_PAD.encode(changed), KEY);
        }
        refused(&sealed, &[8; 32]);
    }

    #[test]
    fn a_cursor_is_for_one_question_and_for_a_while() {
        let status = |question, now_s| cursor().check(question, now_s, 60).err().map(|fault| fault.status());
        for (question, now_s, expected) in
            [(-9, 1_000, None), (-9, 1_060, None), (-9, 900, None), (-9, 1_061, Some(410)), (8, 1_000, Some(400))]
        {
            assert_eq!(status(question, now_s), expected, "{question} at {now_s}");
        }
    }

    #[test]
    fn a_question_is_what_chooses_and_orders() {
        let hash = |address: &str, query: &str| {
            let pairs: Vec<(String, String)> = query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            question(address, pairs.iter())
        };
        let same = hash("Patient", "name=a&_sort=-birthdate");
        for query in ["_sort=-birthdate&name=a", "name=a&_count=7&_sort=-birthdate&_cursor=x&_include:iterate=*"] {
            assert_eq!(hash("Patient", query), same, "{query}");
        }
        for (address, query) in [
            ("Patient", "name=a"),
            ("Patient", "name=a&_sort=birthdate"),
            ("Patient", "name:exact=a&_sort=-birthdate"),
            ("Person", "name=a&_sort=-birthdate"),
            ("Patient", "nam=ea&_sort=-birthdate"),
        ] {
            assert_ne!(hash(address, query), same, "{query}");
        }
    }
}
