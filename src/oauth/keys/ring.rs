//! Which key signs, which is due for a successor, and when one ends: pure, so that time can be made up.

use super::file::Own;
use crate::store::identity::revocation::TOKEN_S_MAX;
use std::cmp::Ordering;
use std::sync::Arc;

const DAY_S: i64 = 86_400;
/// How long a key is published before it signs: longer than anybody may keep the key set (`max-age` of `/oauth/jwks`), and than
/// the servers of this data folder take to find it.
const SPREAD_S: i64 = 600;
/// How long the file of a key stays after its successor has taken over, for processes that are in the midst of it.
const GRACE_S: i64 = 3_600;

/// What a private key does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Signs,
    /// It is published, and signs soon.
    Waits,
    /// It has signed: what it signed is still verified.
    Rests,
}

/// Returns the key that signs: the newest that everybody had time to learn of. The first has nobody to wait for.
pub fn signing(own: &[Arc<Own>], now_s: i64) -> Option<&Arc<Own>> {
    // The key of the first releases signs no more.
    let mut keys = own.iter().filter(|key| key.number > 0);
    let first = keys.clone().next();
    keys.rfind(|key| key.created_s + SPREAD_S <= now_s).or(first)
}

pub fn part(own: &[Arc<Own>], key: &Own, now_s: i64) -> Part {
    match signing(own, now_s).map(|signing| signing.number.cmp(&key.number)) {
        Some(Ordering::Equal) => Part::Signs,
        Some(Ordering::Greater) => Part::Rests,
        _ => Part::Waits,
    }
}

/// Returns the number of the key that is to be made now, if any.
pub fn due(own: &[Arc<Own>], now_s: i64, days: i64) -> Option<u32> {
    let newest = own.iter().rfind(|key| key.number > 0);
    let is_due = newest.is_none_or(|key| now_s - key.created_s >= days.saturating_mul(DAY_S));
    is_due.then(|| next_number(own))
}

pub fn next_number(own: &[Arc<Own>]) -> u32 {
    own.last().map_or(1, |key| key.number + 1)
}

/// Returns when the last token of a key has ended, in seconds since 1970. That of a key without a successor moves on with each
/// day on which its server lives.
pub fn ends_s(own: &[Arc<Own>], key: &Own, now_s: i64) -> i64 {
    until_s(own, key).unwrap_or((now_s / DAY_S + 2) * DAY_S) + TOKEN_S_MAX
}

/// Returns whether nothing will be signed with a key any more.
pub fn is_over(own: &[Arc<Own>], key: &Own, now_s: i64) -> bool {
    until_s(own, key).is_some_and(|until_s| until_s + GRACE_S <= now_s)
}

/// Returns when the successor of a key takes over.
fn until_s(own: &[Arc<Own>], key: &Own) -> Option<i64> {
    let later = own.iter().filter(|other| other.number > key.number);
    later.map(|successor| successor.created_s + SPREAD_S).min()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use std::fs::File;
    use std::time::{Duration, UNIX_EPOCH};

    const T: i64 = 1_800_000_000;

    /// Returns keys that were made at these times.
    fn ring(name: &str, created: &[i64]) -> Vec<Arc<Own>> {
        let folder = std::env::temp_dir().join(format!("medilink-ring-{name}-{}", std::process::id()));
        for (number, at) in (1..).zip(created) {
            file::make(&folder, number).unwrap();
            let file = File::options().write(true).open(folder.join(format!("rs256-{number}.p8"))).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(*at as u64)).unwrap();
        }
        let own = file::load(&folder).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        own
    }

    #[test]
    fn a_key_signs_once_everybody_had_time_to_learn_of_it() {
        let own = ring("signing", &[T, T + 90 * DAY_S, T + 180 * DAY_S]);
        let taken_over = [T + 90 * DAY_S + SPREAD_S, T + 180 * DAY_S + SPREAD_S];
        for (now_s, signs) in [
            // The first has nobody to wait for.
            (T - 5, 1),
            (T, 1),
            (T + 90 * DAY_S, 1),
            (taken_over[0] - 1, 1),
            (taken_over[0], 2),
            (taken_over[1] - 1, 2),
            (taken_over[1], 3),
        ] {
            assert_eq!(signing(&own, now_s).unwrap().number, signs, "{}", now_s - T);
        }
        let parts = |now_s: i64| own.iter().map(|key| part(&own, key, now_s)).collect::<Vec<_>>();
        assert_eq!(parts(taken_over[0]), [Part::Rests, Part::Signs, Part::Waits]);
        for (key, taken_over) in own.iter().zip(taken_over) {
            assert_eq!(
                ends_s(&own, key, T),
                taken_over + TOKEN_S_MAX,
                "it is published until its last token has ended"
            );
            assert!(!is_over(&own, key, taken_over + GRACE_S - 1));
            assert!(is_over(&own, key, taken_over + GRACE_S));
        }
        assert!(ends_s(&own, &own[2], T) > T + TOKEN_S_MAX, "the newest goes on");
        assert!(!is_over(&own, &own[2], T + 900 * DAY_S), "and stays while it has no successor");
    }

    #[test]
    fn a_key_gets_a_successor_when_it_is_old_enough() {
        let own = ring("due", &[T, T + DAY_S]);
        for (now_s, days, number) in
            [(T + 91 * DAY_S, 90, Some(3)), (T + 91 * DAY_S - 1, 90, None), (T + 91 * DAY_S, i64::MAX, None)]
        {
            assert_eq!(due(&own, now_s, days), number, "{}", now_s - T);
        }
        assert_eq!(due(&[], T, 90), Some(1));
    }
}
