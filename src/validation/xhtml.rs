//! A cheap look at the XHTML of a narrative: one `<div>`, every tag closed in order.
//!
//! R4 <https://hl7.org/fhir/R4/narrative.html#xhtml>. Which elements and attributes are allowed is not looked at here.

/// Returns whether the text is one `div` element whose tags nest.
pub(super) fn is_div(text: &str) -> bool {
    let text = text.trim_ascii();
    text.strip_prefix("<div").is_some_and(|rest| rest.starts_with([' ', '>', '/', '\t', '\n', '\r'])) && is_nested(text)
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
