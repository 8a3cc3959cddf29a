//! Nothing the server answers is missing from the matrix: every interaction, every operation, every address.
//!
//! Addresses are read out of the source, for the HTTP library does not tell them; a registration that cannot be read fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use medilink::operation;
use medilink::rest::Interaction;
use medilink::rest::route::{Method, route};

use super::row::{Row, Way};
use super::rows;

/// Addresses that are not in the matrix, and why they need not be. One that ends with `*` stands for all that begin so.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("* [base]*", "the FHIR API: its interactions and operations are in the matrix one by one"),
    ("GET /assets/*", "style and scripts, the same for everybody"),
    ("GET /favicon.ico", "a picture, the same for everybody"),
    ("GET [base]/.well-known/*", "what clients read before they ask, the same for everybody"),
    ("HEAD [base]/.well-known/*", "the same without its body"),
    ("GET /oauth/style-{name}.json", "colours, the same for everybody"),
    ("GET /oauth/jwks", "public keys, the same for everybody"),
    ("HEAD /oauth/jwks", "the same without its body"),
    ("OPTIONS *", "says which methods and origins there are, and nothing of anybody"),
    ("GET /oauth/authorize", "asked by a client, not by a role: see the tests of identity/authorize"),
    ("POST /oauth/authorize", "likewise"),
    (
        "GET /authorize*",
        "a step of an authorization that a client has begun: see identity/authorize and identity/launch",
    ),
    ("POST /authorize*", "likewise"),
    ("POST /oauth/token", "asked by a client with its own proof: see identity/tokens"),
    ("POST /oauth/introspect", "likewise"),
    ("POST /oauth/revoke", "likewise"),
    ("GET /oauth/userinfo", "tells the holder of a token about themselves: see identity/tokens"),
    ("POST /oauth/userinfo", "likewise"),
    ("POST /oauth/register", "asked by a client: see identity/clients"),
    ("GET /oauth/register/{id}", "asked by a client with its own proof: see identity/clients"),
    ("PUT /oauth/register/{id}", "likewise"),
    ("DELETE /oauth/register/{id}", "likewise"),
    ("POST /login", "proves who somebody is, before there is a role: see identity/people"),
    ("GET /login/factor", "the second step of that"),
    ("POST /login/factor", "the second step of that"),
    ("GET /login/passkey", "another way of that: see identity/passkeys"),
    ("POST /passkey/*", "another way of that: see identity/passkeys"),
    ("GET /login/outside*", "another way of that: see identity/federation"),
    ("POST /reset", "sets a password by a link that is good once: see identity/people"),
    ("GET /step-up", "shows a factor again, for oneself: see identity/people"),
    ("POST /step-up", "likewise"),
    ("POST /logout", "ends one's own session"),
    ("POST /account/*", "changes one's own account, and looks at no role: see identity/people and identity/passkeys"),
    (
        "POST /emergency/shl/{link}",
        "asked by whoever has scanned a card, without an account: see emergency/card and emergency/passcode",
    ),
];

/// Returns the kind of an interaction. A new one does not compile until it has a name here, and fails until it is in the matrix.
fn kind(interaction: &Interaction) -> &'static str {
    match interaction {
        Interaction::Capabilities => KINDS[0],
        Interaction::BatchOrTransaction => KINDS[1],
        Interaction::Read(..) => KINDS[2],
        Interaction::Vread(..) => KINDS[3],
        Interaction::Create(_) => KINDS[4],
        Interaction::Update(..) => KINDS[5],
        Interaction::Patch(..) => KINDS[6],
        Interaction::Delete(..) => KINDS[7],
        Interaction::ConditionalUpdate(_) => KINDS[8],
        Interaction::ConditionalPatch(_) => KINDS[9],
        Interaction::ConditionalDelete(_) => KINDS[10],
        Interaction::HistoryInstance(..) => KINDS[11],
        Interaction::HistoryType(_) => KINDS[12],
        Interaction::HistorySystem => KINDS[13],
        Interaction::SearchType(_) => KINDS[14],
        Interaction::SearchSystem => KINDS[15],
        Interaction::SearchCompartment(_, _, Some(_)) => KINDS[16],
        Interaction::SearchCompartment(_, _, None) => KINDS[17],
        Interaction::Operation { .. } => KINDS[18],
    }
}

const KINDS: [&str; 19] = [
    "capabilities",
    "batch or transaction",
    "read",
    "vread",
    "create",
    "update",
    "patch",
    "delete",
    "conditional update",
    "conditional patch",
    "conditional delete",
    "history of one",
    "history of a type",
    "history of all",
    "search of a type",
    "search of all",
    "compartment, one type",
    "compartment, all types",
    "operation",
];

