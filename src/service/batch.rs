//! batch: every entry by itself; one that fails spoils no other.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#brules>.

use super::Service;
use super::entry;
use crate::access::Principal;
use crate::fault::Fault;
use crate::fhir::outcome;
use crate::interaction::bundle::BundleWriter;
use crate::rest::{Reply, Request, ReturnPreference, reply};
use serde_json::{Value, json};

pub async fn batch(service: &Service, principal: &Principal, outer: &Request, bundle: Value) -> Result<Reply, Fault> {
    let mut out = BundleWriter::new("batch-response", None, &[]);
    for entry in entry::read(service, bundle)? {
        let (done, reads) = match entry {
            Ok(mut entry) => {
                let request = entry.request(outer);
                let reads = entry::changed_type(&request.interaction).is_none();
                let within = entry.path();
                // The future of `perform` holds this one's, so it must be boxed.
                let done = Box::pin(service.perform(principal, request)).await;
                (done.map_err(|f| f.within(&within)), reads)
            }
            Err(fault) => (Err(fault), false),
        };
        answer(&mut out, outer, done, reads);
    }
    Ok(Reply::json(200, out.finish()))
}

/// Writes what became of an entry. Content comes back for reads, and for writes when it was asked for.
pub fn answer(out: &mut BundleWriter, outer: &Request, done: Result<Reply, Fault>, reads: bool) {
    match done {
        Ok(done) => {
            let wanted = reads || outer.prefer.returns == Some(ReturnPreference::Representation);
            let content = if wanted { done.body.as_ref() } else { b"" };
            out.answered("", content, None, &response(&done));
        }
        Err(fault) => {
            let response = json!({"status": status(fault.status()), "outcome": outcome::of_fault(&fault)});
            out.answered("", b"", None, &response);
        }
    }
}

fn response(done: &Reply) -> Value {
    let mut response = json!({"status": status(done.status)});
    if let Some((t, id, version)) = &done.location {
        response["location"] = format!("{t}/{id}/_history/{version}").into();
    }
    if let Some(version) = done.version {
        response["etag"] = reply::etag(version).into();
    }
    if let Some(at) = done.last_modified {
        response["lastModified"] = at.to_string().into();
    }
    response
}

fn status(code: u16) -> String {
    let reason = match code {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        422 => "Unprocessable Entity",
        503 => "Service Unavailable",
        _ => "",
    };
    format!("{code} {reason}").trim_end().to_string()
}
