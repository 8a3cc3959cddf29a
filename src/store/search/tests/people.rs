//! Random resources that share a small vocabulary, so that random searches find something.

use crate::search::tests::dice::Dice;
use serde_json::{Map, Value, json};

pub const TYPES: [&str; 9] = [
    "Organization",
    "Practitioner",
    "Patient",
    "Encounter",
    "Medication",
    "Condition",
    "Observation",
    "MedicationRequest",
    "RiskAssessment",
];
pub const SYSTEMS: [&str; 3] = ["http://a.example", "http://b.example/x", "urn:oid:1.2.3"];
pub const CODES: [&str; 6] = ["a", "b", "c", "A", "final", "1"];
pub const WORDS: [&str; 8] =
    ["Anna", "ann", "Müller", "Muller-Lüdenscheidt", "Łukasz", "O'Neil", "de la Cruz", "Ann  Marie"];
pub const DATES: [&str; 14] = [
    "1969",
    "1970",
    "1970-01",
    "1970-02",
    "1970-01-01",
    "1970-01-31",
    "1970-02-01",
    "1970-01-01T00:00:00Z",
    "1970-01-01T23:59:59.999Z",
    "1970-01-01T12:30:00+02:00",
    "1970-01-31T23:00:00-05:00",
    "1971-12-31T23:59:59Z",
    "2000-02-29",
    "2000",
];
pub const NUMBERS: [&str; 10] = ["0", "1", "1.0", "1.00", "0.95", "1.05", "-3", "99.5", "100", "1e2"];
pub const UNITS: [&str; 3] = ["mg", "kg", "/min"];
pub const UCUM: &str = "http://unitsofmeasure.org";
pub const URLS: [&str; 4] =
    ["http://p.example/one", "http://p.example/one/two", "http://p.example/three", "urn:uuid:4"];
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
pub const SENSITIVITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Resources of each type.
pub const EACH: usize = 36;

/// Returns the content of the resource with this number, without its id.
pub fn resource(dice: &mut Dice, t: &str, base_url: &str) -> Value {
    let mut it = Maker { dice, base_url, out: Map::new() };
    it.out.insert("resourceType".into(), t.into());
    it.meta();
    match t {
        "Organization" => it.organization(),
        "Practitioner" => it.person(),
        "Patient" => it.patient(),
        "Encounter" => it.encounter(),
        "Medication" => it.medication(),
        "Condition" => it.condition(),
        "Observation" => it.observation(),
        "MedicationRequest" => it.medication_request(),
        _ => it.risk_assessment(),
    }
    Value::Object(it.out)
}

pub fn id(t: &str, number: usize) -> String {
    format!("{}{number}", &t[..3].to_lowercase())
}

struct Maker<'a> {
    dice: &'a mut Dice,
    base_url: &'a str,
    out: Map<String, Value>,
}