/// Returns the interactions of the matrix.
fn asked(rows: &[Row]) -> Vec<Interaction> {
    let api = rows.iter().filter(|row| row.way == Way::Api);
    api.map(|row| {
        let path = row.path.split('?').next().expect("split yields one").replace("{n}", "1").replace("{task}", "1");
        let method = Method::parse(row.method).expect("a method of FHIR");
        route(method, &path).unwrap_or_else(|fault| panic!("{} {}: {fault}", row.method, row.path))
    })
    .collect()
}

#[test]
fn every_interaction_is_in_the_matrix() {
    let rows = rows();
    let known: BTreeSet<&str> = asked(&rows).iter().map(kind).collect();
    let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !known.contains(kind)).collect();
    assert!(missing.is_empty(), "no row of the matrix shows {missing:?}");
    let conditional = |row: &&Row| row.headers.iter().any(|(name, _)| *name == "If-None-Exist");
    assert!(rows.iter().any(|row| conditional(&row)), "a conditional create is told by its header");
    for kind in ["batch", "transaction"] {
        let is_it = |row: &&Row| row.body.as_ref().is_some_and(|body| body["type"] == kind);
        assert!(rows.iter().any(|row| is_it(&row)), "no row is a {kind}");
    }
    assert!(rows.len() >= 45, "the matrix has become small");
}

#[test]
fn every_operation_is_in_the_matrix_at_every_level() {
    let rows = rows();
    let known: BTreeSet<(String, u8)> = asked(&rows)
        .iter()
        .filter_map(|interaction| match interaction {
            Interaction::Operation { name, resource_type, id, .. } => {
                Some((name.clone(), u8::from(resource_type.is_some()) + u8::from(id.is_some())))
            }
            _ => None,
        })
        .collect();
    let mut missing = Vec::new();
    for operation in operation::ALL {
        let places = operation.places();
        let levels = [places.system, !places.types.is_empty(), !places.instances.is_empty()];
        for (level, name) in ["for all", "of a type", "of one"].into_iter().enumerate().filter(|(i, _)| levels[*i]) {
            if !known.contains(&(operation.name().to_string(), level as u8)) {
                missing.push(format!("${} {name}", operation.name()));
            }
        }
    }
    assert!(missing.is_empty(), "no row of the matrix shows {missing:?}");
}

#[test]
fn every_address_is_in_the_matrix_or_has_a_reason_not_to_be() {
    let served = served();
    assert!(served.len() > 90, "the addresses are not found any more: {served:?}");
    let rows = rows();
    let browsed: Vec<String> = rows
        .iter()
        .filter(|row| row.way == Way::Browser)
        .map(|row| {
            format!("{} {}", row.method, row.path.split('?').next().unwrap_or("").replacen("/fhir", "[base]", 1))
        })
        .collect();
    let mut missing: Vec<&String> = served.iter().collect();
    // An address without variables is itself; one with them is not what another is literally.
    let owner = |path: &String| {
        let fits: Vec<&String> = served.iter().filter(|pattern| matches(pattern, path)).collect();
        fits.iter().find(|pattern| !pattern.contains('{')).or(fits.first()).map(|it| it.to_string())
    };
    for path in &browsed {
        let pattern = owner(path).unwrap_or_else(|| panic!("the server has no {path}"));
        missing.retain(|one| **one != pattern);
    }
    let excused = |address: &str| EXCEPTIONS.iter().position(|(pattern, _)| stands_for(pattern, address));
    let unneeded: Vec<&&String> = missing.iter().filter(|one| excused(one).is_none()).collect();
    assert!(unneeded.is_empty(), "neither in the matrix nor excused: {unneeded:#?}");
    let used: BTreeSet<usize> = missing.iter().filter_map(|one| excused(one)).collect();
    let idle: Vec<&str> = (0..EXCEPTIONS.len()).filter(|i| !used.contains(i)).map(|i| EXCEPTIONS[i].0).collect();
    assert!(idle.is_empty(), "these exceptions excuse nothing: {idle:?}");
}

fn stands_for(pattern: &str, address: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begins) => address.starts_with(begins),
        None => pattern == address,
    }
}

/// Returns whether a path is one of a pattern with variables.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(p, s)| p.starts_with('{') || p == s)
}

