//! What is remembered to decide by: consents, broken glass, and who belongs to what.
//!
//! A process keeps it in memory and asks before every request whether a transaction has changed any of it that the last look did not
//! see; requests that arrive together ask together. So what is revoked is revoked for the next request on every process.

use super::error::StoreError;
use super::{Blueprint, Store};
use crate::access::book::{Glass, Library};
use crate::access::consent::Rule;
use crate::access::facts::{self, Circle, Facts, Knowledge};
use crate::access::policy::{self, Needs};
use crate::access::principal::Token;
use crate::access::scope::Letter;
use crate::access::{Grant, Principal, label};
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{Instant, ResourceType};
use crate::search::governed::Care;
use crate::search::key::Keyer;
use crate::search::{Expr, evaluate};
use deadpool_postgres::{Object, Pool};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};

/// Consents of the patient `key`.
pub const CONSENT: i16 = 1;
/// What `key` belongs to.
pub const MEMBER: i16 = 2;
/// Key of [`MEMBER`]: what anybody belongs to may have changed.
pub const ANYBODY: i64 = 0;
/// Broken glass over the patient `key`.
pub const GLASS: i16 = 3;
/// Who cares for the patient `key`.
pub const CARE: i16 = 4;

pub const LOOK: &str = include_str!("sql/policy_look.sql");
pub const CONSENTS: &str = include_str!("sql/policy_consents.sql");
pub const CONSENTS_OF: &str = include_str!("sql/policy_consents_of.sql");
pub const GLASS_OPEN: &str = include_str!("sql/policy_glass.sql");
pub const CIRCLE: &str = include_str!("sql/policy_circle.sql");

/// Consents that are read at once at the start.
const READ_AT_ONCE: i64 = 2_000;
/// Circles that are remembered at most.
const CIRCLES_MAX: usize = 20_000;
/// Patients of whom it is remembered who cares for them, at most.
const CARED_MAX: usize = 200_000;
/// Whoever has not looked for so long begins anew: the changes are swept after twice that.
const LOOKED_US_MAX: i64 = 30 * 60 * 1_000_000;
/// How long changes are kept for processes to see.
const KEPT_US: i64 = 2 * LOOKED_US_MAX;

/// What the threads of a process share.
#[derive(Default)]
pub struct Shared {
    library: Arc<Library>,
    /// What the last look saw, and when it was.
    seen: Mutex<Option<(Arc<str>, Instant)>>,
    circles: RwLock<Kept<Box<str>, Arc<Circle>>>,
    care: RwLock<Kept<i64, Vec<Cared>>>,
    /// Held while changes are read, so that an older reading never replaces a newer one.
    reading: tokio::sync::Mutex<()>,
}

/// What is kept of answers of the database, until a look tells that they have changed.
struct Kept<K, V> {
    answers: HashMap<K, V>,
    /// Rises whenever something was removed: what was asked for before is not to be kept any more.
    generation: u64,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Kept<K, V> {
        Kept { answers: HashMap::new(), generation: 0 }
    }
}

impl<K: std::hash::Hash + Eq, V> Kept<K, V> {
    fn remove(&mut self, is_gone: impl Fn(&K, &V) -> bool) {
        self.generation += 1;
        self.answers.retain(|key, value| !is_gone(key, value));
    }
}

/// Which of some carers care for one patient.
struct Cared {
    carers: Arc<[i64]>,
    of_them: Vec<i64>,
}

type Answer = oneshot::Sender<Result<(), Arc<StoreError>>>;

/// Takes the questions of one thread whether anything has changed.
#[derive(Clone)]
pub struct Looker(mpsc::UnboundedSender<Answer>);

impl Looker {
    /// Returns when this process knows everything that was committed before the call.
    async fn look(&self) -> Result<(), StoreError> {
        let stopping = || StoreError::Away("the server is stopping".into());
        let (answer, wait) = oneshot::channel();
        self.0.send(answer).map_err(|_| stopping())?;
        // One answer goes to many; without it nothing can be decided, whatever the cause.
        wait.await.map_err(|_| stopping())?.map_err(|error| StoreError::Away(error.to_string()))
    }
}

