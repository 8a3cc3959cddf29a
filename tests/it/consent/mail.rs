//! Notices by mail: sent once, also where the relay was away, and without a word about health.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::{Somebody, asked};
use crate::app::TestApp;

/// A mail as a relay took it.
struct Taken {
    to: String,
    text: String,
}

/// Takes mails on an address for as long as the process lives.
fn relay(address: &str) -> Receiver<Taken> {
    let listener = TcpListener::bind(address).expect("the address is free");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            std::thread::spawn(move || drop(session(stream.expect("a connection"), &sender)));
        }
    });
    receiver
}

/// Speaks as much of RFC 5321 as a client needs that sends one mail.
fn session(mut stream: TcpStream, taken: &Sender<Taken>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut to = String::new();
    stream.write_all(b"220 relay\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => stream.write_all(b"250-relay\r\n250 8BITMIME\r\n")?,
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_string();
                stream.write_all(b"250 ok\r\n")?;
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let mut text = String::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    text.push_str(&line);
                    text.push('\n');
                }
                let _ = taken.send(Taken { to: to.clone(), text });
                stream.write_all(b"250 taken\r\n")?;
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n"),
            _ => stream.write_all(b"250 ok\r\n")?,
        }
    }
    Ok(())
}

#[test]
fn a_notice_comes_by_mail_once_also_when_the_relay_was_away() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let app = TestApp::builder()
        .secured()
        .set("smtp-url", &format!("smtp://{address}"))
        .set("mail-from", "Clinic <notices@clinic.example>")
        .start();
    let doctor = Somebody::physician(&app);
    let patient = Somebody::new(
        &app,
        "patient",
        &serde_json::json!({"resourceType": "Patient"}),
        &["--email", "lind@home.example"],
    );
    asked(&doctor, &patient);
    let waiting = || app.sql("select tries from mail").iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>();
    let began = std::time::Instant::now();
    while waiting().first().is_none_or(|tries| *tries < 2) {
        assert!(began.elapsed() < Duration::from_secs(20), "it is tried again while the relay is away");
        std::thread::sleep(Duration::from_millis(100));
    }

    let mails = relay(&address);
    let mail = mails.recv_timeout(Duration::from_secs(30)).expect("the mail comes when the relay is back");
    assert_eq!(mail.to, "lind@home.example");
    assert!(mail.text.contains("MediLink: there is a notice for you"), "{}", mail.text);
    assert!(mail.text.replace("=\n", "").contains("/patient/inbox"), "{}", mail.text);
    for word in ["Okafor", "record", "consent", "Consent", &patient.record] {
        assert!(!mail.text.contains(word), "'{word}' is in {}", mail.text);
    }
    let id = mail.text.lines().find(|line| line.starts_with("Message-ID: <")).expect("a name of its own");
    assert!(id.ends_with("@clinic.example>"), "{id}");
    assert!(mails.recv_timeout(Duration::from_secs(4)).is_err(), "it comes once");
    assert_eq!(waiting(), [0; 0]);
    assert!(!app.log().contains("lind@home.example"), "addresses are not logged");
}

#[test]
fn without_a_relay_nothing_waits_to_be_sent() {
    let app = super::app();
    let patient = Somebody::new(
        app,
        "patient",
        &serde_json::json!({"resourceType": "Patient"}),
        &["--email", "lind@home.example"],
    );
    asked(&Somebody::physician(app), &patient);
    assert_eq!(app.sql("select id::text from mail").len(), 0);
}
