//! Frames: where a message begins and ends in a stream of bytes that may be cut anywhere and may be at fault.
//!
//! HL7 v2 Minimal Lower Layer Protocol: `0x0B` message `0x1C 0x0D`. What is at fault costs as little as can be: the stream is
//! followed again from the next `0x0B`.

use bytes::{Bytes, BytesMut};

const BEGIN: u8 = 0x0B;
const END: u8 = 0x1C;
const RETURN: u8 = 0x0D;
/// A commit acknowledgement of the second release of the protocol, which nobody here asks for; negative: 0x15.
const COMMITS: [&[u8]; 2] = [&[0x06], &[0x15]];
/// Bytes between two frames, after which nobody believes any more that frames are sent.
const OUTSIDE_BYTES_MAX: usize = 65_536;

/// What a stream may be at fault with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Bytes before `0x0B`; skipped.
    Outside(usize),
    /// So many of them that this is no stream of frames. Nothing follows.
    Noise,
    /// `0x0B` within a frame: what stood before it is given up.
    Restarted,
    /// `0x1C` without `0x0D`; the frame is taken all the same.
    Unended,
    /// A frame above its limit. Nothing follows.
    TooLong,
    /// The stream ended within a frame.
    Cut,
    /// An acknowledgement of the transport; nothing is answered to it.
    Commit,
}

impl Fault {
    /// Returns its name among metrics.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Outside(_) => "outside",
            Fault::Noise => "noise",
            Fault::Restarted => "restarted",
            Fault::Unended => "unended",
            Fault::TooLong => "too_long",
            Fault::Cut => "cut",
            Fault::Commit => "commit",
        }
    }

    /// Returns whether the stream cannot be followed any more.
    pub fn is_end(self) -> bool {
        matches!(self, Fault::Noise | Fault::TooLong | Fault::Cut)
    }
}

/// What a stream has next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Frame(Bytes),
    Fault(Fault),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between frames; how many bytes were skipped, and whether one of them was more than an end of line.
    Outside { skipped: usize, is_odd: bool },
    /// In a frame, whose bytes are those of the buffer; how many have been looked at.
    Inside { seen: usize },
}

const BETWEEN: Place = Place::Outside { skipped: 0, is_odd: false };

/// Follows a stream of frames.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    place: Place,
    /// What comes after a fault that was told first.
    kept: Option<Found>,
    frame_bytes_max: usize,
}

impl Decoder {
    pub fn new(frame_bytes_max: usize) -> Decoder {
        Decoder { buffer: BytesMut::new(), place: BETWEEN, kept: None, frame_bytes_max }
    }

    /// Returns where bytes of the stream are appended.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Returns whether something was begun that its sender owes the end of.
    pub fn is_amid(&self) -> bool {
        !matches!(self.place, Place::Outside { is_odd: false, .. })
    }

    /// Returns what comes next; nothing where more bytes are needed first.
    pub fn find(&mut self) -> Option<Found> {
        if let Some(found) = self.kept.take() {
            return Some(found);
        }
        if self.buffer.is_empty() {
            // What a long frame has taken is not held until the next one comes.
            self.buffer = BytesMut::new();
        }
        match self.place {
            Place::Outside { skipped, is_odd } => self.outside(skipped, is_odd),
            Place::Inside { seen } => self.inside(seen),
        }
    }

    /// Returns what is left when the stream has ended, after [`Decoder::find`] has found nothing more.
    pub fn finish(&mut self) -> Option<Found> {
        if let Some(found) = self.kept.take() {
            return Some(found);
        }
        let place = std::mem::replace(&mut self.place, BETWEEN);
        let rest = self.buffer.split();
        match place {
            Place::Outside { skipped: 0, .. } => None,
            Place::Outside { skipped, .. } => Some(Found::Fault(Fault::Outside(skipped))),
            Place::Inside { .. } => match rest.strip_suffix(&[END]) {
                Some(frame) => {
                    let found = frame_of(Bytes::copy_from_slice(frame));
                    self.kept = Some(found);
                    Some(Found::Fault(Fault::Unended))
                }
                None => Some(Found::Fault(Fault::Cut)),
            },
        }
    }

    fn outside(&mut self, skipped: usize, is_odd: bool) -> Option<Found> {
        let left = OUTSIDE_BYTES_MAX - skipped;
        let begin = memchr::memchr(BEGIN, &self.buffer[..self.buffer.len().min(left + 1)]);
        if begin.is_none() && self.buffer.len() > left {
            self.buffer.clear();
            return Some(Found::Fault(Fault::Noise));
        }
        let passed = self.buffer.split_to(begin.unwrap_or(self.buffer.len()));
        let skipped = skipped + passed.len();
        if begin.is_none() {
            let is_odd = is_odd || passed.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
            self.place = Place::Outside { skipped, is_odd };
            return None;
        }
        drop(self.buffer.split_to(1));
        self.place = Place::Inside { seen: 0 };
        if skipped > 0 { Some(Found::Fault(Fault::Outside(skipped))) } else { self.inside(0) }
    }

    fn inside(&mut self, mut seen: usize) -> Option<Found> {
        // The mark that ends the longest frame stands right behind it.
        let end = self.buffer.len().min(self.frame_bytes_max + 1);
        while let Some(found) = memchr::memchr2(BEGIN, END, &self.buffer[seen..end]) {
            let at = seen + found;
            if self.buffer[at] == BEGIN {
                drop(self.buffer.split_to(at + 1));
                self.place = Place::Inside { seen: 0 };
                return Some(Found::Fault(Fault::Restarted));
            }
            match self.buffer.get(at + 1) {
                None => {
                    self.place = Place::Inside { seen: at };
                    return None;
                }
                Some(&RETURN) => {
                    let frame = self.cut(at);
                    drop(self.buffer.split_to(1));
                    return Some(frame_of(frame));
                }
                Some(&BEGIN) => {
                    let frame = self.cut(at);
                    self.kept = Some(frame_of(frame));
                    return Some(Found::Fault(Fault::Unended));
                }
                // In some character sets it is a part of a character.
                Some(_) => seen = at + 1,
            }
        }
        self.place = Place::Inside { seen: end };
        if self.buffer.len() > self.frame_bytes_max {
            self.buffer.clear();
            return Some(Found::Fault(Fault::TooLong));
        }
        None
    }

