//! What the files of closed views are, byte for byte: a list of their hashes beside them.
//!
//! RocksDB checks a block when it reads it; notes that no read needs (properties, the end of a list of files) it reads without a
//! check or not at all, and there a flipped bit would stay. Tables are written once and never changed, so that a hash that was
//! taken holds as long as the file is there. The other files change while the views are open, and are listed while they are
//! closed. What a server has written since it started is not listed before it stops.

use mirano_replay::store::StoreError;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The list, in the folder of the views: a line for each file, hash and name; at last the hash of all lines before.
const LIST: &str = "DIGESTS";
const END: &str = "end";

/// Hashes by the names of files.
type Hashes = BTreeMap<String, String>;

/// A file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub file: PathBuf,
    /// In what way.
    pub why: &'static str,
}

/// What a look at the files came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Files whose hash is that of the list.
    pub whole: u64,
    /// Others.
    pub damaged: Vec<Damaged>,
}

/// Compares the files of views with the list. Without a list nothing is said; nor of files that are not there any more, which
/// RocksDB itself misses if they are needed.
pub fn look(views: &Path) -> Result<Looked, StoreError> {
    let unreadable = |error: io::Error| StoreError::Storage(error.to_string());
    let read = || there(fs::read(views.join(LIST))).map_err(unreadable);
    let mut looked = Looked::default();
    let Some(text) = read()? else { return Ok(looked) };
    let Some(list) = parse(&text) else {
        looked.damaged.push(Damaged { file: views.join(LIST), why: "the list of hashes is not what was written" });
        return Ok(looked);
    };
    let mut others = Vec::new();
    for (name, hash) in &list {
        match there(hash_of(&views.join(name))).map_err(unreadable)? {
            Some(found) if found == *hash => looked.whole += 1,
            Some(_) => others.push((name, hash)),
            None => {}
        }
    }
    // A server that started meanwhile has changed files, and the list before them.
    let list_now = match others.is_empty() {
        true => Hashes::new(),
        false => read()?.as_deref().and_then(parse).unwrap_or_default(),
    };
    others.retain(|(name, hash)| list_now.get(*name) == Some(*hash));
    let damaged = |(name, _)| Damaged { file: views.join(name), why: "this file is not what was written" };
    looked.damaged = others.into_iter().map(damaged).collect();
    Ok(looked)
}

/// None of a file that is not there.
fn there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn hash_of(file: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(file)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn parse(text: &[u8]) -> Option<Hashes> {
    let text = std::str::from_utf8(text).ok()?;
    let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
    let (last, lines) = lines.split_last()?;
    let mut list = Hashes::new();
    for line in lines {
        let (hash, name) = line.split_once(' ')?;
        list.insert(name.to_owned(), hash.to_owned());
    }
    (text == written(&list) && last.ends_with(END)).then_some(list)
}

fn written(list: &Hashes) -> String {
    let lines: String = list.iter().map(|(name, hash)| format!("{hash} {name}\n")).collect();
    let end = blake3::hash(lines.as_bytes()).to_hex();
    format!("{lines}{end} {END}\n")
}

fn is_table(name: &str) -> bool {
    name.ends_with(".sst")
}

/// Whether RocksDB needs the file, or says in it what the tables are. Not its diary, nor its lock.
fn is_kept(name: &str) -> bool {
    is_table(name)
        || matches!(name, "CURRENT" | "IDENTITY")
        || name.starts_with("MANIFEST-")
        || name.starts_with("OPTIONS-")
}

/// Names of the files in a folder.
fn names(views: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(views)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn write(views: &Path, list: &Hashes) -> io::Result<()> {
    let beside = views.join("DIGESTS.new");
    let mut file = File::create(&beside)?;
    file.write_all(written(list).as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, views.join(LIST))
}

/// Before the views are opened for writing: from now on only tables are what the list says.
pub fn before_open(views: &Path) {
    let list = fs::read(views.join(LIST)).ok().as_deref().and_then(parse).unwrap_or_default();
    let tables: Hashes = list.into_iter().filter(|(name, _)| is_table(name) && views.join(name).exists()).collect();
    let done = match tables.is_empty() {
        true => there(fs::remove_file(views.join(LIST))).map(drop),
        false => write(views, &tables),
    };
    if let Err(error) = done {
        tracing::warn!(%error, "the hashes of the views' files can't be written");
    }
}

/// Writes the list when it is dropped, which has to be after the database was.
pub struct AtClose(PathBuf);

impl AtClose {
    /// Of views that are open for writing: nobody else has them open.
    pub fn of(views: &Path) -> Self {
        Self(views.to_owned())
    }

    /// Writes the list. A folder that is gone needs none.
    pub fn note(&self) {
        if let Err(error) = there(self.write()) {
            tracing::warn!(%error, "the hashes of the views' files can't be written");
        }
    }

    fn write(&self) -> io::Result<()> {
        let Some(before) = there(fs::read(self.0.join(LIST)))?.map_or(Some(Hashes::new()), |text| parse(&text)) else {
            return Ok(());
        };
        let mut list = Hashes::new();
        for name in names(&self.0)?.into_iter().filter(|name| is_kept(name)) {
            let known = before.get(&name).filter(|_| is_table(&name)).cloned();
            let hash = known.map_or_else(|| hash_of(&self.0.join(&name)), Ok)?;
            list.insert(name, hash);
        }
        write(&self.0, &list)
    }
}

impl Drop for AtClose {
    fn drop(&mut self) {
        self.note();
    }
}

/// Forgets the list, with the views.
pub fn forget(views: &Path) {
    if let Err(error) = there(fs::remove_file(views.join(LIST))) {
        tracing::warn!(%error, "the hashes of the views' files can't be deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_was_written_and_every_flipped_bit_is_seen() {
        let folder = tempfile::tempdir().expect("temp");
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writes");
        for (name, text) in
            [("000009.sst", "rows"), ("CURRENT", "MANIFEST-000004\n"), ("MANIFEST-000004", "m"), ("LOG", "x")]
        {
            put(name, text);
        }
        drop(AtClose::of(folder.path()));
        assert_eq!(look(folder.path()), Ok(Looked { whole: 3, damaged: vec![] }));
        put("LOG", "y");
        for name in ["000009.sst", "CURRENT", "MANIFEST-000004", LIST] {
            let path = folder.path().join(name);
            let good = fs::read(&path).expect("reads");
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                fs::write(&path, bad).expect("writes");
                let damaged = look(folder.path()).expect("reads").damaged;
                assert_eq!(damaged.iter().map(|one| &one.file).collect::<Vec<_>>(), [&path], "{name} bit {bit}");
            }
            fs::write(&path, good).expect("writes");
        }
        // While they are open, only tables are what they were.
        before_open(folder.path());
        let open = AtClose::of(folder.path());
        put("CURRENT", "MANIFEST-000005\n");
        put("000010.sst", "more");
        assert_eq!(look(folder.path()), Ok(Looked { whole: 1, damaged: vec![] }));
        drop(open);
        assert_eq!(look(folder.path()), Ok(Looked { whole: 4, damaged: vec![] }));
        // What rotted while they were open is not taken for what was written.
        before_open(folder.path());
        let open = AtClose::of(folder.path());
        put("000009.sst", "rots");
        drop(open);
        assert_eq!(look(folder.path()).expect("reads").damaged.len(), 1);
        // A table that went is missed by nobody.
        fs::remove_file(folder.path().join("000009.sst")).expect("removes");
        assert_eq!(look(folder.path()).expect("reads").damaged, []);
        forget(folder.path());
        assert_eq!(look(folder.path()), Ok(Looked::default()));
    }
}
