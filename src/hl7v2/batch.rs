//! Many messages at once: a file of batches, split without a look into its messages, and the batch of their answers.
//!
//! HL7 v2.5 chapter 2.10.3: `[FHS] { [BHS] { message } [BTS] } [FTS]`. The character set is each message's own, so bytes are
//! split; segments begin after CR or LF, which are no part of a character in any set but UTF-16 and UTF-32.

use super::escape;
use super::message::{Marks, Message, Segment};
use super::problem::{Code, Place, Problem};

/// A file: what came with FHS, or without.
#[derive(Debug, Clone, Default)]
pub struct File<'a> {
    header: Option<&'a [u8]>,
    pub batches: Vec<Batch<'a>>,
    /// Where there is one, a part of the file may be missing.
    pub problem: Option<Problem>,
}

/// Messages between BHS and BTS, or without those.
#[derive(Debug, Clone, Default)]
pub struct Batch<'a> {
    header: Option<&'a [u8]>,
    /// The bytes of each.
    pub messages: Vec<&'a [u8]>,
    /// Where there is one, messages of it may be missing.
    pub problem: Option<Problem>,
    is_ended: bool,
}

/// Returns whether something is more than a message.
pub fn is_batch(raw: &[u8]) -> bool {
    let is_message = |line: &[u8]| line.starts_with(b"MSH");
    has_header(raw) || lines(raw).filter(|line| is_message(line)).nth(1).is_some()
}

/// Returns whether something begins as a file or a batch does.
pub fn has_header(raw: &[u8]) -> bool {
    let first = lines(raw).next().unwrap_or_default();
    first.starts_with(b"FHS") || first.starts_with(b"BHS")
}

/// Returns how many messages there are in what begins as a batch; otherwise one.
pub fn count_of(raw: &[u8]) -> usize {
    let is_message = |line: &&[u8]| line.starts_with(b"MSH");
    if has_header(raw) { lines(raw).filter(is_message).count().max(1) } else { 1 }
}

/// Splits a file and checks that it is whole.
pub fn split(raw: &[u8]) -> File<'_> {
    let mut reader = Reader { raw, file: File::default(), message: None, ended: None };
    for line in lines(raw) {
        reader.take(line);
    }
    reader.end_message(raw.len());
    let Reader { mut file, ended, .. } = reader;
    if let Some(batch) = file.batches.last_mut().filter(|batch| batch.header.is_some() && !batch.is_ended) {
        batch.complain(missing("BTS"));
    }
    if file.header.is_some() && ended.is_none() {
        file.complain(missing("FTS"));
    }
    if file.batches.is_empty() {
        file.complain(Problem::error(Code::SegmentSequence, None, "there is no message"));
    }
    file
}

impl File<'_> {
    fn complain(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }
}

impl Batch<'_> {
    fn complain(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }

    /// Returns BHS, for an acknowledgement of the batch itself.
    pub fn header(&self) -> Option<Message> {
        self.header.and_then(as_message)
    }
}

/// Returns what is no batch as a file of one message.
pub fn of_one(raw: &[u8]) -> File<'_> {
    File { batches: vec![Batch { messages: vec![raw], ..Batch::default() }], ..File::default() }
}

impl File<'_> {
    /// Returns whether there is something to answer to: a header that can be read, or a message.
    pub fn says_something(&self) -> bool {
        let is_read = |header: Option<&[u8]>| header.and_then(as_message).is_some();
        is_read(self.header) || self.batches.iter().any(|batch| is_read(batch.header) || !batch.messages.is_empty())
    }
}

