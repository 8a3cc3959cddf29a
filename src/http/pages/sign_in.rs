//! Signing in and out: password, second factor, new password by link.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
