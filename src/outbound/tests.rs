//! What a request of ours makes of answers that mean no good.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers one request with these bytes, after a while; returns the port.
async fn serve(answer: Vec<u8>, after: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    tokio::spawn(async move {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let mut asked = [0; 4096];
        let _ = stream.read(&mut asked).await;
        tokio::time::sleep(after).await;
        let _ = stream.write_all(&answer).await;
    });
    port
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

async fn ask(answer: Vec<u8>, after: Duration) -> Result<Fetched, OutboundError> {
    let port = serve(answer, after).await;
    let client = Client::with_limits(true, Duration::from_millis(400), 1000);
    client.get_json(&format!("http://127.0.0.1:{port}/x")).await
}

#[tokio::test]
async fn an_answer_is_a_json_object_of_status_200() {
    let now = Duration::ZERO;
    let good = ask(answer("200 OK\r\nCache-Control: public, max-age=60", r#"{"keys":[]}"#), now).await.expect("good");
    assert_eq!((good.value.to_string().as_str(), good.max_age_s), (r#"{"keys":[]}"#, Some(60)));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    let endless = [&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &[b'x'; 5000]].concat();
    for (bytes, after, want) in [
        (answer("302 Found\r\nLocation: http://127.0.0.1:1/", ""), now, "the answer has the status 302"),
        (answer("404 Not Found", "{}"), now, "the answer has the status 404"),
        (answer("200 OK", "<html>"), now, "the answer is no JSON object"),
        (answer("200 OK", "[]"), now, "the answer is no JSON object"),
        (answer("200 OK", &large), now, "the answer is larger than 1000 bytes"),
        (endless, now, "the answer is larger than 1000 bytes"),
        (answer("200 OK", "{}"), Duration::from_secs(3), "no answer in time"),
    ] {
        assert_eq!(ask(bytes, after).await.expect_err(want).to_string(), want);
    }
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_refused_before_it_is_connected_to() {
    let port = serve(answer("200 OK", "{}"), Duration::ZERO).await;
    let done = Client::new(false).get_json(&format!("https://localhost:{port}/")).await;
    assert!(matches!(done, Err(OutboundError::Private)), "{done:?}");
    let done = Client::new(true).get_json(&format!("http://localhost:{port}/")).await;
    assert!(done.is_ok(), "{done:?}");
}

#[tokio::test]
async fn nobody_there_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    drop(listener);
    let done = Client::new(true).get_json(&format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(done, Err(OutboundError::Away(_))), "{done:?}");
}

#[test]
fn how_long_an_answer_may_be_kept_is_what_it_says() {
    for (text, want) in [
        ("", None),
        ("public", None),
        ("max-age=300", Some(300)),
        ("public, Max-Age=300, must-revalidate", Some(300)),
        ("no-store", Some(0)),
        ("max-age=300, no-cache", Some(0)),
        ("max-age=x", None),
    ] {
        assert_eq!(max_age_s(text), want, "{text}");
    }
}