struct Reader<'a> {
    raw: &'a [u8],
    file: File<'a>,
    /// Where the message begins that is being read.
    message: Option<usize>,
    /// Whether FTS was there.
    ended: Option<()>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, line: &'a [u8]) {
        let at = line.as_ptr() as usize - self.raw.as_ptr() as usize;
        let name = line.get(..3).unwrap_or(line);
        if matches!(name, b"FHS" | b"BHS" | b"BTS" | b"FTS" | b"MSH") {
            self.end_message(at);
            if self.ended.is_some() {
                self.file.complain(Problem::error(Code::SegmentSequence, None, "nothing follows after FTS"));
            }
        }
        match name {
            b"MSH" => self.begin_message(at),
            b"FHS" if self.file.header.is_none() && self.file.batches.is_empty() => self.file.header = Some(line),
            b"FHS" => {
                self.file.complain(Problem::error(Code::SegmentSequence, place("FHS"), "FHS comes first, and once"))
            }
            b"BHS" => self.begin_batch(Some(line)),
            b"BTS" => self.end_batch(line),
            b"FTS" => self.end_file(line),
            _ if self.message.is_none() => {
                let text = "there is something that belongs to no message";
                self.file.complain(Problem::error(Code::SegmentSequence, None, text));
            }
            _ => {}
        }
    }

    fn begin_message(&mut self, at: usize) {
        if self.file.batches.last().is_none_or(|batch| batch.is_ended) {
            self.begin_batch(None);
        }
        self.message = Some(at);
    }

    fn end_message(&mut self, at: usize) {
        if let (Some(from), Some(batch)) = (self.message.take(), self.file.batches.last_mut()) {
            batch.messages.push(&self.raw[from..at]);
        }
    }

    fn begin_batch(&mut self, header: Option<&'a [u8]>) {
        if let Some(batch) = self.file.batches.last_mut().filter(|batch| batch.header.is_some() && !batch.is_ended) {
            batch.complain(missing("BTS"));
        }
        self.file.batches.push(Batch { header, ..Batch::default() });
    }

    fn end_batch(&mut self, line: &[u8]) {
        let header = self.file.batches.last().and_then(|batch| batch.header).or(self.file.header);
        let count = count(header, line);
        let Some(batch) = self.file.batches.last_mut().filter(|batch| !batch.is_ended) else {
            self.file.complain(Problem::error(Code::SegmentSequence, place("BTS"), "BTS ends no batch"));
            return;
        };
        batch.is_ended = true;
        if let Some(problem) = differs("BTS", count, batch.messages.len(), "messages") {
            batch.complain(problem);
        }
    }

    fn end_file(&mut self, line: &[u8]) {
        self.ended = Some(());
        if self.file.header.is_none() {
            self.file.complain(Problem::error(Code::SegmentSequence, place("FTS"), "FTS ends no file"));
        }
        if let Some(problem) = differs("FTS", count(self.file.header, line), self.file.batches.len(), "batches") {
            self.file.complain(problem);
        }
    }
}

/// What the sender counted: nothing, a number, or something else.
fn count(header: Option<&[u8]>, line: &[u8]) -> Option<Result<usize, ()>> {
    let mark = header.and_then(|header| header.get(3)).copied().unwrap_or(b'|');
    let field = String::from_utf8_lossy(line.split(|byte| *byte == mark).nth(1)?).trim().to_string();
    (!field.is_empty()).then(|| field.parse().map_err(|_| ()))
}

fn differs(name: &str, count: Option<Result<usize, ()>>, there: usize, what: &str) -> Option<Problem> {
    let words = match count? {
        Ok(count) if count == there => return None,
        Ok(count) => format!("{name} counts {count} {what}, but there are {there}"),
        Err(()) => format!("{name} counts {what} by something that is no number"),
    };
    Some(Problem::error(Code::SegmentSequence, place(name).field(1), words))
}

fn missing(name: &str) -> Problem {
    Problem::error(Code::SegmentSequence, place(name), format!("{name} is missing; the end may have been lost"))
}

fn place(name: &str) -> Place {
    Place::segment(name, 1)
}

/// Returns the lines that are not empty, without what stands before the first.
fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let raw = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw);
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | 0 | 0x1A | 0x0B | 0x1C);
    let lines = raw.split(|byte| matches!(byte, b'\r' | b'\n')).filter(move |line| !line.iter().all(blank));
    lines.map(move |line| &line[line.iter().take_while(|byte| blank(byte)).count()..])
}

