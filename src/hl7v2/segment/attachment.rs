//! Data types ED and RP → Attachment: documents and images that an OBX carries, or says where they are.
//!
//! v2-to-FHIR, data type maps ED\[Attachment\] and RP\[Attachment\].

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value};

/// Returns whether values of this type (OBX-2) are attachments.
pub fn is_one(kind: &str) -> bool {
    matches!(kind, "ED" | "RP")
}

/// Returns the attachments of OBX-5.
pub fn attachments(ctx: &Ctx, obx: Segment) -> Vec<Value> {
    let kind = obx.field(2).text().unwrap_or_default();
    let title = obx.field(3).part(2).text();
    let of = |part: Part| {
        let mut attachment = if kind == "RP" { pointer(ctx, part)? } else { data(ctx, part)? };
        if let Some(title) = &title {
            attachment.insert("title".into(), title.to_string().into());
        }
        Some(Value::Object(attachment))
    };
    obx.field(5).repetitions().filter(|part| part.is_there()).filter_map(of).collect()
}

/// Returns whether people read it as a document, rather than look at it as an image.
pub fn is_document(attachment: &Value) -> bool {
    let kind = attachment["contentType"].as_str().unwrap_or_default();
    kind.starts_with("text/") || (kind.starts_with("application/") && kind != OCTETS && kind != "application/dicom")
}

const OCTETS: &str = "application/octet-stream";

/// RP: .1 is where it is, within the application .2 where it is no URL.
fn pointer(ctx: &Ctx, part: Part) -> Option<Map<String, Value>> {
    let mut attachment = Map::new();
    if let Some(kind) = content_type(part.part(3), part.part(4)) {
        attachment.insert("contentType".into(), kind.into());
    }
    let Some(url) = part.part(1).text().filter(|url| !url.contains(char::is_whitespace)) else {
        ctx.warn(Code::DataType, part.at, "RP.1 is no address; the reference was left out");
        return None;
    };
    attachment.insert("url".into(), url.into());
    Some(attachment)
}

/// ED: .2 and .3 are the type, .4 is how .5 is encoded.
fn data(ctx: &Ctx, part: Part) -> Option<Map<String, Value>> {
    let mut attachment = Map::new();
    if let Some(kind) = content_type(part.part(2), part.part(3)) {
        attachment.insert("contentType".into(), kind.into());
    }
    let Some(text) = part.part(5).whole() else {
        ctx.warn(Code::RequiredField, part.at, "ED.5 is empty; there is no document");
        return None;
    };
    let encoding = part.part(4).text().unwrap_or_default().to_lowercase();
    let bytes = match &*encoding {
        "a" | "" if !is_base64(&text) => Some(text.into_bytes()),
        "hex" => hexadecimal(&text),
        _ => base64(&text),
    };
    let Some(bytes) = bytes else {
        ctx.warn(Code::DataType, part.at, "ED.5 is not encoded as ED.4 says; the document was left out");
        return None;
    };
    attachment.entry("contentType").or_insert_with(|| sniffed(&bytes).into());
    attachment.insert("data".into(), STANDARD.encode(bytes).into());
    Some(attachment)
}

fn is_base64(text: &str) -> bool {
    text.len() >= 64 && base64(text).is_some()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(&text).or_else(|_| STANDARD_NO_PAD.decode(text.trim_end_matches('='))).ok()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

fn sniffed(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'{', b'\\', b'r', b't', b'f', ..] => "text/rtf",
        _ => OCTETS,
    }
}

/// Tables 0191 (type) and 0291 (subtype), or MIME types that are written out.
fn content_type(kind: Part, subtype: Part) -> Option<String> {
    let lower = |part: Part| part.text().unwrap_or_default().trim().to_lowercase();
    let (kind, subtype) = (lower(kind), lower(subtype));
    let words = [&*subtype, &*kind];
    if let Some(whole) = words.into_iter().find(|word| is_mime(word)) {
        return Some(whole.to_string());
    }
    let known = words.into_iter().find_map(|word| {
        Some(match word {
            "pdf" => "application/pdf",
            "jpeg" | "jpg" => "image/jpeg",
            "png" => "image/png",
            "gif" => "image/gif",
            "tiff" | "tif" => "image/tiff",
            "html" | "htm" => "text/html",
            "rtf" => "text/rtf",
            "xml" | "x-hl7-cda-level-one" => "application/xml",
            "txt" | "plain" => "text/plain",
            "dicom" | "dicm" => "application/dicom",
            "msword" | "doc" => "application/msword",
            "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            _ => return None,
        })
    });
    if let Some(known) = known {
        return Some(known.to_string());
    }
    let top = match &*kind {
        "application" | "ap" => "application",
        "audio" | "au" => "audio",
        "image" | "im" | "ns" | "si" if subtype != "octet-stream" => "image",
        "text" | "tx" | "ft" => "text",
        "video" => "video",
        "multipart" => "multipart",
        _ => return (subtype == "octet-stream").then(|| OCTETS.to_string()),
    };
    let built = format!("{top}/{subtype}");
    match top {
        _ if is_mime(&built) => Some(built),
        "text" => Some("text/plain".to_string()),
        _ => None,
    }
}

fn is_mime(text: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c));
    text.split_once('/').is_some_and(|(top, sub)| is_name(top) && is_name(sub))
}
