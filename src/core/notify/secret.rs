//! What the log keeps of a channel only sealed: its target, which often is a secret itself, and what signs.

use crate::core::vault::{Vault, VaultError};
use mirano_schemas::{ChannelId, SealedBytes};

/// What it was sealed for; the bytes are stored: never change them.
const PURPOSE: &[u8] = b"mirano channel v1";

/// Seals a text with the key of a channel, which is made on first sight and kept in the key store.
pub fn seal(vault: &dyn Vault, channel: ChannelId, text: &str) -> Result<SealedBytes, VaultError> {
    Ok(vault.person(&format!("channel: {channel}"))?.seal_for(PURPOSE, text.as_bytes()))
}

/// Opens it; none when the key is gone.
pub fn open(vault: &dyn Vault, sealed: &SealedBytes) -> Option<String> {
    let plain = vault.by_subject(&sealed.subject)?.open_for(PURPOSE, sealed).ok()?;
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::vault::MemoryVault;

    #[test]
    fn what_is_sealed_opens_again_and_shows_nothing() {
        let vault = MemoryVault::seeded(1);
        let sealed = seal(&vault, ChannelId([1; 16]), "https://example.org/hook?token=abc").expect("a key");
        assert!(!sealed.bytes.windows(5).any(|bytes| bytes == b"token"));
        assert_eq!(open(&vault, &sealed).as_deref(), Some("https://example.org/hook?token=abc"));
        let other = seal(&vault, ChannelId([2; 16]), "x").expect("a key");
        assert_ne!(other.subject, sealed.subject);
        vault.erase(&sealed.subject);
        assert_eq!(open(&vault, &sealed), None);
    }
}
