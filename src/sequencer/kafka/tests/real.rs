//! The suite on a real broker of Apache Kafka.

use super::broker::Brokers;
use super::*;

/// One broker for all tests of this process; it ends with the process.
pub fn brokers() -> Option<&'static Brokers> {
    static BROKERS: OnceLock<Option<Brokers>> = OnceLock::new();
    BROKERS.get_or_init(|| Brokers::start(1)).as_ref()
}

/// Settings for a new topic on the real broker.
pub fn settings(partitions: u32) -> Option<Settings> {
    let brokers = brokers()?;
    Some(Settings { partitions, dev: true, ..Settings::new(brokers.addresses(), name()) })
}

/// Logs on the real broker.
#[derive(Default)]
struct Real(Opened);

impl Factory for Real {
    type Log = KafkaLog;

    async fn fresh(&mut self, partitions: u32) -> KafkaLog {
        self.0.fresh(settings(partitions).expect("asked before")).await
    }

    async fn reopen(&mut self, log: KafkaLog) -> KafkaLog {
        self.0.again(log).await
    }
}

/// As `conformance::suite!`, unless brokers are left out on purpose.
macro_rules! on_a_broker {
    ($($check:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                if brokers().is_some() {
                    conformance::$check(Real::default()).await;
                }
            }
        )*
    };
}

on_a_broker!(
    starts_at_the_genesis,
    compares_and_appends,
    a_stale_writer_is_void,
    a_retry_that_lands_twice_is_void,
    two_writers_both_get_on,
    five_hundred_in_flight,
    a_void_record_voids_its_dependants,
    garbage_is_void,
    too_long_is_refused,
    a_body_that_does_not_match_never_counts,
    reads_in_pieces,
    records_go_on_where_they_ended,
    watching_follows_the_durable_head,
    a_dropped_future_withdraws_nothing,
    anchors_find_a_cut_and_another_history,
    partitions_are_independent,
    reopening_keeps_everything
);
