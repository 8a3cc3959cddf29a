//! A launch: what an EHR has opened for an app, kept under a handle that is good once.
//!
//! SMART App Launch 2.2, EHR launch and launch context.

use super::Refusal;
use super::refusal::Error;
use crate::store::identity::once::Once;
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// For how long a handle is good: the EHR opens the app at once.
const LAUNCH_S: i64 = 300;

/// What was open in the EHR. Ids are without their types.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The one app that it is for.
    pub client: String,
    /// The one person who may use it: the id of the account.
    pub user: Uuid,
    pub patient: Option<String>,
    pub encounter: Option<String>,
    #[serde(default)]
    pub fhir_context: Vec<Value>,
    pub intent: Option<String>,
    pub need_patient_banner: Option<bool>,
}

/// Keeps a launch and returns its handle.
pub async fn open(store: &Store, launch: &Launch) -> Result<String, StoreError> {
    let handle = crate::account::secret();
    let data = serde_json::to_value(launch).map_err(|e| StoreError::Damaged(e.to_string()))?;
    store.keep_once(Once::Launch, &handle, &data, LAUNCH_S).await?;
    Ok(handle)
}

/// Takes the launch of a handle for a client; from now on the handle is used up.
pub async fn take(store: &Store, handle: &str, client: &str) -> Result<Launch, Refusal> {
    let kept = store.take_once(Once::Launch, handle).await?;
    let launch = kept.and_then(|data| serde_json::from_value::<Launch>(data).ok());
    launch.filter(|launch| launch.client == client).ok_or_else(|| {
        Refusal::new(Error::InvalidRequest, "the launch is not known, was used already, or was opened too long ago")
    })
}
