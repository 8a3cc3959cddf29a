//! Settings: read from flags, environment, `medilink.toml` and defaults, in that order, and checked before anything starts.
//!
//! The keys are rows of [`key::KEYS`]; a new setting is one row there and one field here.

mod flags;
mod gather;
mod key;
mod reader;
mod suggest;

use crate::access::consent::Implied;
use crate::audit::Durability;
use crate::oauth::register::Policy;
use crate::outbound::smtp::Relay;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use reader::{ADDRESS, Reader, URL, address, auth, base_of, database_url, days, ips, log_filter, path, text, url};

/// The settings given as flags; flatten it into the arguments of a subcommand.
#[derive(Debug, Clone, Default)]
pub struct Args {
    given: Vec<(&'static str, String)>,
    config: Option<PathBuf>,
}

/// Whether callers must say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    Smart,
    /// Everybody may do everything; only on a loopback listener.
    Off,
}

/// Every setting, checked.
#[derive(Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// A listener for `/metrics` alone; none puts it on `listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// Without a trailing slash.
    pub base_url: String,
    /// None means the embedded cluster. May hold a password: never log it.
    pub database_url: Option<String>,
    pub data_dir: PathBuf,
    /// Proxies in front, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    pub auth: Auth,
    pub mllp_listen: Option<SocketAddr>,
    pub mllp_tls_cert: Option<PathBuf>,
    pub mllp_tls_key: Option<PathBuf>,
    /// Authorities of the certificates that senders of HL7 v2 must show.
    pub mllp_tls_client_ca: Option<PathBuf>,
    /// How long the text of a message is kept that was worked off; none: for good.
    pub hl7_raw_days: Option<u32>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// A `tracing` filter such as `info` or `medilink=debug,warn`.
    pub log: String,
    /// Without a trailing slash.
    pub canonical_base: String,
    /// HTTP worker threads, never 0 here.
    pub workers: usize,
    /// Database connections of each worker.
    pub pool_size: usize,
    /// The name of this installation, on its pages.
    pub name: String,
    /// A signing key of this age gets a successor.
    pub signing_key_days: u64,
    /// When the audit row of a read is safe.
    pub audit_sync: Durability,
    /// Audit rows of reads that may wait for the database.
    pub audit_spool_bytes_max: u64,
    /// An outside identity provider.
    pub federation: Option<Federation>,
    /// Where mail is handed over; none: no mail is sent. Holds a secret.
    pub mail: Option<Relay>,
    /// Which apps may register themselves.
    pub registration: Policy,
    /// What holds where no Consent says anything.
    pub consent_default: Implied,
    /// Whether what is stored gets security labels by its codes.
    pub sensitivity_labels: bool,
    pub limits: Limits,
    /// What is odd but not wrong; to be logged once logging is up.
    pub warnings: Vec<String>,
}

/// An outside OpenID provider, and what this server is there. Holds a secret: never log it.
#[derive(Clone)]
pub struct Federation {
    /// As the provider writes it, to the last slash.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<String>,
    pub name: String,
}

/// Everything has a limit.
#[derive(Debug, Clone)]
pub struct Limits {
    pub body_bytes_max: usize,
    pub depth_max: usize,
    pub bundle_entries_max: usize,
    pub url_bytes_max: usize,
    pub request_time_ms_max: u64,
    /// How long a request waits for a database connection before it is answered 503.
    pub database_wait_ms_max: u64,
    /// How long a stopping server waits for the requests it has begun.
    pub shutdown_time_ms_max: u64,
    pub page_size_default: usize,
    pub page_size_max: usize,
    /// How long the link of a page holds.
    pub cursor_time_s_max: u64,
    /// Resources that one conditional delete may remove.
    pub conditional_delete_max: usize,
    /// How long a session of a person may be unused.
    pub session_idle_s_max: u64,
    /// How long a session of a person may last.
    pub session_s_max: u64,
    pub mllp_connections_max: usize,
    pub mllp_frame_bytes_max: usize,
}

/// One line for each thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingsError(pub Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for SettingsError {}

impl Args {
    /// Returns the settings, or every mistake in them: wrong settings are a usage error (exit code 2).
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let env: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let file = gather::read_file(self.config.as_deref(), &env).map_err(|problem| SettingsError(vec![problem]))?;
        resolve(self, &env, file.as_ref().map(|(path, text)| (path.as_str(), text.as_str())))
    }
}

