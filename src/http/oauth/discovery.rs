//! What clients read before they ask: configuration, keys, brands, style.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
