//! The server under test: the real binary on a free port, with a fresh database in a cluster that all tests share.
//!
//! A keeper process outlives the tests: when their pipe to it closes, however they ended, it kills what is left of
//! servers and PostgreSQL and removes the folder.

mod database;
mod keeper;

pub use database::{database, rows, run};

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use medilink::oauth::{Claims, Keys};
use tokio_postgres::Row;

use self::keeper::{FOLDER, make_folder};
use crate::client::Client;

const BINARY: &str = env!("CARGO_BIN_EXE_medilink");
const READY_TIME_MAX: Duration = Duration::from_secs(90);

static APPS: AtomicUsize = AtomicUsize::new(0);

/// What a server is started with.
#[derive(Default)]
pub struct Builder {
    flags: Vec<String>,
    secured: bool,
    demo: bool,
    embedded: bool,
    mllp: bool,
    database_url: Option<String>,
    data_dir: Option<PathBuf>,
}

/// A running server; dropping it kills it.
pub struct TestApp {
    flags: Vec<String>,
    demo: bool,
    folder: PathBuf,
    base: String,
    mllp: Option<u16>,
    database_url: Option<String>,
    process: Mutex<Option<Child>>,
    client: Client,
}

/// A server that many tests use side by side, and how long its log was when a test began with it.
pub struct Shared(&'static TestApp, usize);

impl Builder {
    /// Adds a setting, such as `("body-bytes-max", "2048")`.
    pub fn set(mut self, flag: &str, value: &str) -> Builder {
        self.flags.extend([format!("--{flag}"), value.to_string()]);
        self
    }

    /// Demands access tokens.
    pub fn secured(mut self) -> Builder {
        self.secured = true;
        self
    }

    /// Loads the demo hospital, with its people.
    pub fn demo(mut self) -> Builder {
        self.demo = true;
        self
    }

    /// Lets the server run a private cluster of its own.
    pub fn embedded(mut self) -> Builder {
        self.embedded = true;
        self
    }

    /// Lets the server listen for HL7 v2, too.
    pub fn mllp(mut self) -> Builder {
        self.mllp = true;
        self
    }

    /// Lets the server use this database instead of a fresh one.
    pub fn database(mut self, url: &str) -> Builder {
        self.database_url = Some(url.to_string());
        self
    }

    /// Lets the server use this data folder instead of one of its own.
    pub fn data_dir(mut self, folder: &Path) -> Builder {
        self.data_dir = Some(folder.to_path_buf());
        self
    }

    pub fn start(self) -> TestApp {
        let number = APPS.fetch_add(1, Ordering::Relaxed);
        let folder = FOLDER.join(format!("app{number}"));
        make_folder(&folder);
        let data_dir = self.data_dir.clone().unwrap_or_else(|| folder.join("data"));
        let fresh = || (!self.embedded).then(|| database(&format!("app{number}")));
        let database_url = self.database_url.clone().or_else(fresh);
        // A port that was free a moment ago may be taken by now; then the next one is tried.
        for _ in 0..5 {
            let port = free_port();
            let base = format!("http://127.0.0.1:{port}/fhir");
            let mut flags = vec!["--listen".to_string(), format!("127.0.0.1:{port}")];
            flags.extend(["--data-dir".to_string(), data_dir.display().to_string()]);
            flags.extend(["--auth".to_string(), if self.secured { "smart" } else { "off" }.to_string()]);
            let mllp = self.mllp.then(free_port);
            let mllp_listen = mllp.map(|port| format!("127.0.0.1:{port}")).unwrap_or_default();
            flags.extend(["--mllp-listen", &mllp_listen, "--workers", "2"].map(String::from));
            if !self.flags.iter().any(|flag| flag == "--consent-default") {
                // Tests of other things are not about who cares for whom.
                flags.extend(["--consent-default", "permit"].map(String::from));
            }
            if let Some(url) = &database_url {
                flags.extend(["--database-url".to_string(), url.clone()]);
            }
            flags.extend(self.flags.iter().cloned());
            let app = TestApp {
                flags,
                demo: self.demo,
                folder: folder.clone(),
                client: Client::new(&base),
                base,
                mllp,
                database_url: database_url.clone(),
                process: Mutex::new(None),
            };
            if app.launch() {
                return app;
            }
        }
        panic!("five ports in a row were taken while the server started");
    }
}

impl TestApp {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns a server without security on a database of its own.
    pub fn start() -> TestApp {
        Builder::default().start()
    }

    /// Returns the server without security that all tests share which need no database of their own.
    pub fn shared() -> Shared {
        static APP: OnceLock<TestApp> = OnceLock::new();
        let app = APP.get_or_init(TestApp::start);
        Shared(app, app.log().len())
    }

    /// Returns the FHIR base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns where the server listens for HL7 v2.
    pub fn mllp(&self) -> SocketAddr {
        let port = self.mllp.expect("a server that was started with mllp()");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns a client whose token has these scopes, signed by `medilink token` on the server's own host.
    pub fn client_with(&self, scope: &str) -> Client {
        self.client.with_token(&self.token(scope))
    }

    pub fn token(&self, scope: &str) -> String {
        let output = self
            .command("token")
            .args(["--scope", scope, "--subject", "Practitioner/test"])
            .output()
            .expect("the binary runs");
        assert!(output.status.success(), "medilink token: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a token is text").trim().to_string()
    }

    /// Returns a token signed with the server's own key, with claims that `medilink token` would not give.
    pub fn forged(&self, change: impl FnOnce(&mut Claims)) -> String {
        let keys = Keys::load_or_create(&self.folder.join("data")).expect("the server's key is there");
        let mut claims = Claims::new(&self.base, "Practitioner/test", "system/*.cruds", 3600);
        change(&mut claims);
        claims.sign(&keys).expect("claims can be signed")
    }

    /// Runs another command, such as `keys rotate`, with the server's settings and returns how it ended.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name).args(arguments).output().expect("the binary runs")
    }

    /// The same for a command that reads something.
    pub fn run_fed(&self, name: &str, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("it was asked for");
        // A command that refuses its arguments reads nothing.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("the command can be waited for")
    }

    /// Returns the data folder of a server that was given none.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Kills the server without a chance to finish anything.
    pub fn kill9(&self) {
        if let Some(mut child) = self.lock().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_file(self.pid_file());
    }

    /// Starts the server again, on the same address and database, after [`TestApp::kill9`] or a stop.
    pub fn restart(&self) {
        self.kill9();
        assert!(self.launch(), "the address was taken while the server was away");
    }

    /// Asks the server to stop and waits for its end; returns whether it ended well.
    pub fn stop(&self) -> bool {
        let Some(mut child) = self.lock().take() else {
            return true;
        };
        terminate(child.id());
        let ended = child.wait().expect("the server can be waited for");
        let _ = fs::remove_file(self.pid_file());
        ended.success()
    }

    /// Returns the process id of the server.
    pub fn pid(&self) -> u32 {
        self.lock().as_ref().expect("the server runs").id()
    }

    /// Returns the process id of the PostgreSQL of a server with a cluster of its own.
    pub fn postmaster(&self) -> u32 {
        self.postmaster_now().expect("the cluster runs")
    }

    /// As [`TestApp::postmaster`]; none where PostgreSQL is just starting.
    pub fn postmaster_now(&self) -> Option<u32> {
        let text = fs::read_to_string(self.folder.join("data/postgres/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Returns the URL of the database, for a test that wants to look inside.
    pub fn database_url(&self) -> String {
        let socket = self.folder.join("data/socket").display().to_string().replace('/', "%2F");
        self.database_url.clone().unwrap_or_else(|| format!("postgres://medilink@{socket}/medilink"))
    }

    /// Returns the rows of a query on the server's database.
    pub fn sql(&self, query: &str) -> Vec<Row> {
        rows(&self.database_url(), query)
    }

    /// Returns what the server has written to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("pid")
    }

    /// Returns the command with the server's settings and nothing of the caller's.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(BINARY);
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("MEDILINK_") || text.starts_with("PG") || text == "DATABASE_URL" {
                command.env_remove(&variable);
            }
        }
        command.current_dir(&self.folder).args(name.split(' ')).args(&self.flags).stdin(Stdio::null());
        command
    }

    /// Returns false when the server ended because its address was taken.
    fn launch(&self) -> bool {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"));
        let log = log.expect("a log can be written");
        let mut command = self.command("serve");
        command.args(self.demo.then_some("--demo"));
        command.stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        let child = command.spawn().expect("the binary runs");
        fs::write(self.pid_file(), child.id().to_string()).expect("a file can be written");
        *self.lock() = Some(child);
        let began = Instant::now();
        loop {
            let ended = self.lock().as_mut().expect("it was just started").try_wait().expect("it can be asked");
            if let Some(ended) = ended {
                self.kill9();
                let log = self.log();
                if log.to_lowercase().contains("address already in use") {
                    return false;
                }
                panic!("the server ended ({ended}) instead of starting:\n{}", tail(&log));
            }
            let answer = self.client.try_request("GET", "/health/ready", &[], b"");
            if answer.is_ok_and(|answer| answer.status == 200) {
                return true;
            }
            assert!(began.elapsed() < READY_TIME_MAX, "the server is not ready:\n{}", tail(&self.log()));
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Prints the log of a failed test, and fails one in whose time a thread of the server has panicked.
    fn look_at_log(&self, from: usize) {
        let log = self.log();
        let since = log.get(from..).unwrap_or(&log);
        if std::thread::panicking() {
            eprintln!("---- end of the log of {} ----\n{}", self.base, tail(since));
        } else if let Some(at) = since.find("panicked at") {
            let told: String = since[at..].chars().take(2000).collect();
            panic!("a thread of the server {told}");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if self.database_url.is_none() {
            // It stops its own cluster only when it may end in peace.
            self.stop();
        }
        self.kill9();
        self.look_at_log(0);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Deref for Shared {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.look_at_log(self.1);
    }
}

/// Tells whether `MEDILINK_TEST_ALL=1` asks for the long form of tests that have one.
pub fn wants_all() -> bool {
    std::env::var("MEDILINK_TEST_ALL").is_ok_and(|value| value == "1")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

fn terminate(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the server can be told to stop");
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
