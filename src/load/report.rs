//! Counts while loading, shows progress, and says at the end what was and was not loaded.

use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::files::Plan;

/// Failures kept with their reasons; later ones are only counted.
const FAILURES_KEPT_MAX: usize = 1000;
const FAILURES_SHOWN_MAX: usize = 50;
const LINE_EVERY: usize = 1000;

/// One thing that was not loaded, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub file: String,
    /// Such as `line 7` or `entry[3]`; empty for the whole file.
    pub place: String,
    pub reason: String,
    /// How many resources that was.
    pub resources: usize,
}

#[derive(Debug)]
pub struct Report {
    pub files: usize,
    pub skipped: usize,
    pub resources: usize,
    pub failed: usize,
    pub failures: Vec<Failure>,
    /// The server was gone, so not everything was tried.
    pub gave_up: bool,
    pub elapsed: Duration,
}

impl Report {
    pub fn is_success(&self) -> bool {
        self.failed == 0 && self.failures.is_empty() && !self.gave_up
    }

    pub fn per_second(&self) -> f64 {
        self.resources as f64 / self.elapsed.as_secs_f64().max(0.001)
    }
}

/// The failures, a line each, and a summary as the last line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.failures.iter().take(FAILURES_SHOWN_MAX) {
            writeln!(f, "failed: {failure}")?;
        }
        if self.failures.len() > FAILURES_SHOWN_MAX {
            writeln!(f, "failed: … and more like these")?;
        }
        if self.gave_up {
            writeln!(f, "gave up: the server cannot be reached, the rest was not tried")?;
        }
        if self.skipped > 0 {
            writeln!(f, "skipped {} files that are neither .json nor .ndjson", self.skipped)?;
        }
        write!(
            f,
            "loaded {} resources from {} files in {:.1} s ({:.0} resources/s), {} failed",
            self.resources,
            self.files,
            self.elapsed.as_secs_f64(),
            self.per_second(),
            self.failed
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = [&self.file, &self.place];
        for place in places.into_iter().filter(|place| !place.is_empty()) {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// Shared by all readers and senders of one load.
pub struct Tally {
    began: Instant,
    files: AtomicUsize,
    skipped: usize,
    resources: AtomicUsize,
    failed: AtomicUsize,
    failures: Mutex<Vec<Failure>>,
    over: AtomicBool,
    /// By bytes read; none where nobody watches.
    bar: Option<ProgressBar>,
}

impl Tally {
    pub fn new(plan: &Plan) -> Tally {
        let bytes = plan.first.iter().chain(&plan.rest).map(|source| source.size_bytes).sum();
        Tally {
            began: Instant::now(),
            files: AtomicUsize::new(0),
            skipped: plan.skipped,
            resources: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            failures: Mutex::new(Vec::new()),
            over: AtomicBool::new(false),
            bar: std::io::stderr().is_terminal().then(|| bar(bytes)),
        }
    }

    /// Returns a reader that moves the progress bar.
    pub fn counted(&self, file: File) -> Box<dyn Read + '_> {
        match &self.bar {
            Some(bar) => Box::new(bar.wrap_read(file)),
            None => Box::new(file),
        }
    }

    pub fn file_done(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub fn loaded(&self, resources: usize) {
        let before = self.resources.fetch_add(resources, Ordering::Relaxed);
        let now = before + resources;
        let rate = now as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        match &self.bar {
            Some(bar) => bar.set_message(format!("{now} resources, {rate:.0}/s")),
            None if now / LINE_EVERY > before / LINE_EVERY => eprintln!("{now} resources, {rate:.0}/s"),
            None => {}
        }
    }

    pub fn fail(&self, failure: Failure) {
        self.failed.fetch_add(failure.resources, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < FAILURES_KEPT_MAX {
            failures.push(failure);
        }
    }

    pub fn give_up(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub fn finish(&self) -> Report {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mut failures = std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        failures.sort_by(|a, b| a.file.cmp(&b.file));
        Report {
            files: self.files.load(Ordering::Relaxed),
            skipped: self.skipped,
            resources: self.resources.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            failures,
            gave_up: self.is_over(),
            elapsed: self.began.elapsed(),
        }
    }
}

fn bar(bytes: u64) -> ProgressBar {
    let template = "{bar:40} {bytes}/{total_bytes} {msg} {eta} left";
    // The template is ours and right; a plain bar is no reason to fail.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style)
}
