//! `load` without `--server`: straight into the configured database.

use medilink::app::{Database, Factory, Failure};
use medilink::config::Settings;
use medilink::load::{self, DirectSink, Load, MakeService, Report};
use std::sync::Arc;

/// Returns a sink whose threads have services of this factory.
pub fn sink(factory: &Factory, threads: usize) -> Result<DirectSink, Failure> {
    let factory = factory.clone();
    let make: MakeService = Arc::new(move || factory.service());
    DirectSink::new(&make, threads).map_err(|e| Failure(format!("failed to start the load: {e}")))
}

pub async fn load(load: &Load, settings: &Settings, database: &Database) -> Result<Report, Failure> {
    let factory = Factory::new(settings, database)?;
    factory.adopt().await?;
    let sink = sink(&factory, settings.workers)?;
    let report = load::run(load, Arc::new(sink)).await.map_err(|e| Failure(e.to_string()))?;
    factory.analyze().await?;
    Ok(report)
}
