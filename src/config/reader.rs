//! Reads single settings and says what is wrong with them.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::Auth;
use super::gather::Given;
use super::key;

/// Reads single values and keeps what is wrong with them.
pub struct Reader {
    pub given: Vec<(&'static str, Given)>,
    pub problems: Vec<String>,
}

impl Reader {
    /// Returns the value of `key`; a wrong one is noted and its default stands in, so that all mistakes show at once.
    pub fn one<T>(&mut self, key: &'static str, allowed: &str, parse: fn(&str) -> Option<T>) -> T {
        if let Some(given) = self.find(key) {
            match parse(&given.value) {
                Some(value) => return value,
                None => self.problems.push(given.complaint(key, allowed)),
            }
        }
        // A test reads every default, so this cannot fail.
        parse(key::find(key).map_or("", |row| row.default)).expect("every default is allowed")
    }

    /// Returns the value of a key that may be empty.
    pub fn optional<T>(&mut self, key: &'static str, allowed: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        let default = key::find(key).map_or("", |row| row.default);
        let Some(given) = self.find(key) else {
            return parse(default);
        };
        if given.value.is_empty() {
            return None;
        }
        let value = parse(&given.value);
        if value.is_none() {
            self.problems.push(given.complaint(key, &format!("{allowed}, or empty for none")));
        }
        value
    }

    pub fn number(&mut self, key: &'static str, min: u64, max: u64) -> u64 {
        let default = key::find(key).and_then(|row| row.default.parse().ok()).unwrap_or(min);
        let Some(given) = self.find(key) else { return default };
        match given.value.replace('_', "").parse() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.problems.push(given.complaint(key, &format!("a whole number from {min} to {max}")));
                default
            }
        }
    }

    fn find(&self, key: &str) -> Option<Given> {
        self.given.iter().find(|(name, _)| *name == key).map(|(_, given)| given.clone())
    }

    pub fn is_set(&self, key: &str) -> bool {
        self.find(key).is_some_and(|given| !given.value.is_empty())
    }

    pub fn origin(&self, key: &str) -> String {
        self.find(key).map_or("the default".to_string(), |given| given.origin.to_string())
    }
}

pub const ADDRESS: &str = "an address and port such as 127.0.0.1:8080 or [::1]:8080";
pub const URL: &str = "a URL such as https://fhir.example.org/fhir, without query or fragment";

pub fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse().ok(),
        None => text.parse().ok(),
    }
}

/// Returns the addresses of a list with commas.
pub fn ips(text: &str) -> Option<Vec<IpAddr>> {
    text.split(',').map(|one| one.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical())).collect()
}

pub fn url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let clean = !text.contains(['?', '#', '"', '<', '>', '\\']) && text.chars().all(|c| c.is_ascii_graphic());
    (!host.is_empty() && clean).then(|| text.trim_end_matches('/').to_string())
}

pub fn database_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))?;
    (!rest.is_empty()).then(|| text.to_string())
}

pub fn text(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.trim().to_string())
}

/// Returns a number of days.
pub fn days(text: &str) -> Option<u32> {
    text.parse().ok().filter(|days| (1..=36_500).contains(days))
}

pub fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
}

pub fn auth(text: &str) -> Option<Auth> {
    match text {
        "smart" => Some(Auth::Smart),
        "off" => Some(Auth::Off),
        _ => None,
    }
}

pub fn log_filter(text: &str) -> Option<String> {
    let filter = tracing_subscriber::EnvFilter::try_new(text);
    (!text.is_empty() && filter.is_ok()).then(|| text.to_string())
}

/// Returns the base that a client on this machine would use.
pub fn base_of(listen: SocketAddr) -> String {
    let port = listen.port();
    match listen {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://127.0.0.1:{port}/fhir"),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://[::1]:{port}/fhir"),
        _ => format!("http://{listen}/fhir"),
    }
}