/// Reads a header of a file or a batch as the header of a message: separators, parties and most fields are in the same places.
fn as_message(line: &[u8]) -> Option<Message> {
    let text = String::from_utf8_lossy(line);
    Message::parse(format!("MSH{}", text.get(3..)?)).ok()
}

/// What an answer is written with; see [`super::ack::Ack`].
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// FHS-11 and BHS-11; each batch adds its number.
    pub id: &'a str,
    pub time: &'a str,
    pub application: &'a str,
    pub facility: &'a str,
}

/// Returns the file that answers a file: for each batch the acknowledgements of its messages, as they are written.
pub fn answer(file: &File, answers: &[Vec<Vec<u8>>], stamp: Stamp) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = file.header.and_then(as_message);
    if let Some(header) = &header {
        bytes.extend(head("FHS", header, stamp.id, stamp, file.problem.as_ref()).into_bytes());
    }
    for (number, batch) in file.batches.iter().enumerate() {
        let acks = answers.get(number).map(Vec::as_slice).unwrap_or_default();
        let header = batch.header();
        if let Some(header) = &header {
            let id = format!("{}-{}", stamp.id, number + 1);
            bytes.extend(head("BHS", header, &id, stamp, batch.problem.as_ref()).into_bytes());
        }
        acks.iter().for_each(|ack| bytes.extend(ack));
        if let Some(header) = &header {
            bytes.extend(tail("BTS", header, acks.len(), batch.problem.as_ref()).into_bytes());
        }
    }
    if let Some(header) = &header {
        bytes.extend(tail("FTS", header, file.batches.len(), file.problem.as_ref()).into_bytes());
    }
    bytes
}

/// BTS and FTS: how many there are, and what was wrong with theirs.
fn tail(name: &str, theirs: &Message, count: usize, problem: Option<&Problem>) -> String {
    let mark = theirs.marks().field;
    let comment = problem.map(|problem| format!("{mark}{}", told(problem, theirs))).unwrap_or_default();
    format!("{name}{mark}{count}{comment}\r")
}

fn told(problem: &Problem, theirs: &Message) -> String {
    escape::encode(&problem.to_string(), theirs.marks())
}

