//! The entries of a batch or transaction as requests.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>.

use super::Service;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::rest::route::{Method, route};
use crate::rest::{Body, Conditions, Interaction, Request, conditions, query};
use crate::validation::Valid;
use serde_json::Value;

/// One entry, read and not done yet.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the Bundle, which its answer has too.
    pub index: usize,
    pub full_url: Option<String>,
    pub interaction: Interaction,
    pub query: Vec<(String, String)>,
    pub conditions: Conditions,
    pub resource: Option<Value>,
}

impl Entry {
    /// Returns the path of this entry in its Bundle.
    pub fn path(&self) -> String {
        format!("Bundle.entry[{}]", self.index)
    }

    /// Returns the entry as a request of its own, on behalf of the request that brought the Bundle.
    pub fn request(&mut self, outer: &Request) -> Request {
        Request {
            interaction: self.interaction.clone(),
            query: self.query.clone(),
            body: self.resource.take().map_or(Body::None, |r| Body::Value(Box::new(r))),
            conditions: self.conditions.clone(),
            prefer: outer.prefer,
            id: outer.id.clone(),
            address: outer.address.clone(),
        }
    }
}

/// The entries of a Bundle. One that cannot be read is a fault in its own place, which ends a transaction and not a batch.
pub fn read(service: &Service, mut bundle: Value) -> Result<Vec<Result<Entry, Fault>>, Fault> {
    let max = service.settings().bundle_entries_max;
    let mut resources = Vec::new();
    if let Some(entries) = bundle.get_mut("entry").and_then(Value::as_array_mut) {
        if entries.len() > max {
            let text = format!("a Bundle may have {max} entries, this one has {}", entries.len());
            return Err(Fault::at(Kind::TooLarge, "Bundle.entry", text));
        }
        for (index, entry) in entries.iter_mut().enumerate() {
            if entry.is_object() && entry.get("request").is_none() {
                let text = "an entry of a batch or transaction needs a request (bdl-3)";
                return Err(Fault::at(Kind::Required, format!("Bundle.entry[{index}].request"), text));
            }
            resources.push(entry.as_object_mut().and_then(|e| e.shift_remove("resource")));
        }
    }
    // The resources are checked one by one, with their own names in the messages and their references resolved.
    let mut bundle = Valid::check(service.store().catalog(), bundle)?.into_content().0;
    let entries = match bundle.shift_remove("entry") {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    Ok(entries
        .iter()
        .zip(resources)
        .enumerate()
        .map(|(index, (entry, resource))| {
            one(service, index, entry, resource).map_err(|f| f.within(&format!("Bundle.entry[{index}]")))
        })
        .collect())
}

fn one(service: &Service, index: usize, entry: &Value, resource: Option<Value>) -> Result<Entry, Fault> {
    let request = entry.get("request").ok_or_else(|| {
        Fault::at(Kind::Required, "entry.request", "an entry of a batch or transaction needs a request")
    })?;
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let method = text("method").and_then(Method::parse).ok_or_else(|| {
        Fault::at(Kind::Code, "entry.request.method", "the method is one of GET HEAD POST PUT DELETE PATCH")
    })?;
    let url = text("url").unwrap_or("");
    let at_url = |fault: Fault| fault.within("entry.request.url");
    let (path, query_text) = below_base(service, url)?;
    let interaction = route(method, path).map_err(at_url)?;
    if interaction == Interaction::BatchOrTransaction {
        return Err(Fault::at(Kind::Invalid, "entry.request.url", "a Bundle cannot hold another batch or transaction"));
    }
    let conditions = Conditions {
        if_match: text("ifMatch").map(conditions::parse_if_match).transpose()?,
        if_none_match: text("ifNoneMatch").map(conditions::parse_if_none_match).transpose()?,
        if_modified_since: text("ifModifiedSince").and_then(conditions::parse_if_modified_since),
        if_none_exist: text("ifNoneExist").map(str::to_string),
    };
    conditions.check_for(&interaction)?;
    let wants_body = matches!(method, Method::Post | Method::Put | Method::Patch);
    let is_search = matches!(interaction, Interaction::SearchType(_) | Interaction::SearchSystem);
    if wants_body && !is_search && resource.is_none() {
        return Err(Fault::at(Kind::Required, "entry.resource", "POST, PUT and PATCH need a resource"));
    }
    if is_search && resource.is_some() {
        return Err(Fault::at(
            Kind::Invalid,
            "entry.resource",
            "a search has its parameters in the URL, not in a resource",
        ));
    }
    Ok(Entry {
        index,
        full_url: entry.get("fullUrl").and_then(Value::as_str).map(str::to_string),
        interaction,
        query: query::parse(query_text).map_err(at_url)?,
        conditions,
        resource,
    })
}

/// Returns path and query below the base; an absolute URL must be of this server.
fn below_base<'a>(service: &Service, url: &'a str) -> Result<(&'a str, &'a str), Fault> {
    let rest = url.strip_prefix(service.settings().base_url.as_str()).unwrap_or(url);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.contains("://") {
        let text = "an absolute URL must begin with the base of this server";
        return Err(Fault::at(Kind::Invalid, "entry.request.url", text));
    }
    Ok((path.trim_start_matches('/'), query))
}

/// Returns the type that an interaction changes, none for those that change nothing.
pub fn changed_type(interaction: &Interaction) -> Option<ResourceType> {
    match interaction {
        Interaction::Create(t)
        | Interaction::Update(t, _)
        | Interaction::ConditionalUpdate(t)
        | Interaction::Patch(t, _)
        | Interaction::ConditionalPatch(t)
        | Interaction::Delete(t, _)
        | Interaction::ConditionalDelete(t) => Some(*t),
        _ => None,
    }
}
