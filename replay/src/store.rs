//! Tables of rows, sorted by key: what a fold writes and every reader reads.
//!
//! The engine keeps them in RocksDB, the simulator and the auditor in memory; the fold can't tell. **Invariant**: each row
//! is written by the events of one partition only, so that the order in which partitions are folded does not matter.

mod digest;
mod key;
mod memory;

pub use crate::kept::{Kept, Put};
use crate::rows::key::FactKey;
use crate::rows::{GoneBound, IntervalRow};
use crate::shown;
use crate::tree::stored;
pub use digest::Digest;
pub use key::{Key, Place};
pub use memory::MemoryStore;
use mirano_schemas::{FactId, QueryKey, Root, Sealable, SharedFact, codec};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// A store that can't be read or written, or a row in it that does not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The storage below failed.
    #[error("store: {0}")]
    Storage(String),
    /// A row that does not decode: rebuild the views.
    #[error("row of {table:?} does not decode: {detail}")]
    Row {
        /// Its table.
        table: Table,
        /// How.
        detail: String,
    },
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $tag:literal),* $(,)?) => {
        /// The tables; the number is the first byte of a key in RocksDB: stored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Table { $($(#[$doc])* $name = $tag),* }

        impl Table {
            /// All tables, by number.
            pub const ALL: &'static [Table] = &[$(Table::$name),*];

            /// The table of a number.
            pub fn of(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

tables! {
    /// partition → where its fold stands
    Anchor = 1,
    /// partition, command id → position of the commit that decided it
    Command = 2,
    /// partition, foreign partition → next foreign seq to react to
    Cursor = 3,
    /// version → policy
    Policy = 4,
    /// partition → version in force there
    PolicyInForce = 5,
    /// job → the job
    Job = 6,
    /// tenant, created (newest first), job → ()
    JobByTenant = 7,
    /// partition, query, job → ()
    Waiter = 8,
    /// task → the task
    Task = 9,
    /// source, turn, priority, enqueued, task → (): a task that may run
    Ready = 10,
    /// source, retry_at, task → () : a task that waits for its next attempt
    Delayed = 11,
    /// source → its limits, leases and health
    Source = 12,
    /// query → what is known of it
    Query = 13,
    /// observation → the observation
    Observation = 14,
    /// query, recorded_at, seq → observation
    QueryObservation = 15,
    /// root → the topmost page of its facts
    FactSet = 16,
    /// fact, and its source's shard but for the first → the fact and the intervals in which that shard's queries showed it
    Fact = 17,
    /// observation → volatile attributes by fact
    Volatile = 18,
    /// subject, query → ()
    SubjectQuery = 19,
    /// job, need → its task
    NeedTask = 20,
    /// alias → job, need, task
    TaskAlias = 21,
    /// lease, index → chunk of an observation not yet recorded
    Chunk = 22,
    /// snapshot → its content
    Snapshot = 23,
    /// subject → what people call it
    SubjectLabel = 24,
    /// receipt → the receipt
    Receipt = 25,
    /// partition, deadline, lease → source, task
    LeaseEnd = 26,
    /// word, subject → ()
    SubjectWord = 27,
    /// hash of its topmost node → a page of a set of facts
    TreePage = 28,
    /// job, recorded_at, seq → the job as it stood after that commit
    JobVersion = 29,
    /// job, recorded_at, seq → its risk from then on
    JobRisk = 30,
    /// job, need, recorded_at, seq → the task that it waited for from then on
    NeedTaskFrom = 31,
    /// snapshot → the whole base as it was sealed
    World = 33,
    /// recorded_at, seq → snapshot of the whole base
    WorldSealedAt = 34,
    /// watch → the watch
    Watch = 35,
    /// tenant, watch → ()
    WatchByTenant = 36,
    /// partition, due, watch → ()
    WatchDue = 37,
    /// source, given up at, task → (): a task that was given up, and nobody has seen to
    DeadLetter = 38,
    /// partition, query, job → (): a need of the job went without an answer
    FailedNeed = 39,
    /// partition → the policy in force there
    PolicyHere = 40,
    /// partition, query → how often its jobs ask for it
    Demand = 41,
    /// partition, due, query → (): a popular query whose answer is about to be stale
    DemandDue = 42,
    /// partition, source → how many popular queries were asked again in the hour
    Prefetched = 43,
    /// partition, pool/name → what goes through the proxy for all sources of the partition
    ProxyTotal = 44,
    /// partition → what decides the order of its queues
    Weights = 45,
    /// source → how many queues it has, where it has several; () → that there is such a source
    Divided = 46,
    /// tenant, subject, created (newest first), job → (): whom the tenant's jobs asked about
    AskedAbout = 47,
    /// channel → the channel
    Channel = 50,
    /// tenant, channel → ()
    ChannelByTenant = 51,
    /// job → what is to be told of it
    JobNotify = 52,
    /// notification → the notification
    Notification = 53,
    /// tenant, raised and seq (newest first), notification → whether it was read; 0, `c`, channel, made (newest first), delivery →
    /// (); 0, `d`, partition, due, delivery → ()
    NotificationIndex = 54,
    /// delivery → the delivery
    Delivery = 55,
    /// partition, due, job → (): something in the report is past its TTL from then on
    StaleDue = 56,
    /// partition → the node that decides there
    Decider = 60,
    /// partition, seq → the checkpoint that this commit names
    Checkpoint = 61,
    /// () → the form of all these rows; written by the store that keeps them
    Form = 32,
}

/// A key and the row under it.
pub type KeyAndRow = (Vec<u8>, Vec<u8>);

/// Visits rows in order of key; `false` ends.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> bool;

/// Takes the rows that were asked for, in the order of their keys; none where there is no row.
pub type TakeAll<'a> = &'a mut dyn FnMut(&[Option<&[u8]>]);

/// Reading rows.
pub trait Read {
    /// The row at `key`, if this store keeps it as a value.
    fn kept(&self, _table: Table, _key: &[u8]) -> Option<&Kept> {
        None
    }

    /// The row at `key`.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Hands the row at `key` to `take`, if there is one; a store that can lend it makes no copy.
    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        if let Some(row) = self.get(table, key)? {
            take(&row);
        }
        Ok(())
    }

    /// Lends the rows at `keys` to `take`, all at once and in the order of the keys, so that a store that finds many sooner than one
    /// by one can.
    fn with_all(&self, table: Table, keys: &[&[u8]], take: TakeAll<'_>) -> Result<(), StoreError> {
        let rows = keys.iter().map(|key| self.get(table, key)).collect::<Result<Vec<_>, _>>()?;
        take(&rows.iter().map(Option::as_deref).collect::<Vec<_>>());
        Ok(())
    }

    /// Which of the rows at `keys` are there: all at once, since a store may find many sooner than one by one.
    fn which(&self, table: Table, keys: &[&[u8]]) -> Result<Vec<bool>, StoreError> {
        keys.iter().map(|key| self.has(table, key)).collect()
    }

    /// Visits the rows of `table` whose key begins with `prefix` and is at or after `from`.
    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError>;

    /// The last row of `table` whose key begins with `prefix` and is at or before `to`. A store that can search from behind
    /// does; this one goes through all before it.
    fn last(&self, table: Table, prefix: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        let mut last = None;
        self.scan(table, prefix, prefix, &mut |key, row| {
            let within = key <= to;
            if within {
                last = Some((key.to_vec(), row.to_vec()));
            }
            within
        })?;
        Ok(last)
    }
}

/// Writing rows.
pub trait Write: Read {
    /// Puts a row.
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>);
    /// Deletes a row; absent is fine.
    fn delete(&mut self, table: Table, key: &[u8]);
    /// Puts a row as a value; a store that keeps no values gives it back.
    fn keep(&mut self, _table: Table, _key: &[u8], row: Kept) -> Option<Kept> {
        Some(row)
    }
    /// Takes a row out that is kept as a value: it must be put again.
    fn take(&mut self, _table: Table, _key: &[u8]) -> Option<Kept> {
        None
    }
    /// Notes that a query shows a fact, in the row at `key`.
    fn show(&mut self, key: FactKey, body: &Sealable<SharedFact>, interval: IntervalRow) -> Result<(), StoreError>
    where
        Self: Sized,
    {
        shown::show(self, key, body, interval)
    }
    /// Notes that a query shows a fact no longer; `false`: it did not show it.
    fn hide(&mut self, key: FactKey, query: QueryKey, end: GoneBound) -> Result<bool, StoreError>
    where
        Self: Sized,
    {
        shown::hide(self, key, query, end)
    }
    /// Keeps the set of facts with this root: that of `base` with `added` and without `gone`.
    fn keep_set(&mut self, root: Root, base: Option<Root>, added: &[FactId], gone: &[FactId]) -> Result<(), StoreError>
    where
        Self: Sized,
    {
        if self.has(Table::FactSet, root.as_bytes())? {
            return Ok(());
        }
        let set = stored::changed(self, base, added, gone)?;
        debug_assert_eq!(set.root, root);
        set.store(self)
    }
}

/// A typed row.
pub trait Row: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Its table.
    const TABLE: Table;

    /// Its bincode; a row that knows a part of it already need not make that again.
    fn bytes(&self) -> Result<Vec<u8>, codec::EncodeError> {
        codec::encode(self)
    }
}

