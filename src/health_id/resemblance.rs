//! Whether two texts could be one with a slip of the pen.

/// Returns whether so few letters are wrong, missing or swapped that it may be a slip: one from four letters on, two from
/// eight.
pub fn resembles(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let allowed = match a.len().max(b.len()) {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    distance(&a, &b) <= allowed
}

/// Returns how many letters are to be changed, put in, taken away or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Returns whether two dates of the form YYYY-MM-DD are one with a slip: a wrong digit, two neighbours or day and month swapped.
pub fn dates_resemble(a: &str, b: &str) -> bool {
    if a.len() != 10 || b.len() != 10 {
        // A year or a month resembles each of its days.
        return a.starts_with(b) || b.starts_with(a);
    }
    let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (month, day) = (a.get(5..7), a.get(8..10));
    distance(&x, &y) <= 1 || (a.get(..4) == b.get(..4) && month == b.get(8..10) && day == b.get(5..7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_name() {
        for (a, b, like) in [
            ("meyer", "meier", true),
            ("smith", "smiht", true),
            ("jan", "jon", false),
            ("anna", "anne", true),
            ("anna", "maria", false),
            ("katharina", "catarina", true),
            ("", "", true),
            ("li", "lee", false),
        ] {
            assert_eq!(resembles(a, b), like, "{a} {b}");
        }
    }

    #[test]
    fn a_slip_in_a_date_is_told_from_another_day() {
        for (a, b, like) in [
            ("1980-05-06", "1980-05-07", true),
            ("1980-05-06", "1980-06-05", true),
            ("1980-05-16", "1980-05-61", true),
            ("1980-05-06", "1980", true),
            ("1980-05-06", "1981-05-07", false),
            ("1980-05-06", "1975-11-20", false),
        ] {
            assert_eq!(dates_resemble(a, b), like, "{a} {b}");
        }
    }
}
