//! From the bytes of a message to its text, by the character set that MSH-18 names, and back.
//!
//! HL7 v2.5 chapter 2.15.9.18 and table 0211. The names of RFC 1345 and of the web are known, too, as senders write them. A
//! message that names no set is ASCII; UTF-8 is accepted for it, as no other set is mistaken for that.

use super::message::Message;
use super::problem::{Code, Place, Problem};
use encoding_rs::Encoding;
use std::borrow::Cow;

/// A character set that text is read from and written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Nothing above 0x7F was there; what we add is written in UTF-8.
    Ascii,
    Utf8,
    Utf16 {
        big: bool,
    },
    Utf32 {
        big: bool,
    },
    Other(&'static Encoding),
}

/// A text and what it was written in.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub text: String,
    pub charset: Charset,
    /// Something in it could not be read and is replaced, or the name of the set is not known.
    pub warning: Option<Problem>,
}

/// Reads the bytes of a message. `fallback` names the set of those that name none. Where bytes cannot be read, that is an error,
/// unless `lenient`: then they are replaced, with a warning.
pub fn decode(raw: &[u8], fallback: Option<&str>, lenient: bool) -> Result<Decoded, Problem> {
    let declared = declared(raw);
    let found = declared.or_else(|| fallback.and_then(by_name)).or_else(|| by_content(raw));
    let is_named = named(raw).is_some();
    let unknown = is_named && declared.is_none();
    let warning = unknown.then(|| Problem::warning(Code::TableValue, place(), "the character set is not known"));
    // A set that is not known may be one in which this message happens to have nothing but ASCII.
    let charset = found.unwrap_or(Charset::Utf8);
    let (text, is_whole) = charset.read(raw);
    if is_whole {
        let charset = if raw.is_ascii() && charset == Charset::Utf8 { Charset::Ascii } else { charset };
        return Ok(Decoded { text: text.into_owned(), charset, warning });
    }
    let words = match found.filter(|_| is_named) {
        Some(_) => "there are bytes that are not of the character set that is named",
        None => "there are bytes that are neither ASCII nor UTF-8, and no character set that is known is named",
    };
    if !lenient {
        return Err(Problem::error(Code::DataType, place(), words));
    }
    let warning = Some(Problem::warning(Code::DataType, place(), words));
    if declared.is_some() {
        return Ok(Decoded { text: text.into_owned(), charset, warning });
    }
    // Nothing is lost in what most senders mean by it who say nothing.
    let charset = Charset::Other(encoding_rs::WINDOWS_1252);
    Ok(Decoded { text: charset.read(raw).0.into_owned(), charset, warning })
}

/// Returns whether a character set is known by this name.
pub fn is_known(name: &str) -> bool {
    by_name(name).is_some()
}

/// Returns the segment MSH of a message that cannot be read as a whole, with the set that answers are written in: enough for
/// an acknowledgement. What cannot be read of it is replaced.
pub fn header(raw: &[u8], fallback: Option<&str>) -> Option<(Message, Charset)> {
    let charset = declared(raw).or_else(|| fallback.and_then(by_name)).unwrap_or(Charset::Utf8);
    let text = charset.read(first_line(raw)).0;
    let line = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ', '\t']).split(['\r', '\n']).next()?;
    Some((Message::parse(line).ok()?, charset))
}

impl Charset {
    /// Returns a text in this set. What the set does not have becomes a question mark.
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Charset::Ascii | Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Utf16 { big } => {
                text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
            }
            Charset::Utf32 { big } => text
                .chars()
                .map(u32::from)
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect(),
            Charset::Other(encoding) => {
                let (bytes, _, has_strangers) = encoding.encode(text);
                if !has_strangers {
                    return bytes.into_owned();
                }
                // The library would write them as references of HTML.
                let known = |c: char| c.is_ascii() || !encoding.encode(c.encode_utf8(&mut [0; 4])).2;
                let text: String = text.chars().map(|c| if known(c) { c } else { '?' }).collect();
                encoding.encode(&text).0.into_owned()
            }
        }
    }

    /// Returns the text, and whether all of it could be read.
    fn read(self, raw: &[u8]) -> (Cow<'_, str>, bool) {
        match self {
            Charset::Ascii | Charset::Utf8 => match std::str::from_utf8(raw) {
                Ok(text) => (Cow::Borrowed(text), true),
                Err(_) => (String::from_utf8_lossy(raw), false),
            },
            Charset::Utf16 { big } => {
                let encoding = if big { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE };
                let (text, is_broken) = encoding.decode_without_bom_handling(raw);
                (text, !is_broken)
            }
            Charset::Utf32 { big } => {
                let units = raw.chunks(4).map(|unit| <[u8; 4]>::try_from(unit).ok());
                let units =
                    units.map(|unit| unit.map(|u| if big { u32::from_be_bytes(u) } else { u32::from_le_bytes(u) }));
                let chars: Vec<Option<char>> = units.map(|unit| unit.and_then(char::from_u32)).collect();
                let is_whole = chars.iter().all(Option::is_some);
                (Cow::Owned(chars.into_iter().map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()), is_whole)
            }
            Charset::Other(encoding) => {
                let (text, is_broken) = encoding.decode_without_bom_handling(raw);
                (text, !is_broken)
            }
        }
    }
}

