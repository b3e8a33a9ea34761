//! Connectors and profiles for sets of dated CSV files, made from their headers.
//!
//! Columns of all dates are taken together and only the identity is required, so a column that comes or goes is no error.
//! Identity is the column `id`; where there is none, the first one named so (`listing_id`) that tells the rows of each date
//! apart; else all columns that each row of each date fills in.
//! Values are text as they stand (`$1,500.00`, `N/A`): a difference of facts is then exactly a difference of values.

use super::names::{self, slug};
use super::{Folder, LIMIT, NO_ROWS, delimiter};
use crate::demo::DemoError;
use crate::demo::server::at_speed;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::BufRead;

/// A set's table of one kind, for example the listings of Barossa.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The set.
    pub set: String,
    /// The kind of its rows, as its files name it.
    pub kind: String,
    /// Headers as the files have them, with the names of their attributes.
    columns: Vec<(String, String)>,
    /// The headers that say which thing a row is.
    identity: Vec<String>,
    by: String,
    proof: String,
    delimiter: char,
}

impl Folder {
    /// The tables of the CSV files. Reads the first line of each file, and all of it where no column is called `id`.
    pub fn tables(&self) -> Result<Vec<Table>, DemoError> {
        let mut tables = Vec::new();
        for (key, dates) in self.files.iter().filter(|(key, _)| key.extension == "csv") {
            let (mut columns, mut starts, mut semicolon) = (Vec::<String>::new(), BTreeSet::new(), false);
            for path in dates.values() {
                let fail = |source| DemoError::Data { path: path.clone(), source };
                let mut line = Vec::new();
                let mut starts_with = |start: &str, line: &[u8]| {
                    // A header in quotes is known by a name in it.
                    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
                    starts.insert(if line.starts_with(start.as_bytes()) { start.to_owned() } else { String::new() });
                };
                std::io::BufReader::new(std::fs::File::open(path).map_err(fail)?)
                    .read_until(b'\n', &mut line)
                    .map_err(fail)?;
                let delimiter = delimiter(&line);
                semicolon |= delimiter == b';';
                let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(line.as_slice());
                let header = reader.headers().map_err(|error| fail(std::io::Error::other(error)))?;
                let names: Vec<String> =
                    header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
                starts_with(
                    &names.iter().take(2).cloned().collect::<Vec<_>>().join(if semicolon { ";" } else { "," }),
                    &line,
                );
                for name in names {
                    if !columns.contains(&name) && !name.trim().is_empty() {
                        columns.push(name);
                    }
                }
            }
            let has = |name: &str| columns.iter().find(|column| column.as_str() == name).cloned();
            let identity = match has("id") {
                Some(id) => vec![id],
                None => {
                    let filled = names::filled(dates.values())?;
                    let named = |column: &&String| {
                        filled.unique.contains(*column) && column.to_lowercase().ends_with("id") && !volatile(column)
                    };
                    let sure = columns.iter().filter(|column| filled.all.contains(*column) && !volatile(column));
                    columns.iter().find(named).map_or_else(|| sure.cloned().collect(), |id| vec![id.clone()])
                }
            };
            let Some(first) = identity.first().or(columns.first()).cloned() else { continue };
            let identity = if identity.is_empty() { vec![first.clone()] } else { identity };
            let by = has("listing_id").unwrap_or_else(|| first.clone());
            // The page is the one we know if its header begins as it always did; else if it names the identity at all.
            let proof = match starts.pop_first() {
                Some(start) if starts.is_empty() && !start.is_empty() => start,
                _ => first,
            };
            let columns = names::of(columns);
            let delimiter = if semicolon { ';' } else { ',' };
            tables.push(Table {
                set: key.set.clone(),
                kind: key.kind.clone(),
                columns,
                identity,
                by,
                proof,
                delimiter,
            });
        }
        Ok(tables)
    }
}

/// Whether a column only says how the listing was looked at, or what the calendar and the crowd did meanwhile.
fn volatile(column: &str) -> bool {
    let starts = [
        "number_of_reviews",
        "availability_",
        "has_availability",
        "calendar_",
        "review_scores",
        "reviews_per_month",
        "host_response_",
        "host_acceptance_",
        "calculated_host_",
        "minimum_minimum_",
        "maximum_minimum_",
        "minimum_maximum_",
        "maximum_maximum_",
        "last_scraped",
        "scrape_id",
        "first_review",
        "last_review",
        "snapshotdate",
        "estimated_",
    ];
    let column = column.to_lowercase();
    starts.iter().any(|start| column.starts_with(start))
        || column.ends_with("_ntm")
        || (column.starts_with("host_") && column.contains("_count"))
}

