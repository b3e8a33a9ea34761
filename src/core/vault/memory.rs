//! A vault in memory, the same for the same seed: for tests and the simulation. It keeps nothing.

use super::{PersonKeys, Vault, VaultError};
use mirano_schemas::Subject;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys that are a function of the seed, the identity and how often that identity was erased.
#[derive(Debug)]
pub struct MemoryVault {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often each identity was erased.
    generations: BTreeMap<String, u64>,
    /// Who was named, and not erased since.
    named: BTreeMap<Subject, String>,
}

impl MemoryVault {
    /// Two vaults of one seed give the same keys, in whatever order persons come.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    /// Forgets a person: the subject opens nothing any more, and the same identity gets new keys. Whether it was known.
    pub fn erase(&self, subject: &Subject) -> bool {
        let mut state = self.state();
        let Some(identity) = state.named.remove(subject) else { return false };
        *state.generations.entry(identity).or_default() += 1;
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self, identity: &str, generation: u64) -> PersonKeys {
        let mut hasher = blake3::Hasher::new_derive_key("mirano 2026 memory vault v1");
        hasher.update(&self.seed.to_le_bytes()).update(&generation.to_le_bytes()).update(identity.as_bytes());
        PersonKeys::from_secret(hasher.finalize().as_bytes())
    }
}

impl Vault for MemoryVault {
    fn person(&self, identity: &str) -> Result<PersonKeys, VaultError> {
        if identity.is_empty() {
            return Err(VaultError::EmptyIdentity);
        }
        let mut state = self.state();
        let keys = self.keys(identity, state.generations.get(identity).copied().unwrap_or_default());
        state.named.insert(keys.subject().clone(), identity.to_owned());
        Ok(keys)
    }

    fn find(&self, subject: &Subject) -> Result<Option<PersonKeys>, VaultError> {
        let state = self.state();
        Ok(state
            .named
            .get(subject)
            .map(|identity| self.keys(identity, state.generations.get(identity).copied().unwrap_or_default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_the_order_does_not() {
        let (a, b, other) = (MemoryVault::seeded(1), MemoryVault::seeded(1), MemoryVault::seeded(2));
        let first = a.person("inn=1").expect("keys");
        b.person("inn=2").expect("keys");
        assert_eq!(b.person("inn=1").expect("keys"), first);
        assert_ne!(other.person("inn=1").expect("keys").subject(), first.subject());
        assert_eq!(a.by_subject(first.subject()), Some(first.clone()));
        assert_eq!(other.by_subject(first.subject()), None);
    }

    #[test]
    fn an_erased_person_is_gone_and_comes_back_as_another() {
        let vault = MemoryVault::seeded(1);
        let before = vault.person("inn=1").expect("keys");
        assert!(vault.erase(before.subject()));
        assert!(!vault.erase(before.subject()));
        assert_eq!(vault.by_subject(before.subject()), None);
        let after = vault.person("inn=1").expect("keys");
        assert_ne!(after.subject(), before.subject());
        assert_eq!(vault.by_subject(after.subject()), Some(after));
    }
}
