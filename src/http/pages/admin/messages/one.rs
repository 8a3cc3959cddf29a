//! One message: its segments in lines, what is wrong beside the field it is at, what came of it; to try again, correct or put aside.

use super::super::super::super::State;
use super::super::super::ask::{self, Asker};
use super::super::super::{Form, Turned, Visit, answered, value};
use super::super::{allowed, allowed_to_change};
use super::{PLACE, problems, title, told};
use crate::access::role::Right;
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::feed::{Intake, about, provenance_id};
use crate::hl7v2::layout::{self, Layout};
use crate::hl7v2::{self, charset};
use crate::page;
use crate::page::admin_clients::Fact;
use crate::page::feeds::{Field, MessageDetails, Segment};
use crate::store::audit::Entry;
use crate::store::hl7::{Kept, Message, State as Became};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

/// Bytes of a message that a form can bring back, whatever is escaped in it.
const TEXT_MAX: usize = 20_000;
const REASON_MAX: usize = 500;

pub async fn show(http: HttpRequest, state: web::Data<State>, id: Path<String>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let session = allowed(&visit, Right::ManageFeeds).await?;
        let kept = kept(&visit, &id).await?;
        if is_open(&kept.message) {
            visit.fresh(&format!("{PLACE}/{}", kept.message.id))?;
            record(&state, &visit, session, &kept, "message-read", "").await?;
        }
        let page = page(&state, &visit, session, &kept).await?;
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns whether somebody has to, or may, do something about a message. Only then its text is shown: of one that was taken over
/// the record tells, to those whom it is open to.
fn is_open(message: &Message) -> bool {
    matches!(message.state, Became::Received | Became::Failed | Became::Refused)
}

async fn kept(visit: &Visit, id: &str) -> Result<Kept, Fault> {
    let gone = || Fault::new(Kind::NotFound, "there is no such message");
    let id = Uuid::parse_str(id).map_err(|_| gone())?;
    visit.accounts.store.hl7_message(id).await?.ok_or_else(gone)
}

/// Writes to the audit what somebody did with a message, with the patients it is about, before anything of it is shown.
async fn record(
    state: &State,
    visit: &Visit,
    session: &Session,
    kept: &Kept,
    action: &'static str,
    detail: &str,
) -> Result<(), Fault> {
    let patients = about::keys(&state.service, kept).await?;
    let visitor = visit.visitor();
    let detail = format!("message {}{}{detail}", kept.message.id, if detail.is_empty() { "" } else { ": " });
    let entry = Entry::event(action, &visitor.request, &session.account.id.to_string(), 200);
    let agent = session.account.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}").into());
    let entry = Entry { agent, purpose: Some("HOPERAT".into()), ..entry.with_detail(detail).from(&visitor.address) };
    visit.accounts.recorder.keep(entry.with_patients(patients)).await?;
    Ok(())
}

async fn page(state: &State, visit: &Visit, session: &Session, kept: &Kept) -> Result<MessageDetails, Fault> {
    let message = &kept.message;
    let problems = problems(&message.problems);
    let is_open = is_open(message);
    let raw = kept.raw.as_deref().unwrap_or_default();
    let text = charset::decode(raw, None, true).map(|decoded| decoded.text);
    let parsed = text.as_ref().ok().filter(|_| is_open).and_then(|text| hl7v2::Message::parse(text.as_str()).ok());
    let layout = match &parsed {
        Some(parsed) => layout::layout(parsed, &problems),
        None => Layout { blocks: Vec::new(), problems: problems.iter().map(told).collect(), left_out: 0 },
    };
    let results =
        if message.state == Became::Done { results(state, visit, session, message).await? } else { Vec::new() };
    let short = text.ok().filter(|text| is_open && text.len() <= TEXT_MAX);
    Ok(MessageDetails {
        frame: visit.frame(),
        id: message.id.to_string(),
        event: message.event.clone().unwrap_or_else(|| "An unreadable message".to_string()),
        title: title(message),
        state: message.state.name(),
        facts: facts(message, kept.raw.is_none()),
        links: links(message),
        problems: layout.problems,
        blocks: layout.blocks.into_iter().map(segment).collect(),
        left_out: layout.left_out,
        results,
        text: short.map(|text| text.replace("\r\n", "\n").replace('\r', "\n")),
        is_open,
        reason: String::new(),
    })
}

/// Returns what came of a message, by the Provenance that was written with it; as far as the person may see that.
async fn results(state: &State, visit: &Visit, session: &Session, message: &Message) -> Result<Vec<String>, Fault> {
    let asker = Asker::of(state, visit, session).await?;
    let id = provenance_id(message.id);
    let provenance = asker.read(&state.service, ask::type_of("Provenance"), id.as_str()).await;
    let Ok(Some(provenance)) = provenance else { return Ok(Vec::new()) };
    let targets = provenance["target"].as_array().into_iter().flatten();
    let targets = targets.filter_map(|target| target["reference"].as_str().map(str::to_string));
    Ok(targets.chain([format!("Provenance/{id}")]).collect())
}

