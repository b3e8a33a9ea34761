//! Rows that stay values until somebody needs their bytes.

use crate::store::{Row, StoreError, encode_row};
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A row that is kept as a value, and becomes bytes when somebody needs them.
#[derive(Clone)]
pub struct Kept {
    pub(crate) row: Arc<dyn Any + Send + Sync>,
    encode: fn(&dyn Any) -> Result<Vec<u8>, StoreError>,
}

impl Kept {
    pub(crate) fn new<R: Row>(row: R) -> Self {
        let encode = |row: &dyn Any| match row.downcast_ref::<R>() {
            Some(row) => encode_row(row),
            None => Err(StoreError::Row { table: R::TABLE, detail: "kept as another type".to_owned() }),
        };
        Self { row: Arc::new(row), encode }
    }

    /// Its bytes.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        (self.encode)(&*self.row)
    }
}

/// A row as it was put. Clones share it.
#[derive(Clone)]
pub enum Put {
    /// Its key says all.
    Empty,
    /// As bytes.
    Bytes(Arc<[u8]>),
    /// As a value: whoever writes it down, on a thread of his own, makes the bytes.
    Kept(Kept),
}

impl Put {
    /// Its bytes.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>, StoreError> {
        match self {
            Self::Empty => Ok(Cow::Borrowed(&[])),
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Kept(kept) => kept.encode().map(Cow::Owned),
        }
    }
}

impl From<Vec<u8>> for Put {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Bytes(bytes.into()) }
    }
}

/// By bytes: how a row was put makes no difference.
impl PartialEq for Put {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}
