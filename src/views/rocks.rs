//! Rows in RocksDB.

use super::digests::{self, AtClose};
use super::fronts::Fronts;
use mirano_replay::overlay::Changes;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::{Digest, KeyAndRow, Read, ReadExt, StoreError, Table, TakeAll, Visit};
use mirano_schemas::envelope::Head;
use rocksdb::{DB, Direction, IteratorMode, Options, ReadOptions, WriteBatch, WriteOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// Commits between two flushes: at most so many are folded again after a crash.
const FLUSH_COMMITS: u64 = 20_000;

/// The form of the rows: raise it when a table is added or a row changes its meaning.
pub const FORM: u32 = 9;

/// A row as it lies: its table, its key, its bytes.
pub type Lying<'a> = (Table, &'a [u8], &'a [u8]);

/// The views of a node.
pub struct Views {
    db: DB,
    path: PathBuf,
    /// Made once: every read of a row takes them.
    reading: ReadOptions,
    since_flush: AtomicU64,
    /// Tables that may have rows, by number: nothing is looked for in the others.
    used: AtomicU64,
    /// Where queues begin; none where another process writes.
    fronts: Option<Fronts>,
    /// Behind the database: it goes after it is closed.
    #[expect(dead_code, reason = "kept for what happens when it is dropped")]
    aside: Option<TempDir>,
    /// Behind the database as well: what its files are is known when it is closed.
    at_close: Option<AtClose>,
}

/// Blocks of rows in memory, in bytes, beside what the system keeps of files.
const BLOCK_CACHE: usize = 128 * 1024 * 1024;

fn storage(error: rocksdb::Error) -> StoreError {
    StoreError::Storage(error.to_string())
}

/// The bit of a table. Tables that share one are looked into when either has rows.
fn bit(table: Table) -> u64 {
    1u64.wrapping_shl(u32::from(table as u8))
}

/// Where a row lies: its table, then its key.
pub(super) fn place(table: Table, key: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(key.len() + 1);
    place.push(table as u8);
    place.extend_from_slice(key);
    place
}

impl Views {
    /// Opens the views in a folder of their own, which is made when missing.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_write_buffer_size(64 * 1024 * 1024);
        options.set_max_write_buffer_number(3);
        // Most facts of an answer are new: that they are not there is found without a search of the memtable.
        options.set_memtable_prefix_bloom_ratio(0.1);
        options.set_memtable_whole_key_filtering(true);
        // A partition writes from one thread; without rivals an insertion is cheaper.
        options.set_allow_concurrent_memtable_write(false);
        // What was just written is merged after a few files more: only what stays is worth the work.
        let (plain, packed) = (rocksdb::DBCompressionType::None, rocksdb::DBCompressionType::Lz4);
        options.set_compression_per_level(&[plain, packed, packed, packed, packed, packed, packed]);
        options.set_max_open_files(512);
        options.set_keep_log_file_num(2);
        let mut table = rocksdb::BlockBasedOptions::default();
        table.set_bloom_filter(10.0, false);
        // Readers of every thread look into it for each row: this one takes no lock.
        table.set_block_cache(&rocksdb::Cache::new_hyper_clock_cache(BLOCK_CACHE, 0));
        options.set_block_based_table_factory(&table);
        digests::before_open(path);
        let all = [(rocksdb::DEFAULT_COLUMN_FAMILY_NAME, options.clone())];
        let db = DB::open_cf_with_opts(&options, path, all).map_err(storage)?;
        let at_close = Some(AtClose::of(path));
        let (path, since_flush) = (path.to_owned(), AtomicU64::new(0));
        let used = AtomicU64::new(u64::MAX);
        let fronts = Some(Fronts::default());
        let views =
            Self { db, path, reading: ReadOptions::default(), since_flush, used, fronts, aside: None, at_close };
        let mut used = 0;
        for table in Table::ALL {
            used |= if views.keys(*table, &[], &[], 1)?.is_empty() { 0 } else { bit(*table) };
        }
        views.used.store(used | bit(Table::Form), Ordering::Relaxed);
        let fresh = views.keys(Table::Anchor, &[], &[], 1)?.is_empty();
        if fresh {
            let mut options = WriteOptions::default();
            options.disable_wal(true);
            views.db.put_opt(place(Table::Form, &[]), FORM.to_be_bytes(), &options).map_err(storage)?;
        }
        Ok(views)
    }

    /// Whether the rows have the form that this version reads. Others are of no use: delete them, and fold the log again.
    pub fn of_this_form(&self) -> Result<bool, StoreError> {
        Ok(self.get(Table::Form, &[])?.as_deref() == Some(&FORM.to_be_bytes()))
    }

    /// Opens views to read what is on disk, also those of a running server, whose last commits may not be flushed. Leaves
    /// them unchanged: what RocksDB itself wants to write goes into a folder of its own.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let aside = tempfile::Builder::new().prefix("mirano-views-").tempdir();
        let aside = aside.map_err(|error| StoreError::Storage(error.to_string()))?;
        let mut options = Options::default();
        options.set_max_open_files(-1);
        options.set_paranoid_checks(true);
        // Filters too are read, and so their checksums compared.
        let mut table = rocksdb::BlockBasedOptions::default();
        table.set_bloom_filter(10.0, false);
        options.set_block_based_table_factory(&table);
        // On some damage of the list of files (MANIFEST) the reader of an instance that follows a writer never ends; one that
        // does not follow says what is wrong. It follows because files of a running server come and go.
        let mut once = options.clone();
        once.set_max_open_files(16);
        once.set_db_log_dir(&aside);
        drop(DB::open_for_read_only(&once, path, false).map_err(storage)?);
        let db = DB::open_as_secondary(&options, path, aside.path()).map_err(storage)?;
        let (path, since_flush) = (path.to_owned(), AtomicU64::new(0));
        let aside = Some(aside);
        // Another process writes.
        let used = AtomicU64::new(u64::MAX);
        Ok(Self { db, path, reading: ReadOptions::default(), since_flush, used, fronts: None, aside, at_close: None })
    }

    /// Deletes the views; a rebuild follows.
    pub fn destroy(path: &Path) -> Result<(), StoreError> {
        digests::forget(path);
        DB::destroy(&Options::default(), path).map_err(storage)
    }

    fn has_rows(&self, table: Table) -> bool {
        self.used.load(Ordering::Acquire) & bit(table) != 0
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the changes of `commits` commits in one batch. It is visible when this returns, and durable after the next flush.
    pub fn write(&self, changes: &Changes, commits: usize) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        let mut place = Vec::with_capacity(64);
        let mut used = 0;
        for (changed, row) in changes.iter() {
            used |= bit(changed.table);
            place.clear();
            place.push(changed.table as u8);
            place.extend_from_slice(&changed.key);
            match row {
                Some(row) => batch.put(&place, row.bytes()?),
                None => batch.delete(&place),
            }
        }
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.used.fetch_or(used, Ordering::Release);
        // The batch is in order of key.
        options.set_memtable_insert_hint_per_batch(true);
        self.db.write_opt(batch, &options).map_err(storage)?;
        self.fronts.iter().for_each(|fronts| fronts.wrote(changes));
        if self.since_flush.fetch_add(commits as u64, Ordering::Relaxed) + commits as u64 >= FLUSH_COMMITS {
            self.since_flush.store(0, Ordering::Relaxed);
            let mut options = rocksdb::FlushOptions::default();
            options.set_wait(false);
            self.db.flush_opt(&options).map_err(storage)?;
        }
        Ok(())
    }

    /// Makes everything written durable.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.since_flush.store(0, Ordering::Relaxed);
        self.db.flush().map_err(storage)
    }

    /// Makes everything durable, has RocksDB change no file any more, and says what they are. For the end of a process, whose threads
    /// still hold the views: what is written after this is lost, and folded again at the next start.
    pub fn close(&self) -> Result<(), StoreError> {
        self.flush()?;
        self.db.cancel_all_background_work(true);
        self.at_close.iter().for_each(AtClose::note);
        Ok(())
    }

    /// Where the fold of a partition stands.
    pub fn anchor(&self, partition: u32) -> Result<Option<Head>, StoreError> {
        let row: Option<AnchorRow> = self.row(&key::anchor(partition))?;
        Ok(row.map(|row| Head { partition, next_seq: row.next_seq, hash: row.hash }))
    }

    /// All rows as they stand at this moment, in order of table and key, whatever is written meanwhile; `false` ends.
    pub fn at_once(&self, mut visit: impl FnMut(Table, &[u8], &[u8]) -> bool) -> Result<(), StoreError> {
        let frozen = self.db.snapshot();
        for item in frozen.iterator(IteratorMode::Start) {
            let (place, row) = item.map_err(storage)?;
            let Some((tag, key)) = place.split_first() else { continue };
            // The form says how rows look, and is none of those that the log gives.
            let table = Table::of(*tag).filter(|table| *table != Table::Form);
            if let Some(table) = table
                && !visit(table, key, &row)
            {
                break;
            }
        }
        Ok(())
    }

    /// Puts rows as they are into views that are being made: what they say of themselves is checked by whoever brings them.
    pub fn load(&self, rows: &[Lying<'_>]) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for (table, key, row) in rows {
            self.used.fetch_or(bit(*table), Ordering::Release);
            batch.put(place(*table, key), row);
        }
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.db.write_opt(batch, &options).map_err(storage)?;
        self.fronts.iter().for_each(Fronts::forget);
        Ok(())
    }

    /// The digest of all rows (I1), and how many there are.
    pub fn digest(&self) -> Result<([u8; 32], u64), StoreError> {
        let mut digest = Digest::default();
        let mut rows = 0;
        // The form says how rows look, and is none of those that the log gives.
        for table in Table::ALL.iter().filter(|table| **table != Table::Form) {
            self.scan(*table, &[], &[], &mut |key, value| {
                digest.row(*table, key, value);
                rows += 1;
                true
            })?;
        }
        Ok((digest.finish(), rows))
    }
}

