//! One line a source, while it is asked: on a terminal only.

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
    all: Option<MultiProgress>,
    rows: RefCell<BTreeMap<String, ProgressBar>>,
}

impl<'a> Bars<'a> {
    pub(super) fn new(look: &'a Look, visible: bool) -> Self {
        Self { look, all: visible.then(MultiProgress::new), rows: RefCell::default() }
    }

    pub(super) fn show(&self, job: &Value) {
        list(job, "sources").for_each(|row| self.row(row));
    }

    pub(super) fn row(&self, row: &Value) {
        let Some(all) = &self.all else { return };
        let mut rows = self.rows.borrow_mut();
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

    /// Takes the lines away.
    pub(super) fn clear(&self) {
        if let Some(all) = &self.all {
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
