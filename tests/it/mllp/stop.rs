//! How the listener stops: what was begun is answered, and nothing else.

use super::{Sender, framed, message};
use crate::app::TestApp;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn what_was_begun_is_answered_before_the_server_ends() {
    let app = TestApp::builder().mllp().start();
    let (mut idle, mut half) = (Sender::connect(app.mllp()), Sender::connect(app.mllp()));
    idle.send(&framed(&message("1")));
    assert_eq!(idle.answered().as_deref(), Some("1"));
    let bytes = framed(&message("2"));
    half.send(&bytes[..20]);
    std::thread::sleep(Duration::from_millis(200));
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| app.stop());
        // Who waits between two messages is let go.
        assert_eq!(idle.answer(), None);
        let began = Instant::now();
        while TcpStream::connect(app.mllp()).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(10), "a stopping server lets nobody in");
            std::thread::sleep(Duration::from_millis(20));
        }
        half.send(&[&bytes[20..], &framed(&message("3"))].concat());
        assert_eq!(half.rest(), ["2"]);
        assert!(stopping.join().expect("it does not panic"), "the server ended well");
    });
}

#[test]
fn half_a_frame_does_not_hold_a_stopping_server() {
    let app = TestApp::builder().mllp().set("shutdown-time-ms-max", "1000").start();
    let mut half = Sender::connect(app.mllp());
    half.send(b"\x0bMSH|");
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    assert!(app.stop());
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!(half.answer(), None);
}