impl Read for Views {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.has_rows(table) {
            return Ok(None);
        }
        self.db.get_opt(place(table, key), &self.reading).map_err(storage)
    }

    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        if self.has_rows(table)
            && let Some(row) = self.db.get_pinned_opt(place(table, key), &self.reading).map_err(storage)?
        {
            take(&row);
        }
        Ok(())
    }

    fn with_all(&self, table: Table, keys: &[&[u8]], take: TakeAll<'_>) -> Result<(), StoreError> {
        let places: Vec<Vec<u8>> = keys.iter().map(|key| place(table, key)).collect();
        let rows = match self.db.cf_handle(rocksdb::DEFAULT_COLUMN_FAMILY_NAME) {
            Some(all) => self.db.batched_multi_get_cf_opt(all, &places, false, &self.reading),
            None => places.iter().map(|place| self.db.get_pinned_opt(place, &self.reading)).collect(),
        };
        let rows = rows.into_iter().collect::<Result<Vec<_>, _>>().map_err(storage)?;
        take(&rows.iter().map(Option::as_deref).collect::<Vec<_>>());
        Ok(())
    }

    fn which(&self, table: Table, keys: &[&[u8]]) -> Result<Vec<bool>, StoreError> {
        if !self.has_rows(table) {
            return Ok(vec![false; keys.len()]);
        }
        let mut there = Vec::new();
        self.with_all(table, keys, &mut |rows| there = rows.iter().map(Option::is_some).collect())?;
        Ok(there)
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        if !self.has_rows(table) {
            return Ok(());
        }
        let mut start = place(table, if from > prefix { from } else { prefix });
        let prefix = place(table, prefix);
        let mut look = self.fronts.as_ref().filter(|_| start == prefix).and_then(|fronts| fronts.look(table, &prefix));
        match look.as_ref().and_then(|look| look.known.as_ref()) {
            Some(None) => return Ok(()),
            Some(Some(front)) => start.clone_from(front),
            None => {}
        }
        let mut options = ReadOptions::default();
        options.set_iterate_range(rocksdb::PrefixRange(prefix.as_slice()));
        for item in self.db.iterator_opt(IteratorMode::From(&start, Direction::Forward), options) {
            let (key, value) = item.map_err(storage)?;
            let Some(rest) = key.get(1..).filter(|_| key.starts_with(&prefix)) else { break };
            if let (Some(fronts), Some(look)) = (&self.fronts, look.take()) {
                fronts.found(look, Some(key.to_vec()));
            }
            if !visit(rest, &value) {
                return Ok(());
            }
        }
        if let (Some(fronts), Some(look)) = (&self.fronts, look) {
            fronts.found(look, None);
        }
        Ok(())
    }

    fn last(&self, table: Table, prefix: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        let (lowest, start) = (place(table, prefix), place(table, to));
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(lowest.as_slice());
        let mut before = self.db.iterator_opt(IteratorMode::From(&start, Direction::Reverse), options);
        let Some((key, value)) = before.next().transpose().map_err(storage)? else { return Ok(None) };
        let fits = key.starts_with(&lowest);
        Ok(key.get(1..).filter(|_| fits).map(|key| (key.to_vec(), value.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirano_replay::overlay::Overlay;
    use mirano_replay::store::Write;

    #[test]
    fn rows_that_are_fetched_at_once_are_those_that_are_fetched_one_by_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let views = Views::open(&dir.path().join("views")).expect("new views");
        let key = |n: u32| blake3::hash(&n.to_be_bytes());
        let write = |range: std::ops::Range<u32>| {
            let mut overlay = Overlay::new(&views);
            range.for_each(|n| overlay.put(Table::TreePage, key(n).as_bytes(), vec![0; n as usize % 5_000]));
            views.write(&overlay.into_changes().expect("whole"), 1).expect("writable");
        };
        // Some lie in a file, some in memory, and some are not there.
        write(0..300);
        views.flush().expect("writable");
        write(300..400);
        let keys: Vec<_> = (0..500).rev().map(key).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
        for views in [&views, &Views::open_to_read(views.path()).expect("readable")] {
            let mut found = Vec::new();
            let mut take = |rows: &[Option<&[u8]>]| found = rows.iter().map(|row| row.map(<[u8]>::to_vec)).collect();
            views.with_all(Table::TreePage, &keys, &mut take).expect("readable");
            let each = keys.iter().map(|key| views.get(Table::TreePage, key).expect("readable"));
            assert_eq!(found, each.collect::<Vec<_>>());
        }
        let none = |rows: &[Option<&[u8]>]| assert!(rows.is_empty());
        views.with_all(Table::TreePage, &[], &mut { none }).expect("readable");
    }
}
