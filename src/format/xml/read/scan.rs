//! The tags of a document, with everything refused that FHIR has no use for.
//!
//! R4 <https://hl7.org/fhir/R4/xml.html> and XML 1.0. Comments, processing instructions and white space are passed
//! over; text between elements, CDATA, a document type and entities of its own are refused.

use std::borrow::Cow;
use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::{AttrError, Attribute, Attributes};
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use crate::fault::{Fault, Kind};
use crate::format::utf8;
use crate::format::xml::path::Path;
use crate::format::xml::{FHIR, XHTML, illegal_at};

/// Messages repeat names, and a name can be as long as the document.
const MESSAGE_CHARS_MAX: usize = 300;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Fhir,
    Xhtml,
    Other,
}

impl Space {
    pub fn uri(self) -> &'static str {
        match self {
            Space::Fhir => FHIR,
            Space::Xhtml => XHTML,
            Space::Other => "",
        }
    }

    fn of(found: &ResolveResult) -> Space {
        match found {
            ResolveResult::Bound(Namespace(uri)) if *uri == FHIR => Space::Fhir,
            ResolveResult::Bound(Namespace(uri)) if *uri == XHTML => Space::Xhtml,
            _ => Space::Other,
        }
    }
}

/// A start tag.
pub struct Tag<'i> {
    pub space: Space,
    start: BytesStart<'i>,
}

impl Tag<'_> {
    pub fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }

    pub fn prefix(&self) -> Option<&str> {
        self.start.name().prefix().map(|prefix| prefix.into_inner())
    }

    pub fn attributes(&self) -> Attributes<'_> {
        self.start.attributes()
    }
}

pub struct Scan<'i> {
    text: &'i str,
    xml: NsReader<&'i [u8]>,
    /// Where the last event began.
    at: usize,
}

impl<'i> Scan<'i> {
    pub fn new(bytes: &'i [u8]) -> Result<Scan<'i>, Fault> {
        let text = utf8(bytes, "XML")?;
        if let Some(at) = illegal_at(text) {
            let what = format!("the XML holds a character at byte {at} that XML does not allow");
            return Err(Fault::new(Kind::Malformed, what));
        }
        let mut xml = NsReader::from_str(text);
        xml.config_mut().expand_empty_elements = true;
        xml.config_mut().check_comments = true;
        Ok(Scan { text, xml, at: 0 })
    }

    /// Returns the next start tag within the element `path`, or none at its end; without a path, at the top.
    pub fn next(&mut self, path: Option<&Path>) -> Result<Option<Tag<'i>>, Fault> {
        loop {
            self.at = self.xml.buffer_position() as usize;
            let (space, event) = match self.xml.read_resolved_event() {
                Ok((space, event)) => (Space::of(&space), event),
                Err(error) => return Err(self.malformed(path, error)),
            };
            match event {
                // Empty elements arrive expanded, as a start and an end.
                Event::Start(start) | Event::Empty(start) => return Ok(Some(Tag { space, start })),
                Event::End(_) => return Ok(None),
                Event::Eof if path.is_none() => return Ok(None),
                Event::Eof => return Err(self.malformed(path, "the document ends before this element is closed")),
                Event::Text(text) if text.bytes().all(|b| b.is_ascii_whitespace()) => {}
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    return Err(self.anywhere(Kind::Structure, path, "text stands between elements"));
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Decl(declaration) => self.check_declaration(&declaration)?,
                Event::DocType(_) => return Err(self.malformed(path, "a DOCTYPE is not allowed")),
            }
        }
    }

    /// Returns the source of the element whose start tag was just read, and moves past its end.
    pub fn element_text(&mut self, tag: &Tag, path: &Path) -> Result<&'i str, Fault> {
        let start = self.at;
        match self.xml.read_to_end(tag.start.name()) {
            Ok(_) => Ok(&self.text[start..self.xml.buffer_position() as usize]),
            Err(error) => Err(self.malformed(Some(path), error)),
        }
    }

    /// Returns name and value of an attribute, the value without references.
    pub fn attribute<'a>(
        &self,
        attribute: Result<Attribute<'a>, AttrError>,
        path: &Path,
    ) -> Result<(&'a str, Cow<'a, str>), Fault> {
        let malformed = |what: &dyn fmt::Display| self.malformed(Some(path), what);
        let attribute = attribute.map_err(|error| malformed(&error))?;
        let name = attribute.key.into_inner();
        if attribute.value.contains('<') {
            return Err(malformed(&format!("the attribute `{name}` contains a bare `<`")));
        }
        let text = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| malformed(&error))?;
        if attribute.value.contains('&') && illegal_at(&text).is_some() {
            return Err(malformed(&format!("the attribute `{name}` refers to a character that XML does not allow")));
        }
        Ok((name, text))
    }

    fn check_declaration(&self, declaration: &BytesDecl) -> Result<(), Fault> {
        if self.at != 0 {
            return Err(self.malformed(None, "an XML declaration stands where none may"));
        }
        let version = declaration.version().map_err(|error| self.malformed(None, error))?;
        if version != "1.0" {
            return Err(self.malformed(None, format!("XML version {version} is not read; FHIR wants 1.0")));
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
            Some(Ok(encoding)) => {
                Err(self.malformed(None, format!("the encoding {encoding} is declared; FHIR wants UTF-8")))
            }
            Some(Err(error)) => Err(self.malformed(None, error)),
        }
    }

    pub fn fault(&self, kind: Kind, path: &Path, what: impl fmt::Display) -> Fault {
        Fault::at(kind, path.to_string(), self.placed(what))
    }

    fn malformed(&self, path: Option<&Path>, what: impl fmt::Display) -> Fault {
        self.anywhere(Kind::Malformed, path, format!("not XML: {what}"))
    }

    fn anywhere(&self, kind: Kind, path: Option<&Path>, what: impl fmt::Display) -> Fault {
        match path {
            Some(path) => self.fault(kind, path, what),
            None => Fault::new(kind, self.placed(what)),
        }
    }

    /// Returns the message with line and column (in bytes, from 1) of the last event.
    pub fn placed(&self, what: impl fmt::Display) -> String {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = 1 + before.len() - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let what: String = what.to_string().chars().take(MESSAGE_CHARS_MAX).collect();
        format!("{what} (line {line}, column {column})")
    }
}
