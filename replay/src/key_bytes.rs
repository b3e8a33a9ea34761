//! Keys of rows as bytes, in the order of what they name.

/// Builds keys: numbers big-endian, so that their order is the order of keys; text ends with a zero byte.
#[derive(Debug, Clone, Default)]
pub struct Key(Vec<u8>);

impl Key {
    /// An empty key.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds bytes of fixed length.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    /// Adds text, which must not hold a zero byte, and its end.
    pub fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }
    /// Adds a number.
    pub fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_be_bytes())
    }
    /// Adds a number.
    pub fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }
    /// Adds a moment; later ones sort later.
    pub fn time(self, at: mirano_schemas::Timestamp) -> Self {
        let number = u64::try_from(at.0).unwrap_or(0);
        self.u64(number)
    }
    /// The key.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}
