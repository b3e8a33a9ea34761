//! Values inside of texts: JSON-LD, `__NEXT_DATA__`, variables of scripts, attributes that hold JSON.
//!
//! Each text is read once, however many places look into it, and what was read lives as long as the page. A text that
//! holds no such value is no find: pages have many scripts.

use super::script;
use serde_json::Value;
use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Lists of values, by a hash of where they stand.
const BUCKETS: usize = 512;

/// Which text of the page: its number, or where it lies in memory while the page lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) u64, pub(super) u64);

impl Key {
    pub(super) fn of_text(text: &str) -> Self {
        Self(text.as_ptr() as u64, text.len() as u64)
    }

    /// Anything that has an identity of its own on this page.
    pub(super) fn of(thing: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        thing.hash(&mut hasher);
        // No text is that long, so it is no key of a text.
        Self(hasher.finish(), u64::MAX)
    }
}

/// Values that were read from texts of one page.
#[derive(Debug)]
pub(super) struct Kept {
    buckets: Vec<OnceCell<Box<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    marker: Option<String>,
    value: Option<Value>,
    next: OnceCell<Box<Entry>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| OnceCell::new()).collect() }
    }
}

impl Kept {
    /// The value in a text: all of it, or what follows `marker`.
    pub(super) fn value(&self, key: Key, marker: Option<&str>, text: impl FnOnce() -> String) -> Option<&Value> {
        let mut hasher = DefaultHasher::new();
        (key, marker).hash(&mut hasher);
        let mut cell = self.buckets.get(usize::try_from(hasher.finish() % BUCKETS as u64).unwrap_or(0))?;
        let mut text = Some(text);
        loop {
            let entry = cell.get_or_init(|| {
                let text = text.take().map(|text| text()).unwrap_or_default();
                let value = match marker {
                    None => script::whole(&text),
                    Some(marker) => script::after(&text, marker),
                };
                Box::new(Entry { key, marker: marker.map(str::to_owned), value, next: OnceCell::new() })
            });
            if entry.key == key && entry.marker.as_deref() == marker {
                return entry.value.as_ref();
            }
            cell = &entry.next;
        }
    }
}
