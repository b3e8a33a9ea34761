//! Keys of persons: what seals and names everything of level person.
//!
//! A person has one random secret, kept outside the log. From it come the subject `person:…`, the keys of the
//! person's ids, and the key that seals. So nobody can confirm a guessed name from an id without that secret, and
//! destroying it erases: chain, roots and proofs stay true, the content can't be read again.
//!
//! **Invariant**: pure. Given the secrets, every method here is a function of its arguments, so a command that is
//! decided twice has the same bytes twice. Where secrets come from and are kept is `crate::vault`.

mod memory;

pub use memory::MemoryVault;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use mirano_schemas::{SealedBytes, Subject, base32};
use std::fmt;

/// What stands before every person's subject.
pub const PERSON_PREFIX: &str = "person:";

/// Bytes of nonce at the front of [`SealedBytes::bytes`].
const NONCE_LEN: usize = 24;

/// What a sealed text was sealed for; another purpose does not open it. The bytes are stored: never change them.
const SEALED_IN_LOG: &[u8] = b"mirano log v1";

/// Finds and makes the keys of persons. The core gets it as a capability.
pub trait Vault: Send + Sync {
    /// Keys of the person known by `identity`, a canonical text such as `inn=500100732259`; makes and persists them
    /// on first sight. On return they are durable. May wait for the disk.
    fn person(&self, identity: &str) -> Result<PersonKeys, VaultError>;

    /// Keys of a person already named; `Ok(None)` when erased or unknown.
    fn find(&self, subject: &Subject) -> Result<Option<PersonKeys>, VaultError>;

    /// As [`Vault::find`], for readers that show what can't be opened as not readable, whatever the reason.
    fn by_subject(&self, subject: &Subject) -> Option<PersonKeys> {
        self.find(subject).ok().flatten()
    }
}

/// Why no keys could be had. Never holds an identity or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The identity is empty: it would make one person of all who have none.
    #[error("a person needs an identity; it is empty")]
    EmptyIdentity,
    /// The key store can't be read or written; trying again may help.
    #[error("the key store can't {doing}: {cause}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        cause: String,
    },
    /// A key file is damaged: restore it from a backup.
    #[error("the key file {file} is damaged: {why}")]
    Damaged {
        /// Its path below the key folder.
        file: String,
        /// What does not fit.
        why: &'static str,
    },
    /// The key folder was written by a newer version.
    #[error("the key file {file} has format version {version}; this program reads up to {newest}")]
    Newer {
        /// Its path below the key folder.
        file: String,
        /// What it says.
        version: u8,
        /// What we know.
        newest: u8,
    },
    /// Persons are there, but the secret that finds them is not: restore it from a backup.
    #[error("the key folder holds persons, but installation.key is missing; restore it from a backup")]
    InstallationLost,
}

/// Sealed bytes that do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Sealed for another person.
    #[error("sealed for another person")]
    OtherSubject,
    /// Shorter than a nonce and a tag.
    #[error("too short to be sealed bytes")]
    TooShort,
    /// Changed, or sealed with another key or for another purpose.
    #[error("the seal does not hold: changed, or made with another key")]
    Broken,
}

/// The keys of one person, all derived from one secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonKeys {
    subject: Subject,
    fact: [u8; 32],
    id: [u8; 32],
    evidence: [u8; 32],
    seal: [u8; 32],
    nonce: [u8; 32],
}

