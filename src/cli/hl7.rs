//! `medilink hl7`: messages of feeds, from the server's own host: to look at, try again, correct or put aside; and to convert a file.

use medilink::app::{Database, Factory, Failure};
use medilink::config::{self, Settings};
use medilink::feed::{Intake, Verdict, about};
use medilink::hl7v2::rules::Rules;
use medilink::hl7v2::{Problem, bundle, charset, settings as feed_settings};
use medilink::page;
use medilink::service::Service;
use medilink::store::audit::Entry;
use medilink::store::hl7::{Filter, Kept, Message, State};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Whom the audit names.
const OPERATOR: &str = "operator";
/// Bytes of a message that is read from a file.
const MESSAGE_MAX: u64 = 64 << 20;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show a message as the FHIR transaction that it says; changes nothing
    Convert {
        /// A file with one message; - for the standard input
        file: PathBuf,
        /// Under the rules of this feed
        #[arg(long, value_name = "ID", conflicts_with = "feed_settings")]
        feed: Option<String>,
        /// Under the rules of this file
        #[arg(long = "settings", id = "feed_settings", value_name = "FILE.toml")]
        rules: Option<PathBuf>,
        #[command(flatten)]
        settings: config::Args,
    },
    /// List messages, the newest first; without flags those that failed and wait for somebody
    List {
        #[arg(long, value_name = "ID")]
        feed: Option<String>,
        /// received, done, failed, refused, dismissed, replaced or all
        #[arg(long, default_value = "failed", value_parser = state)]
        state: std::option::Option<State>,
        /// MSH-10
        #[arg(long, value_name = "ID")]
        control_id: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        max: i64,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Print a message as it came, and what became of it
    Show {
        id: Uuid,
        /// Only the message itself, byte for byte
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Try to take a message over once more
    Replay {
        id: Uuid,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Take a corrected message in the place of one that failed
    Correct {
        id: Uuid,
        /// A file with the corrected message; - for the standard input
        file: PathBuf,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Put a message aside that nothing is to come of
    Dismiss {
        id: Uuid,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        settings: config::Args,
    },
}

fn state(name: &str) -> Result<Option<State>, String> {
    match (name, State::parse(name)) {
        ("all", _) => Ok(None),
        (_, Some(state)) => Ok(Some(state)),
        _ => Err(format!("there are {}, and all", State::ALL.map(State::name).join(", "))),
    }
}

impl Command {
    pub fn settings(&self) -> &config::Args {
        match self {
            Command::Convert { settings, .. }
            | Command::List { settings, .. }
            | Command::Show { settings, .. }
            | Command::Replay { settings, .. }
            | Command::Correct { settings, .. }
            | Command::Dismiss { settings, .. } => settings,
        }
    }
}

/// Runs the command.
pub async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    // To convert a file wants no database, unless the rules are there.
    if let Command::Convert { file, feed: None, rules, .. } = &command {
        let rules = match rules {
            Some(path) => read_rules(&super::text(path)?, settings)?,
            None => read_rules("", settings)?,
        };
        return convert(&bytes(file)?, &rules);
    }
    let database = Database::open(settings).await?;
    let done = run_on(command, settings, &database).await;
    database.close().await;
    done
}

async fn run_on(command: Command, settings: &Settings, database: &Database) -> Result<(), Failure> {
    let failed = |e: medilink::store::StoreError| Failure(format!("failed to ask the database: {e}"));
    let factory = Factory::new(settings, database)?;
    let store = factory.adopt().await?;
    let service = &factory.service().map_err(|e| Failure(e.to_string()))?;
    let intake = Intake::new(service.clone());
    match command {
        Command::Convert { file, feed, .. } => {
            let id = feed.unwrap_or_default();
            let feed = store.hl7_feed(&id).await.map_err(failed)?;
            let feed = feed.ok_or_else(|| Failure(format!("there is no feed '{id}'")))?;
            convert(&bytes(&file)?, &read_rules(&feed.settings, settings)?)
        }
        Command::List { feed, state, control_id, max, .. } => {
            let filter = Filter { feed, state, control_id, ..Filter::default() };
            list(&store.hl7_messages(&filter, max).await.map_err(failed)?);
            Ok(())
        }
        Command::Show { id, raw, .. } => {
            let kept = kept(service, id).await?;
            note(service, "message-read", id, "").await?;
            show(&kept, raw)
        }
        Command::Dismiss { id, reason, .. } => {
            let given_up = intake.dismiss(id, OPERATOR, &reason).await;
            if !given_up.map_err(|e| Failure(format!("failed to put it aside: {e}")))? {
                return Err(settled(id));
            }
            note(service, "message-dismiss", id, &reason).await
        }
        Command::Replay { id, .. } => {
            whole(service, id).await?;
            note(service, "message-replay", id, "").await?;
            let tried = intake.replay(id).await.map_err(|e| Failure(format!("failed to try it: {e}")))?;
            tried.map(|verdict| said(id, &verdict)).ok_or_else(|| settled(id))
        }
        Command::Correct { id, file, .. } => {
            let raw = bytes(&file)?;
            whole(service, id).await?;
            note(service, "message-correct", id, "").await?;
            let tried = intake.correct(id, &raw).await.map_err(|e| Failure(format!("failed to try it: {e}")))?;
            let (corrected, verdict) = tried.ok_or_else(|| {
                Failure(format!(
                    "the message {id} did not fail, or MSH-10 of the corrected one stands for another message"
                ))
            })?;
            said(corrected, &verdict);
            Ok(())
        }
    }
}

async fn kept(service: &Service, id: Uuid) -> Result<Kept, Failure> {
    let found = service.store().hl7_message(id).await;
    let found = found.map_err(|e| Failure(format!("failed to ask the database: {e}")))?;
    found.ok_or_else(|| Failure(format!("there is no message {id}")))
}

const REMOVED: &str = "the text of this message was removed, since it was worked off long ago (setting hl7_raw_days)";

/// Returns a message that still has its text.
async fn whole(service: &Service, id: Uuid) -> Result<(), Failure> {
    if kept(service, id).await?.raw.is_none() { Err(Failure(REMOVED.to_string())) } else { Ok(()) }
}

fn settled(id: Uuid) -> Failure {
    Failure(format!("there is no message {id} about which something is to be done"))
}

/// Prints what became of a message.
fn said(id: Uuid, verdict: &Verdict) {
    println!("message: {id}\nstate:   {}", verdict.state.map_or("received", State::name));
    for problem in &verdict.problems {
        println!("wrong:   {problem}");
    }
}

/// Writes the audit row at once, with the patients it is about: a command ends before a queue would be written.
async fn note(service: &Service, action: &'static str, id: Uuid, detail: &str) -> Result<(), Failure> {
    let failed = |e: medilink::fault::Fault| Failure(format!("failed to write the audit: {e}"));
    let patients = about::keys(service, &kept(service, id).await?).await.map_err(failed)?;
    let detail = format!("message {id}{}{detail}", if detail.is_empty() { "" } else { ": " });
    let entry = Entry::event(action, &Uuid::new_v4().to_string(), OPERATOR, 200).with_detail(detail);
    let written = service.store().audit(&[entry.with_patients(patients)]).await;
    written.map_err(|e| Failure(format!("failed to write the audit: {e}")))
}

/// Returns the bytes of a file, or of the standard input.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure(format!("failed to read {}: {e}", path.display()));
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    source.take(MESSAGE_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn read_rules(text: &str, settings: &Settings) -> Result<Rules, Failure> {
    let wrong = |wrong: Vec<String>| Failure(format!("the settings of the feed are wrong:\n{}", wrong.join("\n")));
    feed_settings::rules(text, &settings.canonical_base).map_err(wrong)
}

fn convert(raw: &[u8], rules: &Rules) -> Result<(), Failure> {
    match bundle::converted(raw, rules) {
        Ok(conversion) => {
            for warning in &conversion.warnings {
                eprintln!("warning: {warning}");
            }
            println!("{:#}", bundle::bundle(&conversion, &rules.canonical_base));
            Ok(())
        }
        Err(problems) => {
            let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
            Err(Failure(format!("the message cannot be taken over:\n{}", told.join("\n"))))
        }
    }
}

fn list(messages: &[Message]) {
    println!("{:36}  {:9}  {:12}  received; feed, control id; what is wrong", "id", "state", "event");
    for message in messages {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_string());
        let event: String = or(&message.event).split('^').take(2).collect::<Vec<_>>().join("^");
        let (feed, control, when) = (or(&message.feed), or(&message.control_id), page::when(message.received));
        let wrong = problems(message).join("; ");
        println!("{}  {:9}  {event:12}  {when}; {feed}, {control}; {wrong}", message.id, message.state.name());
    }
}

fn problems(message: &Message) -> Vec<String> {
    let told = |problem: &Value| {
        let text = |name: &str| problem[name].as_str().unwrap_or_default();
        if text("at").is_empty() { text("text").to_string() } else { format!("{}: {}", text("at"), text("text")) }
    };
    message.problems.as_array().into_iter().flatten().map(told).collect()
}

fn show(kept: &Kept, raw: bool) -> Result<(), Failure> {
    if raw {
        use std::io::Write;
        let text = kept.raw.as_ref().ok_or_else(|| Failure(REMOVED.to_string()))?;
        return std::io::stdout().write_all(text).map_err(|e| Failure(format!("failed to write: {e}")));
    }
    let message = &kept.message;
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_string());
    println!("message:  {}", message.id);
    println!("state:    {}, acknowledged with {}", message.state.name(), or(&message.ack_code));
    println!("feed:     {}, from {}", or(&message.feed), message.peer);
    println!("received: {}; tries: {}", page::when(message.received), message.attempts);
    for problem in problems(message) {
        println!("wrong:    {problem}");
    }
    if let Some(why) = &message.dismissed_why {
        println!("put aside by {}: {why}", or(&message.dismissed_by));
    }
    println!();
    let Some(raw) = &kept.raw else {
        println!("{REMOVED}");
        return Ok(());
    };
    let text = charset::decode(raw, None, true).map(|decoded| decoded.text);
    let text = text.unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned());
    for line in text.split(['\r', '\n']).filter(|line| !line.is_empty()) {
        // A terminal must not do what a message tells it.
        println!("{}", line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>());
    }
    Ok(())
}
