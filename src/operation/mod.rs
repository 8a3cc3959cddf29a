//! The operations, one file each: what is called by a name that begins with `$`.
//!
//! R4 <https://hl7.org/fhir/R4/operations.html>. A new one is its file and a line in [`ALL`].

pub mod break_glass;
pub mod consent;
mod consent_token;
mod convert;
pub mod emergency;
mod everything;
mod health_id;
mod launch;
mod merge;
mod notice;
mod own;
mod parameters;
mod patient_match;
mod reindex;
mod search;
mod verify_chain;

use crate::access::policy::Needs;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::Context;
use crate::rest::{Body, Reply};
use futures_util::future::LocalBoxFuture;

/// Every operation of this server.
pub static ALL: &[&dyn Operation] = &[
    &launch::OpenLaunch,
    &reindex::Reindex,
    &convert::Convert,
    &search::Search,
    &everything::Everything,
    &patient_match::Match,
    &merge::Merge,
    &health_id::issue::Issue,
    &health_id::verify::Verify,
    &health_id::link::Link,
    &health_id::qr::Qr,
    &break_glass::start::BreakGlass,
    &break_glass::end::EndBreakGlass,
    &break_glass::review::ReviewBreakGlass,
    &consent_token::ConsentToken,
    &emergency::Emergency,
    &emergency::card::Card,
    &verify_chain::VerifyChain,
    &consent::request::Request,
    &consent::answer::Grant,
    &consent::answer::Deny,
    &consent::revoke::Revoke,
    &consent::explain::Explain,
];

/// Returns the operation of a name.
pub fn named(name: &str) -> Option<&'static dyn Operation> {
    ALL.iter().find(|operation| operation.name() == name).copied()
}

/// Where an operation can be called.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places {
    /// `[base]/$name`
    pub system: bool,
    /// `[base]/Type/$name`, for the named types; `*` stands for all.
    pub types: &'static [&'static str],
    /// `[base]/Type/id/$name`, likewise.
    pub instances: &'static [&'static str],
}

/// One call.
#[derive(Debug)]
pub struct Call {
    /// GET carries its parameters in the URL and changes nothing.
    pub by_get: bool,
    pub resource_type: Option<ResourceType>,
    pub id: Option<ResourceId>,
    pub body: Body,
}

pub trait Operation: Sync {
    /// Without the `$`.
    fn name(&self) -> &'static str;
    /// Canonical URL of its definition, where HL7 has defined it; none for one of our own.
    fn definition(&self) -> Option<&'static str> {
        None
    }
    fn places(&self) -> Places;
    /// Whether it changes anything: then GET is refused.
    fn affects_state(&self) -> bool;
    /// Whether nothing on the way may keep the answer: no cache, and no search engine either.
    fn is_fleeting(&self) -> bool {
        false
    }
    /// What its caller must be allowed. There is no default: each must say.
    fn needs(&self, resource_type: Option<ResourceType>) -> Needs;
    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>>;
}

/// Returns the operation of this name, if it can be called there.
pub fn find(name: &str, t: Option<ResourceType>, id: Option<&ResourceId>) -> Result<&'static dyn Operation, Fault> {
    let Some(operation) = named(name) else {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let text = format!("there is no operation '${name}' here; the CapabilityStatement at metadata lists what is");
        return Err(Fault::new(Kind::NotFound, text));
    };
    let places = operation.places();
    let fits = |types: &[&str]| t.is_some_and(|t| types.iter().any(|name| *name == "*" || *name == t.name()));
    let here = match (t, id) {
        (None, _) => places.system,
        (Some(_), None) => fits(places.types),
        (Some(_), Some(_)) => fits(places.instances),
    };
    if here {
        return Ok(operation);
    }
    let text =
        format!("the operation '${name}' cannot be called at this address; see the CapabilityStatement at metadata");
    Err(Fault::new(Kind::NotFound, text))
}

/// Calls an operation.
pub async fn call(ctx: &Context<'_>, name: &str, call: Call) -> Result<Reply, Fault> {
    let operation = find(name, call.resource_type, call.id.as_ref())?;
    if call.by_get && operation.affects_state() {
        return Err(Fault::new(
            Kind::MethodNotAllowed,
            format!("the operation '${name}' changes data: call it by POST"),
        ));
    }
    operation.perform(ctx, call).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_our_own_has_its_definition() {
        for operation in ALL.iter().filter(|operation| operation.definition().is_none()) {
            let (name, places) = (operation.name(), operation.places());
            let path = format!("{}/conformance/OperationDefinition-{name}.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
            let told: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(told["code"], name);
            assert_eq!(told["affectsState"], operation.affects_state(), "{name}");
            assert_eq!(told["system"], places.system, "{name}");
            assert_eq!(told["type"], !places.types.is_empty(), "{name}");
            assert_eq!(told["instance"], !places.instances.is_empty(), "{name}");
            let catalog = crate::catalog::Catalog::load().unwrap();
            crate::validation::Valid::check(&catalog, told).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        }
    }
}
