//! The commands of those who run a server, straight on its database: servers may go on serving meanwhile.

pub mod audit;
pub mod client;
pub mod keys;
pub mod link;
pub mod revoke;
pub mod token;
pub mod user;

use medilink::app::{Database, Factory, Failure};
use medilink::config::Settings;
use medilink::store::Store;

/// Opens the database of a server, does something with it, and leaves it as it was found.
async fn with_store<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Store, &Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let database = Database::open(settings).await?;
    let done = async {
        let service = Factory::new(settings, &database)?.service().map_err(|e| Failure(e.to_string()))?;
        work(service.store(), &database).await
    };
    let done = done.await;
    database.close().await;
    done
}
