//! What an app asks for, in plain words; and which patient it is about.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
