//! Passkeys: making them and signing in with them.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
