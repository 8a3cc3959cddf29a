//! The apps that a person has let in.

use actix_web::web;

pub fn routes(_config: &mut web::ServiceConfig) {}
