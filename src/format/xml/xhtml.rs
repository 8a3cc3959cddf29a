//! The `div` of a narrative: checked to be well-formed and otherwise left as it was written.
//!
//! R4 <https://hl7.org/fhir/R4/narrative.html>. Which elements and attributes a narrative may use is a matter of
//! validation; here it only has to fit into an XML document and come back unchanged.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::{XHTML, illegal_at};

/// More attributes than any element of XHTML has; the check for duplicates grows with their square.
const ATTRIBUTES_MAX: usize = 100;

/// Returns the one `div` element in `text`, or what is wrong with it.
///
/// `prefix` is the namespace prefix that stands for XHTML, if one does. The result uses none, and declares XHTML.
pub fn div(text: &str, prefix: Option<&str>, depth_max: usize) -> Result<String, String> {
    if let Some(at) = illegal_at(text) {
        return Err(format!("the character at byte {at} is not allowed"));
    }
    let mut xml = Reader::from_str(text);
    xml.config_mut().check_comments = true;
    let mut copy = Copy { prefix, depth: 0, depth_max, done: false, out: String::with_capacity(text.len() + 48) };
    loop {
        let start = xml.buffer_position() as usize;
        let event = xml.read_event().map_err(|error| error.to_string())?;
        let source = &text[start..xml.buffer_position() as usize];
        if event == Event::Eof {
            break;
        }
        copy.event(&event, source)?;
    }
    match (copy.done, copy.depth) {
        (true, 0) => Ok(copy.out),
        (_, 0) => Err("there is no div".to_string()),
        _ => Err("an element is not closed".to_string()),
    }
}

struct Copy<'a> {
    prefix: Option<&'a str>,
    depth: usize,
    depth_max: usize,
    /// Whether the root has begun, so that no second one may.
    done: bool,
    out: String,
}

impl Copy<'_> {
    fn event(&mut self, event: &Event, source: &str) -> Result<(), String> {
        let inside = self.depth > 0;
        match event {
            Event::Start(start) => {
                self.start(start, source)?;
                self.depth += 1;
                if self.depth > self.depth_max {
                    return Err(format!("nested more than {} elements deep", self.depth_max));
                }
            }
            Event::Empty(start) => self.start(start, source)?,
            Event::End(end) => {
                self.depth -= 1;
                match self.prefix {
                    None => self.out.push_str(source),
                    Some(_) => self.out.push_str(&format!("</{}>", end.local_name().into_inner())),
                }
            }
            Event::Text(_) if source.contains(']') && source.contains("]]>") => {
                return Err("`]]>` stands in text".to_string());
            }
            Event::Text(text) if !inside && !text.trim().is_empty() => {
                return Err("text stands outside the div".to_string());
            }
            Event::Text(_) | Event::Comment(_) if inside => self.out.push_str(source),
            Event::Text(_) | Event::Comment(_) => {}
            Event::CData(_) if inside => self.out.push_str(source),
            Event::GeneralRef(reference) if inside => {
                check_reference(reference)?;
                self.out.push_str(source);
            }
            _ => {
                return Err(format!("`{}` is not allowed", source.chars().take(40).collect::<String>()));
            }
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart, source: &str) -> Result<(), String> {
        let name = start.local_name().into_inner();
        if start.name().prefix().map(|prefix| prefix.into_inner()) != self.prefix || !is_name(name) {
            return Err(format!("the element `{}` is not one of XHTML", start.name().into_inner()));
        }
        let root = self.depth == 0;
        if root && (self.done || name != "div") {
            return Err("it has to be one div element".to_string());
        }
        self.done = true;
        let declares = check_attributes(start)?;
        if self.prefix.is_none() && (declares || !root) {
            self.out.push_str(source);
            return Ok(());
        }
        self.out.push_str(&format!("<{name}"));
        if root {
            self.out.push_str(&format!(" xmlns=\"{XHTML}\""));
        }
        for attribute in start.attributes().flatten() {
            let key = attribute.key.into_inner();
            if key != "xmlns" && !key.starts_with("xmlns:") {
                self.out.push_str(&format!(" {key}=\"{}\"", attribute.value.replace('"', "&quot;")));
            }
        }
        self.out.push_str(if source.ends_with("/>") { "/>" } else { ">" });
        Ok(())
    }
}

/// Returns whether the tag declares XHTML as the default namespace.
fn check_attributes(start: &BytesStart) -> Result<bool, String> {
    let mut declares = false;
    if !is_spaced(start.attributes_raw()) {
        return Err(format!("no space separates the attributes of `{}`", start.name().into_inner()));
    }
    for (i, attribute) in start.attributes().enumerate() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.into_inner();
        if i >= ATTRIBUTES_MAX {
            return Err(format!("an element has more than {ATTRIBUTES_MAX} attributes"));
        }
        let local = attribute.key.local_name().into_inner();
        let known = match attribute.key.prefix().map(|prefix| prefix.into_inner()) {
            None | Some("xml") => is_name(local),
            // XML 1.0 cannot take a prefix back, nor give its own two another meaning.
            Some("xmlns") => is_name(local) && !local.starts_with("xml") && !attribute.value.is_empty(),
            Some(_) => false,
        };
        if !known {
            return Err(format!("the attribute `{key}` is not one of XHTML"));
        }
        if attribute.value.contains('<') {
            return Err(format!("the attribute `{key}` contains a bare `<`"));
        }
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
        if attribute.value.contains('&') && illegal_at(&value).is_some() {
            return Err(format!("the attribute `{key}` refers to a character that XML does not allow"));
        }
        if key == "xmlns" && value != XHTML {
            return Err(format!("the namespace is {value}, and has to be {XHTML}"));
        }
        declares |= key == "xmlns";
    }
    Ok(declares)
}

/// XML knows five entities; HTML's others, such as `&nbsp;`, are not among them.
fn check_reference(reference: &BytesRef) -> Result<(), String> {
    let known = match reference.resolve_char_ref() {
        Ok(Some(c)) => illegal_at(c.encode_utf8(&mut [0; 4])).is_none(),
        Ok(None) => ["lt", "gt", "amp", "quot", "apos"].contains(&&**reference),
        Err(_) => false,
    };
    known.then_some(()).ok_or_else(|| format!("`&{};` is not known in XML", &**reference))
}

/// The parser accepts `a="1"b="2"`, which XML does not.
fn is_spaced(attributes: &str) -> bool {
    let mut rest = attributes;
    while let Some(open) = rest.find(['"', '\'']) {
        let quote = char::from(rest.as_bytes()[open]);
        rest = rest[open + 1..].split_once(quote).map_or("", |(_, after)| after);
        if !rest.is_empty() && !rest.starts_with(|c: char| c.is_ascii_whitespace()) {
            return false;
        }
    }
    true
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_alphabetic() || c == '_';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_numeric() || matches!(c, '-' | '.' | '\u{b7}'))
}
