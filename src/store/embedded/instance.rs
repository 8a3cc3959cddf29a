//! One PostgreSQL instance: starting it, watching it, stopping it.
//!
//! <https://www.postgresql.org/docs/current/server-shutdown.html> for the signals.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::account::Account;
use super::{EmbeddedError, io_error, open_lock};

const WATCH_EVERY: Duration = Duration::from_millis(200);
const STOP_TIME_MAX: Duration = Duration::from_secs(60);

pub struct Instance {
    pub data_dir: PathBuf,
    pub(super) cluster: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) programs: PathBuf,
    pub(super) account: Option<Account>,
    /// The postmaster, where it was us who started it: a dead child must be collected.
    pub(super) child: Mutex<Option<Child>>,
    pub(super) dismissed: AtomicBool,
}

/// Starts the instance again whenever it has died, in a thread of its own, until [`Instance::dismiss`].
pub fn supervise(instance: Arc<Instance>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut complained = false;
        while !instance.dismissed.load(Ordering::Acquire) {
            thread::park_timeout(WATCH_EVERY);
            if instance.is_running() {
                complained = false;
                continue;
            }
            if !complained {
                tracing::error!("the private PostgreSQL cluster has died; starting it again");
            }
            match instance.restart() {
                Ok(()) => {}
                Err(error) if !complained => tracing::error!(%error, "failed to start PostgreSQL again; trying on"),
                Err(_) => {}
            }
            complained = true;
        }
    })
}

impl Instance {
    /// Returns the URL of a database of this instance.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://medilink@{}/{database}", percent_encode(&self.socket_dir))
    }

    /// Tells whether any process of this instance is left.
    pub fn is_running(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(Some(_))) = child.as_mut().map(Child::try_wait) {
            *child = None;
        }
        let held = || match File::open(self.alive_lock()) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        };
        held() || self.postmaster().is_some()
    }

    /// Starts the postmaster; returns false where processes of an earlier one still hold the cluster.
    pub fn spawn(&self) -> Result<bool, EmbeddedError> {
        let alive = open_lock(&self.alive_lock())?;
        match alive.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(io_error("lock the private cluster")(error)),
        }
        if self.postmaster().is_some() {
            return Ok(false);
        }
        // Nobody is left, so these speak of the dead; their process id may by now be somebody else's, and PostgreSQL
        // would believe it.
        for stale in [self.cluster.join("postmaster.pid"), self.socket_dir.join(".s.PGSQL.5432.lock")] {
            remove_if_there(&stale)?;
        }
        self.write_settings()?;
        let log = File::create(self.start_log()).map_err(io_error("create postgres-start.log"))?;
        let errors = log.try_clone().map_err(io_error("share postgres-start.log"))?;
        let mut command = self.command("postgres");
        // Every PostgreSQL process keeps its standard input, and with it the lock.
        command.arg("-D").arg(&self.cluster).stdin(Stdio::from(alive)).stdout(log).stderr(errors);
        // Out of the terminal's group: Ctrl-C there must reach it through us, after our last request.
        command.process_group(0);
        let started = command.spawn().map_err(io_error(format!("run {}/postgres", self.programs.display())))?;
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        Ok(true)
    }

    /// Tells whether PostgreSQL refused to start only because the last one has not quite gone.
    pub fn is_death_passing(&self) -> bool {
        let words = self.last_words();
        words.contains("shared memory block") || words.contains("lock file") || words.is_empty()
    }

    /// Returns the end of what PostgreSQL said when it last started.
    pub fn last_words(&self) -> String {
        let text = fs::read(self.start_log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    /// Ends the supervision.
    pub fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Release);
    }

    /// Gives up our share and, where it was the last, stops PostgreSQL: open transactions roll back.
    ///
    /// Without `wait` nothing here blocks, so it may be called from a destructor.
    pub fn leave(&self, users: File, wait: bool) -> Result<(), EmbeddedError> {
        let _starting = if wait {
            self.lock_start()?
        } else {
            let starting = open_lock(&self.start_lock())?;
            match starting.try_lock() {
                Ok(()) => starting,
                // Somebody starts a server here and will be the last one instead of us.
                Err(_) => return Ok(()),
            }
        };
        users.unlock().map_err(io_error("leave the private cluster"))?;
        if users.try_lock().is_err() {
            return Ok(());
        }
        let Some(postmaster) = self.postmaster() else {
            return Ok(());
        };
        kill_process(postmaster, Signal::INT).map_err(|e| io_error("stop PostgreSQL")(e.into()))?;
        let began = Instant::now();
        while wait && self.is_running() {
            if began.elapsed() > STOP_TIME_MAX {
                return Err(EmbeddedError::NotStarted("it did not stop in time either and was left alone".into()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn restart(&self) -> Result<(), EmbeddedError> {
        let _starting = self.lock_start()?;
        if self.dismissed.load(Ordering::Acquire) || self.is_running() {
            return Ok(());
        }
        self.spawn()?;
        // A death within this time is a failed start; later ones are found by the next round.
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(50));
            if !self.is_running() {
                return Err(EmbeddedError::NotStarted(self.last_words()));
            }
        }
        Ok(())
    }

    /// Returns the live postmaster that the cluster's own lock file names.
    fn postmaster(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.cluster.join("postmaster.pid")).ok()?;
        let number: i32 = text.lines().next()?.trim().parse().ok()?;
        let pid = Pid::from_raw(number).filter(|_| number > 1)?;
        let command = match fs::read(format!("/proc/{number}/cmdline")) {
            Ok(command) => command,
            // No such process; or a system without /proc, where PostgreSQL's own checks must do.
            Err(_) if Path::new("/proc/self/cmdline").exists() => return None,
            Err(_) => return rustix::process::test_kill_process(pid).is_ok().then_some(pid),
        };
        // A number given to another program since, or a zombie (empty), is not it.
        let mut words = command.split(|byte| *byte == 0);
        let is_postgres = words.next().is_some_and(|program| program.ends_with(b"postgres"));
        (is_postgres && words.any(|word| word == self.cluster.as_os_str().as_encoded_bytes())).then_some(pid)
    }

    /// Returns a command that runs as the lesser user, in a folder it can enter, without our PG* variables.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir("/");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    pub(super) fn lock_start(&self) -> Result<File, EmbeddedError> {
        let lock = open_lock(&self.start_lock())?;
        lock.lock().map_err(io_error("wait for another server that starts here"))?;
        Ok(lock)
    }

    fn start_lock(&self) -> PathBuf {
        self.data_dir.join("postgres-start.lock")
    }

    fn alive_lock(&self) -> PathBuf {
        self.data_dir.join("postgres-alive.lock")
    }

    fn start_log(&self) -> PathBuf {
        self.data_dir.join("postgres-start.log")
    }
}

fn percent_encode(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => text.push(*byte as char),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn remove_if_there(path: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error(format!("remove {}", path.display()))(error))
        }
        _ => Ok(()),
    }
}
