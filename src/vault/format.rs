//! The bytes of a key file. Stored: never change what a version means.
//!
//! | at | bytes | what |
//! |----|-------|------|
//! | 0  | 4  | `MIRK` |
//! | 4  | 1  | format version, 1 |
//! | 5  | 1  | kind: 1 installation, 2 person |
//! | 6  | 2  | zero |
//! | 8  | 32 | the secret |
//! | 40 | 32 | person: keyed hash of the identity under the installation's secret; installation: zero |
//! | 72 | 16 | first bytes of the blake3 of all before |

use crate::core::vault::VaultError;

const MAGIC: &[u8; 4] = b"MIRK";
/// What we write.
const VERSION: u8 = 1;
const LEN: usize = 88;

/// Whose secret a file holds; the numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Installation = 1,
    Person = 2,
}

/// A key file's content.
pub(super) struct KeyFile {
    pub(super) secret: [u8; 32],
    pub(super) lookup: [u8; 32],
}

/// Why bytes are not a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormatError {
    Damaged(&'static str),
    Newer(u8),
}

impl FormatError {
    /// Names the file.
    pub(super) fn at(self, file: String) -> VaultError {
        match self {
            Self::Damaged(why) => VaultError::Damaged { file, why },
            Self::Newer(version) => VaultError::Newer { file, version, newest: VERSION },
        }
    }
}

impl KeyFile {
    pub(super) fn encode(&self, kind: Kind) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, kind as u8, 0, 0]);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.lookup);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    pub(super) fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, FormatError> {
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(FormatError::Damaged("cut short"))?;
        if magic != MAGIC {
            return Err(FormatError::Damaged("not a key file"));
        }
        match rest.first() {
            Some(&version) if version > VERSION => return Err(FormatError::Newer(version)),
            Some(&VERSION) => {}
            Some(_) => return Err(FormatError::Damaged("no such format version")),
            None => return Err(FormatError::Damaged("cut short")),
        }
        if bytes.len() != LEN {
            return Err(FormatError::Damaged("its length is wrong"));
        }
        let (body, sum) = bytes.split_last_chunk::<16>().ok_or(FormatError::Damaged("cut short"))?;
        if &checksum(body) != sum {
            return Err(FormatError::Damaged("its checksum does not match"));
        }
        if body.get(5) != Some(&(kind as u8)) {
            return Err(FormatError::Damaged("it is of another kind"));
        }
        let part = |at: usize| body.get(at..).and_then(|rest| rest.first_chunk::<32>()).copied();
        match (part(8), part(40)) {
            (Some(secret), Some(lookup)) => Ok(Self { secret, lookup }),
            _ => Err(FormatError::Damaged("cut short")),
        }
    }
}

fn checksum(bytes: &[u8]) -> [u8; 16] {
    let mut sum = [0u8; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_no_changed_bit_does() {
        let bytes = KeyFile { secret: [1; 32], lookup: [2; 32] }.encode(Kind::Person);
        let back = KeyFile::decode(Kind::Person, &bytes).map(|file| (file.secret, file.lookup));
        assert_eq!(back, Ok(([1; 32], [2; 32])));
        assert!(KeyFile::decode(Kind::Installation, &bytes).is_err());
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            *bad.get_mut(at).expect("within the bytes") ^= 0x10;
            assert!(KeyFile::decode(Kind::Person, &bad).is_err(), "byte {at}");
            assert!(KeyFile::decode(Kind::Person, bytes.get(..at).expect("a prefix")).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = KeyFile { secret: [1; 32], lookup: [2; 32] }.encode(Kind::Person);
        *bytes.get_mut(4).expect("the version") = 9;
        assert_eq!(KeyFile::decode(Kind::Person, &bytes).err(), Some(FormatError::Newer(9)));
    }
}
