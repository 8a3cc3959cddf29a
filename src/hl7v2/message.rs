//! A message as it is written: segments, fields, repetitions, components, each found when it is asked for.
//!
//! HL7 v2.5 chapter 2.5. Nothing is copied but the text itself; nothing here can fail or panic after [`Message::parse`], whatever
//! the bytes were: what is not there is an empty [`Part`].

use super::escape;
use super::problem::{Code, Place, Problem};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Segments that one message has at most.
const SEGMENTS_MAX: usize = 50_000;

/// The separators that MSH-1 and MSH-2 declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    pub field: char,
    pub component: char,
    pub repetition: Option<char>,
    pub escape: Option<char>,
    pub sub: Option<char>,
    pub truncation: Option<char>,
}

impl Default for Marks {
    fn default() -> Marks {
        let (repetition, escape, sub) = (Some('~'), Some('\\'), Some('&'));
        Marks { field: '|', component: '^', repetition, escape, sub, truncation: None }
    }
}

impl Marks {
    /// Reads them from what follows the name of a segment MSH, FHS or BHS.
    pub fn read(after_name: &str) -> Option<Marks> {
        let mut chars = after_name.chars();
        let field = chars.next().filter(|c| !c.is_ascii_alphanumeric() && !c.is_control())?;
        let declared: Vec<char> = chars.as_str().split([field, '\r', '\n']).next()?.chars().collect();
        let all_differ = declared.iter().enumerate().all(|(at, c)| !declared[..at].contains(c) && *c != field);
        if declared.is_empty() || declared.len() > 5 || !all_differ {
            return None;
        }
        let at = |place: usize| declared.get(place).copied();
        Some(Marks { field, component: declared[0], repetition: at(1), escape: at(2), sub: at(3), truncation: at(4) })
    }

    /// Returns MSH-2.
    pub fn encoding(self) -> String {
        [Some(self.component), self.repetition, self.escape, self.sub, self.truncation].into_iter().flatten().collect()
    }
}

/// A message: its text and where its segments are.
#[derive(Debug, Clone)]
pub struct Message {
    text: String,
    marks: Marks,
    segments: Vec<(Range<usize>, u16)>,
}

impl Message {
    /// Reads a message. Segments end in CR; LF and CR LF are taken for it, and so is a byte order mark before it all.
    pub fn parse(text: impl Into<String>) -> Result<Message, Problem> {
        let text: String = text.into();
        let begin = text.len() - text.trim_start_matches(['\u{feff}', '\r', '\n', ' ', '\t']).len();
        let Some(after) = text[begin..].strip_prefix("MSH") else {
            return Err(Problem::error(Code::SegmentSequence, None, "a message begins with MSH"));
        };
        let Some(marks) = Marks::read(after) else {
            let text = "MSH-1 and MSH-2 declare separators, all different, such as |^~\\&";
            return Err(Problem::error(Code::RequiredField, Place::segment("MSH", 1).field(2), text));
        };
        let mut segments: Vec<(Range<usize>, u16)> = Vec::new();
        let mut counts: HashMap<&str, u16> = HashMap::new();
        let mut at = begin;
        for line in text[begin..].split(['\r', '\n']) {
            let range = at..at + line.len();
            at += line.len() + 1;
            if line.trim_matches(['\0', ' ', '\t', '\u{1a}']).is_empty() {
                continue;
            }
            let name = name_of(line, marks);
            let nth = counts.entry(name).or_default();
            *nth = nth.saturating_add(1);
            segments.push((range, *nth));
            if segments.len() > SEGMENTS_MAX {
                let words = format!("a message has at most {SEGMENTS_MAX} segments");
                return Err(Problem::error(Code::TooLong, None, words));
            }
        }
        Ok(Message { text, marks, segments })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn marks(&self) -> Marks {
        self.marks
    }

    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> + Clone {
        self.segments.iter().map(|(range, nth)| {
            let line = &self.text[range.clone()];
            Segment { name: name_of(line, self.marks), line, marks: self.marks, nth: *nth }
        })
    }

    /// Returns the segment MSH.
    pub fn header(&self) -> Segment<'_> {
        let line = self.segments.first().map_or("MSH", |(range, _)| &self.text[range.clone()]);
        Segment { name: "MSH", line, marks: self.marks, nth: 1 }
    }

    /// Returns the first segment of a name; one without fields where there is none.
    pub fn segment<'m>(&'m self, name: &'m str) -> Segment<'m> {
        let none = Segment { name, line: "", marks: self.marks, nth: 1 };
        self.segments().find(|segment| segment.name == name).unwrap_or(none)
    }
}

