//! Bundles written as bytes, so that stored resources go in as they are.
//!
//! R4 <https://hl7.org/fhir/R4/bundle.html>.

use crate::fhir::outcome;
use bytes::Bytes;
use serde_json::Value;

/// Writes a searchset, history or response Bundle.
pub struct BundleWriter {
    out: Vec<u8>,
    entries: usize,
}

impl BundleWriter {
    /// Begins a Bundle. `links` are pairs of relation and URL.
    pub fn new(kind: &str, total: Option<i64>, links: &[(&str, String)]) -> BundleWriter {
        let mut out = Vec::with_capacity(16 * 1024);
        out.extend_from_slice(b"{\"resourceType\":\"Bundle\",\"type\":");
        string(&mut out, kind);
        if let Some(total) = total {
            out.extend_from_slice(format!(",\"total\":{total}").as_bytes());
        }
        for (i, (relation, url)) in links.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b",\"link\":[{\"relation\":" } else { b",{\"relation\":" });
            string(&mut out, relation);
            out.extend_from_slice(b",\"url\":");
            string(&mut out, url);
            out.push(b'}');
        }
        if !links.is_empty() {
            out.push(b']');
        }
        BundleWriter { out, entries: 0 }
    }

    fn begin(&mut self) {
        let start: &[u8] = if self.entries == 0 { b",\"entry\":[{" } else { b",{" };
        self.out.extend_from_slice(start);
        self.entries += 1;
    }

    /// Adds a resource that a search found; `mode` is `match`, `include` or `outcome`.
    pub fn found(&mut self, full_url: &str, content: &[u8], mode: &str) {
        self.begin();
        if !full_url.is_empty() {
            self.out.extend_from_slice(b"\"fullUrl\":");
            string(&mut self.out, full_url);
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"\"resource\":");
        self.out.extend_from_slice(content);
        self.out.extend_from_slice(b",\"search\":{\"mode\":");
        string(&mut self.out, mode);
        self.out.extend_from_slice(b"}}");
    }

    /// Adds a match with its score, and an extension on how it was found.
    pub fn ranked(&mut self, full_url: &str, content: &[u8], score: f32, extension: Option<&Value>) {
        self.begin();
        self.out.extend_from_slice(b"\"fullUrl\":");
        string(&mut self.out, full_url);
        self.out.extend_from_slice(b",\"resource\":");
        self.out.extend_from_slice(content);
        self.out.extend_from_slice(b",\"search\":{");
        if let Some(extension) = extension {
            self.out.extend_from_slice(format!("\"extension\":[{extension}],").as_bytes());
        }
        self.out.extend_from_slice(format!("\"mode\":\"match\",\"score\":{score:.4}}}}}").as_bytes());
    }

    /// Adds a remark on the search itself.
    pub fn remark(&mut self, diagnostics: &str) {
        let mut value = outcome::informational(diagnostics);
        value["issue"][0]["severity"] = Value::from("warning");
        self.found("", value.to_string().as_bytes(), "outcome");
    }

    /// Adds an entry with a request and a response; `content` may be empty.
    pub fn answered(&mut self, full_url: &str, content: &[u8], request: Option<(&str, &str)>, response: &Value) {
        self.begin();
        if !full_url.is_empty() {
            self.out.extend_from_slice(b"\"fullUrl\":");
            string(&mut self.out, full_url);
            self.out.push(b',');
        }
        if !content.is_empty() {
            self.out.extend_from_slice(b"\"resource\":");
            self.out.extend_from_slice(content);
            self.out.push(b',');
        }
        if let Some((method, url)) = request {
            self.out.extend_from_slice(b"\"request\":{\"method\":");
            string(&mut self.out, method);
            self.out.extend_from_slice(b",\"url\":");
            string(&mut self.out, url);
            self.out.extend_from_slice(b"},");
        }
        self.out.extend_from_slice(b"\"response\":");
        self.out.extend_from_slice(response.to_string().as_bytes());
        self.out.push(b'}');
    }

    pub fn finish(mut self) -> Bytes {
        if self.entries > 0 {
            self.out.push(b']');
        }
        self.out.push(b'}');
        self.out.into()
    }
}

/// Writes a JSON string.
fn string(out: &mut Vec<u8>, text: &str) {
    // Writing to memory cannot fail, and every str is a JSON string.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_json() {
        let mut bundle = BundleWriter::new("searchset", Some(1), &[("self", "http://x/?a=\"b\"".into())]);
        bundle.found("http://x/Patient/1", b"{\"resourceType\":\"Patient\"}", "match");
        bundle.answered("", b"", Some(("GET", "Patient/1")), &json!({"status": "404"}));
        let value: Value = serde_json::from_slice(&bundle.finish()).unwrap();
        assert_eq!(value["entry"][0]["resource"]["resourceType"], "Patient");
        assert_eq!(value["entry"][1]["request"]["method"], "GET");
        assert_eq!(value["link"][0]["url"], "http://x/?a=\"b\"");
        let empty: Value = serde_json::from_slice(&BundleWriter::new("history", None, &[]).finish()).unwrap();
        assert_eq!(empty, json!({"resourceType": "Bundle", "type": "history"}));
    }
}
