//! A store on a PostgreSQL of its own, filled with random resources of which some are changed and some deleted.

use super::people::{self, EACH, TYPES};
use crate::access::consent::Implied;
use crate::access::facts::Knowledge;
use crate::access::policy::{Needs, decide};
use crate::access::{Grant, Principal};
use crate::fhir::{ResourceId, ResourceType};
use crate::search::evaluate::Indexed;
use crate::search::tests::dice::Dice;
use crate::search::tests::world::Known;
use crate::search::tests::{BASE_URL, REGISTRY, resource_type};
use crate::search::{Registry, compartment, extract};
use crate::store::embedded::{self, Cluster};
use crate::store::{Blueprint, Condition, Effect, Outcome, Prepared, Store, StoreSettings, Write, audit, migrate};
use crate::validation::Valid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub struct Database {
    cluster: Cluster,
    folder: PathBuf,
    pub store: Store,
    pub grant: Grant,
}

/// The stored resources as they are now, by type and id.
pub type Contents = BTreeMap<(ResourceType, String), (Value, i64)>;

impl Database {
    pub async fn start() -> Database {
        let folder = PathBuf::from(format!("/tmp/medilink-test-{}", uuid::Uuid::new_v4().simple()));
        let cluster = embedded::start(&folder.join("data")).await.expect("PostgreSQL starts");
        migrate(&cluster.url()).await.expect("the migrations run");
        let settings = StoreSettings {
            url: cluster.url(),
            pool_size: 2,
            statement_ms_max: 60_000,
            wait_ms_max: 10_000,
            implied: Implied::Treatment,
        };
        let registry = Arc::new(Registry::new(REGISTRY.catalog.clone(), BASE_URL));
        let store = Blueprint::new(settings, registry.clone()).store().expect("a store");
        let grant = decide(&Principal::Unrestricted, &Needs::Nothing, &registry, &Knowledge::Keeper)
            .expect("everything is allowed");
        Database { cluster, folder, store, grant }
    }

    pub async fn stop(self) {
        drop(self.store);
        self.cluster.stop().await;
        let _ = std::fs::remove_dir_all(self.folder);
    }

    /// Stores random resources; returns what is there at the end.
    pub async fn fill(&self, dice: &mut Dice) -> Contents {
        let mut contents = Contents::new();
        for number in 0..EACH {
            for name in TYPES {
                self.put(&mut contents, dice, name, number).await;
            }
        }
        for _ in 0..60 {
            let (name, number) = (dice.text(&TYPES), dice.below(EACH));
            if dice.percent(60) {
                self.put(&mut contents, dice, name, number).await;
            } else {
                let (t, id) = (resource_type(name), people::id(name, number));
                self.write(t, &id, Effect::Delete).await;
                contents.remove(&(t, id));
            }
        }
        self.store.analyze().await.expect("statistics");
        contents
    }

    async fn put(&self, contents: &mut Contents, dice: &mut Dice, name: &str, number: usize) {
        let (t, id) = (resource_type(name), people::id(name, number));
        let mut resource = people::resource(dice, name, BASE_URL);
        resource["id"] = id.clone().into();
        let outcome = self.write(t, &id, Effect::Put(Box::new(prepared(&resource)))).await;
        let (Outcome::Created(written) | Outcome::Updated(written)) = outcome else { panic!("{outcome:?}") };
        contents.insert((t, id), (resource, written.updated.0));
    }

    async fn write(&self, t: ResourceType, id: &str, effect: Effect) -> Outcome {
        let audit = audit::Entry { resource_type: Some(t), ..audit::Entry::event("update", "test", "test", 0) };
        let id = ResourceId::parse(id).expect("an id");
        let write =
            Write { resource_type: t, id, effect, condition: Condition::None, sight: crate::search::Expr::All, audit };
        self.store.write(&self.grant, write).await.expect("a write")
    }
}

fn prepared(resource: &Value) -> Prepared {
    let valid = Valid::check(&REGISTRY.catalog, resource.clone()).unwrap_or_else(|f| panic!("{f}: {resource}"));
    let t = valid.resource_type();
    let (content, checked) = valid.into_content();
    let head = format!("{{\"resourceType\":\"{t}\",\"id\":{},\"meta\":{{\"versionId\":\"", content["id"]);
    let meta = content.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    let rest = content.iter().filter(|(key, _)| !["resourceType", "id", "meta"].contains(&key.as_str()));
    let members = |(key, value): (&String, &Value)| format!(",\"{key}\":{value}");
    let tail = format!("{}}}{}}}", meta.iter().map(members).collect::<String>(), rest.map(members).collect::<String>());
    let patient = compartment::patients_of(&REGISTRY, t, resource).into_iter().next();
    Prepared::new(checked, (head, tail), extract(&REGISTRY, t, resource), REGISTRY.progress.epoch, patient)
}

/// Returns the resources as the index knows them.
pub fn known(contents: &Contents) -> Vec<Known> {
    let one = |((t, id), (resource, updated)): (&(ResourceType, String), &(Value, i64))| {
        let id = ResourceId::parse(id).expect("an id");
        Known {
            indexed: Indexed { resource_type: *t, id, updated: Some(*updated), rows: extract(&REGISTRY, *t, resource) },
            updated: *updated,
        }
    };
    contents.iter().map(one).collect()
}