impl Maker<'_> {
    /// Sets an element so many times in a hundred.
    fn may(&mut self, chance: usize, name: &str, make: impl FnOnce(&mut Self) -> Value) {
        if self.dice.percent(chance) {
            let value = make(self);
            self.out.insert(name.to_string(), value);
        }
    }

    fn must(&mut self, name: &str, value: Value) {
        self.out.insert(name.to_string(), value);
    }

    fn some(&mut self, max: usize, make: impl Fn(&mut Self) -> Value) -> Value {
        let n = 1 + self.dice.below(max);
        (0..n).map(|_| make(self)).collect()
    }

    fn coding(&mut self) -> Value {
        let mut coding = json!({"code": self.dice.text(&CODES)});
        if self.dice.percent(80) {
            coding["system"] = self.dice.text(&SYSTEMS).into();
        }
        coding
    }

    fn concept(&mut self) -> Value {
        let codings = self.some(2, Self::coding);
        json!({"coding": codings, "text": self.dice.text(&WORDS)})
    }

    fn identifier(&mut self) -> Value {
        let mut identifier = json!({"value": self.dice.text(&CODES)});
        if self.dice.percent(80) {
            identifier["system"] = self.dice.text(&SYSTEMS).into();
        }
        if self.dice.percent(30) {
            identifier["type"] = self.concept();
        }
        identifier
    }

    fn date(&mut self) -> Value {
        self.dice.text(&DATES).into()
    }

    fn day(&mut self) -> Value {
        self.dice.text(&DATES.iter().copied().filter(|date| !date.contains('T')).collect::<Vec<_>>()).into()
    }

    fn period(&mut self) -> Value {
        let mut ends = [self.dice.below(DATES.len()), self.dice.below(DATES.len())];
        ends.sort_by_key(|i| crate::search::period::parse(DATES[*i]).map(|period| period.lo));
        let mut period = json!({"start": DATES[ends[0]], "end": DATES[ends[1]]});
        let object = period.as_object_mut().expect("it was just made");
        match self.dice.below(6) {
            0 => object.shift_remove("start"),
            1 => object.shift_remove("end"),
            _ => None,
        };
        period
    }

    fn number(&mut self) -> Value {
        serde_json::from_str(self.dice.text(&NUMBERS)).expect("a number")
    }

    fn quantity(&mut self) -> Value {
        let mut quantity = json!({"value": self.number()});
        match self.dice.below(4) {
            0 => quantity["unit"] = self.dice.text(&UNITS).into(),
            1 => {}
            _ => {
                quantity["system"] = UCUM.into();
                quantity["code"] = self.dice.text(&UNITS).into();
            }
        }
        quantity
    }

    /// A reference to one of these types, which now and then leads nowhere or away.
    fn reference(&mut self, types: &[&str]) -> Value {
        let t = self.dice.text(types);
        let number = self.dice.below(EACH + 2);
        let target = format!("{t}/{}", id(t, number));
        let reference = match self.dice.below(12) {
            0 => format!("{}/{target}", self.base_url),
            1 => format!("{target}/_history/1"),
            2 => format!("http://elsewhere.example/{target}"),
            _ => target,
        };
        let mut reference = json!({ "reference": reference });
        if self.dice.percent(10) {
            reference["identifier"] = json!({"system": self.dice.text(&SYSTEMS), "value": self.dice.text(&CODES)});
        }
        reference
    }

    fn name(&mut self) -> Value {
        let given = self.some(2, |it| it.dice.text(&WORDS).into());
        json!({"family": self.dice.text(&WORDS), "given": given})
    }

    fn meta(&mut self) {
        let mut meta = Map::new();
        if self.dice.percent(40) {
            meta.insert("tag".into(), self.some(2, Self::coding));
        }
        if self.dice.percent(30) {
            meta.insert("profile".into(), json!([self.dice.text(&URLS)]));
        }
        if self.dice.percent(20) {
            meta.insert("source".into(), self.dice.text(&URLS).into());
        }
        if self.dice.percent(20) {
            let level = self.dice.text(&["N", "R", "R", "V"]);
            let mut labels = vec![json!({"system": CONFIDENTIALITY, "code": level})];
            if self.dice.percent(50) {
                labels.push(json!({"system": SENSITIVITY, "code": self.dice.text(&["PSY", "HIV", "ETH"])}));
            }
            meta.insert("security".into(), labels.into());
        }
        if !meta.is_empty() {
            self.must("meta", Value::Object(meta));
        }
    }

    fn organization(&mut self) {
        self.may(70, "identifier", |it| it.some(2, Self::identifier));
        let name = self.dice.text(&WORDS);
        self.must("name", name.into());
        self.may(60, "active", |it| it.dice.percent(50).into());
        self.may(40, "partOf", |it| it.reference(&["Organization"]));
        self.may(40, "address", |it| json!([{"city": it.dice.text(&WORDS), "country": it.dice.text(&WORDS)}]));
    }

    fn person(&mut self) {
        self.may(80, "identifier", |it| it.some(2, Self::identifier));
        self.may(90, "name", |it| it.some(2, Self::name));
        self.may(80, "gender", |it| it.dice.text(&["male", "female", "other"]).into());
        self.may(80, "birthDate", Self::day);
        self.may(50, "active", |it| it.dice.percent(50).into());
        self.may(
            40,
            "telecom",
            |it| json!([{"system": it.dice.text(&["phone", "email"]), "value": it.dice.text(&CODES)}]),
        );
        self.may(40, "address", |it| json!([{"city": it.dice.text(&WORDS), "state": it.dice.text(&WORDS)}]));
    }

    fn patient(&mut self) {
        self.person();
        self.may(60, "managingOrganization", |it| it.reference(&["Organization"]));
        self.may(50, "generalPractitioner", |it| it.some(2, |it| it.reference(&["Practitioner", "Organization"])));
        self.may(20, "link", |it| json!([{"other": it.reference(&["Patient"]), "type": "seealso"}]));
        if self.dice.percent(50) {
            self.may(40, "deceasedDateTime", Self::date);
        } else {
            self.may(40, "deceasedBoolean", |it| it.dice.percent(50).into());
        }
    }

    fn encounter(&mut self) {
        let status = self.dice.text(&["planned", "in-progress", "finished"]);
        self.must("status", status.into());
        let class = self.coding();
        self.must("class", class);
        self.may(50, "type", |it| it.some(2, Self::concept));
        self.may(90, "subject", |it| it.reference(&["Patient", "Patient", "Group"]));
        self.may(70, "period", Self::period);
        self.may(50, "serviceProvider", |it| it.reference(&["Organization"]));
        self.may(40, "participant", |it| json!([{"individual": it.reference(&["Practitioner"])}]));
        self.may(30, "partOf", |it| it.reference(&["Encounter"]));
        self.may(30, "diagnosis", |it| json!([{"condition": it.reference(&["Condition"])}]));
    }

    fn medication(&mut self) {
        self.may(80, "code", Self::concept);
        self.may(60, "status", |it| it.dice.text(&["active", "inactive"]).into());
        self.may(50, "manufacturer", |it| it.reference(&["Organization"]));
        self.may(40, "identifier", |it| it.some(2, Self::identifier));
    }

    fn condition(&mut self) {
        self.may(80, "code", Self::concept);
        self.may(50, "category", |it| it.some(2, Self::concept));
        self.must_subject();
        self.may(50, "encounter", |it| it.reference(&["Encounter"]));
        match self.dice.below(4) {
            0 => self.may(100, "onsetDateTime", Self::date),
            1 => self.may(100, "onsetPeriod", Self::period),
            2 => self.may(100, "onsetString", |it| it.dice.text(&WORDS).into()),
            _ => {}
        }
        self.may(50, "recordedDate", Self::date);
        self.may(40, "asserter", |it| it.reference(&["Practitioner", "Patient"]));
    }

    fn observation(&mut self) {
        let status = self.dice.text(&["final", "registered", "amended"]);
        self.must("status", status.into());
        let code = self.concept();
        self.must("code", code);
        self.may(60, "category", |it| it.some(2, Self::concept));
        self.must_subject();
        self.may(50, "encounter", |it| it.reference(&["Encounter"]));
        match self.dice.below(4) {
            0 => self.may(100, "effectivePeriod", Self::period),
            1 => {}
            _ => self.may(100, "effectiveDateTime", Self::date),
        }
        match self.dice.below(5) {
            0 => self.may(100, "valueCodeableConcept", Self::concept),
            1 => self.may(100, "valueString", |it| it.dice.text(&WORDS).into()),
            2 => {}
            _ => self.may(100, "valueQuantity", Self::quantity),
        }
        self.may(40, "performer", |it| it.some(2, |it| it.reference(&["Practitioner", "Organization", "Patient"])));
        self.may(30, "hasMember", |it| it.some(2, |it| it.reference(&["Observation"])));
        self.may(30, "component", |it| it.some(2, |it| json!({"code": it.concept(), "valueQuantity": it.quantity()})));
    }

    fn medication_request(&mut self) {
        let status = self.dice.text(&["active", "stopped"]);
        self.must("status", status.into());
        let intent = self.dice.text(&["order", "plan"]);
        self.must("intent", intent.into());
        if self.dice.percent(60) {
            self.may(100, "medicationReference", |it| it.reference(&["Medication"]));
        } else {
            self.may(100, "medicationCodeableConcept", Self::concept);
        }
        self.must_subject();
        self.may(50, "encounter", |it| it.reference(&["Encounter"]));
        self.may(60, "authoredOn", Self::date);
        self.may(50, "requester", |it| it.reference(&["Practitioner", "Organization"]));
    }

    fn risk_assessment(&mut self) {
        let status = self.dice.text(&["final", "amended"]);
        self.must("status", status.into());
        self.must_subject();
        self.may(40, "encounter", |it| it.reference(&["Encounter"]));
        self.may(40, "condition", |it| it.reference(&["Condition"]));
        self.may(50, "occurrenceDateTime", Self::date);
        self.may(70, "prediction", |it| it.some(2, |it| json!({"probabilityDecimal": it.number()})));
    }

    fn must_subject(&mut self) {
        let subject = self.reference(&["Patient", "Patient", "Patient", "Group"]);
        self.must("subject", subject);
    }
}
