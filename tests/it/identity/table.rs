//! A table of checks that a reader can judge without reading code: what was looked at, and how it ended.

use std::any::Any;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Rows in groups, in the order in which they were checked.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    group: &'static str,
}

struct Row {
    group: &'static str,
    title: String,
    result: Outcome,
}

enum Outcome {
    Passed,
    /// Why it is not checked here.
    LeftOut(&'static str),
    Failed(String),
}

impl Table {
    /// Begins a group.
    pub fn group(&mut self, name: &'static str) {
        self.group = name;
    }

    /// Does the work of some rows; where it panics outside of them, that is a row too.
    pub fn part(&mut self, work: impl FnOnce(&mut Table)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(self))) {
            let result = Outcome::Failed(words(panic.as_ref()));
            self.rows.push(Row { group: self.group, title: "what the rows of this group build on".into(), result });
        }
    }

    /// Adds a row: passed when the work ends without a panic. Returns what the work found out, for rows that build on it.
    pub fn check<T>(&mut self, title: impl Into<String>, work: impl FnOnce() -> T) -> Option<T> {
        let (result, found) = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(found) => (Outcome::Passed, Some(found)),
            Err(panic) => (Outcome::Failed(words(panic.as_ref())), None),
        };
        self.rows.push(Row { group: self.group, title: title.into(), result });
        found
    }

    /// Adds a row that builds on what another has found out.
    pub fn after<A, T>(
        &mut self,
        found: Option<&A>,
        title: impl Into<String>,
        work: impl FnOnce(&A) -> T,
    ) -> Option<T> {
        self.check(title, || work(found.expect("what this builds on has failed")))
    }

    /// Adds a row that is not checked here.
    pub fn left_out(&mut self, title: impl Into<String>, why: &'static str) {
        self.rows.push(Row { group: self.group, title: title.into(), result: Outcome::LeftOut(why) });
    }

    /// Prints the table, keeps it as `target/tables/<name>.txt`, and panics when a row has failed.
    pub fn finish(self, name: &str) {
        let shown = self.shown(name);
        let failed = self.rows.iter().filter(|row| matches!(row.result, Outcome::Failed(_))).count();
        println!("{shown}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tables");
        let kept =
            std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(format!("{name}.txt")), &shown));
        kept.unwrap_or_else(|e| panic!("the table cannot be kept: {e}"));
        assert_eq!(failed, 0, "{failed} rows have failed; see the table above");
    }

    /// Returns the table as text. The lines of groups, of failed rows and of the end are its short form.
    fn shown(&self, name: &str) -> String {
        let (mut out, mut group) = (String::new(), "");
        for row in &self.rows {
            if row.group != group {
                group = row.group;
                let _ = writeln!(out, "\n{group}: {}", counted(self.rows.iter().filter(|row| row.group == group)));
            }
            let _ = match &row.result {
                Outcome::Passed => writeln!(out, "  passed    {}", row.title),
                Outcome::LeftOut(why) => writeln!(out, "  left out  {}: {why}", row.title),
                Outcome::Failed(why) => {
                    writeln!(out, "  FAILED    {}\n            {}", row.title, why.replace('\n', " "))
                }
            };
        }
        let _ = writeln!(out, "\n{name}: {}", counted(self.rows.iter()));
        out
    }
}

/// Returns how rows have ended, in words.
fn counted<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let (mut passed, mut failed, mut left_out) = (0, 0, 0);
    for row in rows {
        match row.result {
            Outcome::Passed => passed += 1,
            Outcome::Failed(_) => failed += 1,
            Outcome::LeftOut(_) => left_out += 1,
        }
    }
    format!("{passed} passed, {failed} failed, {left_out} left out")
}

/// Returns what a panic said, cut to a sensible length.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a word").chars().take(600).collect()
}
