//! "Did you mean": the known name that is nearest to a wrong one.

/// Returns the name within two edits (or a third of the length, if that is more), the nearest first.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = (wrong.chars().count() / 3).max(2);
    names.map(|name| (distance(wrong, name), name)).filter(|(edits, _)| *edits <= near).min().map(|(_, name)| name)
}

/// Returns the number of single-letter edits between two names (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let names = ["listen", "mllp_listen", "base_url", "log"];
        let cases = [
            ("lisen", Some("listen")),
            ("Listen", Some("listen")),
            ("mlp_listen", Some("mllp_listen")),
            ("baseurl", Some("base_url")),
            ("colour", None),
            ("", None),
        ];
        for (wrong, expected) in cases {
            assert_eq!(nearest(wrong, names.into_iter()), expected, "{wrong}");
        }
    }
}
