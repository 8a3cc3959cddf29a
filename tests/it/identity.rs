//! People, clients, tokens, what these reach, and the one Health ID of a patient.

mod health_id;
mod keys;
mod limits;
mod tokens;
