//! The reason for breaking the glass: words of a person that say something.

/// Characters, not bytes.
const CHARS_MIN: usize = 20;
const CHARS_MAX: usize = 2000;
/// Letters that must differ for words to be words.
const LETTERS_MIN: usize = 4;

/// Returns the reason without white space around it, or what is wrong with it.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    let count = text.chars().count();
    if count < CHARS_MIN {
        return Err(format!("the reason must have {CHARS_MIN} characters at least; it has {count}"));
    }
    if count > CHARS_MAX {
        return Err(format!("the reason may have {CHARS_MAX} characters; it has {count}"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("the reason must have no control characters".to_string());
    }
    if is_filler(text) {
        return Err("the reason must say why in words of its own; this only fills the field".to_string());
    }
    Ok(text.to_string())
}

/// Returns whether a text repeats one thing, or has too few letters to say any.
fn is_filler(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut letters: Vec<char> = lower.chars().filter(|c| c.is_alphabetic()).collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < LETTERS_MIN {
        return true;
    }
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next();
    let mut is_one_of_many = false;
    let all_same = words.all(|word| {
        is_one_of_many = true;
        Some(word) == first
    });
    if is_one_of_many && all_same {
        return true;
    }
    // `asdfasdfasdf`, with or without what stands between.
    let dense: Vec<char> = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    (1..=dense.len() / 3).any(|period| dense.iter().zip(&dense[period..]).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn a_reason_says_something_in_20_to_2000_characters() {
        let long = |count: usize| "unconscious after a fall ".repeat(100).chars().take(count).collect::<String>();
        for (text, is_fine) in [
            ("unconscious, no kin.", true),
            ("unconscious, no kin", false),
            ("   unconscious, no kin   ", false),
            ("   unconscious, no kin.   ", true),
            ("ohnmächtig, allein üü", true),
            ("bewußtlos, fällt öft", true),
            ("意識不明の患者で同意を得ることができない状況です", true),
            ("意識不明の患者で同意を得ることが", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("abcabcabcabcabcabcabcabc", false),
            ("asdfasdfasdfasdfasdfasdf", false),
            ("asdf asdf asdf asdf asdf", false),
            ("Emergency emergency EMERGENCY", false),
            ("....................................", false),
            ("12345678901234567890", false),
            ("unconscious\u{0} after a fall", false),
            ("unconscious after a fall\nat the railway station", true),
            (&long(2000), false),
            (&format!("{}x", "many words that differ from each other ".repeat(2)), true),
        ] {
            assert_eq!(reason(text).is_ok(), is_fine, "{text}");
        }
        let varied: String = (0..400).map(|i| format!("word{i} ")).collect();
        let cut = |count: usize| varied.chars().take(count).collect::<String>();
        assert!(reason(&cut(1999)).is_ok());
        assert!(reason(&format!("{}zz", cut(1999))).is_err_and(|why| why.contains("2000")));
        assert_eq!(reason("  unconscious, no kin. ").as_deref(), Ok("unconscious, no kin."));
    }
}
