//! The door for who holds the card of a patient: there is no token, and what comes out is no resource.
//!
//! The link itself is what lets in: see [`crate::operation::emergency::scan`].

use super::Service;
use crate::access::Principal;
use crate::access::policy::{self, Needs};
use crate::fault::Fault;
use crate::fhir::ResourceType;
use crate::operation::emergency::scan::{self, Scan, Scanned};
use crate::rest::{Body, Conditions, Interaction, Prefer, Request};

impl Service {
    /// Reads a card. `principal` is the reader, where that is known; it opens nothing, and lifts a limit.
    pub async fn scan(&self, principal: &Principal, id: Box<str>, scan: &Scan<'_>) -> Result<Scanned, Fault> {
        if let Some(newest) = self.newest() {
            return newest.scan_here(principal, id, scan).await;
        }
        self.scan_here(principal, id, scan).await
    }

    async fn scan_here(&self, principal: &Principal, id: Box<str>, scan: &Scan<'_>) -> Result<Scanned, Fault> {
        let interaction = Interaction::Operation {
            name: "emergency".to_string(),
            by_get: true,
            resource_type: Some(ResourceType::PATIENT),
            id: None,
        };
        let (conditions, prefer) = (Conditions::default(), Prefer::default());
        let address = scan.address.into();
        let request = Request { interaction, query: Vec::new(), body: Body::None, conditions, prefer, id, address };
        let grant = policy::decide(principal, &Needs::Nothing, self.store.registry())?;
        scan::scan(&self.context(&grant, &request), scan).await
    }
}
