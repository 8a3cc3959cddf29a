//! Functions that ask a service: terminology, profiles, narrative.
//!
//! R4 <https://hl7.org/fhir/R4/fhirpath.html#functions>. The services stand behind `Hooks`.

use super::super::error::FhirpathError;
use super::super::item::Item;
use super::{Invocation, boolean};

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

const DEFINITION: &str = "http://hl7.org/fhir/StructureDefinition/";

pub(super) fn member_of<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some(value_set) = call.argument_text(0)? else {
        return Ok(None);
    };
    let Some(item) = call.input_one()? else { return Ok(None) };
    Ok(call.evaluator.ctx.hooks.member_of(&item, &value_set)?.map(Item::Boolean))
}

pub(super) fn subsumes<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(own), Some(other)) = (call.input_one()?, call.argument_one(0)?) else {
        return Ok(None);
    };
    Ok(call.evaluator.ctx.hooks.subsumes(&own, &other)?.map(Item::Boolean))
}

pub(super) fn subsumed_by<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(own), Some(other)) = (call.input_one()?, call.argument_one(0)?) else {
        return Ok(None);
    };
    Ok(call.evaluator.ctx.hooks.subsumes(&other, &own)?.map(Item::Boolean))
}

/// Without a service the definitions of FHIR's own types are known, and nothing else.
pub(super) fn conforms_to<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some(profile) = call.argument_text(0)? else {
        return Ok(None);
    };
    let Some(Item::Node(node)) = call.input_one()? else {
        return Ok(None);
    };
    if let Some(answer) = call.evaluator.ctx.hooks.conforms_to(&node, &profile)? {
        return boolean(answer);
    }
    let model = call.evaluator.ctx.model;
    let named = profile.strip_prefix(DEFINITION).zip(model).and_then(|(name, model)| model.named(name));
    match (named, node.ty, model) {
        (Some(ty), Some(own), Some(model)) => boolean(own == ty || model.is_subtype(own.id, ty.id)),
        _ => Err(call.error(format!("the profile {profile} is not known"))),
    }
}

pub(super) fn html_checks<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    match call.input_one()? {
        Some(Item::Node(node)) => boolean(call.evaluator.ctx.hooks.html_checks(&node)),
        _ => Ok(None),
    }
}

/// `elementDefinition` and `slice` look into profiles, which this engine does not have.
pub(super) fn not_offered<'a>(call: Invocation<'_, 'a>, _: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
    Err(FhirpathError::NotSupported(format!("{}() is not offered", call.name())))
}
