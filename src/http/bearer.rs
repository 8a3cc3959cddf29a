//! The Authorization header.
//!
//! RFC 6750: a bearer token, in the header only; a token in the URL would end up in logs.

use super::State;
use crate::access::Principal;
use crate::fault::{Fault, Kind};
use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

pub async fn principal(state: &State, http: &HttpRequest) -> Result<Principal, Fault> {
    let mut values = http.headers().get_all(AUTHORIZATION);
    let header = values.next();
    if values.next().is_some() {
        return Err(Fault::new(Kind::Unauthorized, "there is more than one Authorization header"));
    }
    let text = header.map(|h| h.to_str()).transpose();
    let text = text.map_err(|_| Fault::new(Kind::Unauthorized, "the Authorization header is not plain text"))?;
    state.principal(text).await
}
