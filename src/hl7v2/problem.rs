//! What is wrong with a message: where, which rule, and how bad; this becomes an ERR segment.
//!
//! HL7 v2.5 chapter 2.15.5 (ERR), tables 0357 (codes) and 0516 (severity).

use std::fmt;

/// Where in a message: a segment, which of its name, and as far down as is known. Zero stands for unknown or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its name, in ASCII.
    pub segment: [u8; 3],
    /// From 1.
    pub nth: u16,
    pub field: u16,
    pub repetition: u16,
    pub component: u16,
    pub sub: u16,
}

impl Place {
    /// Returns the place of a whole segment.
    pub fn segment(name: &str, nth: usize) -> Place {
        let mut segment = *b"???";
        segment.iter_mut().zip(name.bytes().filter(u8::is_ascii_graphic)).for_each(|(to, from)| *to = from);
        Place { segment, nth: small(nth), field: 0, repetition: 0, component: 0, sub: 0 }
    }

    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.segment).unwrap_or("???")
    }

    pub fn field(self, n: usize) -> Place {
        Place { field: small(n), ..self }
    }

    pub fn component(self, n: usize) -> Place {
        Place { repetition: self.repetition.max(1), component: small(n), ..self }
    }

    /// Returns the numbers below the segment, as far as they are known.
    pub fn numbers(&self) -> Vec<u16> {
        let mut numbers = vec![self.field, self.repetition, self.component, self.sub];
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        numbers
    }
}

fn small(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// For people: `PID-3.4`, and `OBX[2]-5` for the second OBX.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.nth > 1 {
            write!(f, "[{}]", self.nth)?;
        }
        if self.field > 0 {
            write!(f, "-{}", self.field)?;
        }
        if self.repetition > 1 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        if self.sub > 0 {
            write!(f, ".{}", self.sub)?;
        }
        Ok(())
    }
}

/// Table 0357.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    SegmentSequence,
    RequiredField,
    DataType,
    TableValue,
    TooLong,
    Other,
    UnsupportedType,
    UnsupportedEvent,
    UnsupportedProcessing,
    UnsupportedVersion,
    UnknownKey,
    DuplicateKey,
    Locked,
    Internal,
}

impl Code {
    /// Returns the code and its words in table 0357.
    pub fn row(self) -> (u16, &'static str) {
        match self {
            Code::SegmentSequence => (100, "Segment sequence error"),
            Code::RequiredField => (101, "Required field missing"),
            Code::DataType => (102, "Data type error"),
            Code::TableValue => (103, "Table value not found"),
            Code::TooLong => (104, "Value too long"),
            Code::Other => (199, "Application error"),
            Code::UnsupportedType => (200, "Unsupported message type"),
            Code::UnsupportedEvent => (201, "Unsupported event code"),
            Code::UnsupportedProcessing => (202, "Unsupported processing id"),
            Code::UnsupportedVersion => (203, "Unsupported version id"),
            Code::UnknownKey => (204, "Unknown key identifier"),
            Code::DuplicateKey => (205, "Duplicate key identifier"),
            Code::Locked => (206, "Application record locked"),
            Code::Internal => (207, "Application internal error"),
        }
    }

    /// Returns whether it refuses the message (AR, which may be sent again elsewhere or later) rather than its content (AE).
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Code::UnsupportedType | Code::UnsupportedEvent | Code::UnsupportedProcessing | Code::UnsupportedVersion
        )
    }
}

/// How bad: table 0516.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// What the message says was taken over; something of it could not be.
    Warning,
    /// The message was not taken over.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    pub severity: Severity,
    pub at: Option<Place>,
    /// For people: which rule, what was found. Without what the message says of a patient.
    pub text: String,
}

impl Problem {
    pub fn error(code: Code, at: impl Into<Option<Place>>, text: impl Into<String>) -> Problem {
        Problem { code, severity: Severity::Error, at: at.into(), text: text.into() }
    }

    pub fn warning(code: Code, at: impl Into<Option<Place>>, text: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(code, at, text) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(place) => write!(f, "{place}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