fn resolve(args: &Args, env: &[(String, String)], file: Option<(&str, &str)>) -> Result<Settings, SettingsError> {
    let gathered = gather::gather(&args.given, env, file);
    let mut reader = Reader { given: gathered.given, problems: gathered.problems };
    let mut settings = build(&mut reader);
    cross_check(&mut reader, &mut settings);
    settings.warnings.extend(gathered.warnings);
    if reader.problems.is_empty() { Ok(settings) } else { Err(SettingsError(reader.problems)) }
}

fn build(read: &mut Reader) -> Settings {
    let listen = read.one("listen", ADDRESS, address);
    let base_url = read.optional("base_url", URL, url).unwrap_or_else(|| base_of(listen));
    let workers = read.number("workers", 0, 1024) as usize;
    Settings {
        listen,
        metrics_listen: read.optional("metrics_listen", ADDRESS, address),
        base_url,
        database_url: read.optional("database_url", "postgres://user@host:port/database", database_url),
        data_dir: read.one("data_dir", "a folder", path),
        trusted_proxies: read
            .optional("trusted_proxies", "addresses such as 10.0.0.1,10.0.0.2", ips)
            .unwrap_or_default(),
        auth: read.one("auth", "smart or off", auth),
        mllp_listen: read.optional("mllp_listen", ADDRESS, address),
        mllp_tls_cert: read.optional("mllp_tls_cert", "a PEM file", path),
        mllp_tls_key: read.optional("mllp_tls_key", "a PEM file", path),
        mllp_tls_client_ca: read.optional("mllp_tls_client_ca", "a PEM file", path),
        hl7_raw_days: read.optional("hl7_raw_days", "a number of days from 1 to 36500", days),
        tls_cert: read.optional("tls_cert", "a PEM file", path),
        tls_key: read.optional("tls_key", "a PEM file", path),
        log: read.one("log", "a filter such as info or medilink=debug,warn", log_filter),
        canonical_base: read.one("canonical_base", URL, url),
        workers: if workers == 0 { std::thread::available_parallelism().map_or(2, |n| n.get()) } else { workers },
        pool_size: read.number("pool_size", 1, 256) as usize,
        name: read.one("name", "a name", |text| (!text.trim().is_empty()).then(|| text.trim().to_string())),
        signing_key_days: read.number("signing_key_days", 1, 3_650),
        audit_sync: read.one("audit_sync", "process or disk", Durability::parse),
        audit_spool_bytes_max: read.number("audit_spool_bytes_max", 1 << 16, 1 << 40),
        federation: federation(read),
        mail: mail(read),
        registration: read.one("registration", "open, approved or closed", Policy::parse),
        consent_default: read.one("consent_default", "treatment, permit or deny", Implied::parse),
        sensitivity_labels: read.one("sensitivity_labels", "on or off", |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }),
        limits: Limits {
            body_bytes_max: read.number("body_bytes_max", 1024, 4 << 30) as usize,
            // The stack of a worker holds this depth several times over; far more would not.
            depth_max: read.number("depth_max", 8, 256) as usize,
            bundle_entries_max: read.number("bundle_entries_max", 1, 1_000_000) as usize,
            url_bytes_max: read.number("url_bytes_max", 256, 65_536) as usize,
            request_time_ms_max: read.number("request_time_ms_max", 100, 86_400_000),
            database_wait_ms_max: read.number("database_wait_ms_max", 10, 600_000),
            shutdown_time_ms_max: read.number("shutdown_time_ms_max", 0, 600_000),
            page_size_default: read.number("page_size_default", 1, 100_000) as usize,
            page_size_max: read.number("page_size_max", 1, 100_000) as usize,
            cursor_time_s_max: read.number("cursor_time_s_max", 1, 31_536_000),
            conditional_delete_max: read.number("conditional_delete_max", 1, 1_000_000) as usize,
            session_idle_s_max: read.number("session_idle_s_max", 10, 31_536_000),
            session_s_max: read.number("session_s_max", 10, 31_536_000),
            mllp_connections_max: read.number("mllp_connections_max", 1, 65_536) as usize,
            mllp_frame_bytes_max: read.number("mllp_frame_bytes_max", 1024, 1 << 30) as usize,
        },
        warnings: Vec::new(),
    }
}

