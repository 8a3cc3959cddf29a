//! capabilities: what this server can do, made from the registries that make it do it.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#capabilities>, <https://hl7.org/fhir/R4/capabilitystatement.html>.

use crate::catalog::{ParamKind, SearchParam};
use crate::fhir::{Instant, ResourceType};
use crate::search::Registry;
use crate::store::index::Index;
use bytes::Bytes;
use serde_json::{Value, json};

const TYPE_INTERACTIONS: [&str; 9] =
    ["read", "vread", "create", "update", "patch", "delete", "history-instance", "history-type", "search-type"];
const SYSTEM_INTERACTIONS: [&str; 4] = ["transaction", "batch", "history-system", "search-system"];

/// What the statement says besides what the registries know.
#[derive(Debug, Clone)]
pub struct Facts {
    pub base_url: String,
    /// Whether a token is demanded.
    pub secured: bool,
    pub started: Instant,
}

/// Returns the CapabilityStatement as JSON. It changes with the definitions only, so it is written once for each.
pub fn current(index: &Index, facts: &Facts) -> Bytes {
    index.statement.get_or_init(|| statement(&index.registry, facts)).clone()
}

/// Returns the CapabilityStatement of a registry.
pub fn statement(registry: &Registry, facts: &Facts) -> Bytes {
    let resources: Vec<Value> = ResourceType::all().filter(|t| t.is_stored()).map(|t| resource(registry, t)).collect();
    let statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": facts.started.to_string(),
        "kind": "instance",
        "software": {"name": "MediLink", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "MediLink FHIR server", "url": facts.base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [{
            "mode": "server",
            "security": security(facts),
            "resource": resources,
            "interaction": codes(&SYSTEM_INTERACTIONS),
            "searchParam": common(registry),
        }],
    });
    statement.to_string().into()
}

fn security(facts: &Facts) -> Value {
    if !facts.secured {
        return json!({"cors": true, "description": "Security is switched off; the server listens on loopback only."});
    }
    json!({
        "cors": true,
        "service": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "OAuth",
            }],
            "text": "Bearer token with SMART scopes",
        }],
    })
}

fn resource(registry: &Registry, t: ResourceType) -> Value {
    let params: Vec<Value> = searchable(registry, t).map(param).collect();
    let mut resource = json!({
        "type": t.name(),
        "profile": format!("http://hl7.org/fhir/StructureDefinition/{t}"),
        "interaction": codes(&TYPE_INTERACTIONS),
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": true,
        "conditionalDelete": "multiple",
        "referencePolicy": ["literal", "logical"],
        "searchParam": params,
    });
    let includes = includes(registry, t);
    if !includes.is_empty() {
        resource["searchInclude"] = includes.into();
    }
    resource
}

/// Returns what `_include` can follow from a type.
fn includes(registry: &Registry, t: ResourceType) -> Vec<String> {
    let references = searchable(registry, t).filter(|p| p.kind == ParamKind::Reference);
    references.map(|p| format!("{t}:{}", p.code)).collect()
}

/// Returns the parameters of a type that a search can be answered by.
fn searchable(registry: &Registry, t: ResourceType) -> impl Iterator<Item = &SearchParam> {
    let own = |code: &str| matches!(code, "_id" | "_lastUpdated");
    let index = registry.of(t);
    let params = registry.catalog.params(t).iter().map(AsRef::as_ref);
    params.filter(move |p: &&SearchParam| own(&p.code) || index.param(&p.code).is_some())
}

fn param(p: &SearchParam) -> Value {
    json!({"name": p.code, "definition": p.url, "type": p.kind.code()})
}

/// Returns the parameters of a search over all types: those that every type has.
fn common(registry: &Registry) -> Vec<Value> {
    searchable(registry, ResourceType::BINARY).filter(|p| p.code.starts_with('_')).map(param).collect()
}

fn codes(codes: &[&str]) -> Vec<Value> {
    codes.iter().map(|code| json!({ "code": code })).collect()
}
