//! Gathers the settings from flags, environment and file, and remembers where each came from.

use std::fmt;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::key::{self, KEYS};
use super::suggest::nearest;

/// A value as it was written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub value: String,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Flag(String),
    Env(String),
    /// Path and line.
    File(String, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "flag --{flag}"),
            Origin::Env(variable) => write!(f, "environment {variable}"),
            Origin::File(path, line) => write!(f, "{path}:{line}"),
        }
    }
}

impl Given {
    /// Returns the sentence that says what is wrong; the value of a database URL may hold a password and stays out.
    pub fn complaint(&self, key: &str, allowed: &str) -> String {
        let is_secret = matches!(key, "database_url" | "smtp_url");
        let value = if is_secret { "(not shown)" } else { self.value.as_str() };
        format!("{key} = \"{value}\" ({}): allowed is {allowed}", self.origin)
    }
}

/// What was found, at most one value a key.
#[derive(Default)]
pub struct Gathered {
    pub given: Vec<(&'static str, Given)>,
    pub problems: Vec<String>,
    pub warnings: Vec<String>,
}

/// Returns the settings file's path and text: `named` and `$MEDILINK_CONFIG` must exist, `./medilink.toml` need not.
pub fn read_file(named: Option<&Path>, env: &[(String, String)]) -> Result<Option<(String, String)>, String> {
    let variable = lookup(env, "MEDILINK_CONFIG").filter(|value| !value.is_empty()).map(Path::new);
    let path = named.or(variable);
    let shown = path.unwrap_or(Path::new("medilink.toml"));
    match std::fs::read_to_string(shown) {
        Ok(text) => Ok(Some((shown.display().to_string(), text))),
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("failed to read the settings file {}: {error}", shown.display())),
    }
}

/// Returns the settings by precedence: flag, environment, file.
pub fn gather(flags: &[(&'static str, String)], env: &[(String, String)], file: Option<(&str, &str)>) -> Gathered {
    let mut found = Gathered::default();
    let in_file = file.map(|(path, text)| read_toml(path, text, &mut found.problems)).unwrap_or_default();
    for row in KEYS {
        let flag = flags.iter().find(|(name, _)| *name == row.name);
        let given = flag
            .map(|(_, value)| Given { value: value.clone(), origin: Origin::Flag(row.flag()) })
            .or_else(|| from_env(row, env))
            .or_else(|| in_file.iter().find(|(name, _)| *name == row.name).map(|(_, given)| given.clone()));
        found.given.extend(given.map(|given| (row.name, given)));
    }
    found.warnings = unknown_variables(env);
    found
}

/// An empty variable counts as unset where empty has no meaning: compose files pass those on.
fn from_env(row: &key::Key, env: &[(String, String)]) -> Option<Given> {
    let variable = row.variable();
    let other = (row.name == "database_url").then_some("DATABASE_URL");
    [Some(variable.as_str()), other].into_iter().flatten().find_map(|name| {
        let value = lookup(env, name)?;
        let counts = !value.is_empty() || (row.optional && !row.default.is_empty());
        counts.then(|| Given { value: value.to_string(), origin: Origin::Env(name.to_string()) })
    })
}

fn lookup<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.as_str())
}

fn unknown_variables(env: &[(String, String)]) -> Vec<String> {
    const OTHERS: [&str; 2] = ["MEDILINK_CONFIG", "MEDILINK_TOKEN"];
    let known: Vec<String> = KEYS.iter().map(key::Key::variable).collect();
    env.iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("MEDILINK_") && !known.contains(name) && !OTHERS.contains(&name.as_str()))
        .map(|name| format!("environment {name}: no such setting{}", hint(name, known.iter().map(String::as_str))))
        .collect()
}

fn hint<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(wrong, names).map_or(String::new(), |name| format!("; did you mean {name}?"))
}

fn read_toml(path: &str, text: &str, problems: &mut Vec<String>) -> Vec<(&'static str, Given)> {
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            problems.push(format!("{path}:{line}: not TOML: {}", error.message()));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for (name, value) in table.iter() {
        let line = line_of(text, name.span().start);
        let name: &str = name.get_ref();
        let Some(row) = key::find(name) else {
            let names = KEYS.iter().map(|row| row.name);
            problems.push(format!("{path}:{line}: no setting \"{name}\"{}", hint(name, names)));
            continue;
        };
        match plain(value.get_ref()) {
            Some(value) => found.push((row.name, Given { value, origin: Origin::File(path.to_string(), line) })),
            None => problems.push(format!(
                "{path}:{line}: {name} has the TOML type {}: allowed is a string, a number, true or false",
                value.get_ref().type_str()
            )),
        }
    }
    found
}

fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
