//! The one door: every request, whatever way it came, is decided, done and audited here.

mod batch;
mod entry;
mod links;
mod needs;
mod scan;
mod transaction;

use crate::access::{Grant, Principal, policy};
use crate::account::Accounts;
use crate::audit::Recorder;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::index::TextIndex;
use crate::interaction::{self, Context, Settings, body, capabilities};
use crate::operation;
use crate::rest::{Body, Interaction, Reply, Request};
use crate::store::audit::Entry;
use crate::store::{HistoryScope, Store, View};
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// The door of one thread.
#[derive(Clone)]
pub struct Service {
    store: Store,
    settings: Arc<Settings>,
    recorder: Recorder,
    facts: Arc<capabilities::Facts>,
    text: Option<TextIndex>,
    accounts: Option<Accounts>,
    /// The same with the newest definitions, once they have changed.
    newest: Rc<RefCell<Option<Rc<Service>>>>,
}

impl Service {
    /// Must be called inside the thread's runtime.
    pub fn new(store: Store, settings: Arc<Settings>, facts: Arc<capabilities::Facts>, recorder: Recorder) -> Service {
        Service { store, settings, recorder, facts, text: None, accounts: None, newest: Rc::default() }
    }

    /// Lets the service answer text searches.
    pub fn with_text(self, text: Option<TextIndex>) -> Service {
        Service { text, ..self }
    }

    /// Lets operations know people, and seal what the database must not give away.
    pub fn with_accounts(self, accounts: Option<Accounts>) -> Service {
        Service { accounts, ..self }
    }

