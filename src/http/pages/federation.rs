//! Signing in through an outside identity provider.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