fn place() -> Place {
    Place::segment("MSH", 1).field(18)
}

/// Returns the set that a message names, where it is known. Sets of several bytes a character may have separators among the
/// second bytes, so that is the one under which MSH-18 still names it.
fn declared(raw: &[u8]) -> Option<Charset> {
    if let Some(charset) = wide(raw) {
        return Some(charset);
    }
    let line = first_line(raw);
    let names_itself =
        |charset: &Charset| field_18(&charset.read(line).0).and_then(|names| by_field(&names)) == Some(*charset);
    named(raw).and_then(|names| by_field(&names)).filter(|charset| line.is_ascii() || names_itself(charset)).or_else(
        || {
            let wide = [encoding_rs::GB18030, encoding_rs::BIG5, encoding_rs::EUC_KR, encoding_rs::SHIFT_JIS];
            let others = [encoding_rs::EUC_JP, encoding_rs::ISO_2022_JP, encoding_rs::GBK];
            wide.into_iter().chain(others).map(Charset::Other).find(names_itself)
        },
    )
}

/// Returns MSH-18 as far as it can be found without knowing the set.
fn named(raw: &[u8]) -> Option<String> {
    let line = first_line(raw);
    let charset = if line.contains(&0x1B) { encoding_rs::ISO_2022_JP } else { encoding_rs::WINDOWS_1252 };
    field_18(&Charset::Other(charset).read(line).0)
}

fn field_18(line: &str) -> Option<String> {
    let message = Message::parse(line).ok()?;
    let field = message.header().field(18);
    field.is_there().then(|| field.raw().to_string())
}

/// Returns the set of a whole field: its first repetition is the one that a message begins in, others are switched to.
fn by_field(field: &str) -> Option<Charset> {
    let mut names = field.split('~').map(str::trim);
    let first = names.next().unwrap_or_default();
    let switched = names.filter_map(by_name).find(|charset| *charset == Charset::Other(encoding_rs::ISO_2022_JP));
    let begins_in = if first.is_empty() { Some(Charset::Utf8) } else { by_name(first) };
    // Of the sets that are switched to by escape sequences within the text, Japanese ones alone are known.
    match begins_in {
        Some(Charset::Ascii | Charset::Utf8) if switched.is_some() && !first.to_uppercase().contains("UTF") => switched,
        Some(Charset::Other(encoding)) if switched.is_some() && encoding == encoding_rs::SHIFT_JIS => switched,
        other => other,
    }
}

/// Returns a set by its name in table 0211, or by another name that it has.
fn by_name(name: &str) -> Option<Charset> {
    let name = name.trim().to_ascii_uppercase().replace('_', " ");
    let japanese = Some(Charset::Other(encoding_rs::ISO_2022_JP));
    match name.as_str() {
        // Where there is more than ASCII after all, it is taken for UTF-8 or refused.
        "ASCII" | "US-ASCII" | "ISO IR6" | "UNICODE" | "UNICODE UTF-8" | "UTF-8" | "UTF8" => Some(Charset::Utf8),
        "UNICODE UTF-16" | "UTF-16" | "UNICODE UTF-32" | "UTF-32" => None,
        "ISO IR87" | "ISO IR159" | "JAS2020" | "JIS X 0202" | "ISO 2022-JP" => japanese,
        "ISO IR13" | "ISO IR14" => Some(Charset::Other(encoding_rs::SHIFT_JIS)),
        "GB 18030-2000" | "GB 18030" => Some(Charset::Other(encoding_rs::GB18030)),
        "KS X 1001" => Some(Charset::Other(encoding_rs::EUC_KR)),
        "BIG-5" => Some(Charset::Other(encoding_rs::BIG5)),
        other => {
            let part = other.trim_start_matches("ISO").trim_start_matches(['-', ' ']).strip_prefix("8859");
            let label = match part {
                Some(part) => format!("ISO-8859-{}", part.trim_start_matches(['/', '-', ' '])),
                None => other.to_string(),
            };
            let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
            let is_wide = encoding == encoding_rs::UTF_16BE || encoding == encoding_rs::UTF_16LE;
            match encoding == encoding_rs::UTF_8 {
                true => Some(Charset::Utf8),
                false => (!is_wide).then_some(Charset::Other(encoding)),
            }
        }
    }
}

