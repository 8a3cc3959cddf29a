//! The meaning of `%name`.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#environment-variables>, R4 <https://hl7.org/fhir/R4/fhirpath.html#variables>.

use super::context::Context;
use super::error::FhirpathError;
use super::item::Item;

/// Adds the value of a variable; an unknown name is an error.
pub(super) fn push<'a>(
    ctx: &'a Context<'a>,
    name: &'a str,
    context: &[Item<'a>],
    out: &mut Vec<Item<'a>>,
) -> Result<(), FhirpathError> {
    if let Some((_, items)) = ctx.variables.iter().rev().find(|(known, _)| known == name) {
        out.extend_from_slice(items);
        return Ok(());
    }
    let text = match name {
        "context" => {
            out.extend_from_slice(context);
            return Ok(());
        }
        "resource" => {
            out.push(Item::Node(ctx.resource));
            return Ok(());
        }
        "rootResource" => {
            out.push(Item::Node(ctx.root));
            return Ok(());
        }
        "ucum" => "http://unitsofmeasure.org".to_string(),
        "sct" => "http://snomed.info/sct".to_string(),
        "loinc" => "http://loinc.org".to_string(),
        _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
            (Some(id), _) => format!("http://hl7.org/fhir/ValueSet/{id}"),
            (_, Some(id)) => format!("http://hl7.org/fhir/StructureDefinition/{id}"),
            _ => return Err(FhirpathError::evaluation(format!("%{name} is not defined"))),
        },
    };
    out.push(Item::String(text.into()));
    Ok(())
}