/// Starts to answer the questions of one thread. Whoever asks while a look is on its way waits for the next one.
pub fn start(blueprint: Blueprint, pool: Pool) -> Looker {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Answer>();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while receiver.recv_many(&mut waiting, usize::MAX).await > 0 {
            let looked = look(&blueprint, &pool).await.map_err(Arc::new);
            for answer in waiting.drain(..) {
                // Whoever asked may have gone.
                let _ = answer.send(looked.clone());
            }
        }
    });
    Looker(sender)
}

async fn look(blueprint: &Blueprint, pool: &Pool) -> Result<(), StoreError> {
    let shared = &blueprint.policy;
    let client = pool.get().await?;
    if let Some(seen) = shared.seen() {
        let (now_seen, changes) = changes(&client, &seen).await?;
        if changes.is_empty() {
            shared.saw(Some(&seen), now_seen);
            return Ok(());
        }
    }
    let _reading = shared.reading.lock().await;
    // Somebody else may have read the changes meanwhile.
    match shared.seen() {
        Some(seen) => {
            let (now_seen, changes) = changes(&client, &seen).await?;
            read_changes(blueprint, &client, &changes).await?;
            shared.saw(None, now_seen);
        }
        None => {
            let (now_seen, _) = changes(&client, "1:1:").await?;
            read_all(blueprint, &client).await?;
            shared.saw(None, now_seen);
        }
    }
    Ok(())
}

impl Shared {
    /// Returns what this process remembers, as of its last look.
    pub(super) fn library(&self) -> &Library {
        &self.library
    }

    fn seen(&self) -> Option<Arc<str>> {
        let seen = self.seen.lock().expect("no holder of this lock can panic");
        let is_recent = |at: Instant| Instant::now().0 - at.0 < LOOKED_US_MAX;
        seen.as_ref().filter(|(_, at)| is_recent(*at)).map(|(seen, _)| seen.clone())
    }

    /// Notes what a look saw; with `instead_of` only where nobody has noted anything else meanwhile.
    fn saw(&self, instead_of: Option<&Arc<str>>, now_seen: Arc<str>) {
        let mut seen = self.seen.lock().expect("no holder of this lock can panic");
        let is_same = |old: &Arc<str>| seen.as_ref().is_some_and(|(known, _)| known == old);
        if instead_of.is_none_or(is_same) {
            *seen = Some((now_seen, Instant::now()));
        }
    }
}

/// Returns what this look sees, and what a look that saw `seen` did not.
async fn changes(client: &Object, seen: &str) -> Result<(Arc<str>, Vec<(i16, i64)>), StoreError> {
    let sql = StoreError::sql("failed to look whether consents have changed");
    let statement = client.prepare_cached(LOOK).await.map_err(&sql)?;
    let rows = client.query(&statement, &[&seen]).await.map_err(&sql)?;
    let (mut now_seen, mut changes) = (Arc::from(seen), Vec::new());
    for row in rows {
        match row.get::<_, Option<&str>>(0) {
            Some(snapshot) => now_seen = Arc::from(snapshot),
            None => changes.push((row.get(1), row.get(2))),
        }
    }
    Ok((now_seen, changes))
}

async fn read_changes(blueprint: &Blueprint, client: &Object, changes: &[(i16, i64)]) -> Result<(), StoreError> {
    let of = |wanted: i16| -> HashSet<i64> {
        changes.iter().filter(|(kind, _)| *kind == wanted).map(|(_, key)| *key).collect()
    };
    let members = of(MEMBER);
    if !members.is_empty() {
        let mut circles = blueprint.policy.circles.write().expect("no holder of this lock can panic");
        let is_all = members.contains(&ANYBODY);
        circles.remove(|_, circle| is_all || circle.targets.iter().any(|target| members.contains(target)));
    }
    let cared = of(CARE);
    if !cared.is_empty() {
        let mut care = blueprint.policy.care.write().expect("no holder of this lock can panic");
        care.remove(|patient, _| cared.contains(patient));
    }
    let patients: Vec<i64> = of(CONSENT).into_iter().collect();
    if !patients.is_empty() {
        let contents = consents_of(blueprint, client, &patients).await?;
        let mut rules = rules(blueprint, &contents);
        let mut book = blueprint.policy.library.change();
        for patient in patients {
            book.set_rules(patient, rules.remove(&patient).unwrap_or_default());
        }
    }
    let patients = of(GLASS);
    if !patients.is_empty() {
        let mut open = glass(client).await?;
        let mut book = blueprint.policy.library.change();
        for patient in patients {
            book.set_glass(patient, open.remove(&patient).unwrap_or_default());
        }
    }
    Ok(())
}

