//! What messages say, compared with what another converter found in them, fact by fact.
//!
//! Data: `../shared/suites/hl7v2` beside the package; a test whose data is absent says so and passes. A fact is one leaf of a
//! clinical resource. Facts on which we stand by our reading are named in `disagreements/` with the sentence that decides.
//!
//! `PROJECTION=ADT-A01 cargo test projection -- --nocapture` compares the messages whose paths contain this, and says all.

mod compare;
mod disagreements;
mod pair;
mod report;
mod resources;

use std::path::{Path, PathBuf};

use medilink::hl7v2::problem::{Code, Problem};
use medilink::hl7v2::rules::Rules;
use medilink::hl7v2::{Message, convert};

use self::compare::Fact;
use self::resources::Resources;

/// Of a hundred facts on which the guide does not decide against the other converter, so many are at least agreed on. That is what was
/// reached, and never less; wanted are 90.
const AGREED_MIN: f64 = 99.3;

/// One message and its facts.
pub struct Compared {
    /// `ms/ADT-A01-01`.
    pub name: String,
    pub event: String,
    pub message: String,
    pub facts: Vec<Fact>,
    /// Why it was not converted.
    pub refused: Option<Problem>,
}

/// One message, and the bundle that another converter made of it.
pub struct Example {
    pub name: String,
    pub message: String,
    expected: serde_json::Value,
}

pub fn suite(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/hl7v2").join(folder)
}

/// Returns all files below a folder that end so, in their order; none where the suite is not there.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns the text of a file as it would come over the wire: without a byte order mark, segments ended by CR.
pub fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("a readable file");
    let text =
        String::from_utf8(bytes).unwrap_or_else(|wrong| wrong.into_bytes().iter().map(|b| char::from(*b)).collect());
    text.trim_start_matches('\u{feff}').replace("\r\n", "\r").replace('\n', "\r")
}

pub fn examples() -> Vec<Example> {
    let microsoft = suite("ms-fhir-converter");
    let bundles = files(&microsoft.join("expected"), "json");
    let with_bundle = |path: PathBuf| {
        let stem = path.file_stem()?.to_str()?.to_string();
        let wanted = format!("{stem}-expected.json");
        let bundle = bundles.iter().find(|file| file.file_name().is_some_and(|name| name == &*wanted))?;
        Some((format!("ms/{stem}"), path, bundle.clone()))
    };
    let of_microsoft = files(&microsoft, "hl7").into_iter().filter_map(with_bundle);
    let of_cdc = files(&suite("cdc-reportstream"), "hl7").into_iter().map(|path| {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
        let bundle = path.with_extension("fhir");
        (format!("cdc/{folder}/{stem}"), path, bundle)
    });
    let wanted = std::env::var("PROJECTION").unwrap_or_default();
    let all = of_microsoft.chain(of_cdc).filter(|(name, _, bundle)| name.contains(&wanted) && bundle.is_file());
    all.map(|(name, path, bundle)| {
        let expected = serde_json::from_str(&read(&bundle).replace('\r', "\n")).expect("a bundle");
        Example { name, message: read(&path), expected }
    })
    .collect()
}

/// Returns all messages of the suites.
#[allow(dead_code)]
pub fn messages() -> Vec<String> {
    examples().into_iter().map(|example| example.message).collect()
}

/// Returns the message with what a fragment lacks and this refusal asks for, so that the rest of it can be compared: segments with
/// their number alone, and an identifier of the patient. None for other refusals.
fn completed(message: &str, problem: &Problem) -> Option<String> {
    let place = problem.at?;
    let mut segments: Vec<String> = message.split('\r').filter(|line| !line.is_empty()).map(String::from).collect();
    let is_about_patient = place.name() == "PID";
    match problem.code {
        Code::SegmentSequence if is_about_patient => segments.insert(1, "PID|1".into()),
        Code::SegmentSequence => segments.push(format!("{}|1", place.name())),
        Code::RequiredField if is_about_patient && place.field == 3 => {
            let pid = segments.iter_mut().find(|line| line.starts_with("PID"))?;
            let mut fields: Vec<&str> = pid.split('|').collect();
            fields.resize(fields.len().max(4), "");
            fields[3] = "1^^^&2.999&ISO";
            *pid = fields.join("|");
        }
        _ => return None,
    }
    Some(segments.join("\r"))
}

/// Returns a fragment with what it lacks; none where that is not all that is wrong with it.
#[allow(dead_code)]
pub fn completed_of(message: &str) -> Option<String> {
    let mut text = message.to_string();
    for _ in 0..4 {
        match Message::parse(&*text)
            .map_err(|problem| vec![problem])
            .and_then(|message| convert(&message, &Rules::default()))
        {
            Ok(conversion) => match conversion.hindrances.first() {
                Some(problem) => text = completed(&text, problem)?,
                None => return Some(text).filter(|text| text != message),
            },
            Err(problems) => text = completed(&text, problems.first()?)?,
        }
    }
    None
}

fn compare(example: &Example) -> Compared {
    let expected = Resources::of_bundle(&example.expected);
    let (name, message) = (example.name.clone(), example.message.clone());
    let mut compared = Compared { name, event: String::new(), message, facts: Vec::new(), refused: None };
    let mut text = example.message.clone();
    let mut ours = Resources::default();
    for _ in 0..4 {
        let conversion = Message::parse(&*text).map_err(|problem| vec![problem]).and_then(|message| {
            let field = message.header().field(9);
            compared.event = [1, 2].map(|n| field.part(n).text().unwrap_or_default().into_owned()).join("^");
            convert(&message, &Rules::default())
        });
        let problem = match conversion {
            Ok(conversion) => {
                ours = Resources::of_drafts(&conversion.drafts);
                break;
            }
            Err(mut problems) => problems.remove(0),
        };
        compared.refused.get_or_insert_with(|| problem.clone());
        match completed(&text, &problem) {
            Some(more) => text = more,
            None => break,
        }
    }
    compared.facts = pair::facts(&expected, &ours);
    if compared.refused.is_some() && !ours.is_empty() {
        // What was put in makes resources of its own.
        compared.facts.retain(|fact| !fact.path.ends_with("(more)"));
    }
    compared
}

#[test]
fn facts_are_those_that_others_find_as_often_as_was_reached() {
    let examples = examples();
    if examples.is_empty() {
        println!("skipped: {} is not here", suite("").display());
        return;
    }
    let mut all: Vec<Compared> = examples.iter().map(compare).collect();
    let rules = disagreements::rules();
    let uses = disagreements::settle(&rules, &mut all);
    let is_whole = std::env::var("PROJECTION").is_err();
    let share = report::report(&all, &rules, &uses, is_whole);
    if is_whole {
        let idle: Vec<_> =
            rules.iter().zip(&uses).filter(|(_, uses)| **uses == 0).map(|(rule, _)| &rule.line).collect();
        assert!(share >= AGREED_MIN, "{share:.1} % of the facts agree");
        assert!(idle.is_empty(), "no message needs these lines of disagreements/ any more: {idle:#?}");
    }
}