fn name_of(line: &str, marks: Marks) -> &str {
    line.split(marks.field).next().unwrap_or_default().trim()
}

/// Returns a text without the control characters that no resource may have. R4 2.24.0.1, string.
fn printable(text: Cow<str>) -> Cow<str> {
    let is_kept = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    if text.chars().all(is_kept) { text } else { Cow::Owned(text.chars().filter(|c| is_kept(*c)).collect()) }
}

/// One segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'m> {
    pub name: &'m str,
    line: &'m str,
    marks: Marks,
    /// Which of its name it is, from 1.
    pub nth: u16,
}

impl<'m> Segment<'m> {
    pub fn at(self) -> Place {
        Place::segment(self.name, usize::from(self.nth))
    }

    /// Returns the segment as it is written.
    pub fn line(self) -> &'m str {
        self.line
    }

    /// Returns a field by its number. In MSH (and FHS, BHS) the first is the separator itself.
    pub fn field(self, n: usize) -> Part<'m> {
        let is_header = matches!(self.name, "MSH" | "FHS" | "BHS");
        let at = self.at().field(n);
        let absent = Part { text: "", marks: self.marks, depth: Depth::Field, at };
        if n == 0 {
            return absent;
        }
        if is_header && n <= 2 {
            let mark = self.line.char_indices().nth(3).map_or(0..0, |(from, c)| from..from + c.len_utf8());
            let rest = self.line.get(mark.end..).unwrap_or_default().split(self.marks.field).next().unwrap_or_default();
            let text = if n == 1 { self.line.get(mark).unwrap_or_default() } else { rest };
            return Part { text, depth: Depth::Leaf, ..absent };
        }
        let place = if is_header { n - 1 } else { n };
        Part { text: self.line.split(self.marks.field).nth(place).unwrap_or_default(), ..absent }
    }

    /// Returns the number of the last field that is there.
    pub fn last(self) -> usize {
        self.line.split(self.marks.field).count() - usize::from(!matches!(self.name, "MSH" | "FHS" | "BHS"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Field,
    Repetition,
    Component,
    Leaf,
}

/// A field or something in it. Its parts are repetitions, then components, then sub-components; what has none of a level is its
/// own only part there, as the standard wants it.
#[derive(Debug, Clone, Copy)]
pub struct Part<'m> {
    text: &'m str,
    marks: Marks,
    depth: Depth,
    pub at: Place,
}

impl<'m> Part<'m> {
    /// Nothing is said.
    pub fn is_absent(self) -> bool {
        self.text.trim().is_empty()
    }

    /// It is said that there is nothing any more: `""`.
    pub fn is_null(self) -> bool {
        self.text.trim() == "\"\""
    }

    pub fn is_there(self) -> bool {
        !self.is_absent() && !self.is_null()
    }

    /// Returns the first repetition, or the part itself, where it says something.
    pub fn said(self) -> Option<Part<'m>> {
        Some(self.first()).filter(|part| part.is_there())
    }

    /// Returns the text as it is written.
    pub fn raw(self) -> &'m str {
        self.text
    }

    /// Returns the repetitions of a field that say something; of what is further down itself.
    pub fn repetitions(self) -> impl Iterator<Item = Part<'m>> + Clone {
        let mark = if self.depth == Depth::Field { self.marks.repetition } else { None };
        let depth = if self.depth == Depth::Field { Depth::Repetition } else { self.depth };
        let all = self.text.split(move |c| Some(c) == mark).enumerate().map(move |(n, text)| {
            let repetition = if self.depth == Depth::Field { n + 1 } else { usize::from(self.at.repetition) };
            let at = Place { repetition: u16::try_from(repetition).unwrap_or(u16::MAX), ..self.at };
            Part { text, depth, at, ..self }
        });
        all.filter(|part| !part.is_absent())
    }

    /// Returns the first repetition that says something.
    pub fn first(self) -> Part<'m> {
        self.repetitions().next().unwrap_or(Part { text: "", depth: Depth::Repetition.max(self.depth), ..self })
    }

    /// Returns a component of the first repetition, or a sub-component, from 1.
    pub fn part(self, n: usize) -> Part<'m> {
        let small = u16::try_from(n).unwrap_or(u16::MAX);
        let (own, mark, depth, at) = match self.depth {
            Depth::Field => return self.first().part(n),
            Depth::Repetition => {
                let at = Place { repetition: self.at.repetition.max(1), component: small, ..self.at };
                (self, Some(self.marks.component), Depth::Component, at)
            }
            Depth::Component => (self, self.marks.sub, Depth::Leaf, Place { sub: small, ..self.at }),
            Depth::Leaf => (self, None, Depth::Leaf, self.at),
        };
        let text = own.text.split(|c| Some(c) == mark).nth(n.saturating_sub(1)).unwrap_or_default();
        Part { text, depth, at, ..self }
    }

    /// Returns how many parts it has.
    pub fn len(self) -> usize {
        let mark = match self.depth {
            Depth::Field => return self.first().len(),
            Depth::Repetition => Some(self.marks.component),
            Depth::Component => self.marks.sub,
            Depth::Leaf => None,
        };
        self.text.split(|c| Some(c) == mark).count()
    }

    pub fn is_empty(self) -> bool {
        self.is_absent()
    }

    /// Returns the text of the first leaf, decoded and without spaces around it; none where nothing is said, or `""`.
    pub fn text(self) -> Option<Cow<'m, str>> {
        let leaf = match self.depth {
            Depth::Field => self.first().part(1).part(1),
            Depth::Repetition => self.part(1).part(1),
            Depth::Component => self.part(1),
            Depth::Leaf => self,
        };
        let text = match printable(escape::decode(leaf.text.trim(), self.marks)) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_string()),
        };
        (!text.is_empty() && leaf.text.trim() != "\"\"").then_some(text)
    }

    /// Returns the character that separates its components.
    pub fn mark(self) -> char {
        self.marks.component
    }

    /// Returns everything in it as one text, decoded: for text in which somebody forgot to escape a separator.
    pub fn whole(self) -> Option<String> {
        self.is_there()
            .then(|| printable(escape::decode(self.text, self.marks)).trim().to_string())
            .filter(|text| !text.is_empty())
    }

    /// Returns whether the first leaf is this text.
    pub fn is(self, text: &str) -> bool {
        self.text().is_some_and(|own| own == text)
    }
}

