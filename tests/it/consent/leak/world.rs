//! The hospital of the leak test: what is in it, as the keeper of the record sees it, and where its references lead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::app::{TestApp, wants_all};
use crate::client::Client;
use crate::dice::Dice;
use crate::hospital;

/// Patients of the short run: small records with every resource type between them.
const SOME: [&str; 6] = [
    "8a4c9c04-1524-9f1c-d65b-9b17e4520fef",
    "6c8f3e83-c351-ed33-c38d-6be101c275d2",
    "8708d3e1-f718-96bb-03f0-f2a6564ae1cd",
    "9a174f9e-ed67-6617-0106-745fb1f9a344",
    "53eac4c0-8d6b-72da-2768-a6d08e687f48",
    "c0697745-be05-4abc-07e0-f78ca6cb7230",
];
/// Entries on a page of the keeper.
const PAGE: &str = "1000";

pub struct World {
    pub app: TestApp,
    pub keeper: Client,
    /// By `Type/id`; Consents are not among them, which change.
    pub resources: BTreeMap<String, Value>,
    /// `Patient/id` of the records that were loaded. The first three are those of people who ask.
    pub patients: Vec<String>,
    /// When everything was loaded, and what the test itself adds was not there yet.
    pub loaded: String,
    /// Ids that searches found which always find the same.
    found: Mutex<BTreeMap<String, Vec<String>>>,
    /// By type and path of a reference: what leads where.
    leading: Mutex<BTreeMap<(String, String), Leading>>,
}

/// From what is referred to, to those that refer to it.
type Leading = Arc<BTreeMap<String, Vec<String>>>;

impl World {
    /// Returns the hospital; none where the data are absent.
    pub fn load() -> Option<World> {
        let (first, mut rest) = hospital::files()?;
        if !wants_all() {
            rest.retain(|path| SOME.iter().any(|name| path.to_string_lossy().contains(name)));
        }
        let app = TestApp::builder().secured().set("consent-default", "treatment").start();
        let keeper = app.client_with("system/*.cruds");
        hospital::load_all(&keeper, &first, &rest);
        let loaded = medilink::fhir::Instant::now().to_string();
        let mut patients = ids(&keeper, "Patient?_sort=_id");
        patients.truncate(40);
        let mut world = World {
            app,
            keeper,
            resources: BTreeMap::new(),
            patients,
            loaded,
            found: Mutex::default(),
            leading: Mutex::default(),
        };
        world.read();
        world.add_own();
        world.read();
        Some(world)
    }

    /// Reads everything.
    fn read(&mut self) {
        self.resources.clear();
        let mut next = Some(format!("?_count={PAGE}"));
        while let Some(path) = next {
            let answer = self.keeper.get(&path).expect(200);
            for resource in answer.resources() {
                if resource["resourceType"] != "Consent" && resource["resourceType"] != "OperationOutcome" {
                    self.resources.insert(name(&resource), resource);
                }
            }
            next = answer.link("next");
        }
    }

