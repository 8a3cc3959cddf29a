//! `/oauth/token`, `/oauth/introspect`, `/oauth/revoke`, `/oauth/userinfo`.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