/// Typed reading, for every store.
pub trait ReadExt: Read {
    /// The row of type `R` at `key`.
    fn row<R: Row>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        if let Some(row) = self.kept(R::TABLE, key).and_then(|kept| kept.row.downcast_ref::<R>()) {
            return Ok(Some(row.clone()));
        }
        let mut row = None;
        self.with(R::TABLE, key, &mut |bytes| row = Some(decode_row(R::TABLE, bytes)))?;
        row.transpose()
    }

    /// The row of type `R` at `key`, shared where it is kept.
    fn shared<R: Row>(&self, key: &[u8]) -> Result<Option<Arc<R>>, StoreError> {
        match self.kept(R::TABLE, key).and_then(|kept| Arc::clone(&kept.row).downcast().ok()) {
            Some(row) => Ok(Some(row)),
            None => Ok(self.row(key)?.map(Arc::new)),
        }
    }

    /// Whether there is a row at `key`.
    fn has(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        let mut found = false;
        self.with(table, key, &mut |_| found = true)?;
        Ok(found)
    }

    /// Keys of up to `limit` rows that begin with `prefix`, at or after `from`.
    fn keys(&self, table: Table, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut out = Vec::new();
        self.scan(table, prefix, from, &mut |key, _| {
            if out.len() < limit {
                out.push(key.to_vec());
            }
            out.len() < limit
        })?;
        Ok(out)
    }

    /// Up to `limit` typed rows that begin with `prefix`, at or after `from`.
    fn rows<R: Row>(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, R)>, StoreError> {
        let mut raw = Vec::new();
        self.scan(R::TABLE, prefix, from, &mut |key, value| {
            if raw.len() < limit {
                raw.push((key.to_vec(), value.to_vec()));
            }
            raw.len() < limit
        })?;
        raw.into_iter().map(|(key, value)| Ok((key, decode_row(R::TABLE, &value)?))).collect()
    }
}

