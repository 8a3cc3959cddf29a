//! From method and path to the interaction.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#summary>. Every address that is not in the table gets a fault that says what
//! would be right there.

use super::query;
use super::request::Interaction;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};

/// The methods that FHIR knows. HEAD is GET without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn parse(text: &str) -> Option<Method> {
        Some(match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            _ => return None,
        })
    }
}

/// Returns the interaction of a path below the base (no leading slash, no query).
pub fn route(method: Method, path: &str) -> Result<Interaction, Fault> {
    let decoded: Option<Vec<String>> = path.split('/').filter(|s| !s.is_empty()).map(query::decode_segment).collect();
    let decoded = decoded.ok_or_else(|| Fault::new(Kind::Invalid, "the path is not properly encoded"))?;
    let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let read = matches!(method, Method::Get | Method::Head);
    match segments.as_slice() {
        [] if method == Method::Post => Ok(Interaction::BatchOrTransaction),
        [] if read => Ok(Interaction::SearchSystem),
        [] => Err(not_allowed("the base", "GET, POST")),
        ["metadata"] if read => Ok(Interaction::Capabilities),
        ["metadata"] => Err(not_allowed("metadata", "GET")),
        ["_history"] if read => Ok(Interaction::HistorySystem),
        ["_history"] => Err(not_allowed("_history", "GET")),
        ["_search"] if method == Method::Post => Ok(Interaction::SearchSystem),
        ["_search"] => Err(not_allowed("_search", "POST")),
        [name] if name.starts_with('$') => operation(method, name, None, None),
        [name, rest @ ..] => below_type(method, resource_type(name)?, rest),
    }
}

fn below_type(method: Method, t: ResourceType, rest: &[&str]) -> Result<Interaction, Fault> {
    if !t.is_stored() && !rest.iter().any(|segment| segment.starts_with('$')) {
        return Err(Fault::new(Kind::NotFound, format!("{t} only travels; this server keeps none")));
    }
    let read = matches!(method, Method::Get | Method::Head);
    match rest {
        [] => match method {
            Method::Get | Method::Head => Ok(Interaction::SearchType(t)),
            Method::Post => Ok(Interaction::Create(t)),
            Method::Put => Ok(Interaction::ConditionalUpdate(t)),
            Method::Patch => Ok(Interaction::ConditionalPatch(t)),
            Method::Delete => Ok(Interaction::ConditionalDelete(t)),
        },
        ["_history"] if read => Ok(Interaction::HistoryType(t)),
        ["_search"] if method == Method::Post => Ok(Interaction::SearchType(t)),
        ["_history"] => Err(not_allowed("_history", "GET")),
        ["_search"] => Err(not_allowed("_search", "POST")),
        [name] if name.starts_with('$') => operation(method, name, Some(t), None),
        [id] => {
            let id = resource_id(id)?;
            match method {
                Method::Get | Method::Head => Ok(Interaction::Read(t, id)),
                Method::Put => Ok(Interaction::Update(t, id)),
                Method::Patch => Ok(Interaction::Patch(t, id)),
                Method::Delete => Ok(Interaction::Delete(t, id)),
                Method::Post => Err(not_allowed("a resource", "GET, PUT, PATCH, DELETE")),
            }
        }
        [id, rest @ ..] => below_instance(method, t, resource_id(id)?, rest),
    }
}

fn below_instance(method: Method, t: ResourceType, id: ResourceId, rest: &[&str]) -> Result<Interaction, Fault> {
    let read = matches!(method, Method::Get | Method::Head);
    match rest {
        ["_history"] if read => Ok(Interaction::HistoryInstance(t, id)),
        ["_history", version] if read => Ok(Interaction::Vread(t, id, (*version).to_string())),
        ["_history"] | ["_history", _] => Err(not_allowed("_history", "GET")),
        [name] if name.starts_with('$') => operation(method, name, Some(t), Some(id)),
        ["*"] if read => Ok(Interaction::SearchCompartment(t, id, None)),
        [name] if read => Ok(Interaction::SearchCompartment(t, id, Some(resource_type(name)?))),
        [name, "_search"] if method == Method::Post => {
            let of = if *name == "*" { None } else { Some(resource_type(name)?) };
            Ok(Interaction::SearchCompartment(t, id, of))
        }
        [_] => Err(not_allowed("a compartment", "GET")),
        _ => Err(Fault::new(Kind::NotFound, "there is no such address; see the CapabilityStatement at metadata")),
    }
}

