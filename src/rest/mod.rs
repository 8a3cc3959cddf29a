//! Requests and replies of the FHIR RESTful API, free of any HTTP library: HTTP and Bundle entries share them.

pub mod conditions;
pub mod prefer;
pub mod query;
pub mod reply;
pub mod request;
pub mod route;

pub use conditions::Conditions;
pub use prefer::{Prefer, ReturnPreference};
pub use reply::Reply;
pub use request::{Body, Interaction, Request};
