//! The audit of the door: every read by a known caller, and every refusal, before the answer goes out. Writes carry their row in
//! their own transaction.

use super::{Service, needs};
use crate::access::Principal;
use crate::access::grant::{Hidden, Shown};
use crate::fault::Fault;
use crate::operation;
use crate::rest::{Interaction, Reply, Request};
use crate::store::audit::Entry;

impl Service {
    /// Keeps the audit row of an answer; what cannot be kept is not answered.
    pub(super) async fn answered(
        &self,
        principal: &Principal,
        request: &Request,
        mut result: Result<Reply, Fault>,
        shown: Shown,
    ) -> Result<Reply, Fault> {
        if let Ok(reply) = &mut result {
            reply.patients.extend(shown.patients);
        }
        let status = result.as_ref().map_or_else(Fault::status, |reply| reply.status);
        // Nobody is told of what is hidden, but the audit is.
        let hidden = shown.hidden.filter(|_| result.is_err());
        let refused = matches!(status, 401 | 403) || hidden.is_some();
        let reads = needs::only_reads(request) || found_instead(request, &result);
        let known_reader = matches!(principal, Principal::Token(_)) && result.is_ok() && reads;
        if refused {
            let mut entry = entry_of(principal, request, &mut result, status);
            if let Some(Hidden { about, by_patients, .. }) = hidden {
                let layer =
                    if by_patients { "the patient's consent" } else { "role, scope, label or record in context" };
                entry = Entry { status: 403, ..entry.with_detail(format!("hidden by {layer}")).with_patients(about) };
            }
            self.recorder.keep(entry).await?;
        } else if known_reader {
            self.recorder.record(entry_of(principal, request, &mut result, status)).await?;
        }
        result
    }

    /// Keeps the audit row of what an entry of a transaction reads.
    pub(super) async fn record_read(
        &self,
        principal: &Principal,
        request: &Request,
        result: &mut Result<Reply, Fault>,
    ) -> Result<(), Fault> {
        if result.is_ok() && matches!(principal, Principal::Token(_)) {
            self.recorder.record(entry_of(principal, request, result, 200)).await?;
        }
        Ok(())
    }
}

/// Returns whether a create gave back what its condition found.
fn found_instead(request: &Request, result: &Result<Reply, Fault>) -> bool {
    matches!(request.interaction, Interaction::Create(_)) && result.as_ref().is_ok_and(|reply| reply.status == 200)
}

fn entry_of(principal: &Principal, request: &Request, result: &mut Result<Reply, Fault>, status: u16) -> Entry {
    let interaction = &request.interaction;
    let mut entry = Entry {
        resource_type: interaction.resource_type(),
        id: interaction.id().cloned(),
        version: result.as_ref().ok().and_then(|reply| reply.version),
        detail: result.as_ref().err().map(|fault| fault.to_string().into()),
        query: asked(request),
        ..Entry::by(principal, action(interaction), &request.id, status).from(&request.address)
    };
    if let Ok(reply) = result {
        entry.id = entry.id.or_else(|| reply.location.as_ref().map(|location| location.1.clone()));
        entry = entry.with_patients(std::mem::take(&mut reply.patients));
    }
    entry
}

/// Returns the code of an interaction, or the name of an operation.
fn action(interaction: &Interaction) -> &'static str {
    match interaction {
        Interaction::Operation { name, .. } => operation::named(name).map_or(interaction.code(), |found| found.name()),
        _ => interaction.code(),
    }
}

/// Returns what a search or an operation asked for, without what could open anything.
fn asked(request: &Request) -> Option<Box<str>> {
    const SECRET: &[&str] = &["_cursor", "access_token", "token", "code", "password", "secret", "passcode"];
    if request.query.is_empty() {
        return None;
    }
    let pairs = request.query.iter().filter(|(name, _)| !SECRET.contains(&name.as_str()));
    let text = pairs.fold(String::new(), |mut text, (name, value)| {
        text.push_str(if text.is_empty() { "" } else { "&" });
        text.extend([name, "=", value]);
        text
    });
    Some(text.into())
}
