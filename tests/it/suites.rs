//! The public examples, stored and read back: in JSON digit for digit, and by way of XML.
//!
//! Data: `../shared/suites` beside the package; a test whose data is absent says so and passes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::app::TestApp;
use crate::client::{Client, JSON, XML, json};

/// Examples that break R4: the first for want of `item.linkId`, the others for a reference to a type that the element
/// does not allow.
const TRULY_WRONG: &[&str] = &[
    "Questionnaire-qs1",
    "DeviceMetric-example",
    "DeviceUseStatement-example",
    "MedicationRequest-medrx0301",
    "Observation-clinical-gender",
];

/// Files of other projects that break R4: required elements that are missing or empty, elements and codes that do not
/// exist, an object where an array belongs, references to types that the element does not allow.
const WRONG_ELSEWHERE: &[&str] = &[
    "Bundle-BatchWithConditionalUpdateByIdentifier",
    "Bundle-BatchWithInvalidEleEnums",
    "Bundle-InvalidBundleType",
    "Bundle-TransactionWithConditionalCreateAndReference",
    "Bundle-TransactionWithConditionalUpdateAndReference",
    "Bundle-TransactionWithInvalidResourceType",
    "Bundle-TypeMissing",
    "Includes-TestResources",
    "InvalidObservation",
    "MoneyWithWrongDecimal",
    "Observation-For-Patient-f001",
    "ObservationWithBloodPressure",
    "ObservationWithInvalidStatus",
    "ObservationWithNoCode",
    "ObservationWithTemperature",
    "Patient",
    "PatientMissingResourceType",
    "PatientWithUnknownElements",
    "ProvenanceHeader",
    "SearchDataBatch",
    "SearchParameterInvalidBase",
    "SearchParameterInvalidType",
    "SearchParameterMissingBase",
    "SearchParameterMissingExpression",
    "SearchParameterMissingType",
    "Specimen",
    "StructureDefinition-us-core-patient-v6",
    "TokenOverflowChargeItem",
    "TokenOverflowPatient",
    "WeightInGrams",
    "bundle-questionnaire",
    "devicemetric-example",
    "deviceusestatement-example",
    "medicationrequest0301",
    "medicinalproductcontraindication-questionnaire",
    "practitionerrole-questionnaire",
    "specimendefinition-questionnaire",
];

/// Examples whose narrative lacks the namespace of XHTML, which it has when it has been XML once.
const WITHOUT_NAMESPACE: &[&str] = &["InvalidCompartmentDefinition", "ValidCompartmentDefinition"];

/// Types that only travel, so the server does not keep them.
const NOT_STORED: &[&str] = &["OperationOutcome", "Parameters"];

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites").join(folder);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: {} is not here", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths
}

/// Returns a resource without what the server writes into it.
fn without_server_parts(resource: &Value) -> Value {
    let mut resource = resource.clone();
    let resource_type = resource["resourceType"].as_str().unwrap_or_default().to_string();
    let object = resource.as_object_mut().expect("a resource is an object");
    // An AuditEvent is told with who sent it and its place in the chain.
    if let Some(Value::Array(extensions)) = object.get_mut("extension").filter(|_| resource_type == "AuditEvent") {
        let is_ours = |url: &str| url.contains("/StructureDefinition/audit-");
        extensions.retain(|one| !one["url"].as_str().is_some_and(is_ours));
        if extensions.is_empty() {
            object.shift_remove("extension");
        }
    }
    if let Some(Value::Object(meta)) = object.get_mut("meta") {
        meta.retain(|key, _| !["versionId", "lastUpdated"].contains(&key.as_str()));
        if meta.is_empty() {
            object.shift_remove("meta");
        }
    }
    resource
}

/// Returns what is wrong with the way of a resource through the server, as JSON and as XML.
fn round_trip(client: &Client, address: &str, sent: &Value, bytes: &[u8]) -> Result<(), String> {
    let wanted = without_server_parts(sent);
    let same = |what: &str| {
        let read = client.get(address);
        if read.status != 200 {
            return Err(format!("{what}: GET answers {}: {}", read.status, read.text()));
        }
        let found = without_server_parts(&read.json());
        if found == wanted { Ok(()) } else { Err(format!("{what}: differs: {}", difference(&wanted, &found))) }
    };
    let put = client.request("PUT", address, &[JSON], bytes);
    if !(200..=201).contains(&put.status) {
        return Err(format!("PUT answers {}: {}", put.status, put.text()));
    }
    same("JSON")?;
    let xml = client.get_with(address, &[("Accept", "application/fhir+xml")]);
    if xml.status != 200 {
        return Err(format!("GET as XML answers {}: {}", xml.status, xml.text()));
    }
    let put = client.request("PUT", address, &[XML], &xml.bytes);
    // What is written in the audit is never written again.
    if put.status == 405 && address.starts_with("AuditEvent/") {
        return Ok(());
    }
    if put.status != 200 {
        return Err(format!("PUT of the XML answers {}: {}", put.status, put.text()));
    }
    same("by way of XML")
}

