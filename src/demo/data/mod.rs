//! A folder of dated files as a world: at each date, the newest file of a kind that is not newer than it.
//!
//! Files are named by a date (`2018-06-19_listings.csv`, `santa_cruz_2024-12-31_listings.csv`, `listings_2018-06-19.csv`),
//! or lie in a folder that is (`2018-06-19/listings.csv`). What stands before the date names the set, else the folder
//! does. Nothing is copied or kept: each answer is read from the file. Files without a date are left alone.

mod connector;
mod names;

pub use connector::{Table, profile};

use super::DemoError;
use super::answer::Answer;
use super::counters::Limit;
use super::fault::unknown;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The limit of each source that is made from files.
pub const LIMIT: Limit = Limit { requests: 600, period: Duration::from_secs(60) };
/// What the body of an answer says when no row has what was asked for.
pub const NO_ROWS: &str = "# rows: 0";
/// How deep folders are looked into.
const DEPTH: u32 = 3;

/// Which files: `/data/<set>/<kind>.<extension>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    set: String,
    kind: String,
    extension: String,
}

/// The dated files of a folder.
#[derive(Debug)]
pub struct Folder {
    files: BTreeMap<Key, BTreeMap<NaiveDate, PathBuf>>,
}

impl Folder {
    /// Finds the dated files of a folder and of the folders in it. Reads names only.
    pub fn scan(root: &Path) -> Result<Self, DemoError> {
        let mut folder = Self { files: BTreeMap::new() };
        let absolute = root.canonicalize().map_err(|source| DemoError::Data { path: root.to_owned(), source })?;
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        folder.walk(&absolute, &name, None, DEPTH)?;
        if folder.files.is_empty() {
            return Err(DemoError::NoData { path: root.to_owned() });
        }
        Ok(folder)
    }

    fn walk(&mut self, path: &Path, name: &str, date: Option<NaiveDate>, depth: u32) -> Result<(), DemoError> {
        let fail = |source| DemoError::Data { path: path.to_owned(), source };
        let mut entries: Vec<_> = std::fs::read_dir(path).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let file = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if path.is_dir() {
                if depth > 0 {
                    let dated = find_date(&file).map(|(_, date, _)| date);
                    // A dated folder is not a set's name: the one above it is.
                    self.walk(&path, if dated.is_some() { name } else { &file }, dated.or(date), depth - 1)?;
                }
                continue;
            }
            let Some((stem, extension)) = file.rsplit_once('.') else { continue };
            let extension = extension.to_lowercase();
            if !["csv", "json", "html"].contains(&extension.as_str()) {
                continue;
            }
            let (before, date, after) = match (find_date(stem), date) {
                (Some(found), _) => found,
                (None, Some(date)) => ("", date, stem),
                (None, None) => continue,
            };
            let (before, after) = (plain(before), plain(after));
            let (set, kind) = match (before.as_str(), after.as_str()) {
                ("", "") => (set_name(name, ""), "rows".to_owned()),
                ("", kind) => (set_name(name, kind), kind.to_owned()),
                (kind, "") => (set_name(name, kind), kind.to_owned()),
                (set, kind) => (set.to_owned(), kind.to_owned()),
            };
            self.files.entry(Key { set, kind, extension }).or_default().insert(date, path);
        }
        Ok(())
    }

    /// All dates on which something changes.
    pub fn dates(&self) -> BTreeSet<NaiveDate> {
        self.files.values().flat_map(|dates| dates.keys().copied()).collect()
    }

    /// Each path below `/data/`, and how many dates it has.
    pub fn paths(&self) -> impl Iterator<Item = (String, String)> {
        self.files.iter().map(|(key, dates)| {
            let ends = dates.first_key_value().zip(dates.last_key_value());
            let ends = ends.map(|((first, _), (last, _))| format!("{first} … {last}")).unwrap_or_default();
            (format!("{}/{}.{}", key.set, key.kind, key.extension), format!("{} ({ends})", dates.len()))
        })
    }

    fn find(&self, path: &str) -> Option<(&Key, &BTreeMap<NaiveDate, PathBuf>)> {
        let (set, file) = path.split_once('/')?;
        let (kind, extension) = file.rsplit_once('.')?;
        self.files.get_key_value(&Key { set: set.to_owned(), kind: kind.to_owned(), extension: extension.to_owned() })
    }

    /// The source that a path and query belong to: the whole list and its rows by a column are two, with limits of their own.
    pub fn source_of(&self, path: &str, query: &BTreeMap<String, String>) -> Option<String> {
        let (key, _) = self.find(path)?;
        let whole = format!("{}_{}", key.set, key.kind);
        Some(match query.keys().next() {
            Some(column) => format!("{whole}_by_{}", names::slug(column)),
            None => whole,
        })
    }

    /// Whether a source's id is one of those that these files make.
    pub fn has_source(&self, id: &str) -> bool {
        self.files.keys().any(|key| {
            id.strip_prefix(&format!("{}_{}", key.set, key.kind))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("_by_"))
        })
    }

    /// The file of a path at a date; of a CSV, only the rows that have the query's values.
    pub async fn answer(&self, path: &str, query: &BTreeMap<String, String>, date: NaiveDate) -> Answer {
        let Some((key, dates)) = self.find(path) else { return unknown() };
        let Some((_, file)) = dates.range(..=date).next_back() else {
            let text = format!("no file of {path} on {date} or before");
            return Answer::ok("text/plain; charset=utf-8", text).status(404);
        };
        let bytes = match tokio::fs::read(file).await {
            Ok(bytes) => bytes,
            Err(error) => return Answer::ok("text/plain; charset=utf-8", error.to_string()).status(500),
        };
        match key.extension.as_str() {
            "csv" if query.is_empty() => Answer::ok("text/csv; charset=utf-8", bytes),
            "csv" => match rows(&bytes, query) {
                Ok(body) => Answer::ok("text/csv; charset=utf-8", body),
                Err(error) => Answer::ok("text/plain; charset=utf-8", error).status(400),
            },
            "json" => Answer::ok("application/json", bytes),
            _ => Answer::ok("text/html", bytes),
        }
    }
}