    pub fn accounts(&self) -> Option<&Accounts> {
        self.accounts.as_ref()
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Decides, does and audits a request.
    pub async fn perform(&self, principal: &Principal, mut request: Request) -> Result<Reply, Fault> {
        let body = std::mem::take(&mut request.body);
        let defines =
            request.interaction.resource_type() == Some(ResourceType::SEARCH_PARAMETER) && !needs::only_reads(&request);
        let mut result = match policy::decide(principal, &needs::of(&request), self.store.registry()) {
            Ok(grant) if defines => self.define(principal, &grant, &request, body).await,
            Ok(grant) => match self.newest() {
                Some(newest) => newest.dispatch(principal, &grant, &request, body).await,
                None => self.dispatch(principal, &grant, &request, body).await,
            },
            Err(refusal) => Err(refusal),
        };
        self.audit(principal, &request, &mut result).await?;
        result
    }

    /// Returns the service over what is indexed now, which a request keeps to its end; none when this is it.
    fn newest(&self) -> Option<Rc<Service>> {
        let mut newest = self.newest.borrow_mut();
        let known = newest.as_ref().map_or(&self.store, |service| &service.store);
        if let Some(store) = known.newer() {
            let (settings, facts) = (self.settings.clone(), self.facts.clone());
            let service = Service::new(store, settings, facts, self.recorder.clone());
            *newest = Some(Rc::new(service.with_text(self.text.clone()).with_accounts(self.accounts.clone())));
        }
        newest.clone()
    }

    /// Does what may change a SearchParameter: it is checked against all that are stored, and known here when the answer
    /// goes out.
    async fn define(
        &self,
        principal: &Principal,
        grant: &Grant,
        request: &Request,
        body: Body,
    ) -> Result<Reply, Fault> {
        self.store.look().await?;
        let newest = self.newest();
        let done = newest.as_deref().unwrap_or(self).dispatch(principal, grant, request, body).await?;
        if let Err(error) = self.store.look().await {
            // The write is done all the same; the next look takes note of it.
            tracing::warn!(%error, "failed to look at the definitions");
        }
        Ok(done)
    }

    /// Audits a refusal that was decided before the door, its caller being unknown.
    pub async fn refuse(&self, request: &Request, fault: Fault) -> Result<Reply, Fault> {
        let mut refused = Err(fault);
        self.audit(&Principal::Anonymous, request, &mut refused).await?;
        refused
    }

    async fn dispatch(
        &self,
        principal: &Principal,
        grant: &Grant,
        request: &Request,
        body: Body,
    ) -> Result<Reply, Fault> {
        use Interaction as I;
        let ctx = &self.context(grant, request);
        if interaction::audit_event::is_change(&request.interaction) {
            return interaction::audit_event::change(ctx, &request.interaction, body).await;
        }
        match &request.interaction {
            I::Create(t) => interaction::create::create(ctx, *t, body).await,
            I::Update(t, id) => interaction::update::update(ctx, *t, id, body).await,
            I::ConditionalUpdate(t) => interaction::condition::update(ctx, *t, body).await,
            I::Patch(t, id) => interaction::patch::patch(ctx, *t, id, body).await,
            I::ConditionalPatch(t) => interaction::condition::patch(ctx, *t, body).await,
            I::Delete(t, id) => interaction::delete::delete(ctx, *t, id).await,
            I::ConditionalDelete(t) => interaction::condition::delete(ctx, *t).await,
            I::Operation { name, by_get, resource_type, id } => {
                let (resource_type, id) = (*resource_type, id.clone());
                operation::call(ctx, name, operation::Call { by_get: *by_get, resource_type, id, body }).await
            }
            I::BatchOrTransaction => self.bundle(principal, request, body).await,
            _ => self.query(ctx, &request.interaction).await,
        }
    }

    fn context<'a>(&'a self, grant: &'a Grant, request: &'a Request) -> Context<'a> {
        let (store, settings, text, accounts) =
            (&self.store, &self.settings, self.text.as_ref(), self.accounts.as_ref());
        Context { store, view: View::Pool(store), settings, request, grant, text, accounts }
    }

    /// Tells batch from transaction. A transaction that met another one is begun again from its bytes.
    async fn bundle(&self, principal: &Principal, request: &Request, body: Body) -> Result<Reply, Fault> {
        let mut known = transaction::Existing::new();
        let mut attempt = 1;
        loop {
            let bundle = self.read_bundle(body.clone()).await?;
            let done = match bundle.get("type").and_then(Value::as_str) {
                Some("batch") => return batch::batch(self, principal, request, bundle).await,
                Some("transaction") => transaction::transaction(self, principal, request, bundle, &mut known).await,
                other => return Err(wrong_bundle(other)),
            };
            match done {
                Err(fault) if fault.kind() == Kind::Conflict && attempt < 8 => crate::store::tx::pause(attempt).await,
                done => return done,
            }
            attempt += 1;
        }
    }

    async fn read_bundle(&self, body: Body) -> Result<Value, Fault> {
        let value = body::read_aside(self.store.catalog().clone(), self.settings.clone(), body).await?;
        match value.get("resourceType").and_then(Value::as_str) {
            Some("Bundle") => Ok(value),
            _ => Err(Fault::at(Kind::Invalid, "resourceType", "a POST to the base takes a Bundle")),
        }
    }

    /// Answers an interaction that changes nothing, from the view of its context: outside or inside a transaction.
    async fn query(&self, ctx: &Context<'_>, interaction: &Interaction) -> Result<Reply, Fault> {
        use Interaction as I;
        match interaction {
            asked if interaction::audit_event::is_query(asked) => interaction::audit_event::query(ctx, asked).await,
            I::Capabilities => Ok(Reply::json(200, capabilities::current(self.store.index(), &self.facts))),
            I::Read(t, id) => interaction::read::read(ctx, *t, id).await,
            I::Vread(t, id, version) => interaction::vread::vread(ctx, *t, id, version).await,
            I::HistoryInstance(t, id) => {
                interaction::history::history(ctx, HistoryScope::Instance(*t, id.clone())).await
            }
            I::HistoryType(t) => interaction::history::history(ctx, HistoryScope::Type(*t)).await,
            I::HistorySystem => interaction::history::history(ctx, HistoryScope::System).await,
            I::SearchType(t) => interaction::search::search(ctx, Some(*t), None).await,
            I::SearchSystem => interaction::search::search(ctx, None, None).await,
            I::SearchCompartment(owner, id, of) => interaction::search::search(ctx, *of, Some((*owner, id))).await,
            I::Operation { name, by_get, resource_type, id } => {
                let (resource_type, id) = (*resource_type, id.clone());
                let call = operation::Call { by_get: *by_get, resource_type, id, body: Body::None };
                operation::call(ctx, name, call).await
            }
            _ => Err(Fault::new(Kind::Invalid, "this interaction cannot be answered here")),
        }
    }

    /// Keeps an audit row, before the answer goes out, of what the store has not already written one for: reads by a known caller, and refusals.
    async fn audit(
        &self,
        principal: &Principal,
        request: &Request,
        result: &mut Result<Reply, Fault>,
    ) -> Result<(), Fault> {
        let status = result.as_ref().map_or_else(Fault::status, |reply| reply.status);
        let refused = matches!(status, 401 | 403);
        let reads = needs::only_reads(request) || found_instead(request, result);
        let known_reader = matches!(principal, Principal::Token(_)) && result.is_ok() && reads;
        if !refused && !known_reader {
            return Ok(());
        }
        let entry = entry_of(principal, request, result, status);
        match refused {
            true => self.recorder.keep(entry).await?,
            false => self.recorder.record(entry).await?,
        }
        Ok(())
    }

    /// Keeps the audit row of what an entry of a transaction reads.
    async fn record_read(
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

fn wrong_bundle(found: Option<&str>) -> Fault {
    let found = found.unwrap_or("none").chars().take(40).collect::<String>();
    Fault::at(Kind::Invalid, "Bundle.type", format!("a POST to the base takes a batch or a transaction, not '{found}'"))
}
