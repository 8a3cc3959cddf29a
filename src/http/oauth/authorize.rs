//! `/oauth/authorize`: where an app sends a person's browser.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