impl PersonKeys {
    /// Derives all keys. `secret` is random, never derived from who the person is.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let name = blake3::derive_key("mirano 2026 person subject v1", secret);
        let short: &[u8] = name.first_chunk::<16>().map_or(&name, |short| short);
        Self {
            subject: Subject(format!("{PERSON_PREFIX}{}", base32(short))),
            fact: blake3::derive_key("mirano 2026 person fact key v1", secret),
            id: blake3::derive_key("mirano 2026 person id key v1", secret),
            evidence: blake3::derive_key("mirano 2026 person evidence key v1", secret),
            seal: blake3::derive_key("mirano 2026 person seal key v1", secret),
            nonce: blake3::derive_key("mirano 2026 person nonce key v1", secret),
        }
    }

    /// `person:` and 26 characters of base32.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Keys the ids of the person's facts.
    pub fn fact_key(&self) -> &[u8; 32] {
        &self.fact
    }

    /// Keys every other id made of what is known of the person: queries, needs, tasks.
    pub fn id_key(&self) -> &[u8; 32] {
        &self.id
    }

    /// Keys the ids of the person's evidence.
    pub fn evidence_key(&self) -> &[u8; 32] {
        &self.evidence
    }

    /// Seals what goes into the log.
    ///
    /// XChaCha20-Poly1305. The nonce is synthetic, a keyed hash of the plaintext under a key used for nothing else:
    /// the same plaintext gives the same bytes, as a core without randomness needs, and two plaintexts never share a
    /// nonce. What it gives away is that two sealed texts of one person are equal, and their lengths.
    pub fn seal(&self, plaintext: &[u8]) -> SealedBytes {
        self.seal_for(SEALED_IN_LOG, plaintext)
    }

    /// Opens what [`PersonKeys::seal`] sealed.
    pub fn open(&self, sealed: &SealedBytes) -> Result<Vec<u8>, OpenError> {
        self.open_for(SEALED_IN_LOG, sealed)
    }

    /// As [`PersonKeys::seal`], bound to a purpose: only [`PersonKeys::open_for`] with the same purpose opens it.
    pub fn seal_for(&self, purpose: &[u8], plaintext: &[u8]) -> SealedBytes {
        let mut hasher = blake3::Hasher::new_keyed(&self.nonce);
        hasher.update(&(purpose.len() as u64).to_le_bytes()).update(purpose).update(plaintext);
        let mut nonce = [0u8; NONCE_LEN];
        hasher.finalize_xof().fill(&mut nonce);
        let aad = self.associated(purpose);
        #[expect(clippy::expect_used, reason = "the cipher only refuses plaintexts of 256 GiB and more")]
        let ciphertext = XChaCha20Poly1305::new(&self.seal.into())
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: plaintext, aad: &aad })
            .expect("a plaintext in memory is shorter than the cipher's limit");
        let mut bytes = Vec::with_capacity(NONCE_LEN + ciphertext.len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&ciphertext);
        SealedBytes { subject: self.subject.clone(), bytes }
    }

    /// Opens what [`PersonKeys::seal_for`] sealed for the same purpose.
    pub fn open_for(&self, purpose: &[u8], sealed: &SealedBytes) -> Result<Vec<u8>, OpenError> {
        if sealed.subject != self.subject {
            return Err(OpenError::OtherSubject);
        }
        let (nonce, ciphertext) = sealed.bytes.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::TooShort)?;
        let aad = self.associated(purpose);
        XChaCha20Poly1305::new(&self.seal.into())
            .decrypt(XNonce::from_slice(nonce), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| OpenError::Broken)
    }

    /// What the tag covers besides the text: whom and what it was sealed for.
    fn associated(&self, purpose: &[u8]) -> Vec<u8> {
        let mut aad = Vec::with_capacity(self.subject.0.len() + 1 + purpose.len());
        aad.extend_from_slice(self.subject.0.as_bytes());
        aad.push(0);
        aad.extend_from_slice(purpose);
        aad
    }
}

impl fmt::Debug for PersonKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonKeys({}, …)", self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(fill: u8) -> PersonKeys {
        PersonKeys::from_secret(&[fill; 32])
    }

    #[test]
    fn sealed_bytes_open_to_what_was_sealed() {
        for text in [&b""[..], b"a", &[0u8; 100_000]] {
            let sealed = keys(1).seal(text);
            assert_eq!(sealed.bytes.len(), NONCE_LEN + text.len() + 16);
            assert_eq!(keys(1).open(&sealed).as_deref(), Ok(text));
        }
    }

    #[test]
    fn sealing_is_deterministic_and_tells_texts_apart() {
        assert_eq!(keys(1).seal(b"one"), keys(1).seal(b"one"));
        assert_ne!(keys(1).seal(b"one").bytes.get(..NONCE_LEN), keys(1).seal(b"two").bytes.get(..NONCE_LEN));
        assert_ne!(keys(1).seal(b"one").bytes, keys(2).seal(b"one").bytes);
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let sealed = keys(1).seal("Иванов".as_bytes());
        for at in 0..sealed.bytes.len() {
            let mut bad = sealed.clone();
            *bad.bytes.get_mut(at).expect("within the bytes") ^= 1;
            assert_eq!(keys(1).open(&bad), Err(OpenError::Broken), "byte {at}");
        }
    }

    #[test]
    fn another_person_another_purpose_and_stumps_are_refused() {
        let sealed = keys(1).seal(b"text");
        assert_eq!(keys(2).open(&sealed), Err(OpenError::OtherSubject));
        let renamed = SealedBytes { subject: keys(2).subject().clone(), ..sealed.clone() };
        assert_eq!(keys(2).open(&renamed), Err(OpenError::Broken));
        assert_eq!(keys(1).open_for(b"evidence", &sealed), Err(OpenError::Broken));
        let stump = SealedBytes { bytes: vec![0; 23], ..sealed };
        assert_eq!(keys(1).open(&stump), Err(OpenError::TooShort));
    }

    /// Golden: these bytes are in logs. A change here makes every sealed fact unreadable.
    #[test]
    fn derivation_and_seal_never_change() {
        let keys = keys(7);
        let sealed = keys.seal(b"golden");
        expect_test::expect![[r#"
            person:agcwtaekhjmt64e62ffalg6gey
            fact nc5u47emxkqdki5eqwby5dwsyr6ntqbd5qai54g26kpq5pv4i3xa
            id r5rgk3htnfoxnlbo2fffv6d4iskbe3qlgpcyhooxrlbuvitwn5oa
            evidence psnwyamuvexuttwh4vyl6lyi7cd6abvyxscic5frtjhokzhmejca
            sealed hmi2a5lwrayqo42vbto6n7lhpzjaydjyro5fxv4a4wlzdtfhpuiw3wn5xp7flom6cjrt2bvujy"#]]
        .assert_eq(&format!(
            "{}\nfact {}\nid {}\nevidence {}\nsealed {}",
            keys.subject(),
            base32(keys.fact_key()),
            base32(keys.id_key()),
            base32(keys.evidence_key()),
            base32(&sealed.bytes)
        ));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", keys(7));
        assert!(shown.starts_with("PersonKeys(person:") && shown.len() < 60, "{shown}");
    }
}
