//! Resource numbers: they rise with time and carry the shard of the patient in their low bits.
//!
//! The database hands out blocks; inside a block the process counts by itself, so no write waits for a sequence.

use super::error::StoreError;
use deadpool_postgres::GenericClient;
use std::sync::Mutex;

const SHARD_BITS: u32 = 10;
const BLOCK_SIZE: i64 = 1024;

/// Counts through blocks of numbers.
#[derive(Default)]
pub struct Numbers(Mutex<(i64, i64)>);

impl Numbers {
    /// Makes sure that `want` numbers can be taken without the database.
    pub async fn reserve(&self, client: &impl GenericClient, want: usize) -> Result<Vec<i64>, StoreError> {
        let mut out = Vec::with_capacity(want);
        self.take(&mut out, want);
        while out.len() < want {
            let blocks = ((want - out.len()) as i64).div_euclid(BLOCK_SIZE) + 1;
            let statement = client
                .prepare_cached("select nextval('number_block') from generate_series(1, $1::bigint)")
                .await
                .map_err(StoreError::sql("failed to prepare the number block"))?;
            let rows =
                client.query(&statement, &[&blocks]).await.map_err(StoreError::sql("failed to take a number block"))?;
            for row in rows {
                let first = row.get::<_, i64>(0) * BLOCK_SIZE;
                self.refill(&mut out, want, first);
            }
        }
        Ok(out)
    }

    fn take(&self, out: &mut Vec<i64>, want: usize) {
        let mut range = self.0.lock().expect("no holder of this lock can panic");
        while out.len() < want && range.0 < range.1 {
            out.push(range.0);
            range.0 += 1;
        }
    }

    /// Uses a fresh block for what is still wanted and keeps the rest for later.
    fn refill(&self, out: &mut Vec<i64>, want: usize, first: i64) {
        let used = ((want - out.len()) as i64).min(BLOCK_SIZE);
        out.extend(first..first + used);
        if used < BLOCK_SIZE {
            *self.0.lock().expect("no holder of this lock can panic") = (first + used, first + BLOCK_SIZE);
        }
    }
}

/// Returns the resource number of a counted number and the patient whose compartment the resource is in.
pub fn with_shard(number: i64, patient: Option<&str>) -> i64 {
    (number << SHARD_BITS) | patient.map_or(0, shard)
}

/// Returns 1 to 1023 for a patient; 0 is for what belongs to no patient.
fn shard(patient: &str) -> i64 {
    // FNV-1a: any fixed spread will do, and it must never change.
    let hash = patient.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (hash % 1023 + 1) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_whatever_the_shard() {
        assert!(with_shard(1, Some("a")) < with_shard(2, None));
        assert_eq!(with_shard(7, None), 7 << 10);
        assert_ne!(with_shard(7, Some("a")) & 1023, 0);
    }

    #[test]
    fn a_block_is_used_up_before_the_next() {
        let numbers = Numbers::default();
        let mut out = Vec::new();
        numbers.take(&mut out, 2);
        assert!(out.is_empty());
        numbers.refill(&mut out, 2, 1024);
        assert_eq!(out, [1024, 1025]);
        let mut more = Vec::new();
        numbers.take(&mut more, 1);
        assert_eq!(more, [1026]);
    }
}
