//! Loads small folders into a sink that remembers, and into a tiny HTTP server.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use bzip2::Compression;
use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Folder {
        let folder = std::env::temp_dir().join(format!("medilink-load-{}", uuid::Uuid::new_v4().simple()));
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("create");
            fs::write(&path, pack(name, text)).expect("write");
        }
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pack(name: &str, text: &str) -> Vec<u8> {
    if name.ends_with(".bz2") {
        let mut encoder = BzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).expect("pack");
        encoder.finish().expect("pack")
    } else if name.ends_with(".gz") {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("pack");
        encoder.finish().expect("pack")
    } else {
        text.as_bytes().to_vec()
    }
}

/// Answers with a fixed rule and remembers what it was sent.
struct Memory {
    seen: Mutex<Vec<(String, String)>>,
    rule: fn(&str) -> (u16, String),
}

impl Sink for Memory {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, SinkError>> {
        let body = String::from_utf8(outgoing.body.to_vec()).expect("UTF-8");
        let (status, answer) = (self.rule)(&body);
        self.seen.lock().expect("no panic").push((format!("{:?} {}", outgoing.method, outgoing.path), body));
        Box::pin(async move {
            match status {
                0 => Err(SinkError::Unreachable("gone".to_string())),
                _ => Ok(Answer { status, body: Bytes::from(answer) }),
            }
        })
    }
}

async fn load(folder: &Path, rule: fn(&str) -> (u16, String)) -> (Report, Vec<(String, String)>) {
    let sink = Arc::new(Memory { seen: Mutex::new(Vec::new()), rule });
    let report = run(&told(folder), sink.clone()).await.expect("a plan");
    let seen = std::mem::take(&mut *sink.seen.lock().expect("no panic"));
    (report, seen)
}

fn told(folder: &Path) -> Load {
    Load { paths: vec![folder.to_path_buf()], server: None, token: None, parallel: Some(2) }
}

fn fine(_: &str) -> (u16, String) {
    (200, String::new())
}

fn bundle(kind: &str, types: &[&str]) -> String {
    let entry = |t: &&str| {
        let request = format!("{{\"method\":\"POST\",\"url\":\"{t}\"}}");
        format!("{{\"resource\":{{\"resourceType\":\"{t}\"}},\"request\":{request}}}")
    };
    let entries: Vec<String> = types.iter().map(entry).collect();
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":[{}]}}", entries.join(","))
}

#[tokio::test]
async fn hospitals_go_first_then_practitioners_then_the_rest() {
    let folder = Folder::new(&[
        ("a.json.bz2", &bundle("transaction", &["Patient", "Observation"])),
        ("b.json.gz", &bundle("transaction", &["Practitioner", "PractitionerRole"])),
        ("deep/er/c.json", &bundle("transaction", &["Organization"])),
        ("d.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n\n{\"resourceType\":\"Patient\"}\n"),
        ("note.txt", "x"),
    ]);
    let (report, seen) = load(&folder.0, fine).await;
    assert_eq!((report.files, report.resources, report.failed, report.skipped), (4, 7, 0, 1));
    assert!(report.is_success());
    assert!(seen[0].1.contains("Organization") && seen[1].1.contains("PractitionerRole"), "{seen:?}");
    assert!(seen.iter().all(|(target, _)| target == "Post "));
    let grouped = "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[\
        {\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"},\"request\":{\"method\":\"PUT\",\"url\":\"Patient/1\"}},\
        {\"resource\":{\"resourceType\":\"Patient\"},\"request\":{\"method\":\"POST\",\"url\":\"Patient\"}}]}";
    assert!(seen.iter().any(|(_, body)| body == grouped), "{seen:?}");
}

#[tokio::test]
async fn a_single_resource_is_put_by_its_id_and_keeps_its_bytes() {
    let text = " {\"id\":\"a.b-1\", \"resourceType\":\"Observation\",\"valueDecimal\":1.50 }\n";
    let folder = Folder::new(&[("x.json", text), ("y.json", "{\"resourceType\":\"Patient\"}")]);
    let (report, mut seen) = load(&folder.0, fine).await;
    seen.sort();
    assert_eq!(report.resources, 2);
    assert_eq!(seen[0].0, "Post Patient");
    assert_eq!(seen[1], ("Put Observation/a.b-1".to_string(), text.to_string()));
}

#[tokio::test]
async fn a_collection_that_links_by_urn_stays_one_transaction() {
    let text = "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[\
        {\"fullUrl\":\"urn:uuid:1\",\"resource\":{\"resourceType\":\"Patient\"}},\
        {\"fullUrl\":\"urn:uuid:2\",\"resource\":{\"resourceType\":\"Observation\",\"id\":\"2\"}},\
        {\"search\":{\"mode\":\"outcome\"},\"resource\":{\"resourceType\":\"OperationOutcome\"}},{\"fullUrl\":\"urn:uuid:3\"}]}";
    let (report, seen) = load(&Folder::new(&[("c.json", text)]).0, fine).await;
    assert_eq!((seen.len(), report.resources, report.failed), (1, 2, 1));
    assert!(seen[0].1.contains("\"fullUrl\":\"urn:uuid:1\",\"resource\""), "{seen:?}");
    assert!(seen[0].1.contains("\"url\":\"Observation/2\""), "{seen:?}");
    assert!(report.failures[0].to_string().ends_with("c.json: entry[3]: the entry has no resource"));
}

