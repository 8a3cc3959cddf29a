//! Consent and what hangs on it: who sees what, on every way there is to it.

mod binary;
mod everything;
mod labels;
