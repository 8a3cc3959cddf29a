//! The listener: worker threads that accept connections and serve them, up to a limit, until the server stops.

use super::connection::{self, Ground, Times, fault};
use super::{HandlerFactory, Peer, tls};
use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio_rustls::TlsAcceptor;

/// How long a handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// A connection on which nothing was sent for so long is asked whether it is still there, and again after so long.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
/// A pause where a connection cannot be accepted, such as for want of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What the listener is told at start.
#[derive(Clone)]
pub struct MllpSettings {
    pub listen: SocketAddr,
    pub workers: usize,
    pub connections_max: usize,
    pub frame_bytes_max: usize,
    /// How long a message may be in process.
    pub request_time: Duration,
    /// How long a stopping server waits for what it has begun.
    pub shutdown_time: Duration,
    /// None: what is sent may be read on its way.
    pub tls: Option<Arc<ServerConfig>>,
}

/// A listener at work.
pub struct Running {
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

/// Stops a listener.
#[derive(Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Lets nobody connect any more, and connections end after the message that is in process or on its way.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}

/// Begins to listen. `factory` is called once in every worker thread.
pub fn start(settings: &MllpSettings, factory: HandlerFactory) -> io::Result<Running> {
    let socket = std::net::TcpListener::bind(settings.listen)?;
    socket.set_nonblocking(true)?;
    let house = Arc::new(House::default());
    let (stop, stopped) = watch::channel(false);
    let mut running = Running { stop: Stop(stop), threads: Vec::new() };
    for number in 0..settings.workers.max(1) {
        let (told, ready) = mpsc::sync_channel(1);
        let socket = socket.try_clone()?;
        let worker = Worker {
            settings: settings.clone(),
            house: house.clone(),
            factory: factory.clone(),
            stop: stopped.clone(),
        };
        let thread =
            std::thread::Builder::new().name(format!("mllp-{number}")).spawn(move || worker.run(socket, &told))?;
        running.threads.push(thread);
        let answer = ready.recv().unwrap_or_else(|_| Err(io::Error::other("a worker ended at its start")));
        if let Err(error) = answer {
            running.stop.begin();
            return Err(error);
        }
    }
    let secured = settings.tls.is_some();
    tracing::info!(listen = %settings.listen, secured, "listening for HL7 v2");
    Ok(running)
}

impl Running {
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Stops, and waits until everything that was begun is answered or the time for it is over.
    pub async fn end(self) {
        self.stop.begin();
        let joined = tokio::task::spawn_blocking(move || {
            for thread in self.threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the listener for HL7 v2 broke off");
                }
            }
        });
        // It cannot fail: nothing in it panics, and nobody aborts it.
        let _ = joined.await;
    }
}

/// What all workers share.
#[derive(Default)]
struct House {
    connections: AtomicUsize,
    /// Whether it was said in the log that it is full.
    is_full: AtomicBool,
}

/// A place in the house; given back when dropped.
struct Guest(Arc<House>);

impl House {
    fn enter(self: &Arc<House>, connections_max: usize) -> Option<Guest> {
        let there = self.connections.fetch_add(1, Ordering::AcqRel) + 1;
        metrics::gauge!("medilink_mllp_connections").increment(1.0);
        let guest = Guest(self.clone());
        if there > connections_max {
            if !self.is_full.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    connections_max,
                    "there are as many connections for HL7 v2 as may be; others are closed"
                );
            }
            return None;
        }
        if there < connections_max {
            self.is_full.store(false, Ordering::Relaxed);
        }
        Some(guest)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!("medilink_mllp_connections").decrement(1.0);
    }
}

struct Worker {
    settings: MllpSettings,
    house: Arc<House>,
    factory: HandlerFactory,
    stop: watch::Receiver<bool>,
}

impl Worker {
    /// Works until the server stops; tells once whether it could begin.
    fn run(&self, socket: std::net::TcpListener, told: &mpsc::SyncSender<io::Result<()>>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(told.send(Err(error))),
        };
        LocalSet::new().block_on(&runtime, async {
            let begun = self.ground().and_then(|ground| Ok((ground, TcpListener::from_std(socket)?)));
            match begun {
                Ok((ground, listener)) => {
                    drop(told.send(Ok(())));
                    self.accept(listener, Rc::new(ground)).await;
                }
                Err(error) => drop(told.send(Err(error))),
            }
        });
    }

    fn ground(&self) -> io::Result<Ground> {
        let handler = (self.factory)().map_err(|fault| io::Error::other(format!("{fault:?}")))?;
        let (frame_bytes_max, times) = (self.settings.frame_bytes_max, Times::new(self.settings.request_time));
        Ok(Ground { handler, frame_bytes_max, times, stop: self.stop.clone() })
    }

    /// Accepts until the server stops, and then waits for the connections to end.
    async fn accept(&self, listener: TcpListener, ground: Rc<Ground>) {
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => self.begin(stream, address, &ground, &mut connections),
                    Err(error) => {
                        tracing::warn!(%error, "a connection for HL7 v2 could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        let drained = tokio::time::timeout(self.settings.shutdown_time, async {
            while connections.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(connections = connections.len(), "connections for HL7 v2 were broken off");
        }
    }

    fn begin(&self, stream: TcpStream, address: SocketAddr, ground: &Rc<Ground>, connections: &mut JoinSet<()>) {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let peer = Peer { address, certificate_name: None };
        metrics::counter!("medilink_mllp_connections_total").increment(1);
        let Some(guest) = self.house.enter(self.settings.connections_max) else {
            return fault("over_limit", &peer);
        };
        // Without these a connection still works.
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let (ground, tls) = (ground.clone(), self.settings.tls.clone());
        connections.spawn_local(async move {
            match tls {
                None => connection::serve(stream, &peer, &ground).await,
                Some(tls) => secured(stream, peer, &ground, tls).await,
            }
            drop(guest);
        });
    }
}

/// Serves a connection over TLS.
async fn secured(stream: TcpStream, mut peer: Peer, ground: &Ground, config: Arc<ServerConfig>) {
    let mut stop = ground.stop.clone();
    let handshake = tokio::time::timeout(HANDSHAKE_TIME_MAX, TlsAcceptor::from(config).accept(stream));
    let shaken = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => return,
        shaken = handshake => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            peer.certificate_name = shown.and_then(|certificate| tls::common_name(certificate));
            connection::serve(stream, &peer, ground).await;
        }
        Ok(Err(error)) => {
            tracing::info!(peer = %peer.address, %error, "a connection for HL7 v2 was not secured");
            fault("handshake", &peer);
        }
        Err(_) => fault("handshake", &peer),
    }
}