impl<T: Read + ?Sized> ReadExt for T {}

/// Typed writing, for every store.
pub trait WriteExt: Write {
    /// Puts a typed row.
    fn put_row<R: Row>(&mut self, key: &[u8], row: &R) -> Result<(), StoreError> {
        self.put(R::TABLE, key, encode_row(row)?);
        Ok(())
    }

    /// Puts a typed row that the same commit may change again: it becomes bytes once, at the end.
    fn put_last<R: Row>(&mut self, key: &[u8], row: R) -> Result<(), StoreError> {
        if let Some(back) = self.keep(R::TABLE, key, Kept::new(row)) {
            self.put(R::TABLE, key, back.encode()?);
        }
        Ok(())
    }

    /// The row of type `R` at `key`, to be changed and put again.
    fn row_to_change<R: Row>(&mut self, key: &[u8]) -> Result<Option<R>, StoreError> {
        match self.take(R::TABLE, key).and_then(|kept| kept.row.downcast::<R>().ok()) {
            Some(row) => Ok(Some(Arc::unwrap_or_clone(row))),
            None => self.row(key),
        }
    }
}

pub(crate) fn encode_row<R: Row>(row: &R) -> Result<Vec<u8>, StoreError> {
    row.bytes().map_err(|error| StoreError::Row { table: R::TABLE, detail: error.to_string() })
}

impl<T: Write + ?Sized> WriteExt for T {}

/// Reads a row's bytes.
pub fn decode_row<R: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<R, StoreError> {
    codec::decode_exact(bytes).map_err(|error| StoreError::Row { table, detail: error.to_string() })
}
