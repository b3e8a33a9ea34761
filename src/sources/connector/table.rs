//! CSV as a table: named columns and rows. A row of another length, or a quote that never closes, is a page cut off
//! or no table at all, and so an error.

use super::Trouble;

/// Rows of equal length, and the names of their columns.
#[derive(Debug)]
pub(super) struct Table {
    names: Vec<String>,
    width: usize,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    line: u64,
    cells: csv::StringRecord,
}

/// A column as configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// `"price"`
    Named(String),
    /// `"#3"`: the third.
    Numbered(usize),
}

impl Column {
    pub(super) fn parse(at: &str) -> Result<Self, String> {
        match at.strip_prefix('#') {
            Some(number) => match number.parse::<usize>() {
                Ok(number) if number > 0 => Ok(Self::Numbered(number)),
                _ => Err(format!("not a column's number, which counts from 1: {at:?}")),
            },
            None if at.trim().is_empty() => Err("a column's name is missing".to_owned()),
            None => Ok(Self::Named(tidy(at))),
        }
    }
}

fn tidy(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Table {
    pub(super) fn parse(text: &str, delimiter: u8, header: bool) -> Result<Self, Trouble> {
        let bad = |what: String| Trouble::new("bad_csv", what);
        if ends_inside_quotes(text, delimiter) {
            return Err(bad("a quote is not closed: the page is cut off".to_owned()));
        }
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(text.as_bytes());
        let mut names = Vec::new();
        let mut width = 0;
        let mut rows = Vec::new();
        let mut lines = Lines { text, offset: 0, line: 1 };
        for (number, record) in reader.records().enumerate() {
            let cells = record.map_err(|e| match e.kind() {
                csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                    let line = lines.at(pos.as_ref());
                    bad(format!("line {line} has {len} columns instead of {expected_len}"))
                }
                _ => bad("not a table".to_owned()),
            })?;
            width = cells.len();
            if header && number == 0 {
                names = cells.iter().map(tidy).collect();
            } else {
                rows.push(Row { line: lines.at(cells.position()), cells });
            }
        }
        if width == 0 {
            return Err(bad("the page is empty".to_owned()));
        }
        Ok(Self { names, width, rows })
    }

    /// Where a column stands, if there is one.
    pub(super) fn column(&self, column: &Column) -> Option<usize> {
        match column {
            Column::Named(name) => self.names.iter().position(|known| known == name),
            Column::Numbered(number) => number.checked_sub(1).filter(|index| *index < self.width),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> Option<&str> {
        self.rows.get(row)?.cells.get(column)
    }

    /// The line of the page on which a row begins, from 1.
    pub(super) fn line(&self, row: usize) -> u64 {
        self.rows.get(row).map_or(0, |row| row.line)
    }
}

/// Lines of places that only go forward. The csv crate counts none after a carriage return.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
}

impl Lines<'_> {
    fn at(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.offset);
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        // The end of the row before may still stand before this one.
        let start = start + rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let passed = self.text.as_bytes().get(self.offset..start).unwrap_or_default();
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.offset = self.offset.max(start);
        self.line
    }
}

/// The csv crate takes the end of the page for a closing quote.
fn ends_inside_quotes(text: &str, delimiter: u8) -> bool {
    let mut quoted = false;
    let mut at_start = true;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if quoted {
            if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
                quoted = false;
            }
            continue;
        }
        quoted = at_start && byte == b'"';
        at_start = byte == delimiter || byte == b'\n' || byte == b'\r';
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        let table = Table::parse("id; the  name\r\n1;\"a;\"\"b\"\"\nc\"\n2;d\n", b';', true).expect("a table");
        let name = table.column(&Column::Named("the name".to_owned())).expect("named");
        assert_eq!((table.rows(), table.cell(0, name), table.line(1)), (2, Some("a;\"b\"\nc"), 4));
        assert_eq!(table.column(&Column::Numbered(2)), Some(name));
        assert_eq!(table.column(&Column::Numbered(3)), None);
        for cut in ["id;name\n1;\"a", "id;name\n1", "", "id;name\n1;2;3\n"] {
            assert!(Table::parse(cut, b';', true).is_err(), "{cut:?}");
        }
        assert!(Column::parse("#0").is_err() && Column::parse("#x").is_err() && Column::parse(" ").is_err());
    }
}
