//! What tells a change of a source's form, or of the way it is read, from news of the world.

use super::Book;
use super::compare::Item;
use super::model::Op;
use super::things::Group;
use mirano_replay::rows::ObservationRow;
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::ObservationId;
use std::collections::BTreeMap;

/// So large a share of a source's things changes one attribute at once only when its form changed.
const BY_FORM: f64 = 0.9;
/// Fewer things than this say nothing about the form.
const BY_FORM_LEAST: u64 = 20;

/// What tells a change of the way of reading from news of the world, once all of a group was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    changed: u64,
    by_attr: BTreeMap<String, u64>,
    vanished: u64,
    /// Under another version of the connector most of what was there is named anew.
    renamed: bool,
}

impl Form {
    /// Takes a difference in.
    pub fn take(&mut self, item: &Item) {
        match item.op {
            Op::Changed => {
                self.changed += 1;
                for name in item.attrs.keys() {
                    *self.by_attr.entry(name.clone()).or_default() += 1;
                }
            }
            Op::Gone if item.thing.is_some() => self.vanished += 1,
            Op::Gone | Op::Added => {}
        }
    }

    /// Whether it hangs on how many facts are unchanged, of which at least `known` are.
    pub fn asks(&self, known: u64) -> bool {
        self.by_attr.values().any(|count| *count as f64 >= (self.changed + known) as f64 * BY_FORM)
    }

    /// Takes the rest in: all that a group says.
    pub fn settle(&mut self, group: &Group<'_>, unchanged: u64) -> Result<(), StoreError> {
        let common = self.changed + unchanged;
        self.by_attr.retain(|_, count| common >= BY_FORM_LEAST && *count as f64 >= common as f64 * BY_FORM);
        let shown: u64 = group.pairs().map(|pair| u64::from(pair.from.facts)).sum();
        if self.vanished >= BY_FORM_LEAST && self.vanished * 2 >= shown {
            for pair in group.pairs() {
                let before = connector(group.book, &pair.from.observation)?;
                self.renamed |= before != connector(group.book, &pair.to.observation)?;
            }
        }
        Ok(())
    }

    /// Says of a difference what the whole group says of it.
    pub fn mark(&self, item: &mut Item) {
        // Changes in which nearly all things of a source changed the same attributes come from its form.
        let by_form = item.op == Op::Changed
            && !self.by_attr.is_empty()
            && item.attrs.keys().all(|name| self.by_attr.contains_key(name));
        item.by_connector |= self.renamed || by_form;
    }
}

fn connector(book: &Book<'_>, observation: &ObservationId) -> Result<Option<u32>, StoreError> {
    Ok(book.rows.row::<ObservationRow>(observation.as_bytes())?.map(|row| row.recorded.connector))
}
