//! SMART Health Links: the payload of a link, the encrypted file that it leads to, and the bytes on an NFC tag.
//!
//! SMART Health Cards and Links 1.0.0, links specification; RFC 7516 (JWE, compact) with `dir` and A256GCM (RFC 7518 4.5, 5.3). Every
//! encryption draws a new initialization vector, for the key of a link stays the same. Pure.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::json;

/// The longest address that a link may have.
pub const URL_CHARS_MAX: usize = 128;

/// What a link says.
pub struct Payload<'a> {
    pub url: &'a str,
    /// 32 bytes in base64url.
    pub key: &'a str,
    /// In seconds since 1970.
    pub expires_s: i64,
    /// `U`: the file itself is there; `P`: a passcode is asked for.
    pub flag: &'a str,
    pub label: &'a str,
}

/// Returns the link as `shlink:/...`.
pub fn uri(payload: &Payload) -> String {
    let payload = json!({
        "url": payload.url,
        "flag": payload.flag,
        "key": payload.key,
        "exp": payload.expires_s,
        "label": payload.label,
    });
    format!("shlink:/{}", BASE64URL.encode(payload.to_string()))
}

/// Returns a resource as an encrypted file; none where the key is none.
pub fn encrypt(key: &str, plain: &[u8]) -> Option<String> {
    let key = BASE64URL.decode(key).ok()?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, &key).ok()?;
    let header = header("application/fhir+json");
    let mut text = plain.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(header.as_bytes()), &mut text).ok()?;
    let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
    let (text, tag) = text.split_at(text.len() - AES_256_GCM.tag_len());
    Some(format!("{header}..{}.{}.{}", BASE64URL.encode(nonce), BASE64URL.encode(text), BASE64URL.encode(tag)))
}

/// Returns the protected header of a file of this kind.
fn header(kind: &str) -> String {
    BASE64URL.encode(format!(r#"{{"alg":"dir","enc":"A256GCM","cty":"{kind}"}}"#))
}

/// Returns the NDEF message of one URI record, as it is written on an NFC tag (NFC Forum, NDEF 1.0 and URI RTD 1.0).
pub fn ndef(uri: &str) -> Vec<u8> {
    const PREFIXES: [(u8, &str); 2] = [(4, "https://"), (3, "http://")];
    let known = PREFIXES.iter().find_map(|(code, prefix)| Some((*code, uri.strip_prefix(prefix)?)));
    let (code, rest) = known.unwrap_or((0, uri));
    let length = rest.len() + 1;
    // First and last record of the message, well-known type of one letter: U. A short record has its length in one byte.
    let mut record = match u8::try_from(length) {
        Ok(short) => vec![0xd1, 1, short],
        Err(_) => [&[0xc1, 1][..], &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()].concat(),
    };
    record.extend([b'U', code]);
    record.extend(rest.as_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::aead::{LessSafeKey, Nonce, UnboundKey};
    use std::collections::HashSet;

    const KEY: &str = "rxTgYlOaKJPFtcEd0qcceN8wEU4p94SqAwIWQe6uX7Q";

    /// Opens a file as a reader does, who knows nothing of how it was made.
    fn opened(key: &str, file: &str) -> Option<(serde_json::Value, Vec<u8>)> {
        let parts: Vec<&str> = file.split('.').collect();
        let [header, none, nonce, text, tag] = parts[..] else { return None };
        assert_eq!(none, "");
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &BASE64URL.decode(key).ok()?).ok()?);
        let mut sealed = [BASE64URL.decode(text).ok()?, BASE64URL.decode(tag).ok()?].concat();
        let nonce = Nonce::try_assume_unique_for_key(&BASE64URL.decode(nonce).ok()?).ok()?;
        let plain = key.open_in_place(nonce, Aad::from(header.as_bytes()), &mut sealed).ok()?.to_vec();
        Some((serde_json::from_slice(&BASE64URL.decode(header).ok()?).ok()?, plain))
    }

    #[test]
    fn a_link_carries_what_the_specification_asks_for() {
        let url = "https://ehr.example.org/qr/Y9xwkUdtmN9wwoJoN3ffJIhX2UGvCL1JnlPVNL3kDWM/m";
        let label = "Back-to-school immunizations for Oliver Brown";
        let link = uri(&Payload { url, key: KEY, expires_s: 1_798_761_600, flag: "LP", label });
        let told = link.strip_prefix("shlink:/").unwrap();
        assert!(told.starts_with("eyJ1cmwiOiJodHRwczovL2Voci5leGFtcGxlLm9yZy9xci9"), "{told}");
        assert!(told.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{told}");
        let payload: serde_json::Value = serde_json::from_slice(&BASE64URL.decode(told).unwrap()).unwrap();
        assert_eq!(payload, json!({"url": url, "flag": "LP", "key": KEY, "exp": 1_798_761_600, "label": label}));
    }

    #[test]
    fn a_file_is_opened_by_its_key_alone() {
        let plain = br#"{"resourceType":"Bundle"}"#;
        let file = encrypt(KEY, plain).unwrap();
        let (header, found) = opened(KEY, &file).unwrap();
        assert_eq!(header, json!({"alg": "dir", "enc": "A256GCM", "cty": "application/fhir+json"}));
        assert_eq!(found, plain);
        assert!(opened("AAAAYlOaKJPFtcEd0qcceN8wEU4p94SqAwIWQe6uX7Q", &file).is_none());
        let header = BASE64URL.encode(r#"{"alg":"dir","enc":"A256GCM","cty":"text/plain"}"#);
        let other = format!("{header}{}", &file[file.find("..").unwrap()..]);
        assert!(opened(KEY, &other).is_none(), "the header is sealed with the text");
        assert_eq!(encrypt("short", plain), None);
    }

    #[test]
    fn a_header_is_written_as_in_the_specification() {
        let told = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiYXBwbGljYXRpb24vc21hcnQtaGVhbHRoLWNhcmQifQ";
        assert_eq!(header("application/smart-health-card"), told);
    }

    #[test]
    fn no_two_encryptions_share_a_vector() {
        let vector = |file: String| file.split('.').nth(2).map(str::to_string).unwrap();
        let vectors: HashSet<String> = (0..500).map(|_| vector(encrypt(KEY, b"{}").unwrap())).collect();
        assert_eq!(vectors.len(), 500);
        assert!(vectors.iter().all(|it| it.len() == 16), "96 bits");
    }

    #[test]
    fn a_tag_carries_one_uri() {
        assert_eq!(ndef("https://a.example/x"), b"\xd1\x01\x0cU\x04a.example/x");
        assert_eq!(ndef("shlink:/eyJ9"), b"\xd1\x01\x0dU\x00shlink:/eyJ9");
        let long = ndef(&format!("http://{}", "x".repeat(300)));
        assert_eq!(long[..8], [0xc1, 1, 0, 0, 1, 45, b'U', 3]);
        assert_eq!(long.len(), 8 + 300);
    }
}
