//! `$health-id-qr`: the Health ID of a patient as a QR code, an SVG image.
//!
//! Defined in `conformance/OperationDefinition-health-id-qr.json`. The code holds the identifier as one URI, its system and its
//! number, and nothing about the person.

use super::super::{Call, Operation, Places};
use super::readable;
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::health_id;
use crate::interaction::Context;
use crate::rest::Reply;
use futures_util::future::LocalBoxFuture;
use serde_json::json;

pub struct Qr;

impl Operation for Qr {
    fn name(&self) -> &'static str {
        "health-id-qr"
    }

    fn places(&self) -> Places {
        Places { instances: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Type(vec![Letter::Read], ResourceType::PATIENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(qr(ctx, call))
    }
}

async fn qr(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    use base64::Engine;
    let id = call.id.ok_or_else(|| Fault::new(Kind::Invalid, "the operation is called on a Patient"))?;
    readable(ctx, &id).await?;
    let Some(number) = ctx.store.health_id_of(&id).await? else {
        return Err(Fault::new(Kind::NotFound, format!("Patient/{id} has no Health ID; $issue-health-id gives one")));
    };
    let image = svg(&format!("{}/{number}", health_id::system(&ctx.settings.base_url)))?;
    let data = base64::engine::general_purpose::STANDARD.encode(image);
    let binary = json!({"resourceType": "Binary", "contentType": "image/svg+xml", "data": data});
    Ok(Reply::value(200, &binary))
}

/// Returns the image of a text. Print is scratched and folded: a quarter of it may be lost.
fn svg(text: &str) -> Result<String, Fault> {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::Q)
        .map_err(|e| Fault::internal("failed to draw a QR code", e))?;
    Ok(code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(240, 240).build())
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_image_is_drawn_for_every_address() {
        let long = format!("https://{}.example/fhir/sid/health-id/123456789012345", "x".repeat(200));
        for text in ["http://127.0.0.1:8080/fhir/sid/health-id/123456789012345", &long] {
            assert!(super::svg(text).unwrap().contains("<svg"), "{text}");
        }
    }
}