impl Depth {
    fn max(self, other: Depth) -> Depth {
        if self as u8 > other as u8 { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADT: &str = "MSH|^~\\&|LAB|HOSP|||20260101||ADT^A01^ADT_A01|7|P|2.5\rPID|1||A^^^X&1.2&ISO~B^^^Y||O'Neil&van^Ann||\"\"\rOBX|1\rOBX|2||a\\T\\b";

    #[test]
    fn parts_are_found_by_their_numbers() {
        let message = Message::parse(ADT).unwrap();
        let msh = message.header();
        assert_eq!((msh.field(1).raw(), msh.field(2).raw()), ("|", "^~\\&"));
        assert_eq!(msh.field(9).part(2).text().unwrap(), "A01");
        assert_eq!(msh.field(99).text(), None);
        let pid = message.segment("PID");
        let all: Vec<_> = pid.field(3).repetitions().map(|r| r.part(4).part(1).text().unwrap().into_owned()).collect();
        assert_eq!(all, ["X", "Y"]);
        assert_eq!(pid.field(3).part(4).part(2).text().unwrap(), "1.2");
        assert_eq!(pid.field(5).text().unwrap(), "O'Neil");
        assert!(pid.field(7).is_null() && pid.field(7).text().is_none() && pid.field(6).is_absent());
        assert_eq!(message.segments().nth(3).unwrap().field(3).text().unwrap(), "a&b");
        assert_eq!(message.segments().nth(3).unwrap().field(3).at.to_string(), "OBX[2]-3");
        assert_eq!(pid.field(3).part(4).part(2).at.to_string(), "PID-3.4.2");
    }

    #[test]
    fn separators_are_those_that_the_message_declares() {
        let message = Message::parse("MSH#*~\\&#LAB*x\nPID###1*2").unwrap();
        assert_eq!(message.segment("PID").field(3).part(2).text().unwrap(), "2");
        assert_eq!(message.header().field(3).part(2).text().unwrap(), "x");
    }

    #[test]
    fn what_is_no_message_is_said_so() {
        for text in ["", "PID|1", "MSH", "MSH|", "MSHA^~", "MSH|^^", "MSH||"] {
            assert!(Message::parse(text).is_err(), "{text}");
        }
        for text in ["MSH|^", "MSH|^~\\&", "\u{feff}\r\nMSH|^~\\&#|\r\r\n"] {
            assert!(Message::parse(text).is_ok(), "{text}");
        }
    }
}