/// Returns the call of an operation: by GET with parameters in the URL, or by POST with a body.
fn operation(
    method: Method,
    name: &str,
    resource_type: Option<ResourceType>,
    id: Option<ResourceId>,
) -> Result<Interaction, Fault> {
    let by_get = match method {
        Method::Get | Method::Head => true,
        Method::Post => false,
        _ => return Err(not_allowed("an operation", "GET, POST")),
    };
    Ok(Interaction::Operation { name: name.trim_start_matches('$').to_string(), by_get, resource_type, id })
}

fn resource_type(name: &str) -> Result<ResourceType, Fault> {
    ResourceType::parse(name).ok_or_else(|| {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        Fault::new(Kind::NotFound, format!("'{name}' is not a resource type of R4 (names are case-sensitive)"))
    })
}

fn resource_id(text: &str) -> Result<ResourceId, Fault> {
    ResourceId::parse(text).ok_or_else(|| {
        let text: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        Fault::new(Kind::Invalid, format!("'{text}' is not an id: 1 to 64 of A-Z a-z 0-9 - ."))
    })
}

fn not_allowed(what: &str, methods: &str) -> Fault {
    Fault::new(Kind::MethodNotAllowed, format!("{what} takes {methods} only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: &str) {
        let (method, path) = line.split_once(' ').unwrap();
        let got = match route(Method::parse(method).unwrap(), path) {
            Ok(i) => format!("{i:?}"),
            Err(f) => f.status().to_string(),
        };
        assert_eq!(got, want, "{line}");
    }

    #[test]
    fn every_address_of_r4_has_its_interaction() {
        for (line, want) in [
            ("GET metadata", "Capabilities"),
            ("HEAD metadata", "Capabilities"),
            ("POST metadata", "405"),
            ("POST ", "BatchOrTransaction"),
            ("GET ", "SearchSystem"),
            ("DELETE ", "405"),
            ("GET Patient/1", "Read(Patient, 1)"),
            ("GET Patient/1/_history/2", "Vread(Patient, 1, \"2\")"),
            ("POST Patient", "Create(Patient)"),
            ("PUT Patient/1", "Update(Patient, 1)"),
            ("PATCH Patient/1", "Patch(Patient, 1)"),
            ("DELETE Patient/1", "Delete(Patient, 1)"),
            ("POST Patient/1", "405"),
            ("PUT Patient", "ConditionalUpdate(Patient)"),
            ("PATCH Patient", "ConditionalPatch(Patient)"),
            ("DELETE Patient", "ConditionalDelete(Patient)"),
            ("GET Patient/1/_history", "HistoryInstance(Patient, 1)"),
            ("GET Patient/_history", "HistoryType(Patient)"),
            ("GET _history", "HistorySystem"),
            ("PUT Patient/1/_history/2", "405"),
            ("GET Patient", "SearchType(Patient)"),
            ("POST Patient/_search", "SearchType(Patient)"),
            ("GET Patient/1/Observation", "SearchCompartment(Patient, 1, Some(Observation))"),
            ("GET Patient/1/*", "SearchCompartment(Patient, 1, None)"),
            ("GET $x", "Operation { name: \"x\", by_get: true, resource_type: None, id: None }"),
            (
                "GET Patient/1/$everything",
                "Operation { name: \"everything\", by_get: true, resource_type: Some(Patient), id: Some(1) }",
            ),
            ("GET patient/1", "404"),
            ("GET Nope", "404"),
            ("GET Patient/a_b", "400"),
            ("GET Patient/%41", "Read(Patient, A)"),
            ("GET Patient/%4", "400"),
            ("GET Patient/1/2/3/4", "404"),
            ("GET Patient/1/_history/2/3", "404"),
            ("POST Parameters", "404"),
            ("GET OperationOutcome/1", "404"),
        ] {
            check(line, want);
        }
    }
}
