//! HL7 v2 messages: read, converted to FHIR R4 by maps that are data, and acknowledged. Pure: no network and no database.
//!
//! Message: HL7 v2.1 to v2.9 chapter 2. Conversion: the v2-to-FHIR guide, <http://hl7.org/fhir/uv/v2mappings>. A message is read
//! into [`message::Message`], its segments are hung below each other by [`tree`], [`event`] says what its event asks for, and
//! [`convert`] leaves [`draft::Draft`]s, which say of a resource what the message says of it and how it is recognized.

pub mod ack;
pub mod batch;
pub mod bundle;
pub mod charset;
pub mod convert;
pub mod ctx;
pub mod datatype;
pub mod draft;
mod escape;
pub mod event;
mod keys;
pub mod layout;
pub mod links;
pub mod map;
pub mod message;
pub mod network;
mod nobody;
pub mod problem;
pub mod rules;
pub mod segment;
pub mod settings;
pub mod table;
pub mod tree;
pub mod update;

pub use convert::{Conversion, convert};
pub use message::Message;
pub use problem::{Code, Place, Problem};
