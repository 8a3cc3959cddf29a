//! Begins an epoch: decides which stored SearchParameters count, and which types must be indexed anew.

use super::{Shared, state};
use crate::catalog::{Catalog, Origin, Own, own};
use crate::fhir::ResourceType;
use crate::search::{Registry, definition};
use crate::store::StoreError;
use crate::store::search::write::array;
use deadpool_postgres::{Object, Transaction};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const BEGIN: &str = include_str!("../sql/index_begin.sql");
const GIVE: &str = include_str!("../sql/index_give.sql");

/// Returns the fingerprint of what a release indexes by itself.
pub(super) fn release(registry: &Registry) -> i64 {
    let all: Vec<u8> = ResourceType::all().flat_map(|t| registry.fingerprint(t).to_le_bytes()).collect();
    // 0 stands in a database that no release has taken yet.
    (registry.keyer.hash(&[b"release", &all]) & i64::MAX).max(1)
}

/// Returns the catalog with the parameters of the database.
pub(super) fn catalog(plain: &Arc<Catalog>, own: &[Own]) -> Result<Arc<Catalog>, StoreError> {
    if own.is_empty() {
        return Ok(plain.clone());
    }
    let with = plain.with_own(own).map_err(|e| StoreError::Damaged(format!("a stored SearchParameter: {e}")))?;
    Ok(Arc::new(with))
}

/// Begins an epoch if what counts has changed.
pub(super) async fn begin(client: &mut Object, shared: &Shared) -> Result<(), StoreError> {
    let (plain, release) = (&shared.catalog, shared.release);
    let sql = StoreError::sql("failed to begin an epoch of the index");
    let tx = client.transaction().await.map_err(&sql)?;
    // Whoever comes second waits here, and then finds the work done.
    let state = tx.query_one("select epoch, release from index_state for update", &[]).await.map_err(&sql)?;
    let (epoch, before): (i32, i64) = (state.get(0), state.get(1));
    let marker: i64 = tx
        .query_one("select coalesce(sum(version), 0)::bigint from resource where type = 122", &[])
        .await
        .map_err(&sql)?
        .get(0);
    let known = state::own(&*tx).await?;
    let counting = counting(&stored(&tx).await?, &known, plain, epoch + 1);
    if before == release && same(&counting, &known) {
        tx.execute("update index_state set marker = $1", &[&marker]).await.map_err(&sql)?;
    } else {
        keep(&tx, &counting).await?;
        if counting.is_empty() {
            give_work(&tx, &shared.plain, before == 0).await?;
        } else {
            let registry = Registry::new(catalog(plain, &counting)?, "");
            give_work(&tx, &registry, before == 0).await?;
        }
        tx.execute(BEGIN, &[&release, &marker]).await.map_err(&sql)?;
        tracing::info!(epoch = epoch + 1, own = counting.len(), "what is indexed has changed");
    }
    tx.commit().await.map_err(&sql)
}

fn same(a: &[Own], b: &[Own]) -> bool {
    let by_id: HashMap<&str, &Own> = b.iter().map(|own| (&*own.origin.id, own)).collect();
    a.len() == b.len() && a.iter().all(|own| by_id.get(&*own.origin.id) == Some(&own))
}

/// Returns the stored SearchParameters, those first that were stored first.
async fn stored(tx: &Transaction<'_>) -> Result<Vec<(String, Value)>, StoreError> {
    let rows = tx
        .query("select id, content::text from resource where type = 122 and not deleted order by no", &[])
        .await
        .map_err(StoreError::sql("failed to read the search parameters"))?;
    let read = |row: &tokio_postgres::Row| {
        let id: String = row.get(0);
        let value = serde_json::from_str(row.get(1)).map_err(|e| StoreError::Damaged(format!("{id}: {e}")))?;
        Ok((id, value))
    };
    rows.iter().map(read).collect()
}

/// Returns the parameters that count: active, answerable, and the first of their name in each type.
///
/// A write is checked by the same rules; what fails here was stored beside another at the same moment, or by a release that
/// knew more.
fn counting(stored: &[(String, Value)], known: &[Own], plain: &Arc<Catalog>, epoch: i32) -> Vec<Own> {
    let mut catalog = Catalog::clone(plain);
    let mut counting: Vec<Own> = Vec::new();
    for (id, resource) in stored.iter().filter(|(_, resource)| definition::is_active(resource)) {
        let definition = own::definition(resource);
        let before = known.iter().find(|own| *own.origin.id == **id && own::same_rows(&own.definition, &definition));
        let origin = Origin { id: id.as_str().into(), since: before.map_or(epoch, |own| own.origin.since) };
        if counting.len() == definition::OWN_MAX {
            tracing::warn!(max = definition::OWN_MAX, "further SearchParameters are without effect");
            break;
        }
        match definition::check(&catalog, origin.clone(), resource) {
            Ok(with) => {
                catalog = with;
                counting.push(Own { origin, definition });
            }
            Err(issues) => {
                let why = issues.first().map_or("", |issue| issue.diagnostics.as_str());
                tracing::warn!(id, why, "a stored SearchParameter is without effect");
            }
        }
    }
    counting
}

async fn keep(tx: &Transaction<'_>, counting: &[Own]) -> Result<(), StoreError> {
    let sql = StoreError::sql("failed to keep the search parameters");
    let ids: Vec<&str> = counting.iter().map(|own| &*own.origin.id).collect();
    let since: Vec<i32> = counting.iter().map(|own| own.origin.since).collect();
    let definitions: Vec<String> = counting.iter().map(|own| own.definition.to_string()).collect();
    tx.execute("delete from index_parameter", &[]).await.map_err(&sql)?;
    let insert = "insert into index_parameter (id, since, definition) select * from unnest($1::text[], $2::integer[], $3::text[])";
    tx.execute(insert, &[&ids, &since, &definitions]).await.map_err(&sql)?;
    Ok(())
}

/// Notes the types whose resources now get other rows.
async fn give_work(tx: &Transaction<'_>, registry: &Registry, is_first: bool) -> Result<(), StoreError> {
    let sql = StoreError::sql("failed to note what must be indexed");
    let rows = tx.query("select type, fingerprint from index_type", &[]).await.map_err(&sql)?;
    let known: HashMap<i16, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut here: HashSet<i16> = HashSet::new();
    if is_first {
        // Nobody has written under an epoch yet, so what is empty now has nothing to catch up with.
        let types =
            "select t.number from resource_type t where exists (select from resource r where r.type = t.number)";
        here.extend(tx.query(types, &[]).await.map_err(&sql)?.iter().map(|row| row.get::<_, i16>(0)));
    }
    let (mut types, mut fingerprints, mut complete) = (Vec::new(), Vec::new(), Vec::new());
    for t in ResourceType::all().filter(|t| t.is_stored()) {
        let (number, fingerprint) = (t.number(), registry.fingerprint(t));
        if known.get(&number) != Some(&fingerprint) {
            let pending = !is_first || here.contains(&number);
            types.push(number);
            fingerprints.push(fingerprint);
            complete.push((!pending).then(|| array(&registry.column_keys(t))));
        }
    }
    tx.execute(GIVE, &[&types, &fingerprints, &complete]).await.map_err(&sql)?;
    Ok(())
}
