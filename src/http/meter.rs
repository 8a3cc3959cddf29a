//! Counts and times requests. Handles are kept by thread, so that a request does not look its labels up by text.

use crate::fhir::ResourceType;
use metrics::{Counter, Histogram};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

/// Interaction, type and status.
type Labels = (&'static str, Option<ResourceType>, u16);

#[derive(Default)]
pub struct Meter(RefCell<HashMap<Labels, (Counter, Histogram)>>);

impl Meter {
    pub fn record(&self, interaction: &'static str, resource_type: Option<ResourceType>, status: u16, took: Duration) {
        let mut known = self.0.borrow_mut();
        let (counter, histogram) = known.entry((interaction, resource_type, status)).or_insert_with(|| {
            let name = resource_type.map_or("", ResourceType::name);
            (
                metrics::counter!("medilink_http_requests_total",
                    "interaction" => interaction, "type" => name, "status" => status.to_string()),
                metrics::histogram!("medilink_http_request_seconds", "interaction" => interaction, "type" => name),
            )
        });
        counter.increment(1);
        histogram.record(took.as_secs_f64());
    }
}