#[tokio::test]
async fn bad_lines_are_found_by_a_batch_and_the_good_ones_loaded() {
    fn rule(body: &str) -> (u16, String) {
        if body.contains("\"type\":\"transaction\"") {
            return (400, "{\"issue\":[]}".to_string());
        }
        let outcome = "{\"issue\":[{\"severity\":\"error\",\"code\":\"value\",\"diagnostics\":\"not a date\",\
                       \"expression\":[\"Patient.birthDate\"]}]}";
        let answer = format!(
            "{{\"entry\":[{{\"response\":{{\"status\":\"201 Created\"}}}},\
             {{\"response\":{{\"status\":\"400\",\"outcome\":{outcome}}}}}]}}"
        );
        (200, answer)
    }
    let lines = "\u{feff}{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\",\"birthDate\":\"x\"}\nnot json\n\
                 {\"id\":\"1\"}\n{\"resourceType\":\"Patient\",\"id\":\"../x\"}";
    let (report, seen) = load(&Folder::new(&[("p.ndjson", lines)]).0, rule).await;
    assert_eq!((seen.len(), report.resources, report.failed), (2, 1, 4));
    let said: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    let expected = [
        "line 3: not a JSON object",
        "line 4: resourceType is missing",
        "line 5: id \"../x\" is not 1 to 64",
        "line 2: 400: Patient.birthDate: not a date",
    ];
    for part in expected {
        assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
    }
    assert!(!report.is_success());
}

#[tokio::test]
async fn long_ndjson_goes_in_groups() {
    let lines: String = (0..450).map(|n| format!("{{\"resourceType\":\"Patient\",\"id\":\"{n}\"}}\n")).collect();
    let (report, seen) = load(&Folder::new(&[("p.ndjson.gz", &lines)]).0, fine).await;
    assert_eq!((seen.len(), report.resources), (3, 450));
}

#[tokio::test]
async fn a_refused_transaction_fails_whole_and_a_batch_by_entry() {
    fn rule(body: &str) -> (u16, String) {
        match body.contains("\"batch\"") {
            true => (200, "{\"entry\":[{\"response\":{\"status\":\"201\"}}]}".to_string()),
            false => (422, "{\"issue\":[{\"severity\":\"error\",\"code\":\"processing\"}]}".to_string()),
        }
    }
    let folder = Folder::new(&[
        ("b.json", &bundle("batch", &["Patient", "Group"])),
        ("h.json", &bundle("history", &["Patient"])),
        ("t.json", &bundle("transaction", &["Patient", "Group", "List"])),
        ("broken.json", "{\"resourceType\""),
        ("empty.json.bz2", ""),
    ]);
    let (report, _) = load(&folder.0, rule).await;
    assert_eq!((report.resources, report.failed), (1, 7));
    let said = report.to_string();
    for part in [
        "b.json: entry[1]: the answer has no entry for it",
        "h.json: Bundle.type: \"history\" is not a type of Bundle that can be loaded",
        "t.json: 422: processing",
        "broken.json: not a JSON object: EOF",
        "loaded 1 resources from 5 files in ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn an_unreachable_server_ends_the_load() {
    let files: Vec<(String, String)> =
        (0..50).map(|n| (format!("{n}.json"), bundle("transaction", &["Patient"]))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (report, seen) = load(&Folder::new(&files).0, |_| (0, String::new())).await;
    assert!(report.gave_up && seen.len() <= 2 && report.resources == 0, "{} {report}", seen.len());
}

#[tokio::test]
async fn nothing_to_load_and_unknown_kinds_are_said() {
    let folder = Folder::new(&[("a.xml", "<x/>")]);
    let sink = Arc::new(Memory { seen: Mutex::new(Vec::new()), rule: fine });
    let nothing = run(&told(&folder.0), sink.clone()).await.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(nothing.starts_with("no .json or .ndjson files"), "{nothing}");
    let kind = run(&told(&folder.0.join("a.xml")), sink.clone()).await.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(kind.contains("is neither .json nor .ndjson"), "{kind}");
    let missing = run(&told(&folder.0.join("b")), sink).await.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(missing.contains("failed to read"), "{missing}");
}

#[tokio::test]
async fn over_http_a_busy_server_is_asked_again_with_token_and_path() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let heads = Arc::new(Mutex::new(Vec::<String>::new()));
    let seen = heads.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream, &seen);
        }
    });
    let folder = Folder::new(&[("x.json", "{\"resourceType\":\"Patient\",\"id\":\"1\"}")]);
    let sink = HttpSink::new(&format!("http://{address}/fhir/"), Some("secret")).expect("a URL");
    let report = run(&told(&folder.0), Arc::new(sink)).await.expect("a plan");
    assert!(report.is_success(), "{report}");
    let heads = heads.lock().expect("no panic");
    assert_eq!(heads.len(), 2, "{heads:?}");
    let head = heads[1].to_ascii_lowercase();
    for part in ["put /fhir/patient/1 http/1.1", "authorization: bearer secret", "content-type: application/fhir+json"]
    {
        assert!(head.contains(part), "{part}: {head}");
    }
}

/// Says 503 to the first request of all and 201 to the rest.
fn serve(stream: TcpStream, heads: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("clone"));
    loop {
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
            head.push_str(&std::mem::take(&mut line));
        }
        if head.is_empty() {
            return;
        }
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("a body");
        let mut heads = heads.lock().expect("no panic");
        heads.push(head);
        let answer = match heads.len() {
            1 => "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
            _ => "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        };
        (&stream).write_all(answer.as_bytes()).expect("answer");
    }
}

#[tokio::test]
async fn over_http_nobody_there_is_unreachable_and_https_is_refused() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let sink = HttpSink::new(&format!("http://{free}"), None).expect("a URL").hasty();
    let body = Bytes::from_static(b"{}");
    let sent = sink.send(entry::outgoing(Method::Post, String::new(), body)).await;
    assert!(matches!(sent, Err(SinkError::Unreachable(_))), "{sent:?}");
    assert!(HttpSink::new("https://x", None).is_err() && HttpSink::new("x", None).is_err());
}
