//! The listener for HL7 v2 within a server: how many threads it has, and how it ends with the rest.

use super::Failure;
use crate::config::Settings;
use crate::fault::Fault;
use crate::feed::Intake;
use crate::mllp;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Returns how many threads take HL7 v2 messages.
pub fn workers(settings: &Settings) -> usize {
    const WORKERS_MAX: usize = 4;
    settings.mllp_listen.map_or(0, |_| settings.workers.min(WORKERS_MAX))
}

/// Begins to listen for HL7 v2, where that is wanted, until the server is told to stop.
pub fn listen(
    settings: &Settings,
    intake: impl Fn() -> Result<Intake, Fault> + Send + Sync + 'static,
) -> Result<Option<mllp::Running>, Failure> {
    let Some(listen) = settings.mllp_listen else { return Ok(None) };
    let context = format!("failed to listen for HL7 v2 on {listen}");
    let failed = Failure::from(&context);
    let tls = match (&settings.mllp_tls_cert, &settings.mllp_tls_key) {
        (Some(cert), Some(key)) => {
            let config = mllp::tls::config(cert, key, settings.mllp_tls_client_ca.as_deref());
            Some(config.map_err(|e| failed(&e))?)
        }
        _ => None,
    };
    let told = mllp::MllpSettings {
        listen,
        workers: workers(settings),
        connections_max: settings.limits.mllp_connections_max,
        frame_bytes_max: settings.limits.mllp_frame_bytes_max,
        request_time: Duration::from_millis(settings.limits.request_time_ms_max),
        shutdown_time: Duration::from_millis(settings.limits.shutdown_time_ms_max),
        tls,
    };
    let running = mllp::start(&told, Arc::new(move || Ok(Rc::new(intake()?)))).map_err(|e| failed(&e))?;
    let stop = running.stop();
    tokio::spawn(async move {
        // The HTTP side hears the same, and by its end this one is told in any case.
        if stop_asked().await.is_ok() {
            stop.begin();
        }
    });
    Ok(Some(running))
}

/// Waits until the server is asked to stop.
async fn stop_asked() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
