//! Names of attributes from the headers of files as people write them: in any script, twice, beginning with a digit.

use super::{delimiter, plain};
use crate::demo::DemoError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Words that an attribute may not be called: facts have them already.
const TAKEN: [&str; 4] = ["kind", "subject", "source", "match"];

/// One name for a header: Latin letters, digits and underscores, a letter first.
pub fn slug(header: &str) -> String {
    let latin: String =
        header.to_lowercase().chars().map(|c| latin(c).map_or_else(|| c.to_string(), str::to_owned)).collect();
    match plain(&latin) {
        name if name.is_empty() => "column".to_owned(),
        name if name.starts_with(|c: char| c.is_ascii_digit()) || TAKEN.contains(&name.as_str()) => format!("c_{name}"),
        name => name,
    }
}

/// Headers with a name each, no two alike: the second of one name has a number.
pub fn of(headers: Vec<String>) -> Vec<(String, String)> {
    let mut given = BTreeSet::new();
    let mut name = |header: &str| {
        let name = slug(header);
        let mut free = name.clone();
        for n in 2.. {
            if given.insert(free.clone()) {
                break;
            }
            free = format!("{name}_{n}");
        }
        free
    };
    headers
        .into_iter()
        .map(|header| {
            let name = name(&header);
            (header, name)
        })
        .collect()
}

/// A header in the query of a URL.
pub fn in_url(header: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');
    utf8_percent_encode(header, KEPT).to_string()
}

/// Headers under which every row of every file has something.
#[derive(Debug, Default)]
pub struct Filled {
    /// All of them.
    pub all: BTreeSet<String>,
    /// Those under which no two rows of a file have the same.
    pub unique: BTreeSet<String>,
}

/// Reads the files for them.
pub fn filled<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<Filled, DemoError> {
    let mut always: Option<Filled> = None;
    for path in files {
        let fail = |source| DemoError::Data { path: path.clone(), source };
        let bytes = std::fs::read(path).map_err(fail)?;
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter(&bytes)).flexible(true).from_reader(bytes.as_slice());
        let header = reader.headers().map_err(|error| fail(std::io::Error::other(error)))?.clone();
        let mut here = vec![true; header.len()];
        let mut seen: Vec<Option<BTreeSet<String>>> = vec![Some(BTreeSet::new()); header.len()];
        for record in reader.records() {
            let record = record.map_err(|error| fail(std::io::Error::other(error)))?;
            for (at, here) in here.iter_mut().enumerate() {
                *here &= record.get(at).is_some_and(|value| !value.trim().is_empty());
            }
            for (seen, value) in seen.iter_mut().zip(record.iter()) {
                if seen.as_mut().is_some_and(|seen| !seen.insert(value.trim().to_owned())) {
                    *seen = None;
                }
            }
        }
        let mut found = Filled::default();
        for ((name, seen), _) in header.iter().zip(seen).zip(here).filter(|(_, here)| *here) {
            let name = name.trim_start_matches('\u{feff}').to_owned();
            if seen.is_some() {
                found.unique.insert(name.clone());
            }
            found.all.insert(name);
        }
        always = Some(match always {
            Some(before) => Filled {
                all: before.all.intersection(&found.all).cloned().collect(),
                unique: before.unique.intersection(&found.unique).cloned().collect(),
            },
            None => found,
        });
    }
    Ok(always.unwrap_or_default())
}

/// A small Cyrillic letter in Latin ones.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'й' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'ы' => "y",
        'ю' => "yu",
        'я' => "ya",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_people_write_them() {
        let headers = ["id", "Price", "price", "Цена, руб.", "цена руб", "2024", "source", "—", "%"];
        let names: Vec<String> = of(headers.map(str::to_owned).to_vec()).into_iter().map(|(_, name)| name).collect();
        let want = ["id", "price", "price_2", "tsena_rub", "tsena_rub_2", "c_2024", "c_source", "column", "column_2"];
        assert_eq!(names, want);
        assert_eq!(in_url("Цена a_b"), "%D0%A6%D0%B5%D0%BD%D0%B0%20a_b");
    }
}