/// Returns every method and address that the HTTP room registers, `[base]` standing for the FHIR base.
fn served() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let texts: BTreeMap<PathBuf, String> = files
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).expect("a source can be read")))
        .collect();
    let mut found = BTreeSet::new();
    for (path, text) in texts.iter().filter(|(path, _)| path.starts_with(root.join("http"))) {
        let name = |argument: &str| {
            address(argument, text, &texts)
                .unwrap_or_else(|| panic!("{}: which address is {argument}?", path.display()))
        };
        found.extend(registered(text, &name, &path.display().to_string()));
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Returns what one file registers: `.route(address, web::method().to(..))`, and `resource(address).route(web::method()..)...`.
fn registered(text: &str, addresses: &dyn Fn(&str) -> Vec<String>, file: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("resource(").into_iter().chain(rest.find(".route(")).min() {
        let is_resource = rest[at..].starts_with("resource(");
        // `fn of(resource: ..)` and `resource_type(` are no registrations.
        let before = rest[..at].chars().next_back().unwrap_or(' ');
        rest = &rest[at + if is_resource { "resource(" } else { ".route(" }.len()..];
        if is_resource && !(rest.starts_with('"') || rest.starts_with("PLACE") || before == ':') {
            continue;
        }
        let first = argument(rest);
        if is_resource {
            // A helper that makes resources of the path that it is given.
            current = if first == "path" { Vec::new() } else { addresses(first) };
            continue;
        }
        let (named, handler) = match first.starts_with("web::") {
            true => (current.clone(), first),
            false => (addresses(first), argument(rest[first.len() + 1..].trim_start())),
        };
        let method = method(handler).unwrap_or_else(|| panic!("{file}: which method is {handler}?"));
        found.extend(named.iter().map(|address| format!("{method} {address}")));
    }
    found
}

/// Returns the text up to the comma or bracket that ends an argument.
fn argument(text: &str) -> &str {
    let (mut depth, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' if depth > 0 => depth -= 1,
            ',' | ')' if depth == 0 => return text[..at].trim(),
            _ => {}
        }
    }
    text
}

fn method(handler: &str) -> Option<&'static str> {
    [
        ("web::get()", "GET"),
        ("web::head()", "HEAD"),
        ("web::post()", "POST"),
        ("web::put()", "PUT"),
        ("web::delete()", "DELETE"),
        ("web::patch()", "PATCH"),
        ("web::route()", "*"),
    ]
    .into_iter()
    .find(|(begins, _)| handler.starts_with(begins))
    .map(|(_, method)| method)
    .or_else(|| {
        handler.starts_with("web::method(").then_some(()).filter(|()| handler.contains("OPTIONS")).map(|()| "OPTIONS")
    })
}

/// Returns the addresses that an argument stands for: a text, a constant, a text made from a constant, or a list of them.
fn address(argument: &str, text: &str, all: &BTreeMap<PathBuf, String>) -> Option<Vec<String>> {
    let argument = argument.trim().trim_start_matches('&');
    if let Some(list) = argument.strip_prefix('[') {
        let parts = list.trim_end_matches(']').split(", ");
        return parts.map(|part| address(part, text, all)).collect::<Option<Vec<_>>>().map(|all| all.concat());
    }
    if let Some(made) = argument.strip_prefix("format!(\"").and_then(|rest| rest.strip_suffix("\")")) {
        let made = made.replace("{{", "\u{1}").replace("}}", "\u{2}");
        let (before, rest) = made.split_once('{')?;
        let (name, after) = rest.split_once('}')?;
        let named = if name == "base_path" { "[base]".to_string() } else { constant(name, text, all)? };
        return Some(vec![format!("{before}{named}{after}").replace('\u{1}', "{").replace('\u{2}', "}")]);
    }
    if let Some(name) = argument.strip_prefix("at(\"").and_then(|rest| rest.strip_suffix("\")")) {
        return Some(vec![format!("[base]/.well-known/{name}")]);
    }
    if let Some(literal) = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return Some(vec![literal.to_string()]);
    }
    if argument == "base_path" {
        return Some(vec!["[base]".to_string()]);
    }
    if argument == "address" {
        // A preflight of each of a list, whose other methods are registered one by one.
        return Some(vec!["/oauth/*".to_string()]);
    }
    let name = argument.rsplit("::").next()?;
    if name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        return Some(vec![constant(name, text, all)?]);
    }
    // A text that was made a few lines before.
    let (_, rest) = text.split_once(&format!("let {name} = "))?;
    address(rest.split_once(';')?.0, text, all)
}

/// Returns a constant of this file, or else of whichever file has one of this name.
fn constant(name: &str, text: &str, all: &BTreeMap<PathBuf, String>) -> Option<String> {
    let within = |text: &str| {
        let (_, rest) = text.split_once(&format!("const {name}: &str = \""))?;
        rest.split_once('"').map(|(value, _)| value.to_string())
    };
    within(text).or_else(|| all.values().find_map(|text| within(text)))
}
