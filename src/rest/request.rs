//! One enum of every interaction, and the request that carries it.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#summary>.

use super::{Conditions, Prefer};
use crate::fhir::{ResourceId, ResourceType};
use bytes::Bytes;
use serde_json::Value;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    Capabilities,
    /// `POST [base]` with a Bundle; its type tells which of the two.
    BatchOrTransaction,
    Read(ResourceType, ResourceId),
    Vread(ResourceType, ResourceId, String),
    Create(ResourceType),
    Update(ResourceType, ResourceId),
    Patch(ResourceType, ResourceId),
    Delete(ResourceType, ResourceId),
    ConditionalUpdate(ResourceType),
    ConditionalPatch(ResourceType),
    ConditionalDelete(ResourceType),
    HistoryInstance(ResourceType, ResourceId),
    HistoryType(ResourceType),
    HistorySystem,
    SearchType(ResourceType),
    SearchSystem,
    /// Resources of a compartment; `None` is `*`, all types.
    SearchCompartment(ResourceType, ResourceId, Option<ResourceType>),
    Operation {
        name: String,
        by_get: bool,
        resource_type: Option<ResourceType>,
        id: Option<ResourceId>,
    },
}

impl Interaction {
    /// Returns the code of the interaction, as CapabilityStatement and metrics name it.
    pub fn code(&self) -> &'static str {
        match self {
            Interaction::Capabilities => "capabilities",
            Interaction::BatchOrTransaction => "transaction",
            Interaction::Read(..) => "read",
            Interaction::Vread(..) => "vread",
            Interaction::Create(_) => "create",
            Interaction::Update(..) | Interaction::ConditionalUpdate(_) => "update",
            Interaction::Patch(..) | Interaction::ConditionalPatch(_) => "patch",
            Interaction::Delete(..) | Interaction::ConditionalDelete(_) => "delete",
            Interaction::HistoryInstance(..) => "history-instance",
            Interaction::HistoryType(_) => "history-type",
            Interaction::HistorySystem => "history-system",
            Interaction::SearchType(_) => "search-type",
            Interaction::SearchSystem => "search-system",
            Interaction::SearchCompartment(..) => "search-compartment",
            Interaction::Operation { .. } => "operation",
        }
    }

    pub fn resource_type(&self) -> Option<ResourceType> {
        match self {
            Interaction::Read(t, _)
            | Interaction::Vread(t, _, _)
            | Interaction::Create(t)
            | Interaction::Update(t, _)
            | Interaction::Patch(t, _)
            | Interaction::Delete(t, _)
            | Interaction::ConditionalUpdate(t)
            | Interaction::ConditionalPatch(t)
            | Interaction::ConditionalDelete(t)
            | Interaction::HistoryInstance(t, _)
            | Interaction::HistoryType(t)
            | Interaction::SearchType(t)
            | Interaction::SearchCompartment(t, _, _) => Some(*t),
            Interaction::Operation { resource_type, .. } => *resource_type,
            _ => None,
        }
    }

    pub fn id(&self) -> Option<&ResourceId> {
        match self {
            Interaction::Read(_, id)
            | Interaction::Vread(_, id, _)
            | Interaction::Update(_, id)
            | Interaction::Patch(_, id)
            | Interaction::Delete(_, id)
            | Interaction::HistoryInstance(_, id)
            | Interaction::SearchCompartment(_, id, _) => Some(id),
            Interaction::Operation { id, .. } => id.as_ref(),
            _ => None,
        }
    }
}

/// The content that came with a request.
#[derive(Debug, Clone, Default)]
pub enum Body {
    #[default]
    None,
    /// FHIR JSON, not parsed yet.
    Json(Bytes),
    /// FHIR XML, not parsed yet.
    Xml(Bytes),
    /// JSON Patch, not parsed yet.
    JsonPatch(Bytes),
    /// An HL7 v2 message, not decoded yet.
    Hl7(Bytes),
    /// A resource that was parsed already, as in a Bundle entry.
    Value(Box<Value>),
}

/// A request, whatever way it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub interaction: Interaction,
    /// Decoded parameters of the URL, and of the form for a search by POST, in their order.
    pub query: Vec<(String, String)>,
    pub body: Body,
    pub conditions: Conditions,
    pub prefer: Prefer,
    /// Names the request in log and audit.
    pub id: Box<str>,
    /// Where it came from, for the audit; empty where it came from the server itself.
    pub address: Box<str>,
}
