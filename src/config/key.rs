//! The table of settings: name, default and help of each.

use std::sync::LazyLock;

/// One setting. Its flag is `--name-with-dashes`, its variable `MEDILINK_NAME_IN_CAPITALS`.
pub struct Key {
    pub name: &'static str,
    pub default: &'static str,
    pub value_name: &'static str,
    pub help: &'static str,
    /// An empty value means none.
    pub optional: bool,
    /// Shown by `--help`, not by `-h`.
    pub rare: bool,
}

impl Key {
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    pub fn variable(&self) -> String {
        format!("MEDILINK_{}", self.name.to_ascii_uppercase())
    }

    pub fn long_help(&self) -> String {
        match self.default {
            "" => self.help.to_string(),
            default => format!("{} [default: {default}]", self.help),
        }
    }
}

/// The flags of [`KEYS`], row by row: clap wants them to live as long as the process.
pub static FLAGS: LazyLock<Vec<String>> = LazyLock::new(|| KEYS.iter().map(Key::flag).collect());

/// How clap knows the flags, row by row: apart from what a command has of its own.
pub static IDS: LazyLock<Vec<String>> =
    LazyLock::new(|| KEYS.iter().map(|key| format!("setting {}", key.name)).collect());

pub const KEYS: &[Key] = &[
    common("listen", "127.0.0.1:8080", "ADDR", "HTTP listener"),
    none_allowed("metrics_listen", "", "ADDR", "Listener for /metrics alone; otherwise it is served on `listen`"),
    none_allowed("base_url", "", "URL", "What goes into links, tokens and discovery; otherwise http://<listen>/fhir"),
    none_allowed(
        "database_url",
        "",
        "URL",
        "PostgreSQL (also DATABASE_URL); otherwise a private cluster in `data_dir`",
    ),
    none_allowed(
        "trusted_proxies",
        "",
        "IPS",
        "Proxies in front of the server, with commas; their X-Forwarded-For says who asks, for limits and the audit",
    ),
    common("data_dir", "./data", "DIR", "Private cluster, text index, keys and export files"),
    common(
        "auth",
        "smart",
        "smart|off",
        "Access tokens are required, or `off`: no protection, loopback listeners only",
    ),
    none_allowed("mllp_listen", "127.0.0.1:2575", "ADDR", "HL7 v2 listener, empty for none"),
    none_allowed("mllp_tls_cert", "", "FILE", "Certificate chain of the HL7 v2 listener, PEM"),
    none_allowed("mllp_tls_key", "", "FILE", "Private key of the HL7 v2 listener, PEM"),
    none_allowed(
        "mllp_tls_client_ca",
        "",
        "FILE",
        "Authorities, PEM, one of which must have signed the certificate of whoever sends HL7 v2",
    ),
    none_allowed(
        "hl7_raw_days",
        "",
        "DAYS",
        "The text of an HL7 v2 message is removed so long after it was worked off; otherwise it is kept for good",
    ),
    rare("mllp_connections_max", "256", "N", "Connections for HL7 v2; more are closed at once"),
    rare("mllp_frame_bytes_max", "16777216", "BYTES", "Longest HL7 v2 message; who sends more is cut off"),
    none_allowed("tls_cert", "", "FILE", "Certificate chain of the HTTP listener, PEM"),
    none_allowed("tls_key", "", "FILE", "Private key of the HTTP listener, PEM"),
    common("log", "info", "FILTER", "Log filter, such as `info` or `medilink=debug,warn`"),
    rare(
        "canonical_base",
        "https://medilink.example/fhir",
        "URL",
        "Where our own definitions have their canonical URLs",
    ),
    common("name", "MediLink", "TEXT", "The name of this installation, on its pages"),
    rare("signing_key_days", "90", "DAYS", "A key that signs tokens gets a successor after so long"),
    none_allowed("federation_issuer", "", "URL", "An outside OpenID provider that people may sign in through"),
    none_allowed("federation_client_id", "", "ID", "What this server is registered as at the outside provider"),
    none_allowed(
        "federation_client_secret",
        "",
        "SECRET",
        "Its secret there; better set by MEDILINK_FEDERATION_CLIENT_SECRET",
    ),
    none_allowed("federation_name", "", "TEXT", "What people call the outside provider; otherwise its host name"),
    none_allowed(
        "smtp_url",
        "",
        "URL",
        "A relay for mail, such as smtp://user:password@mail.example:587 (STARTTLS) or smtps://...; better set by MEDILINK_SMTP_URL",
    ),
    none_allowed("mail_from", "", "ADDRESS", "Who mails come from, such as `Clinic <notices@clinic.example>`"),
    common(
        "registration",
        "open",
        "open|approved|closed",
        "Apps may register themselves: those for patients act at once, others wait for an administrator; or all wait; or none may",
    ),
    common(
        "consent_default",
        "treatment",
        "treatment|permit|deny",
        "Where no Consent says anything: those who care for a patient may see the record, or whoever's role allows it, or nobody",
    ),
    common(
        "audit_sync",
        "process",
        "process|disk",
        "When the audit row of a read is safe: it outlives the process, or it is on the disk and outlives a loss of power",
    ),
    rare("audit_spool_bytes_max", "268435456", "BYTES", "Audit rows of reads that may wait for the database, then 503"),
    common(
        "sensitivity_labels",
        "on",
        "on|off",
        "What is stored gets security labels by its codes: mental health, HIV, sexual health, substance use, genetics, violence",
    ),
    rare("workers", "0", "N", "HTTP worker threads; 0 means one for each processor"),
    rare("pool_size", "8", "N", "Database connections of each worker"),
    rare("body_bytes_max", "67108864", "BYTES", "Largest request body"),
    rare("depth_max", "64", "N", "Deepest nesting of a resource"),
    rare("bundle_entries_max", "10000", "N", "Entries of one batch or transaction"),
    rare("url_bytes_max", "8192", "BYTES", "Longest request URL"),
    rare("request_time_ms_max", "60000", "MS", "Longest time for one request"),
    rare("database_wait_ms_max", "5000", "MS", "Longest wait for a database connection, then 503"),
    rare("shutdown_time_ms_max", "30000", "MS", "Longest wait for running requests when stopping"),
    rare("page_size_default", "50", "N", "Entries of a page when the client names no _count"),
    rare("page_size_max", "1000", "N", "Most entries of a page, whatever _count says"),
    rare("cursor_time_s_max", "86400", "S", "How long the link to another page of a search holds, then 410"),
    rare("session_idle_s_max", "1800", "S", "A session of a person ends when it is not used for so long"),
    rare("session_s_max", "43200", "S", "A session of a person ends after so long in any case"),
    rare("conditional_delete_max", "1000", "N", "Most resources that one conditional delete removes"),
];

pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|row| row.name == name)
}

const fn common(name: &'static str, default: &'static str, value_name: &'static str, help: &'static str) -> Key {
    Key { name, default, value_name, help, optional: false, rare: false }
}

const fn none_allowed(name: &'static str, default: &'static str, value_name: &'static str, help: &'static str) -> Key {
    Key { optional: true, ..common(name, default, value_name, help) }
}

const fn rare(name: &'static str, default: &'static str, value_name: &'static str, help: &'static str) -> Key {
    Key { rare: true, ..common(name, default, value_name, help) }
}