/// Returns the first place where two values differ.
fn difference(a: &Value, b: &Value) -> String {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys = x.keys().chain(y.keys().filter(|key| !x.contains_key(*key)));
            for key in keys {
                match (x.get(key), y.get(key)) {
                    (Some(a), Some(b)) if a == b => {}
                    (Some(a), Some(b)) => return format!("{key}.{}", difference(a, b)),
                    (a, b) => return format!("{key}: {a:?} became {b:?}"),
                }
            }
            String::new()
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            let at = x.iter().zip(y).position(|(a, b)| a != b).unwrap_or_default();
            format!("[{at}].{}", difference(&x[at], &y[at]))
        }
        _ => format!("{a} became {b}"),
    }
}

/// Sends every file through the server on a few connections; `work` returns what is wrong with one.
fn each(files: &[PathBuf], work: impl Fn(&str, &[u8]) -> Result<(), String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = path.file_stem().expect("a file has a name").to_string_lossy();
                    let bytes = fs::read(path).expect("a readable file");
                    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
                    if let Err(why) = work(&name, bytes) {
                        let why: String = why.chars().take(600).collect();
                        wrong.lock().expect("nobody panics holding it").push(format!("{name}: {why}"));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("nobody panicked holding it");
    wrong.sort();
    wrong
}

#[test]
fn the_examples_of_r4_come_back_as_they_went() {
    let files = files("r4-examples");
    // Some examples have codes of sensitive topics, which get labels.
    let app = TestApp::builder().set("sensitivity-labels", "off").start();
    let wrong = each(&files, |name, bytes| {
        let sent = json(bytes);
        let (t, id) = (sent["resourceType"].as_str().unwrap_or_default(), sent["id"].as_str().unwrap_or_default());
        let address = format!("{t}/{id}");
        if TRULY_WRONG.contains(&name) || NOT_STORED.contains(&t) {
            let put = app.client().request("PUT", &address, &[JSON], bytes);
            let refused = (400..500).contains(&put.status) && put.json()["resourceType"] == "OperationOutcome";
            return if refused { Ok(()) } else { Err(format!("is not refused: {}", put.status)) };
        }
        round_trip(app.client(), &address, &sent, bytes)
    });
    println!("{} examples, {} refused by name", files.len(), TRULY_WRONG.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Good and bad files of other projects: what is good comes back as it went, the rest is refused.
#[test]
fn examples_of_other_projects_are_kept_whole_or_refused() {
    let app = TestApp::start();
    for folder in ["fhir-test-cases-r4/examples", "ms-fhir-server/TestFiles/R4", "ms-fhir-server/TestFiles/Normative"] {
        let files = files(folder);
        let wrong = each(&files, |name, bytes| other_example(app.client(), name, bytes));
        println!("{folder}: {} files", files.len());
        assert!(wrong.is_empty(), "{folder}, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// Sends a file under an id made from its name; returns what is wrong with the answer.
fn other_example(client: &Client, name: &str, bytes: &[u8]) -> Result<(), String> {
    let parsed = serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object);
    let Some(mut sent) = parsed else {
        let put = client.request("POST", "Bundle", &[JSON], bytes);
        return if put.status == 400 { Ok(()) } else { Err(format!("no resource: {}", put.status)) };
    };
    let t = sent["resourceType"].as_str().unwrap_or_default().to_string();
    let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let id: String = plain.take(64).collect();
    sent["id"] = Value::from(id.clone());
    let refused = WRONG_ELSEWHERE.contains(&name) || NOT_STORED.contains(&&*t);
    match round_trip(client, &format!("{t}/{id}"), &sent, sent.to_string().as_bytes()) {
        Err(why) if refused && why.starts_with("PUT answers 4") => Ok(()),
        Ok(()) if refused => Err("is not refused".to_string()),
        Err(_) if WITHOUT_NAMESPACE.contains(&name) => Ok(()),
        done => done,
    }
}
