//! Which files to read, in which order, and how to open them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use memchr::memmem;

use super::LoadError;

/// How much of a file decides its place in the order.
const LOOK_BYTES: u64 = 64 << 10;
const PLACES: [&str; 5] = ["Bundle", "Organization", "Location", "OrganizationAffiliation", "Endpoint"];
const PEOPLE: [&str; 3] = ["Practitioner", "PractitionerRole", "HealthcareService"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Bzip2,
}

#[derive(Debug, Clone)]
pub struct Source {
    pub path: PathBuf,
    pub form: Form,
    packing: Packing,
    pub size_bytes: u64,
}

/// What to load: `first` one after the other, then `rest` in any order.
pub struct Plan {
    pub first: Vec<Source>,
    pub rest: Vec<Source>,
    /// Files in folders that are of another kind.
    pub skipped: usize,
}

/// What others depend on comes earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Places,
    People,
    Rest,
}

/// Returns every loadable file below `paths`, in order.
pub fn plan(paths: &[PathBuf]) -> Result<Plan, LoadError> {
    let mut found = Vec::new();
    let mut skipped = 0;
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| path_error(path, source))?;
        if metadata.is_dir() {
            walk(path, &mut found, &mut skipped)?;
        } else {
            let source = source(path.clone(), metadata.len());
            found.push(source.ok_or_else(|| LoadError::Kind(path.display().to_string()))?);
        }
    }
    if found.is_empty() {
        let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(LoadError::Nothing(shown.join(", ")));
    }
    let mut ranked = rank_all(found);
    ranked.sort_by(|a, b| (a.0, &a.1.path).cmp(&(b.0, &b.1.path)));
    ranked.dedup_by(|a, b| a.1.path == b.1.path);
    let (first, rest): (Vec<_>, Vec<_>) = ranked.into_iter().partition(|(rank, _)| *rank < Rank::Rest);
    let sources = |ranked: Vec<(Rank, Source)>| ranked.into_iter().map(|(_, source)| source).collect();
    Ok(Plan { first: sources(first), rest: sources(rest), skipped })
}

/// Returns the unpacked bytes of a file, read through `count` where they are still packed.
pub fn open<'a>(source: &Source, count: impl FnOnce(File) -> Box<dyn Read + 'a>) -> io::Result<Box<dyn Read + 'a>> {
    let packed = BufReader::with_capacity(256 << 10, count(File::open(&source.path)?));
    Ok(match source.packing {
        Packing::Plain => Box::new(packed),
        Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Packing::Bzip2 => Box::new(MultiBzDecoder::new(packed)),
    })
}

fn walk(folder: &Path, found: &mut Vec<Source>, skipped: &mut usize) -> Result<(), LoadError> {
    let wrong = |source| path_error(folder, source);
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| path_error(&path, source))?;
        if kind.is_dir() {
            walk(&path, found, skipped)?;
            continue;
        }
        // A link is followed to a file, not to a folder: those may form a ring.
        let metadata = fs::metadata(&path).map_err(|source| path_error(&path, source))?;
        match source(path, metadata.len()).filter(|_| metadata.is_file()) {
            Some(source) => found.push(source),
            None => *skipped += 1,
        }
    }
    Ok(())
}

fn source(path: PathBuf, size_bytes: u64) -> Option<Source> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let (name, packing) = if let Some(inner) = name.strip_suffix(".gz") {
        (inner, Packing::Gzip)
    } else if let Some(inner) = name.strip_suffix(".bz2") {
        (inner, Packing::Bzip2)
    } else {
        (name.as_str(), Packing::Plain)
    };
    let form = match name.rsplit_once('.')?.1 {
        "json" => Form::Json,
        "ndjson" => Form::Ndjson,
        _ => return None,
    };
    Some(Source { path, form, packing, size_bytes })
}

/// Looks into every file, on all processors: a packed one costs milliseconds.
fn rank_all(found: Vec<Source>) -> Vec<(Rank, Source)> {
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get());
    let queue = Mutex::new(found.into_iter());
    let ranked = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = queue.lock().unwrap_or_else(|poison| poison.into_inner()).next();
            let Some(source) = next else { return };
            let rank = rank(&source);
            ranked.lock().unwrap_or_else(|poison| poison.into_inner()).push((rank, source));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    ranked.into_inner().unwrap_or_else(|poison| poison.into_inner())
}

/// A file that cannot be read ranks last, where reading it reports why.
fn rank(source: &Source) -> Rank {
    if source.form == Form::Ndjson {
        return Rank::Rest;
    }
    let mut head = Vec::new();
    let read = open(source, |file| Box::new(file)).and_then(|reader| reader.take(LOOK_BYTES).read_to_end(&mut head));
    if read.is_ok() { rank_of(&head) } else { Rank::Rest }
}

/// Judges a Bundle by the resource types near its beginning.
fn rank_of(head: &[u8]) -> Rank {
    let types: BTreeSet<&[u8]> =
        memmem::find_iter(head, "\"resourceType\"").filter_map(|at| type_at(head, at)).collect();
    let all_in =
        |known: &[&[&str]]| types.iter().all(|t| known.iter().any(|list| list.iter().any(|n| n.as_bytes() == *t)));
    // Single resources need no order, and an empty Bundle says nothing.
    if !types.contains("Bundle".as_bytes()) || types.len() < 2 {
        Rank::Rest
    } else if all_in(&[&PLACES]) {
        Rank::Places
    } else if all_in(&[&PLACES, &PEOPLE]) {
        Rank::People
    } else {
        Rank::Rest
    }
}

fn type_at(head: &[u8], at: usize) -> Option<&[u8]> {
    let rest = head[at + "\"resourceType\"".len()..].trim_ascii_start().strip_prefix(b":")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
    rest.split(|byte| *byte == b'"').next()
}

fn path_error(path: &Path, source: io::Error) -> LoadError {
    LoadError::Path { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_form_and_packing() {
        let cases = [
            ("a.json", Some((Form::Json, Packing::Plain))),
            ("a.b.JSON.bz2", Some((Form::Json, Packing::Bzip2))),
            ("Patient.000.ndjson.gz", Some((Form::Ndjson, Packing::Gzip))),
            ("a.xml", None),
            ("json", None),
            ("a.gz", None),
        ];
        for (name, expected) in cases {
            let found = source(PathBuf::from(name), 0).map(|source| (source.form, source.packing));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn bundles_that_others_depend_on_come_first() {
        let bundle = |types: &[&str]| {
            let entries: Vec<String> =
                types.iter().map(|t| format!("{{\"resource\":{{\"resourceType\" : \"{t}\"}}}}")).collect();
            format!("{{\"resourceType\":\"Bundle\",\"entry\":[{}]}}", entries.join(","))
        };
        let cases = [
            (bundle(&["Organization", "Location"]), Rank::Places),
            (bundle(&["Practitioner", "PractitionerRole"]), Rank::People),
            (bundle(&["Patient", "Organization"]), Rank::Rest),
            (bundle(&[]), Rank::Rest),
            ("{\"resourceType\":\"Organization\"}".to_string(), Rank::Rest),
            ("{\"text\":\"\\\"resourceType\\\": \\\"Patient\\\"\"}".to_string(), Rank::Rest),
        ];
        for (text, expected) in cases {
            assert_eq!(rank_of(text.as_bytes()), expected, "{text}");
        }
    }
}