async fn read_all(blueprint: &Blueprint, client: &Object) -> Result<(), StoreError> {
    let sql = StoreError::sql("failed to read the consents");
    let statement = client.prepare_cached(CONSENTS).await.map_err(&sql)?;
    blueprint.policy.circles.write().expect("no holder of this lock can panic").remove(|_, _| true);
    blueprint.policy.care.write().expect("no holder of this lock can panic").remove(|_, _| true);
    let (mut after, mut all) = (0_i64, Rules::new());
    loop {
        let rows = client.query(&statement, &[&ResourceType::CONSENT.number(), &after, &READ_AT_ONCE]).await;
        let rows = rows.map_err(&sql)?;
        let Some(last) = rows.last() else { break };
        after = last.get(0);
        let contents: Vec<String> = rows.iter().map(|row| row.get(1)).collect();
        for (patient, rules) in rules(blueprint, &contents) {
            all.entry(patient).or_default().extend(rules);
        }
    }
    let open = glass(client).await?;
    let mut book = blueprint.policy.library.change();
    book.clear();
    all.into_iter().for_each(|(patient, rules)| book.set_rules(patient, rules));
    open.into_iter().for_each(|(patient, open)| book.set_glass(patient, open));
    Ok(())
}

type Rules = HashMap<i64, Vec<(Box<str>, Arc<Rule>)>>;

/// Returns the rules of Consents by patient.
fn rules(blueprint: &Blueprint, contents: &[String]) -> Rules {
    let index = blueprint.index.now();
    let base_url = &index.registry.base_url;
    let mut rules = Rules::new();
    for content in contents {
        // What is stored is JSON; what is not would be no consent.
        let consent: Value = serde_json::from_str(content).unwrap_or_default();
        let patient = consent.pointer("/patient/reference").and_then(Value::as_str).and_then(Literal::parse);
        let id = consent.get("id").and_then(Value::as_str);
        if let (Some(patient), Some(id), Some(rule)) = (patient, id, Rule::read(&consent, base_url)) {
            let target = Keyer::fixed().target("Patient", patient.id);
            rules.entry(target).or_default().push((id.into(), Arc::new(rule)));
        }
    }
    rules
}