/// Text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Table {
    /// The id of the source that gives the whole list.
    pub fn whole_id(&self) -> String {
        format!("{}_{}", self.set, self.kind)
    }

    /// The id of the source that gives the rows of one value.
    pub fn by_id(&self) -> String {
        format!("{}_by_{}", self.whole_id(), slug(&self.by))
    }

    /// The connector of the whole list: level source, every check reuses it.
    pub fn whole_toml(&self, base_url: &str, speed: f64) -> String {
        self.toml(base_url, speed, &self.whole_id(), "source", None)
    }

    /// The connector of the rows of one value: level property.
    pub fn by_toml(&self, base_url: &str, speed: f64) -> String {
        self.toml(base_url, speed, &self.by_id(), "property", Some(&self.by))
    }

    fn toml(&self, base_url: &str, speed: f64, id: &str, level: &str, by: Option<&str>) -> String {
        let (ttl, fact) = match self.kind.as_str() {
            "listings" => ("1d", "listing.offer".to_owned()),
            "reviews" => ("14d", "review.entry".to_owned()),
            other => ("7d", format!("data.{other}")),
        };
        let limit = at_speed(LIMIT, speed);
        let param = by.map(slug).unwrap_or_default();
        let query = by.map(|by| format!("?{}={{{{ {param} | urlencode }}}}", names::in_url(by))).unwrap_or_default();
        let mut text = format!(
            "# Made from the headers of dated files: {set}, {kind}.\nid = {id}\ntitle = {{ ru = {ru}, en = {en} }}\nlevel = \"{level}\"\n\
             ttl = \"{ttl}\"\nserve_stale = \"60d\"\nparams = [{params}]\n\n\
             [limits]\nrate = \"{requests}/{period}s\"\nburst = 20\nconcurrency = 4\ntimeout = \"20s\"\n\n\
             [retry]\nattempts = 5\ninitial = \"1s\"\nfactor = 2.0\nmax = \"1m\"\n\n\
             [request]\nurl = {url}\nallow_private = true\n\n\
             [answer]\nformat = \"csv\"\ndelimiter = \"{delimiter}\"\nheader = true\n\
             blocked = [{{ status = 403 }}, {{ status = 429 }}, {{ contains = \"<form class=\\\"captcha\\\"\" }}]\nrefused = [{{ status = 400 }}]\n",
            set = self.set,
            kind = self.kind,
            id = quoted(id),
            ru = quoted(&format!("Файлы: {} {}{}", self.set, self.kind, if by.is_some() { ", по номеру" } else { "" })),
            en = quoted(&format!("Files: {} {}{}", self.set, self.kind, if by.is_some() { ", by id" } else { "" })),
            params = by.map(|_| quoted(&param)).unwrap_or_default(),
            requests = limit.requests,
            period = limit.period.as_secs(),
            url = quoted(&format!("{base_url}/data/{}/{}.csv{query}", self.set, self.kind)),
            delimiter = self.delimiter,
        );
        if by.is_some() {
            let _ = writeln!(text, "nothing_found = [{{ contains = {} }}]", quoted(NO_ROWS));
        }
        let _ = writeln!(text, "valid = [{{ contains = {} }}]\n", quoted(&self.proof));
        let identity = self.columns.iter().filter(|(column, _)| self.identity.contains(column));
        let identity: Vec<String> = identity.map(|(_, name)| quoted(name)).collect();
        // About the listing itself where one was asked for: whoever asks for it, at whatever address, means the same thing.
        let subject = match by {
            Some(_) => format!("property:{}-{{{{ params.{param} }}}}", self.set),
            None => "{{ subject }}".to_owned(),
        };
        let _ = writeln!(
            text,
            "[[fact]]\nkind = {}\nsubject = {}\nidentity = [{}]\n[fact.attrs]",
            quoted(&fact),
            quoted(&subject),
            identity.join(", ")
        );
        for (column, name) in &self.columns {
            let more = if self.identity.contains(column) {
                ", required = true"
            } else if volatile(column) {
                ", volatile = true"
            } else {
                ""
            };
            let _ = writeln!(text, "{} = {{ at = {}, type = \"text\"{more} }}", quoted(name), quoted(column));
        }
        text
    }
}

/// The profile of a set: its listings by id and their reviews, and its whole list of listings.
pub fn profile(set: &str, tables: &[&Table]) -> String {
    let mut text = format!(
        "\n[{set}]\ntitle = {{ ru = {}, en = {} }}\nneeds = [\n",
        quoted(&format!("Файлы: {set}")),
        quoted(&format!("Files: {set}"))
    );
    for table in tables {
        let param = slug(&table.by);
        let _ = writeln!(
            text,
            "  {{ source = {}, params = {{ {param} = \"{{{{ inputs.listing_id }}}}\" }} }},",
            quoted(&table.by_id())
        );
        if table.kind == "listings" {
            let _ = writeln!(text, "  {{ source = {} }},", quoted(&table.whole_id()));
        }
    }
    let _ = writeln!(
        text,
        "]\n[{set}.inputs.listing_id]\ntype = \"text\"\nrequired = false\ntitle = {{ ru = \"Номер объявления\", en = \"The listing's id\" }}"
    );
    text
}
