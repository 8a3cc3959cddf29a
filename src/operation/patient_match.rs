//! `$match`: the Patients who may be the person that is described, the likeliest first.
//!
//! R4 <https://hl7.org/fhir/R4/patient-operation-match.html>. How sure it is, [`crate::health_id::matching`] says. Identifiers of states
//! and insurers come back masked: who asks knows them, or has no need to.

use super::health_id::candidates::candidates;
use super::health_id::record;
use super::parameters::{Parameters, required};
use super::{Call, Operation, Places};
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::health_id::{self, Grade, Person, mask};
use crate::interaction::Context;
use crate::interaction::bundle::BundleWriter;
use crate::rest::Reply;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

const MATCH_GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";
/// Matches that are shown unless fewer are wanted.
const COUNT_MAX: usize = 50;

pub struct Match;

impl Operation for Match {
    fn name(&self) -> &'static str {
        "match"
    }

    fn definition(&self) -> Option<&'static str> {
        Some("http://hl7.org/fhir/OperationDefinition/Patient-match")
    }

    fn places(&self) -> Places {
        Places { types: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Type(vec![Letter::Search], ResourceType::PATIENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    if call.by_get {
        return Err(Fault::new(Kind::MethodNotAllowed, "a person is not described in a URL: call $match by POST"));
    }
    let parameters = Parameters::read(ctx, call.body, &["resource", "onlyCertainMatches", "count"])?;
    let (path, sought) = parameters.resource("resource")?.ok_or_else(|| required("resource"))?;
    if sought.get("resourceType").and_then(Value::as_str) != Some("Patient") {
        return Err(Fault::at(Kind::Invalid, path, "the parameter 'resource' is a Patient"));
    }
    if Person::of(sought) == Person::default() {
        let text = "the Patient has nothing to be compared by: a name, birth date, telecom, address or identifier";
        return Err(Fault::at(Kind::Required, path, text));
    }
    let only_certain = parameters.boolean("onlyCertainMatches")?.unwrap_or(false);
    let count = parameters.count("count")?.unwrap_or(COUNT_MAX).min(COUNT_MAX);
    let mut found = candidates(ctx, ctx.view, ctx.grant, sought).await?;
    if only_certain {
        found.retain(|candidate| candidate.score.grade == Grade::Certain);
        // Two records of one person: neither is the certain one.
        if found.len() > 1 {
            found.clear();
        }
    }
    found.truncate(count);
    let mut bundle = BundleWriter::new("searchset", Some(found.len() as i64), &[]);
    let system = health_id::system(&ctx.settings.base_url);
    for mut candidate in found {
        mask::identifiers(&mut candidate.patient, &system);
        let grade = json!({"url": MATCH_GRADE, "valueCode": candidate.score.grade.code()});
        let content = Value::Object(candidate.patient).to_string();
        let url = ctx.full_url(ResourceType::PATIENT, &candidate.id);
        bundle.ranked(&url, content.as_bytes(), candidate.score.value, Some(&grade));
    }
    record(ctx, "match", 200, "Patients were compared").await;
    Ok(Reply::json(200, bundle.finish()))
}
