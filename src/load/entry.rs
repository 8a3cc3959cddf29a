//! One resource on its way: what decides its address, and the Bundle entry it becomes.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Method, Outgoing};

#[derive(Debug)]
pub struct Entry {
    /// Such as `line 7` or `entry[3]`.
    pub place: String,
    /// The whole Bundle entry.
    pub json: String,
}

/// The parts of a Bundle or resource that decide what becomes of it.
#[derive(Deserialize)]
pub struct Head<'a> {
    #[serde(borrow, rename = "resourceType")]
    pub resource_type: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type", default)]
    bundle_type: Option<&'a RawValue>,
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub entry: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct EntryHead<'a> {
    #[serde(borrow, rename = "fullUrl")]
    full_url: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    search: Option<Search>,
}

#[derive(Deserialize)]
struct Search {
    mode: Option<String>,
}

impl Head<'_> {
    /// Returns `Bundle.type`; empty where it is missing or, as in other resources, no code.
    pub fn bundle_type(&self) -> String {
        let text = self.bundle_type.and_then(|raw| serde_json::from_str(raw.get()).ok());
        text.unwrap_or_default()
    }
}

/// Returns the entry as a request and whether others may know it by a urn; none for what a search only said.
pub fn entry_of(raw: &RawValue) -> Result<Option<(String, bool)>, String> {
    let entry: EntryHead = serde_json::from_str(raw.get()).map_err(|error| format!("not a Bundle entry: {error}"))?;
    if entry.search.and_then(|search| search.mode).as_deref() == Some("outcome") {
        return Ok(None);
    }
    let resource = entry.resource.ok_or("the entry has no resource")?;
    let head: Head = serde_json::from_str(resource.get()).map_err(|error| format!("not a resource: {error}"))?;
    let by_urn = entry.full_url.is_some_and(|url| url.get().starts_with("\"urn:"));
    let full_url = entry.full_url.map(RawValue::get);
    Ok(Some((entry_json(full_url, resource.get(), &head)?, by_urn)))
}

pub fn entry_json(full_url: Option<&str>, resource: &str, head: &Head) -> Result<String, String> {
    let (method, path) = address(head)?;
    let method = if method == Method::Put { "PUT" } else { "POST" };
    let full_url = full_url.map_or(String::new(), |url| format!("\"fullUrl\":{url},"));
    Ok(format!("{{{full_url}\"resource\":{resource},\"request\":{{\"method\":\"{method}\",\"url\":\"{path}\"}}}}"))
}

/// Returns where a resource goes. Type and id become part of a URL, so anything odd in them is refused here.
pub fn address(head: &Head) -> Result<(Method, String), String> {
    let name = head.resource_type.as_deref().ok_or("resourceType is missing, so this is no FHIR resource")?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("resourceType \"{name}\" is not the name of a resource type"));
    }
    match head.id.as_deref() {
        None => Ok((Method::Post, name.to_string())),
        Some(id) if is_id(id) => Ok((Method::Put, format!("{name}/{id}"))),
        Some(id) => Err(format!("id \"{id}\" is not 1 to 64 letters, digits, hyphens and dots")),
    }
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

/// Returns the request of a Bundle of gathered entries.
pub fn bundle_of(entries: &[Entry], kind: &str) -> Outgoing {
    let bytes: usize = entries.iter().map(|entry| entry.json.len() + 1).sum();
    let mut body = String::with_capacity(bytes + 64);
    body.push_str(&format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":["));
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(&entry.json);
    }
    body.push_str("]}");
    outgoing(Method::Post, String::new(), Bytes::from(body))
}

/// Returns a request with the headers that all of ours have.
pub fn outgoing(method: Method, path: String, body: Bytes) -> Outgoing {
    let headers = vec![
        ("Content-Type", "application/fhir+json".to_string()),
        ("Accept", "application/fhir+json".to_string()),
        ("Prefer", "return=minimal".to_string()),
    ];
    Outgoing { method, path, headers, body }
}