/// Reads the outside provider; what belongs together must be there together.
fn federation(read: &mut Reader) -> Option<Federation> {
    let issuer = read.optional("federation_issuer", URL, |text| url(text).map(|_| text.to_string()));
    let client_id = read.optional("federation_client_id", "an id", text);
    let client_secret = read.optional("federation_client_secret", "a secret", text);
    let name = read.optional("federation_name", "a name", text);
    for (key, needs) in [("federation_issuer", "federation_client_id"), ("federation_client_id", "federation_issuer")] {
        if read.is_set(key) && !read.is_set(needs) {
            let origin = read.origin(key);
            read.problems.push(format!("{key} ({origin}): needs {needs} too"));
        }
    }
    let (issuer, client_id) = issuer.zip(client_id)?;
    let host = issuer.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_string();
    Some(Federation { issuer, client_id, client_secret, name: name.unwrap_or(host) })
}

/// Reads where mail is handed over and who it is from: both or neither.
fn mail(read: &mut Reader) -> Option<Relay> {
    // Of an address alone it is told whether mail could come from it.
    const ANY_RELAY: &str = "smtp://localhost";
    const ANY_SENDER: &str = "anybody@localhost";
    let url = "smtp://user:password@host:587 or smtps://user:password@host";
    let url = read.optional("smtp_url", url, |text| Relay::parse(text, ANY_SENDER).map(|_| text.to_string()));
    let from = "an address such as Clinic <notices@clinic.example>";
    let from = read.optional("mail_from", from, |text| Relay::parse(ANY_RELAY, text).map(|_| text.to_string()));
    for (key, needs) in [("smtp_url", "mail_from"), ("mail_from", "smtp_url")] {
        if read.is_set(key) && !read.is_set(needs) {
            let origin = read.origin(key);
            read.problems.push(format!("{key} ({origin}): needs {needs} too"));
        }
    }
    url.zip(from).and_then(|(url, from)| Relay::parse(&url, &from))
}

/// Checks what no single key can know.
fn cross_check(read: &mut Reader, settings: &mut Settings) {
    if settings.auth == Auth::Off && !settings.listen.ip().is_loopback() {
        let (auth, listen) = (read.origin("auth"), read.origin("listen"));
        read.problems.push(format!(
            "auth = \"off\" ({auth}): allowed only on a loopback listener such as 127.0.0.1:8080, \
             but listen is \"{}\" ({listen})",
            settings.listen
        ));
    }
    let limits = &settings.limits;
    if limits.page_size_default > limits.page_size_max {
        let origin = read.origin("page_size_default");
        read.problems.push(format!(
            "page_size_default = \"{}\" ({origin}): allowed is at most page_size_max, which is {}",
            limits.page_size_default, limits.page_size_max
        ));
    }
    for (cert, key) in [("tls_cert", "tls_key"), ("mllp_tls_cert", "mllp_tls_key")] {
        match (read.is_set(cert), read.is_set(key)) {
            (true, true) if cert == "tls_cert" => {
                settings.warnings.push(format!("{cert} is set, but this version does not serve TLS yet"));
            }
            (true, true) => {}
            (true, false) => read.problems.push(format!("{cert} ({}): needs {key} too", read.origin(cert))),
            (false, true) => read.problems.push(format!("{key} ({}): needs {cert} too", read.origin(key))),
            (false, false) => {}
        }
    }
    cross_check_mllp(read, settings);
    if settings.auth == Auth::Off {
        settings.warnings.push("auth is off: whoever reaches this listener may read and change everything".to_string());
    }
}

/// The protocol itself asks nobody who they are.
fn cross_check_mllp(read: &mut Reader, settings: &mut Settings) {
    if settings.mllp_tls_client_ca.is_some() && settings.mllp_tls_cert.is_none() {
        let origin = read.origin("mllp_tls_client_ca");
        read.problems.push(format!("mllp_tls_client_ca ({origin}): needs mllp_tls_cert and mllp_tls_key too"));
    }
    if let Some(listen) = settings.mllp_listen.filter(|listen| !listen.ip().is_loopback())
        && settings.mllp_tls_client_ca.is_none()
    {
        settings.warnings.push(format!(
            "whoever reaches {listen} may send HL7 v2 messages: mllp_tls_client_ca asks senders for certificates"
        ));
    }
}

#[cfg(test)]
mod tests;
