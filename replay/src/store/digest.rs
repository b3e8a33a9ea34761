//! What stores are compared by.

use super::Table;

/// A digest over rows given in order of table and key: equal stores have equal digests (I1).
#[derive(Default)]
pub struct Digest {
    hasher: blake3::Hasher,
    /// Small pieces are hashed together, many at once.
    gathered: Vec<u8>,
}

impl Digest {
    /// Hashed at once.
    const PIECE: usize = 64 * 1024;

    /// Takes the next row.
    pub fn row(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.gathered.push(table as u8);
        for part in [key, value] {
            self.gathered.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.gathered.extend_from_slice(part);
        }
        if self.gathered.len() >= Self::PIECE {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
    }

    /// The digest.
    pub fn finish(&self) -> [u8; 32] {
        *self.hasher.clone().update(&self.gathered).finalize().as_bytes()
    }
}
