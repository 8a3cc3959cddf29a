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
    /// Where `/oauth/…` and the pages are; no slash at the end.
    pub root_url: String,
    /// Whether a token is demanded.
    pub secured: bool,
    /// Whether apps may register themselves.
    pub registers: bool,
    pub started: Instant,
    pub operations: Vec<OperationFact>,
}

/// An operation and where it can be called.
#[derive(Debug, Clone)]
pub struct OperationFact {
    pub name: &'static str,
    /// Canonical URL of its OperationDefinition.
    pub definition: String,
    pub system: bool,
    /// Names of types; `*` stands for all. Those of instances are among them.
    pub types: Vec<&'static str>,
}

/// Returns the CapabilityStatement as JSON. It changes with the definitions only, so it is written once for each.
pub fn current(index: &Index, facts: &Facts) -> Bytes {
    index.statement.get_or_init(|| statement(&index.registry, facts)).clone()
}

/// Returns the CapabilityStatement of a registry.
pub fn statement(registry: &Registry, facts: &Facts) -> Bytes {
    let stored = ResourceType::all().filter(|t| t.is_stored());
    let resources: Vec<Value> = stored.map(|t| resource(registry, t, facts)).collect();
    let mut statement = json!({
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
    let operations = operations(facts, |operation| operation.system);
    if !operations.is_empty() {
        statement["rest"][0]["operation"] = operations.into();
    }
    statement.to_string().into()
}

fn operations(facts: &Facts, is_here: impl Fn(&OperationFact) -> bool) -> Vec<Value> {
    let here = facts.operations.iter().filter(|operation| is_here(operation));
    here.map(|operation| json!({"name": operation.name, "definition": operation.definition})).collect()
}

fn security(facts: &Facts) -> Value {
    if !facts.secured {
        return json!({"cors": true, "description": "Security is switched off; the server listens on loopback only."});
    }
    const SERVICES: &str = "http://terminology.hl7.org/CodeSystem/restful-security-service";
    json!({
        "extension": [oauth_uris(facts)],
        "cors": true,
        "service": [{
            "coding": [{"system": SERVICES, "code": "SMART-on-FHIR"}, {"system": SERVICES, "code": "OAuth"}],
            "text": "Bearer token with SMART scopes",
        }],
    })
}

/// Returns where the authorization server is, as SMART App Launch 1 said it; now `.well-known/smart-configuration` does.
fn oauth_uris(facts: &Facts) -> Value {
    let uri = |(name, path): (&str, &str)| json!({"url": name, "valueUri": format!("{}/{path}", facts.root_url)});
    let uris = [
        ("authorize", "oauth/authorize"),
        ("token", "oauth/token"),
        ("register", "oauth/register"),
        ("manage", "account/apps"),
        ("introspect", "oauth/introspect"),
        ("revoke", "oauth/revoke"),
    ];
    let uris: Vec<Value> =
        uris.into_iter().filter(|(name, _)| *name != "register" || facts.registers).map(uri).collect();
    json!({"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": uris})
}

fn resource(registry: &Registry, t: ResourceType, facts: &Facts) -> Value {
    let params: Vec<Value> = searchable(registry, t).map(param).chain([list()]).collect();
    if t == ResourceType::AUDIT_EVENT {
        return trail(registry, facts);
    }
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
    let revincludes = revincludes(registry, t);
    if !revincludes.is_empty() {
        resource["searchRevInclude"] = revincludes.into();
    }
    let operations =
        operations(facts, |operation| operation.types.iter().any(|name| *name == "*" || *name == t.name()));
    if !operations.is_empty() {
        resource["operation"] = operations.into();
    }
    resource
}

/// Returns what is offered of AuditEvents: they are created and read, and nobody changes one.
fn trail(registry: &Registry, facts: &Facts) -> Value {
    let t = ResourceType::AUDIT_EVENT;
    // What words stand in an event is kept in no index.
    let params = searchable(registry, t).filter(|p| !["_content", "_text"].contains(&&*p.code));
    let mut resource = json!({
        "type": t.name(),
        "profile": format!("http://hl7.org/fhir/StructureDefinition/{t}"),
        "documentation": "Rows of the audit: created, never updated or deleted. Each is decided by what it says itself.",
        "interaction": codes(&["read", "vread", "create", "history-instance", "search-type"]),
        "versioning": "versioned",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": false,
        "conditionalRead": "full-support",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "logical"],
        "searchParam": params.map(param).collect::<Vec<_>>(),
    });
    let here = |operation: &OperationFact| operation.types.iter().any(|name| *name == t.name());
    let operations = operations(facts, here);
    if !operations.is_empty() {
        resource["operation"] = operations.into();
    }
    resource
}

/// Returns what `_include` can follow from a type.
fn includes(registry: &Registry, t: ResourceType) -> Vec<String> {
    let references = searchable(registry, t).filter(|p| p.kind == ParamKind::Reference);
    references.map(|p| format!("{t}:{}", p.code)).collect()
}

/// Returns what `_revinclude` can bring to a type: what may refer to it by a parameter that says so.
fn revincludes(registry: &Registry, t: ResourceType) -> Vec<String> {
    let leads_here = |source: ResourceType| {
        let params = registry.of(source).params().filter(|p| p.spec.kind == ParamKind::Reference);
        let leading = params.filter(|p| p.targets.is_empty() || p.targets.contains(&t));
        leading.map(|p| format!("{source}:{}", p.spec.code)).collect::<Vec<_>>()
    };
    let sources = ResourceType::all().filter(|source| source.is_stored() && *source != ResourceType::AUDIT_EVENT);
    sources.flat_map(leads_here).collect()
}

/// Returns the parameters of a type that a search can be answered by.
fn searchable(registry: &Registry, t: ResourceType) -> impl Iterator<Item = &SearchParam> {
    let own = |code: &str| matches!(code, "_id" | "_lastUpdated" | "_filter" | "_content" | "_text");
    let index = registry.of(t);
    let params = registry.catalog.params(t).iter().map(AsRef::as_ref);
    params.filter(move |p: &&SearchParam| own(&p.code) || index.param(&p.code).is_some())
}

fn param(p: &SearchParam) -> Value {
    json!({"name": p.code, "definition": p.url, "type": p.kind.code()})
}

/// Returns the parameters of a search over all types: those that every type has.
fn common(registry: &Registry) -> Vec<Value> {
    let common = searchable(registry, ResourceType::BINARY).filter(|p| p.code.starts_with('_'));
    common.map(param).chain([list()]).collect()
}

/// Returns the parameter `_list`, of which R4 publishes no definition.
fn list() -> Value {
    json!({"name": "_list", "type": "special", "documentation": "Items of a List resource, named by its id"})
}

fn codes(codes: &[&str]) -> Vec<Value> {
    codes.iter().map(|code| json!({ "code": code })).collect()
}
