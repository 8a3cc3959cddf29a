//! Tables of queries and resources.

mod composite;
mod contained;
pub mod dice;
mod expansions;
pub mod expressions;
mod extraction;
mod malformed;
pub mod matching;
mod near;
mod quantity;
mod suites;
mod terminology;
pub mod world;

use super::{Registry, Search, evaluate, parse};
use crate::catalog::Catalog;
use crate::fault::Fault;
use crate::fhir::ResourceType;
use std::sync::{Arc, LazyLock};

pub const BASE_URL: &str = "http://here.example/fhir";

pub static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let catalog = Catalog::load().expect("the definitions in the binary are sound");
    Registry::new(Arc::new(catalog), BASE_URL)
});

pub fn resource_type(name: &str) -> ResourceType {
    ResourceType::parse(name).expect("tests name types of R4")
}

/// Returns the search of `Type?a=b&c=d`, or of `?a=b` for the system level. Nothing is percent-encoded.
pub fn search(query: &str) -> Result<Search, Fault> {
    searched(query, false)
}

pub fn searched(query: &str, lenient: bool) -> Result<Search, Fault> {
    let (name, query) = query.split_once('?').expect("tests write a question mark");
    let base = (!name.is_empty()).then(|| resource_type(name));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_string(), value.to_string())
    };
    let pairs: Vec<_> = query.split('&').filter(|p| !p.is_empty()).map(pair).collect();
    parse(&REGISTRY, base, &pairs, lenient)
}