fn segment(block: layout::Block) -> Segment {
    let field = |line: layout::Line| Field { place: line.place, text: line.text, problems: line.problems };
    let fields = block.fields.into_iter().map(field).collect();
    Segment { place: block.place, title: block.title, problems: block.problems, fields }
}

fn facts(message: &Message, is_text_removed: bool) -> Vec<Fact> {
    let Message { feed, peer, certificate, application, facility, control_id, sent, .. } = message;
    let tries = (message.attempts > 1).then(|| message.attempts.to_string());
    let all = [
        ("Feed", feed.clone().or_else(|| Some("none: the sender is not registered".to_string()))),
        ("Sender", application.as_ref().map(|it| format!("{it} of {}", facility.as_deref().unwrap_or("nowhere")))),
        ("From", Some(peer.clone()).filter(|peer| !peer.is_empty())),
        ("Certificate", certificate.clone()),
        ("Control id", control_id.clone()),
        ("Written", sent.clone()),
        ("Received", Some(page::when(message.received))),
        ("Tries", tries),
        ("Acknowledged with", message.ack_code.clone()),
        ("Answered", message.done_at.map(page::when)),
        ("Put aside because", message.dismissed_why.clone()),
        ("Text", is_text_removed.then(|| "removed: the message was worked off long ago".to_string())),
    ];
    all.into_iter().filter_map(|(name, value)| Some(Fact { name, values: vec![value?] })).collect()
}

/// Returns the messages that belong to it.
fn links(message: &Message) -> Vec<(String, &'static str)> {
    let all =
        [(message.replaces, "The message that this one corrects"), (message.replaced_by, "The corrected message")];
    all.into_iter().filter_map(|(id, words)| Some((format!("{PLACE}/{}", id?), words))).collect()
}

pub async fn change(
    http: HttpRequest,
    state: web::Data<State>,
    id: Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let mut here = format!("{PLACE}/");
        crate::rest::query::encode(&mut here, &id);
        let session = allowed_to_change(&visit, Right::ManageFeeds, &here).await?;
        let kept = kept(&visit, &id).await?;
        match done(&state, &visit, session, &kept, &form).await {
            Ok(to) => Ok(visit.go(&format!("{PLACE}/{to}"))),
            Err(Turned::Fault(fault)) => {
                let reason = value(&form, "reason").unwrap_or("").to_string();
                let typed = value(&form, "text").map(str::to_string);
                let page = page(&state, &visit, session, &kept).await?;
                visit.again(fault, |frame| MessageDetails { frame, reason, text: typed.or(page.text), ..page })
            }
            Err(turned) => Err(turned),
        }
    };
    answered(&http, &state, work).await
}

/// Does what the form says; returns the message to look at next.
async fn done(state: &State, visit: &Visit, session: &Session, kept: &Kept, form: &Form) -> Result<Uuid, Turned> {
    let id = kept.message.id;
    if kept.raw.is_none() {
        return Err(Fault::new(Kind::BusinessRule, "the text of this message was removed").into());
    }
    if !is_open(&kept.message) {
        return Err(Fault::new(Kind::BusinessRule, "nothing is to be done about this message any more").into());
    }
    match value(form, "do") {
        Some("replay") => {
            record(state, visit, session, kept, "message-replay", "").await?;
            let tried = Intake::new(state.service.clone()).replay(id).await?;
            tried.map(|_| id).ok_or_else(|| overtaken().into())
        }
        Some("correct") => {
            let text = value(form, "text").unwrap_or("").replace("\r\n", "\r").replace('\n', "\r");
            let charset =
                charset::decode(kept.raw.as_deref().unwrap_or_default(), None, true).map(|decoded| decoded.charset);
            let raw = charset.map_or_else(|_| text.clone().into_bytes(), |charset| charset.encode(&text));
            record(state, visit, session, kept, "message-correct", "").await?;
            match Intake::new(state.service.clone()).correct(id, &raw).await? {
                Some((corrected, _)) => Ok(corrected),
                None => {
                    let text = "This message waits to be tried again, or the control id (MSH-10) of the corrected one stands for \
                                another message of the feed.";
                    Err(Fault::new(Kind::BusinessRule, text).into())
                }
            }
        }
        Some("dismiss") => {
            let reason: String = value(form, "reason").unwrap_or("").trim().chars().take(REASON_MAX).collect();
            if reason.chars().count() < 3 {
                return Err(Fault::new(Kind::BusinessRule, "Say why nothing is to come of it.").into());
            }
            record(state, visit, session, kept, "message-dismiss", &reason).await?;
            if !Intake::new(state.service.clone()).dismiss(id, &session.account.login, &reason).await? {
                return Err(overtaken().into());
            }
            Ok(id)
        }
        _ => Err(Fault::new(Kind::Invalid, "the form does not say what to do").into()),
    }
}

fn overtaken() -> Fault {
    Fault::new(Kind::Conflict, "something else became of this message meanwhile")
}
