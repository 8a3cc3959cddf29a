//! The integration tests: one binary, so that it is linked once.
//!
//! [`app`] starts the real server, [`client`] speaks to it. Tests that use the public data in `../shared/suites` say so and
//! pass where it is absent.

mod app;
mod audit;
mod bad_input;
mod client;
mod composite_suite;
mod consent;
#[path = "../../src/search/tests/dice.rs"]
mod dice;
mod emergency;
mod faults;
mod feed;
mod feeds;
mod fhirpath_patch_suite;
mod fhirpath_suite;
mod format_suite;
mod hl7v2;
mod hospital;
mod identity;
mod mllp;
mod plans;
mod races;
mod rest;
mod searches;
mod suites;
mod tidy;