    pub fn of_type<'a>(&'a self, t: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let prefix = format!("{t}/");
        self.resources.range(prefix.clone()..).take_while(move |(name, _)| name.starts_with(&prefix))
    }

    /// Returns any resource of a type; none where there is none.
    pub fn any<'a>(&'a self, dice: &mut Dice, t: &'a str) -> Option<(&'a String, &'a Value)> {
        let n = self.of_type(t).count();
        if n == 0 { None } else { self.of_type(t).nth(dice.below(n)) }
    }

    /// Returns what the references at a path of a resource lead to.
    pub fn led_to(&self, name: &str, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(resource) = self.resources.get(name) {
            at(resource, &format!("{path}.reference"), &mut |value| {
                found.extend(value.as_str().map(str::to_string));
            });
        }
        found
    }

    /// Returns what of a type leads to something by the references at a path.
    pub fn leading_to(&self, t: &str, path: &str, to: &str) -> Vec<String> {
        let key = (t.to_string(), path.to_string());
        let known = self.leading.lock().expect("not poisoned").get(&key).cloned();
        let leading = known.unwrap_or_else(|| {
            let mut leading: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (from, _) in self.of_type(t) {
                self.led_to(from, path).into_iter().for_each(|to| leading.entry(to).or_default().push(from.clone()));
            }
            let leading = Arc::new(leading);
            self.leading.lock().expect("not poisoned").insert(key, leading.clone());
            leading
        });
        leading.get(to).cloned().unwrap_or_default()
    }

    /// Returns the matches of a search by the keeper that always finds the same, in their order.
    pub fn found(&self, search: &str) -> Vec<String> {
        if let Some(known) = self.found.lock().expect("not poisoned").get(search) {
            return known.clone();
        }
        let found = ids(&self.keeper, search);
        self.found.lock().expect("not poisoned").insert(search.to_string(), found.clone());
        found
    }

    /// Adds what a hospital of several people has and the data have not: people who belong together, what is about several
    /// patients, what is labelled, what has changed its patient, and what is gone.
    fn add_own(&mut self) {
        let [a, b, c] = [0, 1, 2].map(|i| self.patients[i].clone());
        let r = |to: &str| json!({"reference": to});
        let house = self.led_to_any(&b, "Encounter", "serviceProvider");
        let doctor = self.led_to_any(&a, "Encounter", "participant.individual");
        let finding = self.of_patient("Observation", &b).expect("it has findings");
        let staff = ["nurse", "pharmacist", "lab", "desk", "far", "two"];
        let mut all = vec![
            json!({"resourceType": "Organization", "id": "leak-ward", "partOf": r(&house), "name": "Ward"}),
            json!({"resourceType": "CareTeam", "id": "leak-team", "status": "active", "subject": r(&b),
                   "participant": [{"member": r("Practitioner/leak-nurse")}]}),
            json!({"resourceType": "Group", "id": "leak-staff", "type": "practitioner", "actual": true,
                   "member": [{"entity": r("Practitioner/leak-far")}, {"entity": r(&doctor)}]}),
            json!({"resourceType": "Group", "id": "leak-cohort", "type": "person", "actual": true,
                   "member": [{"entity": r(&a)}, {"entity": r(&b)}, {"entity": r(&c)}]}),
            json!({"resourceType": "Group", "id": "leak-pair", "type": "person", "actual": true,
                   "member": [{"entity": r(&b)}, {"entity": r(&c)}]}),
            json!({"resourceType": "RelatedPerson", "id": "leak-mother", "active": true, "patient": r(&b)}),
            json!({"resourceType": "Person", "id": "leak-person", "link": [{"target": r(&a)}, {"target": r(&c)}]}),
            json!({"resourceType": "List", "id": "leak-list", "status": "current", "mode": "working", "subject": r(&a),
                   "entry": [{"item": r(&finding)}, {"item": r(&a)}, {"item": r(&doctor)}]}),
            json!({"resourceType": "List", "id": "leak-other", "status": "current", "mode": "working", "subject": r(&b),
                   "entry": [{"item": r(&a)}, {"item": r(&c)}]}),
            json!({"resourceType": "Composition", "id": "leak-letter", "status": "final", "type": {"text": "Letter"},
                   "subject": r(&a), "date": "2020-01-01", "author": [r(&doctor)], "title": "Letter",
                   "section": [{"title": "Findings", "entry": [r(&finding)]}]}),
            json!({"resourceType": "Task", "id": "leak-task", "status": "requested", "intent": "order", "for": r(&c),
                   "owner": r("Practitioner/leak-far"), "focus": r(&finding)}),
            json!({"resourceType": "Communication", "id": "leak-note", "status": "completed", "subject": r(&c),
                   "recipient": [r(&doctor)], "payload": [{"contentString": "Zebrafish results"}]}),
        ];
        for (n, (of, by)) in [(&a, &b), (&b, &a), (&c, &a), (&c, &b)].into_iter().enumerate() {
            // In the compartment of both, about the first alone.
            all.push(json!({"resourceType": "Observation", "id": format!("leak-told-{n}"), "status": "final",
                "code": {"text": "Zebrafish told"}, "subject": r(of), "performer": [r(by)],
                "effectiveDateTime": "2015-05-05"}));
            let parties: Value =
                [of, by, &doctor].iter().map(|who| json!({"actor": r(who), "status": "accepted"})).collect();
            all.push(json!({"resourceType": "Appointment", "id": format!("leak-visit-{n}"), "status": "booked",
                "start": "2030-01-01T10:00:00Z", "end": "2030-01-01T11:00:00Z",
                "participant": parties}));
        }
        all.extend(staff.iter().map(|id| json!({"resourceType": "Practitioner", "id": format!("leak-{id}")})));
        for id in ["pharmacist", "lab", "two"] {
            all.push(json!({"resourceType": "PractitionerRole", "id": format!("leak-{id}"), "active": true,
                "practitioner": r(&format!("Practitioner/leak-{id}")), "organization": r("Organization/leak-ward")}));
        }
        for (n, patient) in self.patients.iter().take(4).enumerate() {
            for (m, label) in LABELS.iter().enumerate() {
                let t = ["Observation", "Condition"][m % 2];
                all.push(json!({"resourceType": t, "id": format!("leak-{n}-{m}"),
                    "status": "final", "meta": {"security": label.iter().map(|l| coding(l)).collect::<Vec<_>>()},
                    "code": {"text": "Zebrafish labelled"}, "subject": r(patient)}));
            }
        }
        for resource in &mut all {
            if resource["resourceType"] == "Condition" {
                resource.as_object_mut().expect("a resource").remove("status");
            }
            self.keeper.put(&name(resource), resource).expect(201);
        }
        self.change(&a, &b);
    }

    /// Gives some resources a history: another patient, a label that came later, a deletion.
    fn change(&self, a: &str, b: &str) {
        let finding = |id: &str, of: &str, labels: &[&str]| {
            json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Zebrafish changed"},
                   "meta": {"security": labels.iter().map(|l| coding(l)).collect::<Vec<_>>()},
                   "subject": {"reference": of}})
        };
        type Step<'a> = (&'a str, &'a [(&'a str, &'a [&'a str])]);
        let steps: [Step; 4] = [
            ("leak-moved", &[(a, &["N"]), (b, &["N"])]),
            ("leak-restricted", &[(a, &["N"]), (a, &["R", "PSY"])]),
            ("leak-released", &[(b, &["V"]), (b, &["N"]), (b, &["R"])]),
            ("leak-gone", &[(b, &["N"]), (b, &["R"])]),
        ];
        for (id, versions) in steps {
            for (n, (of, labels)) in versions.iter().enumerate() {
                let status = if n == 0 { 201 } else { 200 };
                self.keeper.put(&format!("Observation/{id}"), &finding(id, of, labels)).expect(status);
            }
        }
        self.keeper.delete("Observation/leak-gone").expect(204);
    }

    fn of_patient(&self, t: &str, patient: &str) -> Option<String> {
        let is_of = |(_, resource): &(&String, &Value)| resource["subject"]["reference"] == patient;
        self.of_type(t).find(is_of).map(|(name, _)| name.clone())
    }

    fn led_to_any(&self, patient: &str, t: &str, path: &str) -> String {
        let of = self.of_patient(t, patient).expect("the patient has some");
        self.led_to(&of, path).first().expect("it refers to something").clone()
    }

    /// Returns somebody who cares for a patient.
    pub fn doctor(&self, patient: usize) -> String {
        self.led_to_any(&self.patients[patient], "Encounter", "participant.individual")
    }
}

