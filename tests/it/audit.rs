//! The audit can be relied on: nothing is lost on its way in, and nothing is changed afterwards without being found.

mod durable;
mod rest;
mod tamper;

use std::sync::Arc;
use std::time::{Duration, Instant};

use medilink::account::seal::Seal;
use medilink::catalog::Catalog;
use medilink::search::Registry;
use medilink::store::audit::Ground;
use medilink::store::audit::row::MacKey;
use medilink::store::{Blueprint, Store, StoreSettings};

use crate::app::TestApp;

/// Returns a store on the database of a server, with the key of its data folder. To be called inside a runtime.
fn store(app: &TestApp) -> Store {
    let settings =
        StoreSettings { url: app.database_url(), pool_size: 2, statement_ms_max: 30_000, wait_ms_max: 10_000 };
    let registry = Registry::new(Arc::new(Catalog::load().expect("the definitions load")), app.base());
    let seal = Seal::load_or_create(&app.data_dir()).expect("the key of the data folder");
    let ground = Ground { key: MacKey::new(&seal.audit_key()), folder: Some(app.data_dir().join("audit")) };
    Blueprint::new(settings, Arc::new(registry)).with_audit(ground).store().expect("a store")
}

/// Waits until a query that counts gives this number.
fn expect_count(app: &TestApp, query: &str, number: i64) {
    let began = Instant::now();
    loop {
        let found: i64 = app.sql(query)[0].get(0);
        if found == number {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{found} instead of {number}: {query}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const UNLINKED: &str = "select count(*) from audit a where not exists (select from audit_link l where l.no = a.no)";
