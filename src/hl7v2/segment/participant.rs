//! Who and what takes part in an appointment: each once.

use serde_json::{Map, Value, json};

/// The participants of an Appointment.
#[derive(Debug, Default)]
pub struct Participants(Vec<Map<String, Value>>);

impl Participants {
    /// Adds one; who takes part already gets the type besides.
    pub fn add(&mut self, actor: Option<Value>, kind: Option<Value>, status: &str, period: Option<Value>) {
        // R4 app-1: a type or an actor.
        if actor.is_none() && kind.is_none() {
            return;
        }
        let is_same = |other: &Map<String, Value>| {
            let is_free = period.is_none() || other.get("period").is_none_or(|own| Some(own) == period.as_ref());
            actor.is_some() && other.get("actor") == actor.as_ref() && is_free
        };
        if let Some(known) = self.0.iter_mut().find(|other| is_same(other)) {
            let types = known.entry("type").or_insert_with(|| json!([]));
            if let (Some(types), Some(kind)) = (types.as_array_mut(), kind)
                && !types.contains(&kind)
            {
                types.push(kind);
            }
            if types_are_none(known) {
                known.remove("type");
            }
            if let Some(period) = period {
                known.insert("period".into(), period);
            }
            known.insert("status".into(), json!(status));
            return;
        }
        let mut new = Map::new();
        let types = kind.map(|kind| json!([kind]));
        let members = [("type", types), ("actor", actor), ("status", Some(json!(status))), ("period", period)];
        new.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))));
        self.0.push(new);
    }

    pub fn list(self) -> Vec<Value> {
        self.0.into_iter().map(Value::Object).collect()
    }
}

fn types_are_none(participant: &Map<String, Value>) -> bool {
    participant.get("type").and_then(Value::as_array).is_some_and(Vec::is_empty)
}
