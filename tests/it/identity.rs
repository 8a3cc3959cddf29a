//! People, their sign-in and their tokens, and the one Health ID of a patient.

mod health_id;
