//! ED, RP: data in the message, and pointers to data elsewhere.
//!
//! v2-to-FHIR, ED\[Attachment\], RP\[Attachment\].

use super::text::{bare_uri, clean_code};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// ED → Attachment.
pub fn encapsulated(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut attachment = Map::new();
    let content = content_type(part.part(2), part.part(3));
    let Some(text) = part.part(5).whole() else {
        ctx.warn(Code::RequiredField, part.at.component(5), "has no data");
        return None;
    };
    let encoding = part.part(4).text().unwrap_or_default().to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "base64" => base64_bytes(&text),
        "hex" => hexadecimal(&text),
        "a" => Some(text.clone().into_bytes()),
        _ if content.as_deref().is_some_and(|kind| kind.starts_with("text/")) => Some(text.clone().into_bytes()),
        _ => base64_bytes(&text),
    };
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
        ctx.warn(Code::DataType, part.at.component(5), "is not encoded as ED-4 says");
        return None;
    };
    if let Some(content) = content {
        attachment.insert("contentType".into(), content.into());
    }
    attachment.insert("data".into(), STANDARD.encode(bytes).into());
    Some(Value::Object(attachment))
}

/// RP → Attachment.
pub fn pointer(part: Part) -> Option<Value> {
    let url = bare_uri(&part.part(1).whole()?);
    let mut attachment = json!({});
    if let Some(content) = content_type(part.part(3), part.part(4)) {
        attachment["contentType"] = content.into();
    }
    attachment["url"] = url.into();
    Some(attachment)
}

/// Returns the media type of tables 0191 and 0291.
fn content_type(kind: Part, subtype: Part) -> Option<String> {
    let word = |part: Part| part.text().and_then(|text| clean_code(&text)).map(|text| text.to_ascii_lowercase());
    let (kind, subtype) = (word(kind), word(subtype));
    let full = [&kind, &subtype].into_iter().flatten().find(|text| text.contains('/')).cloned();
    let main = match kind.as_deref() {
        _ if subtype.as_deref() == Some("octet-stream") => Some("application"),
        Some("ap" | "application") => Some("application"),
        Some("au" | "audio") => Some("audio"),
        Some("im" | "image" | "si" | "ns") => Some("image"),
        Some("tx" | "ft" | "text") => Some("text"),
        Some("video") => Some("video"),
        Some("multipart") => Some("multipart"),
        // Some feeds write what it is in the place of what sort it is.
        Some(other) if subtype.is_none() => by_subtype(other),
        _ => subtype.as_deref().and_then(by_subtype),
    };
    let joined = match (main, subtype.or_else(|| kind.filter(|kind| by_subtype(kind).is_some()))) {
        (Some("text"), None) => Some("text/plain".to_string()),
        (Some(main), Some(sub)) => Some(format!("{main}/{}", if sub == "jpg" { "jpeg" } else { &sub })),
        (None, Some(sub)) => Some(format!("application/{sub}")),
        _ => None,
    };
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+/;= ".contains(c);
    full.or(joined).filter(|text| text.chars().all(is_token))
}

fn by_subtype(subtype: &str) -> Option<&'static str> {
    match subtype {
        "plain" | "html" | "rtf" | "csv" => Some("text"),
        "jpeg" | "jpg" | "png" | "gif" | "tiff" | "bmp" | "g3fax" => Some("image"),
        "basic" | "mpeg" | "wav" => Some("audio"),
        "pdf" | "xml" | "json" | "msword" | "dicom" | "octet-stream" | "postscript" | "zip" | "x-hl7-cda-level-one" => {
            Some("application")
        }
        _ => None,
    }
}

fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let padded = match bare.len() % 4 {
        2 => bare + "==",
        3 => bare + "=",
        _ => bare,
    };
    STANDARD.decode(padded).ok()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let bare: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let digit = |b: &u8| char::from(*b).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    bare.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn data_is_base64_again() {
        check("ED", "^application^pdf^Base64^aGk=", r#"{"contentType":"application/pdf","data":"aGk="}"#);
        check("ED", "^AP^PDF^Base64^aGk", r#"{"contentType":"application/pdf","data":"aGk="}"#);
        check("ED", "^^PDF^Base64^aG k=", r#"{"contentType":"application/pdf","data":"aGk="}"#);
        check("ED", "^TEXT^^A^hi", r#"{"contentType":"text/plain","data":"aGk="}"#);
        check("ED", "^TEXT^HTML^A^hi", r#"{"contentType":"text/html","data":"aGk="}"#);
        check("ED", "^IM^JPG^Hex^6869", r#"{"contentType":"image/jpeg","data":"aGk="}"#);
        check("ED", "^NS^Octet-stream^Base64^aGk=", r#"{"contentType":"application/octet-stream","data":"aGk="}"#);
        check("ED", "^PDF^^Base64^aGk=", r#"{"contentType":"application/pdf","data":"aGk="}"#);
        check("ED", "^^application/pdf^Base64^aGk=", r#"{"contentType":"application/pdf","data":"aGk="}"#);
        check("ED", "^^^Base64^aGk=", r#"{"data":"aGk="}"#);
        check("ED", "^^^^aGk=", r#"{"data":"aGk="}"#);
        check("ED", "^AP^PDF^Base64^%%%", "- ! ZZZ-1.5");
        check("ED", "^AP^PDF^Hex^686", "- ! ZZZ-1.5");
        check("ED", "^AP^PDF^Base64", "- ! ZZZ-1.5");
    }

    #[test]
    fn a_pointer_is_a_url() {
        let pdf = r#"{"contentType":"application/pdf","url":"https://a.example/x?a=1&b=2"}"#;
        check("RP", "https://a.example/x?a=1&b=2^APP^AP^PDF", pdf);
        check("RP", "reports/1 2.pdf", r#"{"url":"reports/1%202.pdf"}"#);
        check("RP", "^APP^AP^PDF", "-");
    }
}
