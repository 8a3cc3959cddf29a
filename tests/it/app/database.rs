//! The databases of the tests: one private cluster for all, a fresh copy of a migrated template for each.

use std::sync::{LazyLock, Mutex, PoisonError};

use medilink::store::{self, embedded};
use tokio_postgres::{NoTls, Row};

use super::keeper::FOLDER;

const TEMPLATE: &str = "medilink_template";

/// What database tests share; started by the first that needs it.
static CLUSTER: LazyLock<embedded::Cluster> = LazyLock::new(cluster);
/// Runs the few asynchronous calls of the tests themselves.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime can be made")
});

/// Returns the rows of a query on a database.
pub fn rows(url: &str, query: &str) -> Vec<Row> {
    run(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database answers");
        tokio::spawn(connection);
        client.query(query, &[]).await.unwrap_or_else(|e| panic!("{query}: {e:?}"))
    })
}

/// Runs an asynchronous piece of a test.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// Returns the URL of a new database that is migrated already.
pub fn database(name: &str) -> String {
    static MAKING: Mutex<()> = Mutex::new(());
    let admin = CLUSTER.url();
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    rows(&admin, &format!("create database {name} template {TEMPLATE}"));
    url_of(&admin, name)
}

fn url_of(admin: &str, database: &str) -> String {
    let (cluster, _) = admin.rsplit_once('/').expect("the URL ends with the database");
    format!("{cluster}/{database}")
}

fn cluster() -> embedded::Cluster {
    let cluster = run(embedded::start(&FOLDER.join("cluster"))).expect("PostgreSQL starts");
    let admin = cluster.url();
    rows(&admin, &format!("create database {TEMPLATE}"));
    run(store::migrate(&url_of(&admin, TEMPLATE))).expect("the migrations run");
    // Far more servers share it than one hospital runs.
    rows(&admin, "alter system set max_connections = 1000");
    run(cluster.stop());
    run(embedded::start(&FOLDER.join("cluster"))).expect("PostgreSQL starts again")
}
