//! The words of a narrative, without its tags.
//!
//! R4 <https://hl7.org/fhir/R4/narrative.html>: XHTML of a small set of elements, checked when the resource was stored.

/// Elements inside a line: what is on both sides of their tags is one word.
const INLINE: &[&str] =
    &["a", "abbr", "b", "big", "code", "em", "i", "small", "span", "strong", "sub", "sup", "tt", "u"];
const ENTITIES: &[(&str, char)] =
    &[("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", ' ')];

/// Returns the text of a `div`.
pub fn plain(div: &str) -> String {
    let mut out = String::with_capacity(div.len() / 2);
    let mut rest = div;
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = if rest[at..].starts_with('<') { tag(&rest[at..], &mut out) } else { entity(&rest[at..], &mut out) };
    }
    out.push_str(rest);
    out
}

/// Passes a tag or comment; returns what follows.
fn tag<'a>(text: &'a str, out: &mut String) -> &'a str {
    if let Some(comment) = text.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, after)| after);
    }
    let Some((tag, after)) = text.split_once('>') else { return "" };
    let name =
        tag.trim_start_matches(['<', '/']).split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if !INLINE.contains(&name) {
        out.push(' ');
    }
    after
}

/// Adds what an entity stands for; returns what follows.
fn entity<'a>(text: &'a str, out: &mut String) -> &'a str {
    let name = text[1..].split_once(';').filter(|(name, _)| name.len() <= 8);
    let Some((name, after)) = name else {
        out.push('&');
        return &text[1..];
    };
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok(),
        Some(decimal) => decimal.parse().ok(),
        None => None,
    };
    let known = ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
    out.push(number.and_then(char::from_u32).or(known).unwrap_or(' '));
    after
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn tags_and_entities_leave_the_words() {
        for (div, text) in [
            ("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Heart <b>fail</b>ure</p></div>", "Heart failure"),
            ("<div>a<br/>b<!-- c --></div>", "a b"),
            ("<div>x &lt; y &amp; M&#252;ller&#x21;&nbsp;ok</div>", "x < y & Müller! ok"),
            ("<div>R&D &unknown; z</div>", "R&D z"),
            ("<div>cut <b", "cut"),
        ] {
            let words: Vec<String> = plain(div).split_whitespace().map(str::to_string).collect();
            assert_eq!(words.join(" "), text, "{div}");
        }
    }
}
