//! Rows of the audit that tell of tokens.

use super::Server;
use super::answer::Answer;
use super::call::Call;
use super::refusal::Refusal;
use crate::store::audit::Entry;
use crate::store::identity::client::Client;

/// Tells of tokens that were given.
pub async fn given(server: &Server, client: &Client, call: &Call<'_>, answer: &Answer) {
    let grant_type = call.field("grant_type").unwrap_or_default();
    let detail = format!("{grant_type}: token {}", answer.token_id);
    row(server, client, call, &answer.subject, 200, detail).await;
}

/// Tells of a client that was refused.
pub async fn refused(server: &Server, client: &Client, call: &Call<'_>, refusal: &Refusal) {
    let detail = format!("{}: {}", refusal.error.code(), refusal.description);
    row(server, client, call, &client.id, refusal.error.status(), detail).await;
}

/// Tells of what looks like theft, in the words of DICOM PS3.16 (DCM 110113).
pub async fn alert(server: &Server, client: &Client, call: &Call<'_>, what: &str) {
    tracing::warn!(client = %client.id, what, "security alert");
    row(server, client, call, &client.id, 400, format!("110113 Security Alert: {what}")).await;
}

async fn row(server: &Server, client: &Client, call: &Call<'_>, who: &str, status: u16, detail: String) {
    let entry = Entry::event("token", &call.visitor.request, who, status).of_client(&client.id);
    server.recorder.note(entry.with_detail(detail)).await;
}