fn head(name: &str, theirs: &Message, id: &str, stamp: Stamp, problem: Option<&Problem>) -> String {
    let Marks { field: mark, .. } = theirs.marks();
    let segment: Segment = theirs.header();
    let raw = |n: usize| segment.field(n).raw().trim().chars().filter(|c| !c.is_control()).collect::<String>();
    let or = |own: String, other: &str| if own.is_empty() { escape::encode(other, theirs.marks()) } else { own };
    let comment = problem.map(|problem| told(problem, theirs)).unwrap_or_default();
    let fields = [
        format!("{name}{mark}{}", theirs.marks().encoding()),
        or(raw(5), stamp.application),
        or(raw(6), stamp.facility),
        raw(3),
        raw(4),
        stamp.time.to_string(),
        String::new(),
        String::new(),
        comment,
        id.to_string(),
        raw(11),
    ];
    let last = fields.iter().rposition(|field| !field.is_empty()).unwrap_or(0);
    fields[..=last].join(mark.encode_utf8(&mut [0; 4])) + "\r"
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "FHS|^~\\&|LAB|HOSP|EHR|CITY|20260101||name|comment|F1\r\
        BHS|^~\\&|LAB|HOSP|EHR|CITY|20260101||||B1\rMSH|^~\\&|1\rPID|1\rMSH|^~\\&|2\rBTS|2\r\
        BHS|^~\\&|LAB|HOSP\rMSH|^~\\&|3\rBTS|1\rFTS|2\r";

    /// Returns the sizes of batches, and what is wrong.
    fn told(text: &str) -> String {
        let file = split(text.as_bytes());
        let mut told: Vec<String> = file.problem.iter().map(Problem::to_string).collect();
        for batch in &file.batches {
            let problem = batch.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
            told.push(format!("{}{problem}", batch.messages.len()));
        }
        told.join("; ")
    }

    #[test]
    fn a_file_is_split_and_its_counts_are_checked() {
        for (text, expected) in [
            (FILE, "2; 1"),
            (&FILE.replace('\r', "\r\n\r\n"), "2; 1"),
            (&FILE.replace("BTS|2", "BTS|3"), "2 (BTS-1: BTS counts 3 messages, but there are 2); 1"),
            (&FILE.replace("BTS|2", "BTS|x"), "2 (BTS-1: BTS counts messages by something that is no number); 1"),
            (&FILE.replace("BTS|2", "BTS|"), "2; 1"),
            (&FILE.replace("FTS|2", "FTS|1"), "FTS-1: FTS counts 1 batches, but there are 2; 2; 1"),
            (&FILE.replace("FTS|2\r", ""), "FTS: FTS is missing; the end may have been lost; 2; 1"),
            (&FILE.replace("BTS|2\r", ""), "2 (BTS: BTS is missing; the end may have been lost); 1"),
            (&FILE.replace("BTS|1\r", ""), "2; 1 (BTS: BTS is missing; the end may have been lost)"),
            (&format!("{FILE}MSH|^~\\&"), "nothing follows after FTS; 2; 1; 1"),
            (&format!("x\r{FILE}"), "there is something that belongs to no message; 2; 1"),
            ("MSH|^~\\&\rPID\rMSH|^~\\&\r", "2"),
            ("BHS|^~\\&\rBTS|0\r", "0"),
            ("BHS#^~\\&\rMSH|^~\\&\rBTS#1#comment\r", "1"),
            ("BTS|1", "BTS: BTS ends no batch"),
            ("FTS", "FTS: FTS ends no file"),
            ("", "there is no message"),
            ("FHS\rFHS\r", "FHS: FHS comes first, and once"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn a_message_is_all_its_bytes() {
        let file = split(FILE.as_bytes());
        assert_eq!(file.batches[0].messages, [&b"MSH|^~\\&|1\rPID|1\r"[..], b"MSH|^~\\&|2\r"]);
        assert!(is_batch(FILE.as_bytes()) && is_batch(b"\r\nBHS|") && is_batch(b"MSH|\rMSH|"));
        assert!(!is_batch(b"MSH|\rPID|") && !is_batch(b""));
    }

    #[test]
    fn answers_come_in_a_file_of_the_same_form() {
        let mut file = split(FILE.as_bytes());
        file.batches[1].problem = Some(missing("BTS"));
        let stamp = Stamp { id: "N", time: "2026", application: "MediLink", facility: "Us" };
        let acks = [vec![b"MSH|a\r".to_vec(), b"MSH|b\r".to_vec()], vec![b"MSH|c\r".to_vec()]];
        let text = String::from_utf8(answer(&file, &acks, stamp)).unwrap();
        let expected = [
            "FHS|^~\\&|EHR|CITY|LAB|HOSP|2026||||N|F1",
            "BHS|^~\\&|EHR|CITY|LAB|HOSP|2026||||N-1|B1",
            "MSH|a",
            "MSH|b",
            "BTS|2",
            "BHS|^~\\&|MediLink|Us|LAB|HOSP|2026|||BTS: BTS is missing; the end may have been lost|N-2",
            "MSH|c",
            "BTS|1|BTS: BTS is missing; the end may have been lost",
            "FTS|2",
        ];
        assert_eq!(text.split_terminator('\r').collect::<Vec<_>>(), expected);
        assert_eq!(split(text.as_bytes()).problem, None);
        let plain = split(b"MSH|^~\\&\rMSH|^~\\&\r");
        assert_eq!(answer(&plain, &acks[..1], stamp), b"MSH|a\rMSH|b\r");
    }
}
