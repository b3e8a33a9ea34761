//! Which node is to decide for which partition: the members of a consumer group share the topic's partitions.
//!
//! The group assigns and does nothing else. No record is read through it and no offset is kept in it, so it may expire or
//! be deleted at any time: the members join again, and meanwhile what counts is arbitrated by the one rule, as always.
//! Membership is static (`group.instance.id` is the node's name): a node that is back within the session's time-out has
//! what it had. Assignment is cooperative and sticky: what a node keeps it need not cease to decide for.

use super::OpenError;
use super::ear::Ear;
use super::settings::{Settings, make};
use metrics::gauge;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, TopicPartitionList};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// How long a member waits for news before it looks whether it is to leave.
const POLL: Duration = Duration::from_millis(100);
/// Before a client that broke is made anew.
const PAUSE: Duration = Duration::from_secs(1);

/// This node's membership; it ends when this is dropped. The others are told so by silence: they take over after the
/// session's time-out, unless the node is back before.
pub struct Group {
    assigned: watch::Receiver<BTreeSet<u32>>,
    left: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Hears what the group assigns.
struct Member {
    ear: Ear,
    assigned: Arc<watch::Sender<BTreeSet<u32>>>,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.ear.log(level, fac, message);
    }
    fn stats(&self, _: rdkafka::Statistics) {}
    fn error(&self, error: KafkaError, reason: &str) {
        self.ear.error(error, reason);
    }
}

fn numbers(list: &TopicPartitionList) -> BTreeSet<u32> {
    list.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect()
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(_) => {}
            Rebalance::Revoke(list) => {
                let revoked = numbers(list);
                tracing::info!(target: "mirano::kafka", ?revoked, "partitions were taken from this node");
                self.assigned.send_modify(|assigned| assigned.retain(|partition| !revoked.contains(partition)));
            }
            Rebalance::Error(error) => {
                tracing::warn!(target: "mirano::kafka", %error, "the group could not assign partitions");
                self.assigned.send_modify(BTreeSet::clear);
            }
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            // Records come by another way: the mirror's.
            if let Err(error) = consumer.pause(list) {
                tracing::debug!(target: "mirano::kafka", %error, "assigned partitions could not be paused");
            }
            let given = numbers(list);
            if !given.is_empty() {
                tracing::info!(target: "mirano::kafka", ?given, "partitions were given to this node");
            }
            self.assigned.send_modify(|assigned| assigned.extend(given));
        }
    }
}

impl Group {
    /// Joins, in the background: where no broker answers, nothing is assigned until one does. A node whose clock turns out to
    /// be off leaves for good.
    pub fn join(settings: &Settings, clock_off: watch::Receiver<Option<i64>>) -> Result<Self, OpenError> {
        let (sender, assigned) = watch::channel(BTreeSet::new());
        let (sender, left) = (Arc::new(sender), Arc::new(AtomicBool::new(false)));
        let consumer = connect(settings, &sender)?;
        gauge!("mirano_kafka_name_taken").set(0.0);
        gauge!("mirano_clock_off_ms").set(0.0);
        let (settings, leave) = (settings.clone(), Arc::clone(&left));
        let thread = std::thread::Builder::new()
            .name("kafka-group".into())
            .spawn(move || take_part(&settings, consumer, &sender, &leave, &clock_off))
            .map_err(|error| OpenError::Io { path: "a thread".into(), error })?;
        Ok(Self { assigned, left, thread: Some(thread) })
    }

    /// The partitions that this node is to decide for.
    pub fn assigned(&self) -> watch::Receiver<BTreeSet<u32>> {
        self.assigned.clone()
    }

    /// Leaves for good when called: from then on nothing is assigned to this node.
    pub fn leaver(&self) -> Box<dyn Fn() + Send + Sync> {
        let left = Arc::clone(&self.left);
        Box::new(move || left.store(true, Ordering::Relaxed))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the group panicked");
        }
    }
}

fn connect(
    settings: &Settings,
    assigned: &Arc<watch::Sender<BTreeSet<u32>>>,
) -> Result<BaseConsumer<Member>, OpenError> {
    let member = Member { ear: Ear::default(), assigned: Arc::clone(assigned) };
    let consumer: BaseConsumer<Member> = make(&settings.member(), member)?;
    consumer.subscribe(&[&settings.topic]).map_err(|error| OpenError::client(&error))?;
    Ok(consumer)
}

fn take_part(
    settings: &Settings,
    mut consumer: BaseConsumer<Member>,
    assigned: &Arc<watch::Sender<BTreeSet<u32>>>,
    left: &AtomicBool,
    clock_off: &watch::Receiver<Option<i64>>,
) {
    let mut refused = false;
    while !left.load(Ordering::Relaxed) {
        if let Some(Err(error)) = consumer.poll(POLL) {
            let not_let = error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed);
            if not_let && !std::mem::replace(&mut refused, true) {
                tracing::error!(target: "mirano::kafka", "this node may not join the group: give it the right Read on mirano-{}", settings.topic);
            }
            tracing::debug!(target: "mirano::kafka", %error, "the member of the group has a problem");
        }
        if let Some(off) = *clock_off.borrow() {
            tracing::error!(
                ahead_ms = off,
                "this machine's clock is off the brokers': it decides no more; set the clock and start the node again"
            );
            gauge!("mirano_clock_off_ms").set(off as f64);
            break;
        }
        let Some((code, reason)) = consumer.client().fatal_error() else { continue };
        assigned.send_replace(BTreeSet::new());
        if code == RDKafkaErrorCode::FencedInstanceId {
            // Whoever came last keeps the name: to join again would throw that one out, and so on for ever.
            tracing::error!(
                node = settings.node,
                "another node of this name joined: this one decides no more until it is started again under a name of its own"
            );
            gauge!("mirano_kafka_name_taken").set(1.0);
            return;
        }
        tracing::warn!(target: "mirano::kafka", ?code, reason, "the member of the group is made anew");
        std::thread::sleep(PAUSE);
        match connect(settings, assigned) {
            Ok(new) => consumer = new,
            Err(error) => tracing::error!(target: "mirano::kafka", %error, "the group could not be joined"),
        }
    }
    assigned.send_replace(BTreeSet::new());
}
