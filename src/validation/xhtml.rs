//! A cheap look at the XHTML of a narrative: one `<div>`, every tag closed in order.
//!
//! R4 <https://hl7.org/fhir/R4/narrative.html#xhtml>. Of what txt-1 forbids, the part that could act in a reader's browser is
//! refused here; the rest is a matter of invariants.

/// Returns whether the text is one `div` element whose tags nest.
pub(super) fn is_div(text: &str) -> bool {
    let text = text.trim_ascii();
    text.strip_prefix("<div").is_some_and(|rest| rest.starts_with([' ', '>', '/', '\t', '\n', '\r'])) && is_nested(text)
}

/// Elements that act, embed or send.
const ACTIVE: [&str; 18] = [
    "script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input", "button", "select",
    "textarea", "link", "meta", "base", "svg", "math", "style",
];

/// Returns whether nothing in the markup can act when it is shown. The text must have passed [`is_div`].
pub(super) fn is_inert(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let markup = &rest[at..];
        let Some((end, _)) = read_markup(markup) else { return false };
        if !is_inert_tag(&markup[1..end - 1]) {
            return false;
        }
        rest = &markup[end..];
    }
    true
}

/// Returns whether the inside of one tag names no active element, no event attribute and no script as its target.
fn is_inert_tag(inner: &str) -> bool {
    if inner.starts_with(['!', '/']) {
        return true;
    }
    let name = inner.split([' ', '\t', '\n', '\r', '/']).next().unwrap_or("");
    let local = name.rsplit(':').next().unwrap_or(name);
    if ACTIVE.iter().any(|active| local.eq_ignore_ascii_case(active)) {
        return false;
    }
    let mut pieces = inner[name.len()..].split(['"', '\'']);
    // Between quotes stand values; outside them names, each with its equals sign.
    while let Some(names) = pieces.next() {
        let attribute = names.trim_ascii_end().trim_end_matches('=').trim_ascii();
        let is_event = attribute.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("on"));
        let value = pieces.next().unwrap_or("").trim_ascii_start();
        let scheme: String = value.chars().take(64).filter(|c| !c.is_ascii_whitespace()).take(11).collect();
        if is_event || scheme.eq_ignore_ascii_case("javascript:") || scheme.starts_with('&') && value.contains("script")
        {
            return false;
        }
    }
    true
}

fn is_nested(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let markup = &rest[at..];
        let Some((end, tag)) = read_markup(markup) else {
            return false;
        };
        match tag {
            Tag::Open(name) => open.push(name),
            Tag::Close(name) => {
                if open.pop() != Some(name) {
                    return false;
                }
            }
            Tag::Other => {}
        }
        rest = &markup[end..];
        if open.is_empty() {
            // The root is closed: nothing but the end may follow.
            return rest.is_empty();
        }
    }
    false
}

enum Tag<'a> {
    Open(&'a str),
    Close(&'a str),
    /// A comment, a CDATA section, or an element that closes itself.
    Other,
}

/// Reads the markup that the text begins with, and returns where it ends.
fn read_markup(text: &str) -> Option<(usize, Tag<'_>)> {
    for (start, end) in [("<!--", "-->"), ("<![CDATA[", "]]>")] {
        if let Some(body) = text.strip_prefix(start) {
            return body.find(end).map(|at| (start.len() + at + end.len(), Tag::Other));
        }
    }
    let end = tag_end(text.as_bytes())?;
    let inner = &text[1..end - 1];
    if let Some(name) = inner.strip_prefix('/') {
        return Some((end, Tag::Close(name.trim_ascii_end())));
    }
    let name = inner.split([' ', '\t', '\n', '\r', '/']).next().unwrap_or(inner);
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    Some((end, if inner.ends_with('/') { Tag::Other } else { Tag::Open(name) }))
}

/// Returns the place behind the `>` of a tag; one inside an attribute's quotes does not count.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (i, byte) in bytes.iter().enumerate().skip(1) {
        match (quote, byte) {
            (Some(q), b) if q == b => quote = None,
            (Some(_), b'<') | (None, b'<') => return None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(i + 1),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrative_does_nothing_when_it_is_shown() {
        for text in [
            "<div title=\"on click\"><a href=\"https://x\">on</a><img src='a.png' alt=\"one\"/></div>",
            "<div><p style=\"color: red\" class='on'>javascript: no</p><!-- <script> --></div>",
        ] {
            assert!(is_div(text) && is_inert(text), "{text}");
        }
        for text in [
            "<div><script>x</script></div>",
            "<div><SCRIPT src='x'/></div>",
            "<div><h:script xmlns:h=\"http://www.w3.org/1999/xhtml\"/></div>",
            "<div onclick=\"x()\">a</div>",
            "<div><img src='x' onerror = 'y()'/></div>",
            "<div><a href=\" JavaScript:alert(1)\">a</a></div>",
            "<div><a href=\"java\tscript:alert(1)\">a</a></div>",
            "<div><a href=\"&#106;avascript:alert(1)\">a</a></div>",
            "<div><iframe src=\"x\"></iframe></div>",
            "<div><form action='x'><p/></form></div>",
        ] {
            assert!(!is_inert(text), "{text}");
        }
    }

    #[test]
    fn a_narrative_is_one_div_whose_tags_nest() {
        let good = [
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>",
            " <div><p>a<br/>b<img src='x>y' /></p><!-- <b> --></div>\n",
            "<div/>",
            "<div>&lt;&nbsp;<table\n border=\"1\"><tr ><td>1</td ></tr></table></div>",
        ];
        for text in good {
            assert!(is_div(text), "{text}");
        }
        #[rustfmt::skip]
        let bad = [
            "", "text", "<p>a</p>", "<divx></divx>", "<div>", "<div><p>a</div>", "<div><b><i>a</b></i></div>",
            "<div>a</div><div>b</div>", "<div>a</div>b", "<div><br></div>", "<div a=\"></div>", "<div>a < b</div>",
            "<div><!-- a</div>", "<div", "<div>a</div", "a<div></div>",
        ];
        for text in bad {
            assert!(!is_div(text), "{text}");
        }
    }
}
