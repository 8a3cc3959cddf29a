//! Which format a client sends and which it wants back.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#mime-type>, RFC 9110 section 12.5.1 for `Accept`.

use crate::fault::{Fault, Kind};

/// The one version of FHIR spoken here, as the `fhirVersion` parameter of a media type spells it.
const FHIR_VERSIONS: [&str; 2] = ["4.0", "4.0.1"];

/// A format in which a resource travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Json,
    Xml,
}

/// What a request body is, by its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentKind {
    Resource(Format),
    /// `application/json-patch+json`, RFC 6902.
    JsonPatch,
    /// `application/x-www-form-urlencoded`, for searches by POST.
    Form,
}

impl Format {
    /// Returns the media type for `Content-Type`, without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/fhir+json",
            Format::Xml => "application/fhir+xml",
        }
    }

    /// Returns the format that the parameter `_format` asks for.
    pub fn from_parameter(value: &str) -> Result<Format, Fault> {
        // A `+` that nobody escaped reaches us as a space.
        let plus = value.trim().replacen("fhir json", "fhir+json", 1).replacen("fhir xml", "fhir+xml", 1);
        let media = Media::parse(&plus);
        match Format::named(media.name) {
            Some(format) if media.is_ours() => Ok(format),
            _ => Err(not_acceptable("_format", value)),
        }
    }

    /// Returns the format that an `Accept` header likes best: JSON when it does not care.
    pub fn from_accept(header: &str) -> Result<Format, Fault> {
        if header.trim().is_empty() {
            return Ok(Format::Json);
        }
        let (mut json, mut xml) = (Wish::default(), Wish::default());
        for (place, range) in header.split(',').enumerate() {
            let media = Media::parse(range);
            let quality = media.quality()?;
            if !media.is_ours() {
                continue;
            }
            json.consider(media.matches(Format::Json), quality, place);
            xml.consider(media.matches(Format::Xml), quality, place);
        }
        match (json.quality > 0.0, xml.quality > 0.0) {
            (false, false) => Err(not_acceptable("Accept", header)),
            (true, false) => Ok(Format::Json),
            (false, true) => Ok(Format::Xml),
            (true, true) if xml.quality > json.quality => Ok(Format::Xml),
            (true, true) if xml.quality == json.quality && xml.place < json.place => Ok(Format::Xml),
            (true, true) => Ok(Format::Json),
        }
    }

    /// Returns the format of a media type, or of one of the short names that `_format` allows.
    fn named(name: &str) -> Option<Format> {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is(&["application/fhir+json", "application/json", "text/json", "json"]) {
            return Some(Format::Json);
        }
        is(&["application/fhir+xml", "application/xml", "text/xml", "xml"]).then_some(Format::Xml)
    }
}

impl ContentKind {
    /// Returns what a `Content-Type` header announces.
    pub fn parse(header: &str) -> Result<ContentKind, Fault> {
        let media = Media::parse(header);
        if let Some(charset) = media.parameter("charset").filter(|charset| !is_utf8(charset)) {
            let text = format!("Content-Type: charset {charset} is not read here; FHIR wants UTF-8");
            return Err(Fault::new(Kind::UnsupportedMedia, text));
        }
        if let Some(version) = media.parameter("fhirVersion").filter(|version| !FHIR_VERSIONS.contains(version)) {
            let text = format!("Content-Type: fhirVersion {version} is not read here; this server speaks 4.0");
            return Err(Fault::new(Kind::UnsupportedMedia, text));
        }
        let named = |name: &str| media.name.eq_ignore_ascii_case(name);
        match Format::named(media.name) {
            Some(format) if media.name.contains('/') => Ok(ContentKind::Resource(format)),
            _ if named("application/json-patch+json") => Ok(ContentKind::JsonPatch),
            _ if named("application/x-www-form-urlencoded") => Ok(ContentKind::Form),
            _ => Err(Fault::new(
                Kind::UnsupportedMedia,
                format!("Content-Type {header:?} is not read here; send application/fhir+json or application/fhir+xml"),
            )),
        }
    }
}

fn not_acceptable(what: &str, found: &str) -> Fault {
    let text = format!(
        "{what} {found:?} allows no format that is written here: application/fhir+json, application/fhir+xml \
         (fhirVersion=4.0, charset=utf-8)"
    );
    Fault::new(Kind::NotAcceptable, text)
}

fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// How much a client wants one format.
#[derive(Default)]
struct Wish {
    /// 0 = not mentioned, 1 = `*/*`, 2 = `application/*`, 3 = by name: the more specific range decides.
    precision: u8,
    quality: f32,
    place: usize,
}

impl Wish {
    fn consider(&mut self, precision: u8, quality: f32, place: usize) {
        if precision > self.precision || (precision > 0 && precision == self.precision && quality > self.quality) {
            *self = Wish { precision, quality, place };
        }
    }
}

/// A media type or range with its parameters.
struct Media<'a> {
    name: &'a str,
    parameters: &'a str,
}

impl<'a> Media<'a> {
    fn parse(text: &'a str) -> Media<'a> {
        let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
        Media { name: name.trim(), parameters }
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(found, _)| found.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().trim_matches('"'))
    }

    /// Returns whether the parameters describe what this server writes: R4 in UTF-8.
    fn is_ours(&self) -> bool {
        self.parameter("fhirVersion").is_none_or(|version| FHIR_VERSIONS.contains(&version))
            && self.parameter("charset").is_none_or(is_utf8)
    }

    /// Returns how precisely this range names the format.
    fn matches(&self, format: Format) -> u8 {
        match self.name {
            "*/*" | "*" => 1,
            "application/*" | "text/*" => 2,
            name if Format::named(name) == Some(format) => 3,
            _ => 0,
        }
    }

    fn quality(&self) -> Result<f32, Fault> {
        let Some(text) = self.parameter("q") else {
            return Ok(1.0);
        };
        text.parse().ok().filter(|q| (0.0..=1.0).contains(q)).ok_or_else(|| {
            Fault::new(Kind::Invalid, format!("Accept: the quality {text:?} is not a number from 0 to 1"))
        })
    }
}

#[cfg(test)]
mod tests;
