//! XPN, and the names in XCN, CNN and PPN: HumanName.
//!
//! v2-to-FHIR, XPN\[HumanName\], FN\[HumanName\].

use super::coded::code;
use super::date;
use super::text::string;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use serde_json::{Map, Value, json};

/// Sub-components of FN after the surname, as extensions of the family name.
const FAMILY: [(usize, &str); 4] = [
    (2, "humanname-own-prefix"),
    (3, "humanname-own-name"),
    (4, "humanname-partner-prefix"),
    (5, "humanname-partner-name"),
];

/// Where the pieces of a name stand.
pub struct Layout {
    pub family: usize,
    pub suffixes: &'static [usize],
    pub prefix: usize,
}

/// XPN → HumanName.
pub fn human_name(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut name = pieces(part, &Layout { family: 1, suffixes: &[4, 6, 14], prefix: 5 })?;
    finish(ctx, &mut name, part.part(7), part.part(10), [part.part(12), part.part(13)]);
    Some(Value::Object(name))
}

/// XPN.15 → HumanName: what somebody is called by.
pub fn nickname(part: Part) -> Option<Value> {
    Some(json!({"use": "nickname", "given": [string(part.part(15))?]}))
}

/// Adds use and period.
pub fn finish(ctx: &Ctx, name: &mut Map<String, Value>, kind: Part, range: Part, [start, end]: [Part; 2]) {
    if let Some(kind) = code(ctx, kind, "HL70200") {
        name.insert("use".into(), kind.into());
    }
    let period = date::period_of(ctx, start, end).or_else(|| date::period(ctx, range));
    if let Some(period) = period {
        name.insert("period".into(), period);
    }
}

/// Returns family, given, prefix and suffix of a name whose given names follow its family name; none of no name.
pub fn pieces(part: Part, layout: &Layout) -> Option<Map<String, Value>> {
    let mut name = Map::new();
    let family = part.part(layout.family);
    // In a name written with sub-components there is no room for those of FN.
    let is_deep = family.len() > 1;
    let surname = string(family).or_else(|| string(family.part(5)).filter(|_| is_deep));
    if let Some(surname) = surname {
        name.insert("family".into(), surname.into());
        let said = FAMILY.iter().filter(|_| is_deep).filter_map(|(n, url)| {
            let url = format!("http://hl7.org/fhir/StructureDefinition/{url}");
            Some(json!({"url": url, "valueString": string(family.part(*n))?}))
        });
        let extensions: Vec<Value> = said.collect();
        if !extensions.is_empty() {
            name.insert("_family".into(), json!({"extension": extensions}));
        }
    }
    let list =
        |numbers: &[usize]| numbers.iter().filter_map(|n| string(part.part(*n))).map(Value::String).collect::<Vec<_>>();
    let mut suffixes = list(layout.suffixes);
    // A degree that stands in two components is one.
    suffixes.dedup();
    let lists = [
        ("given", list(&[layout.family + 1, layout.family + 2])),
        ("prefix", list(&[layout.prefix])),
        ("suffix", suffixes),
    ];
    for (element, texts) in lists {
        if !texts.is_empty() {
            name.insert(element.into(), texts.into());
        }
    }
    (name.contains_key("family") || name.contains_key("given")).then_some(name)
}

/// Returns a name as people read it.
pub fn display(name: &Map<String, Value>) -> String {
    let list =
        |element: &str| name.get(element).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let family = name.get("family").and_then(Value::as_str);
    list("prefix").chain(list("given")).chain(family).chain(list("suffix")).collect::<Vec<_>>().join(" ")
}

/// XPN → string.
pub fn name_text(part: Part) -> Option<String> {
    pieces(part, &Layout { family: 1, suffixes: &[4, 6, 14], prefix: 5 }).map(|name| display(&name))
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn a_name_has_pieces() {
        let full =
            r#"{"family":"Smith","given":["John","Q"],"prefix":["DR"],"suffix":["JR","MD","FACP"],"use":"official"}"#;
        check("XPN", "Smith^John^Q^JR^DR^MD^L^^^^^^^FACP", full);
        check("XPN", "Smith^^^^^MD^^^^^^^^MD", r#"{"family":"Smith","suffix":["MD"]}"#);
        check("XPN", "Smith", r#"{"family":"Smith"}"#);
        check("XPN", "^John", r#"{"given":["John"]}"#);
        check("XPN", "^^^^DR", "-");
        check("XPN", "\"\"^John", r#"{"given":["John"]}"#);
        check("XPN", "Smith^^^^^^P", r#"{"family":"Smith"}"#);
        check("XPN", "Smith^^^^^^??", r#"{"family":"Smith"} ! ZZZ-1.7"#);
        check("nameText", "Smith^John^Q^JR^DR", "DR John Q Smith JR");
        check("nickname", "Smith^John^^^^^^^^^^^^^Jack", r#"{"use":"nickname","given":["Jack"]}"#);
        check("nickname", "Smith^John", "-");
    }

    #[test]
    fn a_name_is_good_for_a_while() {
        check("XPN", "A^^^^^^^^^2001&2002^^2003", r#"{"family":"A","period":{"start":"2003"}}"#);
        check("XPN", "A^^^^^^^^^2001&2002", r#"{"family":"A","period":{"start":"2001","end":"2002"}}"#);
    }

    #[test]
    fn a_surname_has_pieces_of_its_own() {
        let url = |name: &str, text: &str| {
            format!(r#"{{"url":"http://hl7.org/fhir/StructureDefinition/humanname-{name}","valueString":"{text}"}}"#)
        };
        let own = format!("[{},{}]", url("own-prefix", "van der"), url("own-name", "Berg"));
        check(
            "XPN",
            "van der Berg&van der&Berg",
            &format!(r#"{{"family":"van der Berg","_family":{{"extension":{own}}}}}"#),
        );
    }
}
