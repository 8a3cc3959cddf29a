//! Connections in memory: what a sender sends, and what it sees.

use super::*;
use futures_util::future::LocalBoxFuture;
use tokio::io::DuplexStream;

/// Answers with what was sent; some words make it do otherwise.
struct Echo;

impl Handler for Echo {
    fn take<'a>(&'a self, _: &'a Peer, frame: Bytes) -> LocalBoxFuture<'a, Vec<Vec<u8>>> {
        match frame.as_ref() {
            b"nothing" => Box::pin(std::future::ready(Vec::new())),
            b"two" => Box::pin(std::future::ready(vec![b"1".to_vec(), b"2".to_vec()])),
            b"early panic" => panic!("as it was asked for"),
            b"late panic" => Box::pin(async { panic!("as it was asked for") }),
            b"never" => Box::pin(std::future::pending()),
            _ => Box::pin(async move {
                let is_slow = frame.starts_with(b"slow");
                tokio::time::sleep(Duration::from_millis(if is_slow { 60 } else { 0 })).await;
                vec![frame.to_vec()]
            }),
        }
    }
}

const SHORT: Duration = Duration::from_millis(150);

fn ground(stop: watch::Receiver<bool>) -> Ground {
    let times = Times { idle: SHORT, frame: 3 * SHORT, request: SHORT, write: SHORT };
    Ground { handler: Rc::new(Echo), frame_bytes_max: 1_000, times, stop }
}

/// Runs a connection beside its sender and returns what the sender returns, with what it then sees before the end.
fn run<T>(sender: impl AsyncFnOnce(&mut DuplexStream, watch::Sender<bool>) -> T) -> (T, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut theirs, ours) = tokio::io::duplex(64);
        let (stop, stopped) = watch::channel(false);
        let (ground, peer) = (ground(stopped), Peer { address: ([127, 0, 0, 1], 1).into(), certificate_name: None });
        let talk = async {
            let done = sender(&mut theirs, stop.clone()).await;
            let mut rest = Vec::new();
            theirs.read_to_end(&mut rest).await.unwrap();
            (done, rest)
        };
        tokio::join!(serve(ours, &peer, &ground), talk).1
    })
}

/// Checks what is answered to these bytes, after which the sender sends nothing more. `<` begins, `>` ends a frame.
#[track_caller]
fn check(sent: &str, expected: &str) {
    let bytes: Vec<u8> = sent
        .bytes()
        .flat_map(|b| {
            if b == b'<' {
                vec![0x0B]
            } else if b == b'>' {
                vec![0x1C, 0x0D]
            } else {
                vec![b]
            }
        })
        .collect();
    let ((), seen) = run(async |stream, _| {
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let seen = String::from_utf8(seen).unwrap().replace('\u{b}', "<").replace("\u{1c}\r", ">");
    assert_eq!(seen, expected, "{sent}");
}

#[test]
fn answers_come_in_order_and_each_in_its_frame() {
    check("<a>", "<a>");
    check("<slow a><b><slow c>x<d>", "<slow a><b><slow c><d>");
    check("<nothing><two><a>", "<1><2><a>");
    check("<a><b", "<a>");
    check("", "");
    check(&format!("<a><{}>", "b".repeat(1_000)), &format!("<a><{}>", "b".repeat(1_000)));
    check(&format!("<a><{}", "b".repeat(1_001)), "<a>");
}

#[test]
fn a_message_that_breaks_the_handler_is_answered_and_the_next_one_taken() {
    for (word, code, text) in [
        ("early panic", "AE", "the server failed"),
        ("late panic", "AE", "the server failed"),
        ("never", "AR", "the message was not processed in time"),
    ] {
        let ((), seen) = run(async |stream, _| {
            stream.write_all(&[frame::framed(word.as_bytes()), frame::framed(b"next")].concat()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let seen = String::from_utf8(seen).unwrap();
        assert!(seen.contains(&format!("\rMSA|{code}||{text}\rERR|||207^")), "{seen}");
        assert!(seen.ends_with("\u{b}next\u{1c}\r"), "{seen}");
    }
}

#[test]
fn a_frame_that_is_begun_must_come_to_its_end() {
    for (bytes, expected) in
        [(&b"\x0ba"[..], &b""[..]), (b"GET / HTTP/1.1\r\n\r\n", b""), (b"\x0ba\x1c", b"\x0ba\x1c\r")]
    {
        let began = Instant::now();
        let ((), seen) = run(async |stream, _| stream.write_all(bytes).await.unwrap());
        assert_eq!(seen, expected);
        assert!(began.elapsed() >= SHORT && began.elapsed() < 20 * SHORT);
    }
}

#[test]
fn a_frame_may_come_slowly_but_not_forever() {
    let (slow, _) = run(async |stream, _| {
        for byte in b"\x0babc\x1c\r" {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(SHORT / 4).await;
        }
        let mut seen = [0; 6];
        stream.read_exact(&mut seen).await.unwrap();
        stream.shutdown().await.unwrap();
        seen
    });
    assert_eq!(slow, *b"\x0babc\x1c\r");
    let (sent, _) = run(async |stream, _| {
        let mut sent = 0;
        stream.write_all(b"\x0b").await.unwrap();
        while stream.write_all(b"a").await.is_ok() && sent < 1_000 {
            sent += 1;
            tokio::time::sleep(SHORT / 4).await;
        }
        sent
    });
    assert!(sent < 100, "{sent}");
}

#[test]
fn who_waits_between_frames_may_wait() {
    let (answer, _) = run(async |stream, _| {
        stream.write_all(b"\r\n").await.unwrap();
        tokio::time::sleep(4 * SHORT).await;
        stream.write_all(&frame::framed(b"a")).await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        stream.shutdown().await.unwrap();
        answer
    });
    assert_eq!(answer, *b"\x0ba\x1c\r");
}

#[test]
fn what_was_begun_is_finished_when_the_server_stops() {
    // In process, on its way, between frames; what waits behind them is not begun.
    for (before, after, expected) in [
        (&b"\x0bslow a\x1c\r\x0bb\x1c\r"[..], &b""[..], &b"\x0bslow a\x1c\r"[..]),
        (b"\x0ba", b"b\x1c\r\x0bc\x1c\r", b"\x0bab\x1c\r"),
        (b"", b"", b""),
    ] {
        let ((), seen) = run(async |stream, stop| {
            stream.write_all(before).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            stop.send_replace(true);
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = stream.write_all(after).await;
        });
        assert_eq!(seen, expected, "{before:?}");
    }
}

#[test]
fn who_takes_no_answers_is_left() {
    let began = Instant::now();
    let (sent, _) = run(async |stream, _| {
        let mut sent = 0;
        while stream.write_all(&frame::framed(&[b'a'; 100])).await.is_ok() && sent < 1_000 {
            sent += 1;
        }
        sent
    });
    assert!(sent < 10, "nothing more is read while an answer waits: {sent}");
    assert!(began.elapsed() < 20 * SHORT);
}
