//! The one door: every request, whatever way it came, is decided, done and audited here.

mod audit;
mod batch;
mod entry;
mod find;
mod links;
mod needs;
mod scan;
mod transaction;

use crate::access::grant::Shown;
use crate::access::{Grant, Principal};
use crate::account::Accounts;
use crate::audit::Recorder;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::index::TextIndex;
use crate::interaction::{self, Context, Settings, body, capabilities};
use crate::operation;
use crate::rest::{Body, Interaction, Reply, Request};
use crate::store::{Ahead, HistoryScope, Store, View};
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

    /// Returns what takes audit rows of happenings that are no requests.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Decides, does and audits a request.
    pub async fn perform(&self, principal: &Principal, mut request: Request) -> Result<Reply, Fault> {
        let body = std::mem::take(&mut request.body);
        let defines =
            request.interaction.resource_type() == Some(ResourceType::SEARCH_PARAMETER) && !needs::only_reads(&request);
        let needs = needs::of(&request);
        let ahead = self.ahead(principal, &request).await;
        let grant = match &ahead {
            Some(ahead) if ahead.is_current => self.store.decide_now(principal, &needs).await,
            _ => self.store.decide(principal, &needs).await,
        };
        let grant = match grant {
            Ok(grant) => grant,
            Err(refusal) => return self.answered(principal, &request, Err(refusal), Shown::default()).await,
        };
        let result = if let (Interaction::Read(t, id), Some(ahead)) = (&request.interaction, ahead) {
            interaction::read::read_ahead(&self.context(&grant, &request), *t, id, ahead).await
        } else if defines {
            self.define(principal, &grant, &request, body).await
        } else if let Some(newest) = self.newest() {
            newest.dispatch(principal, &grant, &request, body).await
        } else {
            self.dispatch(principal, &grant, &request, body).await
        };
        self.answered(principal, &request, result, grant.shown()).await
    }

    /// Reads what a read asks for, and looks with the same statement whether anything has changed by which is decided who may see
    /// it; none where that is no read, or known at once.
    async fn ahead(&self, principal: &Principal, request: &Request) -> Option<Ahead> {
        let Interaction::Read(t, id) = &request.interaction else { return None };
        if !Store::must_look(principal) || matches!(*t, ResourceType::BINARY | ResourceType::AUDIT_EVENT) {
            return None;
        }
        // What fails here is read again, and fails there.
        self.store.read_ahead(*t, id).await.ok().flatten()
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
        self.answered(&Principal::Anonymous, request, Err(fault), Shown::default()).await
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
}

fn wrong_bundle(found: Option<&str>) -> Fault {
    let found = found.unwrap_or("none").chars().take(40).collect::<String>();
    Fault::at(Kind::Invalid, "Bundle.type", format!("a POST to the base takes a batch or a transaction, not '{found}'"))
}