    /// Takes a frame out of the buffer, and the mark behind it.
    fn cut(&mut self, at: usize) -> Bytes {
        let frame = self.buffer.split_to(at).freeze();
        drop(self.buffer.split_to(1));
        self.place = BETWEEN;
        frame
    }
}

fn frame_of(bytes: Bytes) -> Found {
    if COMMITS.contains(&bytes.as_ref()) { Found::Fault(Fault::Commit) } else { Found::Frame(bytes) }
}

/// Returns a message in its frame.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(BEGIN);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[END, RETURN]);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 8;

    /// Returns what a stream has that arrives in these pieces.
    fn found(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::new(LIMIT);
        let mut told = Vec::new();
        for piece in pieces {
            decoder.buffer().extend_from_slice(piece);
            while let Some(found) = decoder.find() {
                told.push(words(&found));
                if matches!(found, Found::Fault(fault) if fault.is_end()) {
                    return told;
                }
            }
        }
        while let Some(found) = decoder.finish() {
            told.push(words(&found));
        }
        assert!(!decoder.is_amid());
        told
    }

    fn words(found: &Found) -> String {
        match found {
            Found::Frame(bytes) => format!("={}", String::from_utf8_lossy(bytes)),
            Found::Fault(Fault::Outside(n)) => format!("outside {n}"),
            Found::Fault(fault) => fault.name().to_string(),
        }
    }

    /// Checks what a stream has, cut at every place, at every two places, and at each byte. `<` begins, `>` ends, `.` returns.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mark = |byte: u8| match byte {
            b'<' => BEGIN,
            b'>' => END,
            b'.' => RETURN,
            other => other,
        };
        let bytes: Vec<u8> = text.bytes().map(mark).collect();
        let whole = found(&[&bytes]);
        assert_eq!(whole.join(" "), expected, "{text}");
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(found(&pieces), whole, "{text} cut at {first} and {second}");
            }
        }
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(found(&pieces), whole, "{text} byte by byte");
    }

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        check("", "");
        check("<abc>.", "=abc");
        check("<a>.<b>.<c>.", "=a =b =c");
        check("<>.", "=");
        check("<a.b.>.", "=a\rb\r");
        check("<12345678>.", "=12345678");
    }

    #[test]
    fn faults_cost_as_little_as_can_be() {
        check("xyz<a>.", "outside 3 =a");
        check("<a>..\n<b>.", "=a outside 2 =b");
        check("<a>.xyz", "=a outside 3");
        check("<a<b>.", "restarted =b");
        check("<<<b>.", "restarted restarted =b");
        check("<a><b>.", "unended =a =b");
        check("<a><b><c>", "unended =a unended =b unended =c");
        check("<a>x>.", "=a\u{1c}x");
        check("<a>>.", "=a\u{1c}");
        check("<a", "cut");
        check("<", "cut");
        check("<a>.<b", "=a cut");
        check("<123456789>.<b>.", "too_long");
        check("<123456789<b>.", "too_long");
        check("<12345678><b>.", "unended =12345678 =b");
        check("<1234567>x>.", "too_long");
        check("<12345678", "cut");
        check("<\u{6}>.<\u{15}>.<a>.", "commit commit =a");
    }

    #[test]
    fn any_stream_is_followed_the_same_however_it_is_cut() {
        // Each stream of six of the bytes that matter.
        let alphabet = [b'<', b'>', b'.', b'a'];
        for number in 0..4_usize.pow(6) {
            let stream: Vec<u8> = (0..6).map(|place| alphabet[number / 4_usize.pow(place) % 4]).collect();
            let text = String::from_utf8(stream).unwrap();
            let marked: Vec<u8> = text
                .bytes()
                .map(|b| {
                    [(b'<', BEGIN), (b'>', END), (b'.', RETURN), (b'a', b'a')]
                        .into_iter()
                        .find(|(c, _)| *c == b)
                        .unwrap()
                        .1
                })
                .collect();
            check(&text, &found(&[&marked]).join(" "));
        }
    }

    #[test]
    fn noise_has_an_end() {
        let noise = vec![b'x'; OUTSIDE_BYTES_MAX];
        assert_eq!(found(&[&noise, b"\x0ba\x1c\r"]), [format!("outside {OUTSIDE_BYTES_MAX}"), "=a".to_string()]);
        assert_eq!(found(&[&noise, b"x", b"\x0ba\x1c\r"]), ["noise"]);
        assert_eq!(found(&[&[&noise[..], b"x\x0ba\x1c\r"].concat()]), ["noise"]);
    }

    #[test]
    fn what_is_owed_is_known() {
        let mut decoder = Decoder::new(LIMIT);
        for (bytes, is_amid) in
            [(&b""[..], false), (b"\r\n", false), (b"GET", true), (b"\x0b", true), (b"a\x1c\r", false)]
        {
            decoder.buffer().extend_from_slice(bytes);
            while decoder.find().is_some() {}
            assert_eq!(decoder.is_amid(), is_amid, "{bytes:?}");
        }
        assert_eq!(framed(b"a"), b"\x0ba\x1c\r");
    }
}
