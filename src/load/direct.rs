//! Sends straight to the service of this process: the same door as HTTP, without HTTP.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Answer, Method, Outgoing, Sink, SinkError};
use crate::access::Principal;
use crate::fault::{Fault, Kind};
use crate::fhir::outcome;
use crate::rest::route::{self, route};
use crate::rest::{Body, Conditions, Prefer, Request, ReturnPreference};
use crate::service::Service;

/// Makes the service of the thread that calls it.
pub type MakeService = Arc<dyn Fn() -> Result<Service, Fault> + Send + Sync>;

/// A sink into a database that this process reaches itself. Each of its threads has a service of its own, as the
/// threads of the HTTP server have.
pub struct DirectSink(mpsc::Sender<Job>);

struct Job {
    outgoing: Outgoing,
    answer: oneshot::Sender<Result<Answer, Fault>>,
}

impl DirectSink {
    /// Starts `threads` threads; they end when the sink is dropped.
    ///
    /// Whoever can start this command can read the database anyway, so the sink may do everything.
    pub fn new(make: &MakeService, threads: usize) -> std::io::Result<DirectSink> {
        let (sender, receiver) = mpsc::channel(threads);
        let jobs = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let (make, jobs) = (make.clone(), jobs.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            std::thread::Builder::new().name("load".into()).spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, work(make, jobs));
            })?;
        }
        Ok(DirectSink(sender))
    }
}

/// Takes jobs and answers them side by side until there are no more.
async fn work(make: MakeService, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let service = match make() {
        Ok(service) => Rc::new(service),
        Err(fault) => return tracing::error!(?fault, "failed to start a thread of the load"),
    };
    loop {
        let job = jobs.lock().await.recv().await;
        let Some(job) = job else { return };
        let service = service.clone();
        tokio::task::spawn_local(async move {
            // A sender that has given up wants no answer.
            let _ = job.answer.send(answer(&service, job.outgoing).await);
        });
    }
}

async fn answer(service: &Service, outgoing: Outgoing) -> Result<Answer, Fault> {
    let method = match outgoing.method {
        Method::Post => route::Method::Post,
        Method::Put => route::Method::Put,
    };
    let find = |name: &str| outgoing.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
    let request = Request {
        interaction: route(method, &outgoing.path)?,
        query: Vec::new(),
        body: Body::Json(outgoing.body),
        conditions: Conditions { if_none_exist: find("If-None-Exist"), ..Conditions::default() },
        prefer: Prefer { returns: Some(ReturnPreference::Minimal), lenient: false },
        id: "load".into(),
        address: Box::default(),
    };
    let reply = service.perform(&Principal::Unrestricted, request).await?;
    Ok(Answer { status: reply.status, body: reply.body })
}

impl Sink for DirectSink {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, SinkError>> {
        Box::pin(async move {
            let (answer, wait) = oneshot::channel();
            let gone = || SinkError::Unreachable("the threads of the load have ended".into());
            self.0.send(Job { outgoing, answer }).await.map_err(|_| gone())?;
            match wait.await.map_err(|_| gone())? {
                Ok(answer) => Ok(answer),
                Err(fault) if fault.kind() == Kind::Unavailable => Err(SinkError::Unreachable(fault.to_string())),
                Err(fault) => {
                    let body = Bytes::from(outcome::of_fault(&fault).to_string());
                    Ok(Answer { status: fault.status(), body })
                }
            }
        })
    }
}
