//! One line a source, while it is asked: lines that move on a terminal, a line for each change elsewhere.

use super::shown::Look;
use crate::cli::{list, text};
use crate::words::within;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) struct Bars<'a> {
    look: &'a Look,
    shown: Shown,
}

enum Shown {
    Nothing,
    /// A line for each change of a state; the last state of each row.
    Lines(RefCell<BTreeMap<String, String>>),
    /// Lines that move, on a terminal.
    Moving(MultiProgress, RefCell<BTreeMap<String, ProgressBar>>),
}

impl<'a> Bars<'a> {
    pub(super) fn none(look: &'a Look) -> Self {
        Self { look, shown: Shown::Nothing }
    }

    pub(super) fn lines(look: &'a Look) -> Self {
        Self { look, shown: Shown::Lines(RefCell::default()) }
    }

    pub(super) fn moving(look: &'a Look) -> Self {
        Self { look, shown: Shown::Moving(MultiProgress::new(), RefCell::default()) }
    }

    pub(super) fn show(&self, job: &Value) {
        list(job, "sources").for_each(|row| self.row(row));
    }

    pub(super) fn row(&self, row: &Value) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines(last) => {
                if let Some(line) = self.changed(&mut last.borrow_mut(), row) {
                    eprintln!("{line}");
                }
            }
            Shown::Moving(all, rows) => {
                let mut rows = rows.borrow_mut();
                let bar = rows.entry(text(row, "need_id").to_owned()).or_insert_with(|| {
                    let bar = all.add(ProgressBar::new_spinner());
                    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:<28} {msg}") {
                        bar.set_style(style);
                    }
                    bar.set_prefix(self.look.title(text(row, "source")).to_owned());
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bar
                });
                bar.set_message(self.line(row));
                let updating = row.get("updating").and_then(Value::as_bool).unwrap_or(false);
                if !updating && text(row, "state") != "waiting_for_subject" {
                    bar.abandon();
                }
            }
        }
    }

    /// The line of a row whose state is another one than before.
    fn changed(&self, last: &mut BTreeMap<String, String>, row: &Value) -> Option<String> {
        let state = text(row, "state").to_owned();
        let before = last.insert(text(row, "need_id").to_owned(), state.clone());
        (before != Some(state)).then(|| format!("{}: {}", self.look.title(text(row, "source")), self.line(row)))
    }

    /// Takes the lines away.
    pub(super) fn clear(&self) {
        if let Shown::Moving(all, _) = &self.shown {
            let _ = all.clear();
        }
    }

    /// A row in a few words: its state, what it says of itself, and about when its turn comes.
    fn line(&self, row: &Value) -> String {
        let mut words = vec![self.look.state(row), self.look.note(row).to_owned()];
        let eta = row.pointer("/blocked_on/eta_s").and_then(Value::as_u64);
        words.extend(eta.map(|eta| self.look.say("wait-eta", &[("time", within(eta.max(1)).into())])));
        words.retain(|word| !word.is_empty());
        words.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::titles::Titles;
    use crate::words::Lang;
    use serde_json::json;

    #[test]
    fn a_change_is_told_once() {
        console::set_colors_enabled(false);
        let look = Look { lang: Lang::En, titles: Titles::default() };
        let (bars, mut last) = (Bars::lines(&look), BTreeMap::new());
        let row = |state: &str| json!({"need_id": "n1", "source": "courts", "state": state, "note": {"en": "why"}});
        assert_eq!(bars.changed(&mut last, &row("queued")).as_deref(), Some("courts: queued · why"));
        assert_eq!(bars.changed(&mut last, &row("queued")), None);
        assert_eq!(bars.changed(&mut last, &row("running")).as_deref(), Some("courts: being asked · why"));
    }
}