async fn consents_of(blueprint: &Blueprint, client: &Object, patients: &[i64]) -> Result<Vec<String>, StoreError> {
    let index = blueprint.index.now();
    let of_consent = index.registry.of(ResourceType::CONSENT);
    let columns = of_consent.param("patient").map_or(&[][..], |param| &param.columns);
    let column = columns.first().map(|use_| of_consent.columns[usize::from(use_.index)].key).unwrap_or_default();
    let keys: Vec<i64> = patients.iter().map(|patient| Keyer::reference(column, *patient)).collect();
    let sql = StoreError::sql("failed to read the consents of a patient");
    let statement = client.prepare_cached(CONSENTS_OF).await.map_err(&sql)?;
    let rows = client.query(&statement, &[&keys]).await.map_err(&sql)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn glass(client: &Object) -> Result<HashMap<i64, Vec<(Box<str>, Glass)>>, StoreError> {
    let sql = StoreError::sql("failed to read who broke the glass");
    let statement = client.prepare_cached(GLASS_OPEN).await.map_err(&sql)?;
    let mut open: HashMap<i64, Vec<(Box<str>, Glass)>> = HashMap::new();
    for row in client.query(&statement, &[&Instant::now().0]).await.map_err(&sql)? {
        let patient = Keyer::fixed().target("Patient", row.get(2));
        let practitioner = row.get::<_, &str>(1).into();
        let glass = Glass { practitioner, patient, expires: Instant(row.get(3)) };
        open.entry(patient).or_default().push((row.get::<_, &str>(0).into(), glass));
    }
    Ok(open)
}

impl Store {
    /// Decides what a principal needs, knowing what patients have said until this moment.
    pub async fn decide(&self, principal: &Principal, needs: &Needs) -> Result<Grant, Fault> {
        let knowledge = self.knowledge(principal).await?;
        policy::decide(principal, needs, self.registry(), &knowledge)
    }

    /// Returns what the last look saw; none where none was lately.
    pub(super) fn policy_seen(&self) -> Option<Arc<str>> {
        self.blueprint.policy.seen()
    }

    /// Returns whether a resource is shown, where that can be told in memory: mostly.
    pub(super) async fn shows_at_sight(
        &self,
        grant: &Grant,
        t: ResourceType,
        about: &[i64],
        content: &[u8],
    ) -> Result<bool, StoreError> {
        if grant.is_unbound() || about.is_empty() {
            return Ok(false);
        }
        let sight = self.sight(grant, t, Letter::Read, about).await?;
        Ok(evaluate::at_sight(&sight, about, label::is_labelled(content)) == Some(true))
    }

    /// Returns what the grant shows of resources about these patients, knowing for whom its holder cares.
    pub(super) async fn sight(
        &self,
        grant: &Grant,
        t: ResourceType,
        letter: Letter,
        about: &[i64],
    ) -> Result<Expr, StoreError> {
        let sight = grant.sight_of(t, letter, Some(about));
        let mut carers = None;
        sight.governed(&mut |governed| carers = super::care::widest(carers.take(), governed.asks_care().cloned()));
        let care = match carers {
            Some(carers) => self.cared(&carers, about).await?,
            None => Care::default(),
        };
        Ok(sight.knowing(&care))
    }

    /// Returns whether the database must be asked before anything is decided.
    pub fn must_look(principal: &Principal) -> bool {
        matches!(principal, Principal::Token(token) if !facts::is_keeper(token))
    }

    /// Decides by what is remembered, which has just been seen to be true still.
    pub async fn decide_now(&self, principal: &Principal, needs: &Needs) -> Result<Grant, Fault> {
        let knowledge = match principal {
            Principal::Token(token) if !facts::is_keeper(token) => self.remembered(token).await?,
            _ => Knowledge::Keeper,
        };
        policy::decide(principal, needs, self.registry(), &knowledge)
    }

    /// Returns what decides beside the token.
    pub async fn knowledge(&self, principal: &Principal) -> Result<Knowledge, Fault> {
        match principal {
            Principal::Token(token) if !facts::is_keeper(token) => self.facts(token).await,
            _ => Ok(Knowledge::Keeper),
        }
    }

    async fn facts(&self, token: &Token) -> Result<Knowledge, Fault> {
        self.looker.look().await?;
        self.remembered(token).await
    }

    async fn remembered(&self, token: &Token) -> Result<Knowledge, Fault> {
        let circle = self.circle(token).await?;
        let now = Instant::now();
        let library = self.blueprint.policy.library.clone();
        let (own, proxy_of) = facts::patients(token);
        // Whoever spoke for a patient when the token was made may not do so any more.
        let proxy_of = proxy_of.filter(|patient| circle.speaks_for.contains(patient));
        let glass = {
            let book = library.book();
            if let (Some(consent), Some(patient)) = (&token.consent, &token.patient) {
                let id = consent.strip_prefix("Consent/").unwrap_or(consent);
                if !book.is_in_force(id, Keyer::fixed().target("Patient", patient.as_str())) {
                    let text = "the Consent that the token stands on is no longer in force";
                    return Err(Fault::new(Kind::Unauthorized, text));
                }
            }
            let open = token.glass.as_deref().and_then(|id| book.glass(id));
            let is_own = |glass: &&Glass| circle.references.contains(&glass.practitioner);
            open.filter(is_own).filter(|glass| now < glass.expires).map(|glass| glass.patient)
        };
        Ok(Knowledge::Of(Arc::new(Facts {
            circle,
            purpose: token.purpose().into(),
            own,
            proxy_of,
            glass,
            implied: self.blueprint.settings.implied,
            now,
            library,
        })))
    }

    /// Returns what a holder belongs to.
    async fn circle(&self, token: &Token) -> Result<Arc<Circle>, StoreError> {
        let roots = facts::roots(token);
        let name = roots.join(" ").into_boxed_str();
        let circles = &self.blueprint.policy.circles;
        let generation = {
            let kept = circles.read().expect("no holder of this lock can panic");
            if let Some(known) = kept.answers.get(&name) {
                return Ok(known.clone());
            }
            kept.generation
        };
        let sql = StoreError::sql("failed to read what somebody belongs to");
        let target = |reference: &str| {
            let (t, id) = reference.split_once('/').unwrap_or_default();
            Keyer::fixed().target(t, id)
        };
        let targets: Vec<i64> = roots.iter().map(|root| target(root)).collect();
        let client = self.reader.get().await?;
        let statement = client.prepare_cached(CIRCLE).await.map_err(&sql)?;
        let rows = client.query(&statement, &[&targets]).await.map_err(&sql)?;
        let reference = |row: &tokio_postgres::Row| {
            let t = ResourceType::from_number(row.get(0))?;
            Some(format!("{t}/{}", row.get::<_, &str>(1)).into_boxed_str())
        };
        // A patient for whom somebody speaks is nothing that they are.
        let is_root = |reference: &str| roots.iter().any(|root| **root == *reference);
        let (of, named): (Vec<Box<str>>, Vec<Box<str>>) =
            rows.iter().filter_map(reference).partition(|it| it.starts_with("Patient/") && !is_root(it));
        let speaks_for = of.iter().map(|patient| target(patient)).collect();
        let circle = Arc::new(Circle::speaking(roots.iter().cloned().chain(named).collect(), speaks_for));
        let mut kept = circles.write().expect("no holder of this lock can panic");
        if kept.answers.len() >= CIRCLES_MAX {
            kept.answers.clear();
        }
        if kept.generation == generation {
            kept.answers.insert(name, circle.clone());
        }
        Ok(circle)
    }

    /// Returns who of the carers cares for which of the patients; remembered until a look tells of a change.
    pub(super) async fn cared(&self, carers: &Arc<[i64]>, patients: &[i64]) -> Result<Care, StoreError> {
        let care = &self.blueprint.policy.care;
        let (generation, mut links, mut unknown) = {
            let kept = care.read().expect("no holder of this lock can panic");
            let (mut links, mut unknown) = (Vec::new(), Vec::new());
            for patient in patients {
                let known = kept.answers.get(patient).and_then(|all| all.iter().find(|known| known.carers == *carers));
                match known {
                    Some(known) => links.extend(known.of_them.iter().map(|carer| (*patient, *carer))),
                    None => unknown.push(*patient),
                }
            }
            (kept.generation, links, unknown)
        };
        if unknown.is_empty() {
            return Ok(Care::new(links));
        }
        let found = super::care::cared(self.reader.get().await?.as_ref(), carers, &unknown).await?;
        let mut kept = care.write().expect("no holder of this lock can panic");
        if kept.answers.len() >= CARED_MAX {
            kept.answers.clear();
        }
        for patient in unknown.drain(..) {
            let of_them: Vec<i64> = found.carers_of(patient).collect();
            links.extend(of_them.iter().map(|carer| (patient, *carer)));
            if kept.generation == generation {
                kept.answers.entry(patient).or_default().push(Cared { carers: carers.clone(), of_them });
            }
        }
        Ok(Care::new(links))
    }

    /// Removes changes that every process has seen long ago.
    pub async fn sweep_policy_changes(&self) -> Result<(), StoreError> {
        let sql = StoreError::sql("failed to remove changes of policy");
        let client = self.writes.get().await?;
        let before = Instant::now().0 - KEPT_US;
        client.execute("delete from policy_change where at < $1", &[&before]).await.map_err(&sql)?;
        Ok(())
    }
}
