//! The rules of the house that a reader should not have to check: who imports whom, how long a file is, what never stays.
//!
//! The levels are those of `src/ARCHITECTURE.md`: a room imports only from strictly lower ones.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_postgres::NoTls;

use crate::app;

/// Rooms and files at the top of `src/` and their levels. A new room is added here, and so is thought about.
const LEVELS: &[(&str, u8)] = &[
    ("fault", 0),
    ("ucum", 0),
    ("fhir", 1),
    ("fhirpath", 1),
    ("hl7v2", 1),
    ("catalog", 2),
    ("rest", 2),
    ("format", 3),
    ("search", 3),
    ("validation", 3),
    ("access", 4),
    ("health_id", 4),
    ("outbound", 4),
    ("page", 4),
    ("store", 5),
    ("index", 6),
    ("audit", 6),
    ("account", 7),
    ("oauth", 8),
    ("interaction", 8),
    ("operation", 9),
    ("service", 10),
    ("feed", 11),
    ("http", 12),
    ("mllp", 12),
    ("job", 12),
    ("load", 12),
    ("config", 12),
    ("app", 13),
    ("cli", 14),
    ("direct", 14),
    ("reindex", 14),
    ("demo", 15),
    ("lib", 16),
    ("main", 16),
];

/// Crates that only one room may speak to.
const KEPT_IN: &[(&str, &str)] = &[
    ("tokio_postgres", "store"),
    ("deadpool", "store"),
    ("refinery", "store"),
    ("actix", "http"),
    ("tantivy", "index"),
    ("reqwest", "outbound"),
    ("lettre", "outbound"),
    ("tokio_rustls", "mllp"),
];

/// Rooms that speak to people on a terminal.
const PRINTING: &[&str] = &["main", "cli", "load", "app", "demo", "reindex"];

const LINES_MAX: usize = 500;

/// A Rust file of `src/`: its path from there, its room and its text.
struct Source {
    path: String,
    room: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
}

fn sources(folder: &str) -> Vec<Source> {
    let folder = root().join(folder);
    let mut paths = Vec::new();
    files(&folder, "rs", &mut paths);
    paths
        .iter()
        .map(|path| {
            let inside = path.strip_prefix(&folder).expect("it was found there").display().to_string();
            let room = inside.split(['/', '.']).next().expect("a path is not empty").to_string();
            Source { path: inside, room, text: fs::read_to_string(path).expect("sources are UTF-8") }
        })
        .collect()
}

/// Returns the lines of code with their numbers, without comments that fill a line.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Returns the names that follow `crate::`, those in braces too.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_names(list)),
            None => found.push(name(rest)),
        }
    }
    found
}

fn name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Returns the first name of each item of a list in braces, up to its closing brace.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (i, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(name(&list[start..i]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(name(&list[start..i]));
                start = i + 1;
            }
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn level(room: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
}

fn is_test(source: &Source) -> bool {
    source.path.contains("tests/") || source.path.ends_with("tests.rs")
}

#[track_caller]
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} breaches:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn imports_are_found_in_every_form() {
    for (text, want) in [
        ("use crate::fault::Fault;", &["fault"][..]),
        ("use crate::{fault::{Fault, Kind}, store, rest::Reply};", &["fault", "store", "rest"]),
        ("pub(in crate::store) fn f(a: &crate::fhir::Id)", &["store", "fhir"]),
        ("mycrate::x", &[]),
    ] {
        assert_eq!(imports(text), want, "{text}");
    }
}

#[test]
fn rooms_import_from_lower_levels_only() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        if source.room == "lib" {
            continue;
        }
        let Some(own) = level(&source.room) else {
            wrong.push(format!("src/{}: the room '{}' has no level in tests/it/tidy.rs", source.path, source.room));
            continue;
        };
        let code: String = code(&source.text).flat_map(|(_, line)| [line, "\n"]).collect();
        for name in imports(&code).into_iter().filter(|name| *name != source.room) {
            if level(&name).is_none_or(|theirs| theirs >= own) {
                wrong.push(format!("src/{}: level {own} imports '{name}' ({:?})", source.path, level(&name)));
            }
        }
    }
    none(wrong);
}

#[test]
fn a_foreign_library_is_spoken_to_in_one_room() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        for (number, line) in code(&source.text) {
            for (library, room) in KEPT_IN.iter().filter(|(_, room)| *room != source.room) {
                if line.contains(&format!("{library}::")) || line.contains(&format!("{library}_")) {
                    wrong.push(format!("src/{}:{number}: {library} belongs to src/{room}", source.path));
                }
            }
        }
    }
    none(wrong);
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests/it"] {
        for source in sources(folder) {
            let path = format!("{folder}/{}", source.path);
            if !source.text.starts_with("//! ") && !source.text.starts_with("#![doc") {
                wrong.push(format!("{path}: does not begin with a sentence after //!"));
            }
            let lines = source.text.lines().count();
            if lines > LINES_MAX {
                wrong.push(format!("{path}: has {lines} lines, {LINES_MAX} are allowed"));
            }
        }
    }
    none(wrong);
}

#[test]
fn nothing_unfinished_stays() {
    let leftovers = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "dbg!("];
    let mut wrong = Vec::new();
    for folder in ["src", "tests/it"] {
        for source in sources(folder).iter().filter(|s| s.path != "tidy.rs") {
            for (number, line) in source.text.lines().enumerate() {
                for word in leftovers.iter().filter(|word| line.contains(**word)) {
                    wrong.push(format!("{folder}/{}:{}: {word}", source.path, number + 1));
                }
            }
        }
    }
    none(wrong);
}

#[test]
fn only_commands_print() {
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(|s| !PRINTING.contains(&&*s.room) && !is_test(s)) {
        let shipped = source.text.split("#[cfg(test)]\nmod tests {").next().expect("split yields one part at least");
        for (number, _) in code(shipped).filter(|(_, line)| line.contains("println!")) {
            wrong.push(format!("src/{}:{number}: prints", source.path));
        }
    }
    none(wrong);
}

#[test]
fn every_statement_is_used_and_fits_the_schema() {
    let store: String = sources("src").iter().filter(|s| s.room == "store").map(|s| s.text.as_str()).collect();
    let mut statements = Vec::new();
    files(&root().join("src/store/sql"), "sql", &mut statements);
    assert!(!statements.is_empty(), "src/store/sql holds the fixed statements");
    let url = app::database("statements");
    let mut wrong = Vec::new();
    for path in statements {
        let file = path.file_name().expect("a file").to_string_lossy().into_owned();
        if !store.contains(&format!("/{file}\")")) {
            wrong.push(format!("{file}: no include_str! in src/store names it"));
        }
        let text = fs::read_to_string(&path).expect("statements are UTF-8");
        if let Err(error) = prepared(&url, &text) {
            wrong.push(format!("{file}: {error}"));
        }
    }
    let hl7 = medilink::store::hl7::STATEMENTS.iter().copied();
    for text in medilink::store::identity::statements().chain(medilink::store::audit::statements()).chain(hl7) {
        if let Err(error) = prepared(&url, text) {
            wrong.push(format!("{text}: {error}"));
        }
    }
    none(wrong);
}

fn prepared(url: &str, statement: &str) -> Result<(), String> {
    app::run(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|e| e.to_string())?;
        tokio::spawn(connection);
        client.prepare(statement).await.map(drop).map_err(|e| format!("{e:?}"))
    })
}