/// The header and the rows that have these values; [`NO_ROWS`] below the header if there are none.
fn rows(bytes: &[u8], query: &BTreeMap<String, String>) -> Result<Vec<u8>, String> {
    let delimiter = delimiter(bytes);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut wanted = Vec::new();
    for (column, value) in query {
        let at = header.iter().position(|name| name.trim_start_matches('\u{feff}') == column);
        wanted.push((at.ok_or_else(|| format!("no column {column}"))?, value.as_str()));
    }
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    writer.write_record(&header).map_err(|error| error.to_string())?;
    let mut found = false;
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if wanted.iter().all(|(at, value)| record.get(*at) == Some(*value)) {
            writer.write_record(&record).map_err(|error| error.to_string())?;
            found = true;
        }
    }
    let mut body = writer.into_inner().map_err(|error| error.to_string())?;
    if !found {
        // A row as wide as the others, or it would be no table.
        body.extend_from_slice(NO_ROWS.as_bytes());
        body.extend(std::iter::repeat_n(delimiter, header.len().saturating_sub(1)));
        body.push(b'\n');
    }
    Ok(body)
}

/// A semicolon where the first line has more of them than commas.
fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| line.iter().filter(|byte| **byte == wanted).count();
    if count(b';') > count(b',') { b';' } else { b',' }
}

/// What stands before a date in a name, the date, what stands behind it.
fn find_date(name: &str) -> Option<(&str, NaiveDate, &str)> {
    name.char_indices().find_map(|(at, _)| {
        let text = name.get(at..at + 10)?;
        // chrono would take one-digit months as well.
        let digits = text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
        let date = digits.then(|| text.parse().ok()).flatten()?;
        Some((name.get(..at)?, date, name.get(at + 10..)?))
    })
}

/// Small letters, digits and single underscores, none at the ends: what ids and paths are made of.
fn plain(text: &str) -> String {
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.join("_")
}

/// A set's name from its folder's: without the kind and without words that only say that it is data.
fn set_name(folder: &str, kind: &str) -> String {
    let folder = plain(folder);
    let words: Vec<&str> = folder
        .split('_')
        .filter(|word| *word != kind && !["", "airbnb", "dev", "data", "csv", "listings", "reviews"].contains(word))
        .collect();
    if words.is_empty() { "data".to_owned() } else { words.join("_") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        assert_eq!(find_date("2018-06-19_listings"), Some(("", date("2018-06-19"), "_listings")));
        assert_eq!(find_date("santa_cruz_2024-12-31_listings"), Some(("santa_cruz_", date("2024-12-31"), "_listings")));
        assert_eq!(find_date("объявления_2024-12-31"), Some(("объявления_", date("2024-12-31"), "")));
        assert_eq!(find_date("2018-6-19_listings"), None);
        assert_eq!(find_date("2018-13-19"), None);
        assert_eq!(set_name("airbnb_barossa_listings_dev", "listings"), "barossa");
        assert_eq!(set_name("airbnb_barossa_reviews", "reviews"), "barossa");
        assert_eq!(set_name("listings", "listings"), "data");
    }

    #[test]
    fn rows_are_chosen_by_column_and_none_is_said() {
        let csv = b"id,name\n1,\"a, b\"\n2,c\n";
        let ask = |column: &str, value: &str| rows(csv, &BTreeMap::from([(column.to_owned(), value.to_owned())]));
        assert_eq!(ask("id", "1").as_deref(), Ok(b"id,name\n1,\"a, b\"\n".as_slice()));
        assert_eq!(ask("id", "3").as_deref(), Ok(b"id,name\n# rows: 0,\n".as_slice()));
        assert_eq!(ask("nom", "3"), Err("no column nom".to_owned()));
    }
}
