//! The commands of those who run a server, straight on its database: servers may go on serving meanwhile.

pub mod audit;
pub mod client;
pub mod feed;
mod feed_load;
pub mod hl7;
pub mod keys;
pub mod link;
pub mod revoke;
pub mod token;
pub mod user;

use medilink::app::{Database, Factory, Failure};
use medilink::config::Settings;
use medilink::store::Store;
use std::path::Path;

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

/// Returns the text of a file.
fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure(format!("failed to read {}: {e}", path.display())))
}
