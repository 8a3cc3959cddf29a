//! Repeat patterns such as `BID`, `Q6H` and `PRN` → how often something is taken.
//!
//! HL7 v2.8 table 0335; v2-to-FHIR, concept maps RepeatPattern and EventRelatedPeriod.

use serde_json::{Map, Value, json};

pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What a pattern says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    pub frequency: u32,
    pub period: u32,
    pub unit: &'static str,
    pub when: Option<&'static str>,
    pub day: Option<&'static str>,
    pub count: Option<u32>,
    pub as_needed: bool,
}

impl Pattern {
    /// Returns `Timing.repeat`.
    pub fn repeat(&self) -> Map<String, Value> {
        let mut repeat = Map::new();
        if let Some(count) = self.count {
            repeat.insert("count".into(), json!(count));
        }
        if self.frequency > 0 {
            repeat.insert("frequency".into(), json!(self.frequency));
            repeat.insert("period".into(), json!(self.period));
            repeat.insert("periodUnit".into(), json!(self.unit));
        }
        if let Some(day) = self.day {
            repeat.insert("dayOfWeek".into(), json!([day]));
        }
        if let Some(when) = self.when {
            repeat.insert("when".into(), json!([when]));
        }
        repeat
    }
}

/// Reads a pattern; none for what is not of the table.
pub fn pattern(code: &str) -> Option<Pattern> {
    let code = code.trim().to_ascii_uppercase();
    if let Some(rest) = code.strip_prefix("PRN") {
        let rest = pattern(rest.trim()).unwrap_or_default();
        return Some(Pattern { as_needed: true, ..rest });
    }
    let times = |frequency, period, unit| Pattern { frequency, period, unit, ..Pattern::default() };
    let daily_at = |when| Pattern { when: Some(when), ..times(1, 1, "d") };
    Some(match &*code {
        "ONCE" => Pattern { count: Some(1), ..Pattern::default() },
        "QD" | "DAILY" => times(1, 1, "d"),
        "BID" => times(2, 1, "d"),
        "TID" => times(3, 1, "d"),
        "QID" => times(4, 1, "d"),
        "QOD" => times(1, 2, "d"),
        "QSHIFT" => times(1, 8, "h"),
        "QAM" => daily_at("MORN"),
        "QPM" => daily_at("EVE"),
        "QHS" => daily_at("HS"),
        _ => return counted(&code).or_else(|| Some(Pattern { when: Some(event(&code)?), ..Pattern::default() })),
    })
}

/// Reads `Q6H`, `Q2J3` (every two weeks on Wednesdays) and `5ID` (five times a day).
fn counted(code: &str) -> Option<Pattern> {
    let number =
        |digits: &str| if digits.is_empty() { Some(1) } else { digits.parse().ok().filter(|n| (1..=9999).contains(n)) };
    if let Some(times) = code.strip_suffix("ID") {
        let frequency = times.parse().ok().filter(|n| (1..=99).contains(n))?;
        return Some(Pattern { frequency, period: 1, unit: "d", ..Pattern::default() });
    }
    let rest = code.strip_prefix('Q')?;
    if let Some((weeks, day)) = rest.split_once('J') {
        let day = Some(*DAYS.get(day.parse::<usize>().ok()?.checked_sub(1)?)?);
        return Some(Pattern { frequency: 1, period: number(weeks)?, unit: "wk", day, ..Pattern::default() });
    }
    let digits = rest.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match rest.get(digits.len()..)? {
        "S" => "s",
        "M" => "min",
        "H" => "h",
        "D" => "d",
        "W" => "wk",
        "L" => "mo",
        _ => return None,
    };
    Some(Pattern { frequency: 1, period: number(digits)?, unit, ..Pattern::default() })
}

/// Returns the R4 event of the day for one of table 0528. Between meals has none.
pub fn event(code: &str) -> Option<&'static str> {
    const EVENTS: [&str; 14] =
        ["HS", "AC", "PC", "ACM", "ACD", "ACV", "PCM", "PCD", "PCV", "C", "CM", "CD", "CV", "WAKE"];
    // A pattern `C` is continuous.
    EVENTS.into_iter().find(|event| *event == code && *event != "C")
}

/// Returns the coding that R4 prefers for a pattern, where it has one.
pub fn abbreviation(code: &str) -> Option<Value> {
    const ALL: [&str; 15] =
        ["BID", "TID", "QID", "QOD", "QD", "AM", "PM", "BED", "WK", "MO", "Q1H", "Q2H", "Q3H", "Q4H", "Q6H"];
    let code = code.trim().to_ascii_uppercase();
    let code = match &*code {
        "QAM" => "AM",
        "QPM" => "PM",
        "QHS" => "BED",
        "Q1D" => "QD",
        "Q1W" => "WK",
        "Q1L" => "MO",
        "QH" => "Q1H",
        "Q8H" => "Q8H",
        other => ALL.into_iter().find(|known| *known == other)?,
    };
    Some(json!({"system": "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "code": code}))
}

/// Returns a TM as an R4 time. `11:30:05` is no TM, but what it means is plain.
pub fn time(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let pair = |at: usize| digits.get(at..at + 2).unwrap_or("00");
    let (hours, minutes, seconds) = (pair(0), pair(2), pair(4));
    (hours < "24" && minutes < "60" && seconds < "60").then(|| format!("{hours}:{minutes}:{seconds}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read() {
        let check = |code: &str, expected: Value| {
            let found = pattern(code).map(|found| (found.repeat(), found.as_needed));
            let expected = expected.as_object().map(|repeat| {
                let mut repeat = repeat.clone();
                let as_needed = repeat.remove("prn").is_some();
                (repeat, as_needed)
            });
            assert_eq!(found, expected, "{code}");
        };
        check("BID", json!({"frequency": 2, "period": 1, "periodUnit": "d"}));
        check("tid", json!({"frequency": 3, "period": 1, "periodUnit": "d"}));
        check("5ID", json!({"frequency": 5, "period": 1, "periodUnit": "d"}));
        check("Q6H", json!({"frequency": 1, "period": 6, "periodUnit": "h"}));
        check("QH", json!({"frequency": 1, "period": 1, "periodUnit": "h"}));
        check("Q30M", json!({"frequency": 1, "period": 30, "periodUnit": "min"}));
        check("QOD", json!({"frequency": 1, "period": 2, "periodUnit": "d"}));
        check("Q2J3", json!({"frequency": 1, "period": 2, "periodUnit": "wk", "dayOfWeek": ["wed"]}));
        check("QHS", json!({"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]}));
        check("PCM", json!({"when": ["PCM"]}));
        check("ONCE", json!({"count": 1}));
        check("PRN", json!({"prn": true}));
        check("PRNQ4H", json!({"frequency": 1, "period": 4, "periodUnit": "h", "prn": true}));
        for none in ["", "C", "X", "Q0H", "QJ9", "QJ0", "Q99999999999H", "0ID", "QÄ", "HD"] {
            check(none, Value::Null);
        }
    }

    #[test]
    fn times_of_day_are_read() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(time(text).as_deref(), expected, "{text}");
        check("08", Some("08:00:00"));
        check("0830", Some("08:30:00"));
        check("11:30:05", Some("11:30:05"));
        for none in ["", "2400", "0860", "8", "ab", "08ä"] {
            check(none, None);
        }
    }
}
