//! The addresses of the server and the life of a request.

use super::{HttpSettings, State, adapt, bearer, binary, cors, health, oauth, pages, render};
use crate::access::Principal;
use crate::fault::{Fault, Kind};
use crate::rest::{Reply, Request};
use crate::service::Service;
use actix_web::http::Method;
use actix_web::middleware::Compress;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// Serves until it is told to stop; then finishes what it has begun.
///
/// `service` is called once in every worker thread.
pub async fn serve(
    settings: HttpSettings,
    service: Arc<dyn Fn() -> Result<Service, Fault> + Send + Sync>,
    metrics: PrometheusHandle,
) -> std::io::Result<()> {
    let (base_url, secured) = (settings.base_url.clone(), settings.security.is_some());
    let (listen, workers, shutdown) = (settings.listen, settings.workers, settings.shutdown_time);
    if let Some(listen) = settings.metrics_listen {
        let metrics = metrics.clone();
        let server =
            HttpServer::new(move || App::new().app_data(web::Data::new(metrics.clone())).service(metrics_page()));
        tokio::spawn(server.workers(1).disable_signals().bind(listen)?.run());
    }
    let server = HttpServer::new(move || {
        // Without a service a worker cannot answer anything: the start fails, and says why.
        let service = service().unwrap_or_else(|fault| panic!("failed to start a worker: {fault:?}"));
        let app = App::new()
            .wrap(Compress::default())
            .app_data(web::Data::new(State::new(service, settings.clone())))
            .app_data(web::Data::new(metrics.clone()))
            .route("/health/live", web::get().to(health::live))
            .route("/health/ready", web::get().to(health::ready))
            .configure(|config| addresses(config, &settings.base_path))
            .default_service(web::to(elsewhere));
        if settings.metrics_listen.is_none() { app.service(metrics_page()) } else { app }
    });
    let bound = server
        .workers(workers)
        .shutdown_timeout(shutdown.as_secs().max(1))
        .max_connections(10_000)
        .client_request_timeout(std::time::Duration::from_secs(15))
        .keep_alive(std::time::Duration::from_secs(75))
        .server_hostname("medilink")
        .bind(listen)?;
    tracing::info!(%listen, base_url, secured, "serving");
    bound.run().await
}

/// Adds the addresses of the FHIR API, the authorization server and the pages.
///
/// They are tried in their order, so the FHIR API comes first; but where it has no path of its own it would take all.
fn addresses(config: &mut web::ServiceConfig, base_path: &str) {
    let api = |config: &mut web::ServiceConfig| {
        oauth::routes_below(config, base_path);
        pages::routes_below(config, base_path);
        config.route(base_path, web::route().to(fhir));
        config.route(&format!("{base_path}/{{path:.*}}"), web::route().to(fhir));
    };
    if !base_path.is_empty() {
        api(config);
    }
    config.configure(oauth::routes).configure(pages::routes);
    if base_path.is_empty() {
        api(config);
    }
}

fn metrics_page() -> actix_web::Resource {
    web::resource("/metrics").route(web::get().to(async |handle: web::Data<PrometheusHandle>| {
        HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(handle.render())
    }))
}

async fn elsewhere(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let wanted = render::Wanted::default();
    let text = format!("there is nothing at this address; the FHIR API is at {}", state.settings.base_path);
    let mut response = render::fault(&state, &wanted, &Fault::new(Kind::NotFound, text));
    render::finish(&mut response, &http, &adapt::request_id(&http));
    response
}

/// Answers one request at the FHIR base.
async fn fhir(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    let started = Instant::now();
    let id = adapt::request_id(&http);
    if http.method() == Method::OPTIONS {
        return options(&http, &state, &id);
    }
    let (wanted, wish) = adapt::wanted(&state, &http);
    let is_native = matches!(&wish, Err(fault) if fault.kind() == Kind::NotAcceptable)
        && binary::is_read(http.method().as_str(), adapt::below_base(&state, &http));
    let mut interaction = ("none", None);
    let time = state.settings.request_time;
    let work = async {
        if !is_native {
            wish?;
        }
        let principal = bearer::principal(&state, &http).await;
        // Nobody's body is read before it is known who sends it.
        let payload = matches!(&principal, Ok(known) if *known != Principal::Anonymous).then_some(payload);
        let request: Request = adapt::request(&state, &http, payload, id.clone()).await?;
        interaction = (request.interaction.code(), request.interaction.resource_type());
        match principal {
            Ok(principal) => state.service.perform(&principal, request).await,
            Err(fault) => state.service.refuse(&request, fault).await,
        }
    };
    // A panic is a mistake of ours and must not leave a client without an answer.
    let work = AssertUnwindSafe(work).catch_unwind().map(|done| {
        done.unwrap_or_else(|_| Err(Fault::internal("a request panicked", "the message was written when it did")))
    });
    let done = tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
        let text = format!("the request was not done within {} ms", time.as_millis());
        Err(Fault::new(Kind::Timeout, text))
    });
    let mut response = match done {
        Ok(reply) if is_native && reply.status == 200 => {
            binary::respond(reply).unwrap_or_else(|fault| respond(&state, &wanted, Err(fault), &id))
        }
        done => respond(&state, &wanted, done, &id),
    };
    render::finish(&mut response, &http, &id);
    let took = started.elapsed();
    state.meter.record(interaction.0, interaction.1, response.status().as_u16(), took);
    tracing::debug!(request = %id, interaction = interaction.0, status = response.status().as_u16(), ?took, "answered");
    response
}

fn respond(state: &State, wanted: &render::Wanted, done: Result<Reply, Fault>, id: &str) -> HttpResponse {
    let fault = match done.and_then(|reply| render::reply(state, wanted, reply)) {
        Ok(response) => return response,
        Err(fault) => fault,
    };
    // Logged once, here: what is ours to mend as an error, what is the client's not at all.
    match fault.kind() {
        Kind::Internal => tracing::error!(request = %id, fault = ?fault, "failed"),
        Kind::Unavailable | Kind::Timeout | Kind::Conflict => tracing::warn!(request = %id, fault = ?fault, "not done"),
        _ => tracing::debug!(request = %id, status = fault.status(), "refused"),
    }
    render::fault(state, wanted, &fault)
}

/// Answers OPTIONS: a preflight, or the methods of an address.
fn options(http: &HttpRequest, state: &State, id: &str) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let allowed = adapt::allowed_methods(adapt::below_base(state, http));
    if let Ok(value) = allowed.parse() {
        response.headers_mut().insert(actix_web::http::header::ALLOW, value);
    }
    cors::preflight(response.headers_mut());
    render::finish(&mut response, http, id);
    response
}
