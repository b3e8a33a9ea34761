//! Keys of persons for an audit: what they seal is opened and compared, as far as they are there.

use crate::core::vault::{PersonKeys, Vault, VaultError};
use crate::vault::FileVault;
use mirano_replay::verify::Persons;
use mirano_schemas::canonical::keyed_fact_id;
use mirano_schemas::{Fact, FactId, SealedBytes, Subject, codec};
use std::path::Path;
use std::sync::Arc;

/// The keys, if they are at hand.
pub struct Keys(pub Option<Arc<dyn Vault>>);

impl Keys {
    /// The keys in a folder, if it is there and can be read.
    pub fn in_folder(folder: &Path) -> Result<Self, VaultError> {
        if !folder.is_dir() {
            return Ok(Self(None));
        }
        Ok(Self(Some(Arc::new(FileVault::open_to_read(folder)?))))
    }

    /// The keys of one person.
    pub fn of(&self, subject: &Subject) -> Option<PersonKeys> {
        self.0.as_ref()?.by_subject(subject)
    }
}

impl Persons for Keys {
    fn fact_id(&self, sealed: &SealedBytes) -> Option<Result<FactId, String>> {
        let keys = self.of(&sealed.subject)?;
        let plain = match keys.open(sealed) {
            Ok(plain) => plain,
            Err(error) => return Some(Err(error.to_string())),
        };
        let fact: Result<Fact, _> = codec::decode_exact(&plain);
        Some(fact.map(|fact| keyed_fact_id(&fact, keys.fact_key())).map_err(|error| error.to_string()))
    }
}
