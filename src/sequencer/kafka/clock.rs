//! Whether this machine's clock agrees with the brokers'.
//!
//! A record that this node sent was appended between its sending and its reading back. If the broker's time of appending
//! lies outside of that by more than a second, one of the clocks is wrong. Limits of sources are windows of time, and the
//! next decider counts from the last one's: so a node that is off its peers is not to decide. Where the topic keeps the
//! senders' times (`message.timestamp.type` is `CreateTime`), nothing is known of the brokers'.

use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::sync::watch;

/// How far the clocks may be apart.
const MOST_OFF_MS: i64 = 1_000;
/// So many records in a row must say so: a clock that is set steps once.
const IN_A_ROW: u32 = 5;

/// What records say of the clock.
pub struct ClockWatch {
    in_a_row: Mutex<u32>,
    off: watch::Sender<Option<i64>>,
}

impl Default for ClockWatch {
    fn default() -> Self {
        Self { in_a_row: Mutex::default(), off: watch::Sender::new(None) }
    }
}

impl ClockWatch {
    /// Takes what one record says; times in milliseconds.
    pub fn saw(&self, sent: i64, appended: i64, read: i64) {
        let mut in_a_row = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        let off = off(sent, appended, read);
        *in_a_row = if off.is_some() { *in_a_row + 1 } else { 0 };
        let known = if *in_a_row >= IN_A_ROW { off } else { None };
        self.off.send_if_modified(|off| {
            let news = off.is_some() != known.is_some();
            if news {
                *off = known;
            }
            news
        });
    }

    /// By how many milliseconds this clock is ahead of the brokers' (behind: negative), while it is too far off.
    pub fn off(&self) -> watch::Receiver<Option<i64>> {
        self.off.subscribe()
    }
}

/// By how much this clock is ahead, if that is too much.
fn off(sent: i64, appended: i64, read: i64) -> Option<i64> {
    let off = if appended < sent { sent - appended } else { (read - appended).min(0) };
    (off.abs() > MOST_OFF_MS).then_some(off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_slow_the_way_a_right_clock_is_right() {
        assert_eq!(off(0, 0, 0), None);
        assert_eq!(off(0, 60_000, 120_000), None, "a minute there and a minute back");
        assert_eq!(off(0, 120_000, 120_000), None);
        assert_eq!(off(1_000, 0, 2_000), None, "within what is let pass");
        assert_eq!(off(1_001, 0, 2_000), Some(1_001), "ahead");
        assert_eq!(off(0, 3_002, 2_001), Some(-1_001), "behind");
    }

    #[test]
    fn one_step_is_no_reason_and_five_records_are() {
        let clock = ClockWatch::default();
        let told = clock.off();
        for _ in 0..3 {
            (0..IN_A_ROW - 1).for_each(|_| clock.saw(5_000, 0, 6_000));
            clock.saw(0, 1, 2);
        }
        assert_eq!(*told.borrow(), None);
        (0..IN_A_ROW).for_each(|_| clock.saw(5_000, 0, 6_000));
        assert_eq!(*told.borrow(), Some(5_000));
        clock.saw(0, 1, 2);
        assert_eq!(*told.borrow(), None);
    }
}
