//! Columns in a terminal: as wide as their widest cell, whatever the letters and colours.

use console::{measure_text_width, pad_str};

/// Rows of cells; the last column is as wide as it likes.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each row as a line behind `indent`, without a line's end and without spaces at its end.
    pub(super) fn lines(&self, indent: &str) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(n, (cell, width))| {
                if n + 1 == row.len() {
                    cell.clone()
                } else {
                    pad_str(cell, *width, console::Alignment::Left, None).into_owned()
                }
            });
            format!("{indent}{}", cells.collect::<Vec<_>>().join(GAP)).trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up_in_any_script() {
        let mut table = Table::default();
        table.row(["Суды", "1", ""].map(str::to_owned));
        table.row([console::Style::new().red().force_styling(true).apply_to("ab").to_string(), "22".to_owned()]);
        let lines = table.lines("  ");
        assert_eq!(lines[0], "  Суды  1");
        assert_eq!(console::strip_ansi_codes(&lines[1]), "  ab    22");
    }
}
