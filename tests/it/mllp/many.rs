//! Many senders, fast ones and slow ones.

use super::{Sender, framed, message};
use crate::app::TestApp;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn many_connections_are_served_side_by_side() {
    let app = TestApp::builder().mllp().start();
    std::thread::scope(|scope| {
        for connection in 0..100 {
            let address = app.mllp();
            scope.spawn(move || {
                let mut sender = Sender::connect(address);
                for number in 0..20 {
                    let id = format!("{connection}-{number}");
                    sender.send(&framed(&message(&id)));
                    assert_eq!(sender.answered().as_deref(), Some(id.as_str()));
                }
            });
        }
    });
}

#[test]
fn answers_come_in_the_order_of_messages() {
    let app = TestApp::builder().mllp().start();
    let ids: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let mut sender = Sender::connect(app.mllp());
    sender.send(&ids.iter().flat_map(|id| framed(&message(id))).collect::<Vec<u8>>());
    sender.end();
    assert_eq!(sender.rest(), ids);
}

#[test]
fn who_takes_no_answers_does_not_hold_up_others() {
    let app = TestApp::builder().mllp().start();
    let greedy = TcpStream::connect(app.mllp()).expect("the server listens");
    greedy.set_write_timeout(Some(Duration::from_millis(500))).expect("a time can be set");
    let bytes: Vec<u8> = (0..1000).flat_map(|_| framed(&message("g"))).collect();
    // The server reads no more when its answers are not taken, and so the sender cannot go on for ever.
    let blocked = (0..10_000).any(|_| (&greedy).write_all(&bytes).is_err());
    assert!(blocked, "a gigabyte of messages was taken without an answer");
    let mut sender = Sender::connect(app.mllp());
    sender.send(&framed(&message("1")));
    assert_eq!(sender.answered().as_deref(), Some("1"));
}

#[test]
fn connections_above_the_limit_are_closed_and_others_stay() {
    let app = TestApp::builder().mllp().set("mllp-connections-max", "3").start();
    let mut inside: Vec<Sender> = (0..3).map(|_| Sender::connect(app.mllp())).collect();
    let alive = |sender: &mut Sender| {
        sender.send(&framed(&message("1")));
        assert_eq!(sender.answered().as_deref(), Some("1"));
    };
    inside.iter_mut().for_each(alive);
    for _ in 0..3 {
        assert_eq!(Sender::connect(app.mllp()).answer(), None);
    }
    inside.iter_mut().for_each(alive);
    drop(inside.pop());
    // The place of who has gone is given to the next, a moment later.
    let came_in = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let mut sender = Sender::connect(app.mllp());
        let sent = sender.stream.write_all(&framed(&message("2")));
        sent.is_ok() && sender.answered().is_some()
    });
    assert!(came_in);
}

#[test]
fn a_long_message_is_taken() {
    let app = TestApp::builder().mllp().start();
    let mut sender = Sender::connect(app.mllp());
    let long = [&message("long")[..], b"\rNTE|1||", &[b'x'; 10 << 20]].concat();
    sender.send(&framed(&long));
    assert_eq!(sender.answered().as_deref(), Some("long"));
}