const LABELS: [&[&str]; 5] = [&["R"], &["V"], &["N", "PSY"], &["R", "HIV"], &["R", "ETHUD", "SDV"]];

pub fn coding(label: &str) -> Value {
    let system = if label.len() == 1 { "v3-Confidentiality" } else { "v3-ActCode" };
    json!({"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": label})
}

/// Returns `Type/id`.
pub fn name(resource: &Value) -> String {
    let text = |key: &str| resource[key].as_str().unwrap_or_else(|| panic!("no {key}: {resource}"));
    format!("{}/{}", text("resourceType"), text("id"))
}

/// Calls with every value at a path of names with dots, through lists.
pub fn at(value: &Value, path: &str, see: &mut dyn FnMut(&Value)) {
    match (value, path) {
        (Value::Array(items), _) => items.iter().for_each(|item| at(item, path, see)),
        (_, "") => see(value),
        (value, path) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(inner) = value.get(first) {
                at(inner, rest, see);
            }
        }
    }
}

/// Returns the names of the matches on all pages.
fn ids(client: &Client, search: &str) -> Vec<String> {
    let separator = if search.contains('?') { '&' } else { '?' };
    let (mut found, mut next) = (Vec::new(), Some(format!("{search}{separator}_count={PAGE}")));
    while let Some(path) = next {
        let answer = client.get(&path).expect(200);
        found.extend(matches(&answer.entries()));
        next = answer.link("next");
    }
    found
}

/// Returns the names of those entries that are matches.
pub fn matches(entries: &[Value]) -> Vec<String> {
    let are = entries.iter().filter(|entry| entry["search"]["mode"] == "match");
    are.map(|entry| name(&entry["resource"])).collect()
}

/// Returns the names of those entries that came along.
pub fn included(entries: &[Value]) -> BTreeSet<String> {
    let are = entries.iter().filter(|entry| entry["search"]["mode"] == "include");
    are.map(|entry| name(&entry["resource"])).collect()
}
