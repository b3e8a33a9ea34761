//! What is due at its time: leases that end, watches that ring, popular answers and reports that become stale.

use super::{EngineError, Loop, Request};
use crate::core::command::Command;
use crate::core::notify::NotifyCommand;
use mirano_replay::overlay::Changes;
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Tables of what is due at its time: partition, due, and whose.
const DUE: [Table; TABLES] = [Table::LeaseEnd, Table::WatchDue, Table::DemandDue, Table::StaleDue];

const TABLES: usize = 4;

/// What is due first, of each of these tables.
pub(in crate::engine) type Dues = [Option<Timestamp>; TABLES];

/// Of what changed.
pub(in crate::engine) fn dues(changes: &Changes) -> Dues {
    DUE.map(|table| changes.first_put(table).and_then(due_at))
}

impl Loop {
    /// Whether something may be due in a table. Where nothing is asked ahead, what is popular is never looked at.
    fn is_looked_into(&self, table: Table) -> bool {
        table != Table::DemandDue || self.state.policy().prefetches()
    }

    pub(super) fn note_expiry(&mut self) -> Result<(), EngineError> {
        self.expiry_after = None;
        let views = &self.shared.options.views;
        let mut next = None;
        for table in DUE.into_iter().filter(|table| self.is_looked_into(*table)) {
            let first = views.keys(table, &self.partition.to_be_bytes(), &[], 1)?;
            let first = first.first().and_then(|place| due_at(place));
            next = next.into_iter().chain(first).min();
        }
        self.next_expiry = next;
        Ok(())
    }

    /// What is due before all else is due first. That it is taken back moves nothing: a look at what is not due yet changes
    /// nothing, and finds the next.
    pub(super) fn hasten_expiry(&mut self, changed: Dues) {
        let due =
            DUE.into_iter().zip(changed).filter(|(table, _)| self.is_looked_into(*table)).filter_map(|(_, due)| due);
        self.next_expiry = self.next_expiry.into_iter().chain(due).min();
    }

    pub(super) fn expiry_in(&self) -> Option<Duration> {
        if !self.deciding() {
            return None;
        }
        let due = self.next_expiry?;
        Some(Duration::from_millis(due.since_ms(self.shared.options.clock.now()) + 1))
    }

    pub(super) fn expire(&mut self) -> Result<(), EngineError> {
        // Asked again when all that is in flight is folded; meanwhile a second would find the same leases.
        self.next_expiry = None;
        let stale = Command::Notify(NotifyCommand::TellStale);
        for command in [Command::ExpireLeases, Command::RingWatches, Command::LookAhead, stale] {
            let (answer, _) = oneshot::channel();
            self.take(Request { command: Arc::new(command), answer, span: tracing::info_span!("due") });
        }
        if self.state.in_flight() > 0 || !self.writer.is_idle() {
            self.expiry_after = Some(self.state.head().next_seq);
            return Ok(());
        }
        self.note_expiry()?;
        // A clock that stepped back finds nothing due, and looks again.
        let soon = self.shared.options.clock.now().plus_ms(1_000);
        self.next_expiry = self.next_expiry.map(|due| due.max(soon));
        Ok(())
    }
}

/// When the first of them is due, by its key.
fn due_at(place: &[u8]) -> Option<Timestamp> {
    let due = mirano_replay::apply::be_u64(place.get(4..12)?);
    Some(Timestamp(i64::try_from(due).unwrap_or(i64::MAX)))
}