/// Returns a set of two or four bytes a character, by how such a message begins.
fn wide(raw: &[u8]) -> Option<Charset> {
    const BEGINNINGS: &[(&[u8], Charset)] = &[
        (&[0xFF, 0xFE, 0, 0], Charset::Utf32 { big: false }),
        (&[0, 0, 0xFE, 0xFF], Charset::Utf32 { big: true }),
        (b"M\0\0\0S\0\0\0", Charset::Utf32 { big: false }),
        (b"\0\0\0M\0\0\0S", Charset::Utf32 { big: true }),
        (&[0xFF, 0xFE], Charset::Utf16 { big: false }),
        (&[0xFE, 0xFF], Charset::Utf16 { big: true }),
        (b"M\0S\0H\0", Charset::Utf16 { big: false }),
        (b"\0M\0S\0H", Charset::Utf16 { big: true }),
    ];
    BEGINNINGS.iter().find(|(beginning, _)| raw.starts_with(beginning)).map(|(_, charset)| *charset)
}

/// Returns UTF-8 for what is UTF-8, as ASCII is.
fn by_content(raw: &[u8]) -> Option<Charset> {
    std::str::from_utf8(raw).ok().map(|_| Charset::Utf8)
}

/// Returns the bytes of the segment MSH, at most 64 KiB of them; of a wide set more than that segment.
fn first_line(raw: &[u8]) -> &[u8] {
    const LINE_BYTES_MAX: usize = 65_536;
    let raw = &raw[..raw.len().min(LINE_BYTES_MAX)];
    if wide(raw).is_some() {
        return &raw[..raw.len() - raw.len() % 4];
    }
    let begin = raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t')).unwrap_or(raw.len());
    let end = raw[begin..].iter().position(|byte| matches!(byte, b'\r' | b'\n')).map_or(raw.len(), |at| begin + at);
    &raw[begin..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(names: &str, text: &[u8]) -> Vec<u8> {
        let mut raw = format!("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5||||||{names}\rPID|||1||").into_bytes();
        raw.extend(text);
        raw
    }

    fn name_of(raw: &[u8], fallback: Option<&str>, lenient: bool) -> Result<String, u16> {
        let decoded = decode(raw, fallback, lenient).map_err(|problem| problem.code.row().0)?;
        let message = Message::parse(decoded.text).map_err(|problem| problem.code.row().0)?;
        Ok(message.segment("PID").field(5).text().unwrap_or_default().into_owned())
    }

    #[track_caller]
    fn check(names: &str, text: &[u8], expected: Result<&str, u16>) {
        let read = name_of(&message(names, text), None, false);
        assert_eq!(read, expected.map(str::to_string), "{names}");
    }

    #[test]
    fn each_set_of_the_table_is_read() {
        check("", b"Muller", Ok("Muller"));
        check("", "Müller".as_bytes(), Ok("Müller"));
        check("ASCII", "Müller".as_bytes(), Ok("Müller"));
        check("", b"M\xFCller", Err(102));
        check("ASCII", b"M\xFCller", Err(102));
        check("UNICODE UTF-8", b"M\xFCller", Err(102));
        check("UTF-8", "Müller 中".as_bytes(), Ok("Müller 中"));
        check("8859/1", b"M\xFCller", Ok("Müller"));
        check("8859/1", "Müller".as_bytes(), Ok("MÃ¼ller"));
        check("8859/2", b"\xA3\xF3d\xBC", Ok("Łódź"));
        check("8859/5", b"\xB8\xD2\xD0\xDD", Ok("Иван"));
        check("8859/7", b"\xC1\xE8\xDE\xED\xE1", Ok("Αθήνα"));
        check("8859/9", b"\xDDzmir", Ok("İzmir"));
        check("8859/15", b"\xA4", Ok("€"));
        check("ISO-8859-1", b"\xE9", Ok("é"));
        check("windows-1251", b"\xC8\xE2\xE0\xED", Ok("Иван"));
        check("GB 18030-2000", b"\xC0\xEE", Ok("李"));
        check("BIG-5", b"\xA7\xF5", Ok("李"));
        check("KS X 1001", b"\xB1\xE8", Ok("김"));
        check("ISO IR6~ISO IR87", b"\x1B$B;3ED\x1B(B^A", Ok("山田"));
        check("~ISO IR87", b"\x1B$B;3ED\x1B(B^A", Ok("山田"));
        check("ISO IR14", b"\xD4\xCF\xC0\xDE", Ok("ﾔﾏﾀﾞ"));
        check("ISO IR14~ISO IR87", b"\x1B$B;3ED\x1B(J^A", Ok("山田"));
    }

    #[test]
    fn separators_within_characters_separate_nothing() {
        // The second byte of each is that of a separator: 0x7C, 0x5C, 0x5E, 0x7E.
        check("BIG-5", b"\xA5\x5C^x", Ok("功"));
        check("GB 18030-2000", b"\x81\x7C\x81\x5E^x", Ok("亅乛"));
        let mut raw = b"MSH|^~\\&|A|\x81\x7C|C|D|||ADT^A01|1|P|2.5||||||GB 18030-2000\rPID|||1||".to_vec();
        raw.extend(b"\xC0\xEE");
        assert_eq!(name_of(&raw, None, false).unwrap(), "李");
        assert_eq!(header(&raw, None).unwrap().0.header().field(10).raw(), "1");
        let japanese = b"MSH|^~\\&|A|\x1B$B8|8|\x1B(B|C|D|||ADT^A01|1|P|2.5||||||~ISO IR87\rPID|||1||x";
        assert_eq!(name_of(japanese, None, false).unwrap(), "x");
    }

    #[test]
    fn wide_sets_are_known_by_how_they_begin() {
        let text = String::from_utf8(message("UNICODE UTF-16", "Müller 𝒳".as_bytes())).unwrap();
        for charset in [true, false].into_iter().flat_map(|big| [Charset::Utf16 { big }, Charset::Utf32 { big }]) {
            for beginning in ["", "\u{feff}"] {
                let raw = charset.encode(&format!("{beginning}{text}"));
                assert_eq!(name_of(&raw, Some("8859/1"), false).unwrap(), "Müller 𝒳", "{charset:?}");
                assert_eq!(header(&raw, None).unwrap().1, charset);
            }
            let mut raw = charset.encode(&text);
            raw.pop();
            assert_eq!(name_of(&raw, None, false), Err(102));
            assert!(name_of(&raw, None, true).unwrap().starts_with("Müller"));
        }
    }

    #[test]
    fn a_rule_says_what_messages_are_that_say_nothing() {
        let raw = message("", b"M\xFCller");
        assert_eq!(name_of(&raw, Some("8859/1"), false).unwrap(), "Müller");
        assert_eq!(name_of(&message("8859/2", b"\xA3"), Some("8859/1"), false).unwrap(), "Ł");
        assert_eq!(name_of(&raw, Some("no such set"), false), Err(102));
        assert_eq!(name_of(&raw, None, true).unwrap(), "Müller");
        let decoded = decode(&message("UTF-8", b"M\xFCller"), None, true).unwrap();
        assert!(decoded.text.ends_with("M\u{fffd}ller") && decoded.warning.is_some());
    }

    #[test]
    fn a_set_that_is_not_known_matters_only_beyond_ascii() {
        let decoded = decode(&message("CNS 11643-1992", b"Lee"), None, false).unwrap();
        assert_eq!(decoded.warning.unwrap().code, Code::TableValue);
        check("CNS 11643-1992", b"\x8E\xA2\xA1\xA1", Err(102));
    }

    #[test]
    fn an_answer_is_written_as_the_message_was() {
        let raw = message("8859/2", b"x");
        let charset = decode(&raw, None, false).unwrap().charset;
        assert_eq!(charset.encode("Łódź 中"), b"\xA3\xF3d\xBC ?");
        assert_eq!(Charset::Other(encoding_rs::ISO_2022_JP).encode("a山"), b"a\x1B$B;3\x1B(B");
    }

    #[test]
    fn nothing_panics_whatever_the_bytes_are() {
        let whole = message("ISO IR6~ISO IR87", b"\x1B$B;3ED\x1B(B^A");
        for at in 0..whole.len() {
            for byte in [0, 0x1B, 0x0D, 0x7C, 0x80, 0xFF] {
                let mut raw = whole.clone();
                raw[at] = byte;
                let _ = (decode(&raw, None, false), decode(&raw[..at], None, true), header(&raw[at..], None));
            }
        }
    }
}
