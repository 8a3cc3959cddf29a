//! What a stream may be at fault with, and that it goes on where it can.

use super::{Sender, framed, message};
use crate::app::TestApp;

fn app() -> TestApp {
    TestApp::builder().mllp().set("mllp-frame-bytes-max", "2000").start()
}

/// Returns the frame of a message.
fn frame(id: &str) -> Vec<u8> {
    framed(&message(id))
}

fn metric(app: &TestApp, line: &str) -> f64 {
    let text = app.client().request("GET", "/metrics", &[], b"").text();
    text.lines().find_map(|own| own.strip_prefix(line)?.trim().parse().ok()).unwrap_or(0.0)
}

/// Its name, what is sent piece by piece, and which messages are answered.
type Case<'a> = (&'a str, Vec<Vec<u8>>, &'a [&'a str]);

#[test]
fn each_fault_costs_as_little_as_can_be() {
    let app = app();
    let unended = |id: &str| [b"\x0b", &message(id)[..], b"\x1c"].concat();
    let long = framed(&[&message("long")[..], &[b'x'; 2000]].concat());
    let cases: [Case; 12] = [
        ("one frame", vec![frame("1")], &["1"]),
        ("several in one read", vec![[frame("1"), frame("2"), frame("3")].concat()], &["1", "2", "3"]),
        ("bytes before", vec![[b"abc\r\n".to_vec(), frame("1")].concat()], &["1"]),
        ("bytes between", vec![[frame("1"), b"\r\nabc".to_vec(), frame("2")].concat()], &["1", "2"]),
        ("a new beginning within", vec![[b"\x0bMSH|^~\\&|half".to_vec(), frame("2")].concat()], &["2"]),
        ("no return at the end", vec![[unended("1"), frame("2")].concat()], &["1", "2"]),
        ("no return at the very end", vec![frame("1"), unended("2")], &["1", "2"]),
        ("an end that is none", vec![framed(&[&message("1")[..], b"|a\x1cb"].concat())], &["1"]),
        ("half a frame", vec![frame("1"), b"\x0bMSH|".to_vec()], &["1"]),
        ("too long", vec![frame("1"), long, frame("2")], &["1"]),
        ("an empty frame, and no message", vec![framed(b""), framed(b"abc"), frame("3")], &["", "", "3"]),
        ("commits of the transport", vec![framed(b"\x06"), framed(b"\x15"), frame("3")], &["3"]),
    ];
    for (name, pieces, expected) in cases {
        let mut sender = Sender::connect(app.mllp());
        for piece in &pieces {
            sender.send(piece);
        }
        sender.end();
        assert_eq!(sender.rest(), expected, "{name}");
    }
    for kind in ["outside", "restarted", "unended", "cut", "too_long", "commit"] {
        let name = format!("medilink_mllp_faults_total{{kind=\"{kind}\"}}");
        assert!(metric(&app, &name) > 0.0, "{name}");
    }
    assert!(metric(&app, "medilink_mllp_frames_total") >= 15.0);
    assert!(metric(&app, "medilink_mllp_skipped_bytes_total") >= 10.0);
}

#[test]
fn a_frame_may_come_in_any_pieces() {
    let app = app();
    let bytes = [frame("1"), frame("2")].concat();
    let mut sender = Sender::connect(app.mllp());
    for at in (1..bytes.len()).step_by(7) {
        sender.send(&bytes[..at]);
        std::thread::sleep(std::time::Duration::from_millis(5));
        sender.send(&bytes[at..]);
        assert_eq!((sender.answered(), sender.answered()), (Some("1".into()), Some("2".into())), "cut at {at}");
    }
    for byte in &bytes {
        sender.send(&[*byte]);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!((sender.answered(), sender.answered()), (Some("1".into()), Some("2".into())));
}

#[test]
fn answers_have_the_senders_separators_and_character_set() {
    let app = app();
    let mut sender = Sender::connect(app.mllp());
    sender.send(&framed(b"MSH#*~\\&#A*1#B#C#D#20260101##ORU*R01#x\\F\\y#T#2.3\rPID#1"));
    let answer = sender.answer().expect("an answer");
    let fields: Vec<&str> = answer.split('\r').next().expect("MSH").split('#').collect();
    assert_eq!((&fields[..6], fields[8]), (&["MSH", "*~\\&", "C", "D", "A*1", "B"][..], "ACK*R01"), "{answer}");
    assert_eq!(&fields[10..], ["T", "2.3"], "{answer}");
    assert!(answer.contains("\rMSA#A") && answer.contains("#x\\F\\y"), "{answer}");
    for (name, written) in [("8859/1", &b"|S\xFCd|"[..]), ("8859/5", b"|S?d|"), ("UTF-8", "|Süd|".as_bytes())] {
        let begin = [b"MSH|^~\\&", written, b"B|||20260101||ADT^A01|1|P|2.5||||||"].concat();
        sender.send(&framed(&[&begin[..], name.as_bytes(), b"\rPID|1"].concat()));
        let answer = sender.frame().expect("an answer");
        assert!(answer.windows(written.len()).any(|bytes| bytes == written), "{name}");
    }
}
