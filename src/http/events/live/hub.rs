//! The hub: follows the log once for all listeners.

use super::place::Place;
use super::topic::{Asked, Said, Speaker, Topic, sources};
use crate::engine::Folded;
use crate::http::error::{Problem, Result};
use crate::http::sources::row_of;
use crate::http::state::AppState;
use mirano_schemas::Position;
use mirano_schemas::codec::CommitBody;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

/// Messages that a listener may be behind.
const BUFFERED: usize = 256;
/// How often sources that are others are told at most.
const SOURCES_EVERY: Duration = Duration::from_millis(500);
/// Bytes of log that are read at once.
const READ_BYTES: usize = 1024 * 1024;
/// Commits that are read again for one listener who comes back; further back it has to read anew.
const MOST_MISSED: u64 = 50_000;

/// A message, made once for all who listen to its topic.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) data: String,
    pub(super) id: String,
}

/// The hub's handle; it begins to follow with the first listener.
#[derive(Default)]
pub struct Live(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// What was told already; none: nobody listened yet.
    place: Option<Place>,
    topics: BTreeMap<Topic, Sender<Arc<Message>>>,
    speaker: Speaker,
    /// Sources that were touched since they were told.
    touched: BTreeSet<String>,
    /// What was told of each source last.
    told: BTreeMap<(bool, String), String>,
}

impl Live {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens to a topic from now on; and what "now" is.
    pub(super) fn subscribe(&self, state: &AppState, topic: &Topic) -> (Receiver<Arc<Message>>, Place) {
        let mut inner = self.inner();
        if inner.place.is_none() {
            // Subscribed before it is looked where the views are: nothing falls in between.
            let folded = state.engine().subscribe();
            let mut place = Place::start(state.engine().partitions());
            for last in state.engine().cut() {
                place.set(last.partition, last.seq + 1);
            }
            inner.place = Some(place);
            tokio::spawn(run(state.clone(), folded));
        }
        inner.topics.retain(|_, sender| sender.receiver_count() > 0);
        let sender = inner.topics.entry(topic.clone()).or_insert_with(|| Sender::new(BUFFERED));
        let receiver = sender.subscribe();
        let place = inner.place.clone().unwrap_or_else(|| Place::start(state.engine().partitions()));
        (receiver, place)
    }

    /// Tells a commit, if it is the next one of its partition; `false`: others come before it.
    fn tell(&self, state: &AppState, at: Position, body: &CommitBody) -> Result<bool> {
        let mut inner = self.inner();
        let Inner { place: Some(place), topics, speaker, touched, .. } = &mut *inner else { return Ok(true) };
        match at.seq.cmp(&place.of(at.partition)) {
            std::cmp::Ordering::Less => return Ok(true),
            std::cmp::Ordering::Greater => return Ok(false),
            std::cmp::Ordering::Equal => {}
        }
        let asked: BTreeSet<&Topic> =
            topics.iter().filter(|(_, sender)| sender.receiver_count() > 0).map(|(topic, _)| topic).collect();
        let said = speaker.messages(state, at, body, &Asked(&asked))?;
        if asked.iter().any(|topic| matches!(topic, Topic::Sources { .. })) {
            touched.extend(sources(body).map(str::to_owned));
        }
        let before = place.clone();
        place.set(at.partition, at.seq + 1);
        for (topic, message) in numbered(said, &before, place, at.partition) {
            if let Some(sender) = topics.get(&topic) {
                // Nobody left is no error.
                let _ = sender.send(Arc::new(message));
            }
        }
        Ok(true)
    }

    /// Tells the sources that are others than they were told to be.
    fn tell_sources(&self, state: &AppState) -> Result<()> {
        let mut inner = self.inner();
        let Inner { place: Some(place), topics, touched, told, .. } = &mut *inner else { return Ok(()) };
        for source in std::mem::take(touched) {
            for exact in [false, true] {
                let Some(sender) = topics.get(&Topic::Sources { exact }).filter(|sender| sender.receiver_count() > 0)
                else {
                    continue;
                };
                let Some(data) = source_data(state, &source, exact)? else { continue };
                let known = told.entry((exact, source.clone())).or_default();
                if *known != data {
                    known.clone_from(&data);
                    let _ = sender.send(Arc::new(Message { name: "source", data, id: place.to_string() }));
                }
            }
        }
        Ok(())
    }

    fn touched(&self) -> bool {
        !self.inner().touched.is_empty()
    }

    /// The next commit to tell of each partition.
    fn next(&self, partition: u32) -> u64 {
        self.inner().place.as_ref().map_or(0, |place| place.of(partition))
    }
}

/// Gives messages of one commit their ids: of each topic, the last one names the place behind the commit.
fn numbered(said: Vec<Said>, before: &Place, after: &Place, partition: u32) -> Vec<(Topic, Message)> {
    let mut left: BTreeMap<Topic, usize> = BTreeMap::new();
    for one in &said {
        *left.entry(one.topic.clone()).or_default() += 1;
    }
    let mut had: BTreeMap<Topic, usize> = BTreeMap::new();
    let mut messages = Vec::with_capacity(said.len());
    for one in said {
        let had = had.entry(one.topic.clone()).or_default();
        *had += 1;
        let id = match left.get(&one.topic) {
            Some(all) if *had < *all => Place { within: Some((partition, *had)), ..before.clone() }.to_string(),
            _ => after.to_string(),
        };
        messages.push((one.topic, Message { name: one.name, data: one.data.to_string(), id }));
    }
    messages
}

fn source_data(state: &AppState, source: &str, exact: bool) -> Result<Option<String>> {
    let row = row_of(state, source, exact)?;
    row.map(|row| serde_json::to_string(&row).map_err(Problem::internal)).transpose()
}

async fn run(state: AppState, mut folded: Receiver<Folded>) {
    let stop = state.stop().clone();
    let mut due = tokio::time::interval(SOURCES_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => return,
            got = folded.recv() => match got {
                Ok(folded) => one(&state, &folded).await,
                Err(RecvError::Lagged(_)) => catch_up(&state).await,
                Err(RecvError::Closed) => return,
            },
            _ = due.tick(), if state.live().touched() => state.live().tell_sources(&state),
        };
        if let Err(problem) = done {
            tracing::warn!(?problem, "listeners can't be told");
        }
    }
}

async fn one(state: &AppState, folded: &Folded) -> Result<()> {
    if state.live().tell(state, folded.position, &folded.body)? { Ok(()) } else { catch_up(state).await }
}

/// Tells what the views show and was not told yet.
async fn catch_up(state: &AppState) -> Result<()> {
    let state = state.clone();
    let read = tokio::task::spawn_blocking(move || -> Result<()> {
        for last in state.engine().cut() {
            loop {
                let next = state.live().next(last.partition);
                if next > last.seq {
                    break;
                }
                let commits = read(&state, last.partition, next)?;
                if commits.is_empty() {
                    break;
                }
                for (at, body) in commits.iter().take_while(|(at, _)| at.seq <= last.seq) {
                    state.live().tell(&state, *at, body)?;
                }
            }
        }
        Ok(())
    });
    read.await.map_err(Problem::internal)?
}

fn read(state: &AppState, partition: u32, from: u64) -> Result<Vec<(Position, CommitBody)>> {
    let commits = state.engine().log().read(partition, from, READ_BYTES).map_err(Problem::internal)?;
    let decode = |commit: &crate::sequencer::Committed| {
        Ok((commit.position, CommitBody::decode(commit.body()).map_err(Problem::internal)?))
    };
    commits.iter().map(decode).collect()
}

/// What a listener is told before what comes: what it missed since `resume`, up to `now`; of sources all as they are.
pub(super) fn before(state: &AppState, topic: &Topic, resume: Option<&Place>, now: &Place) -> Result<Vec<Message>> {
    let missed = |place: &Place| (0u32..).zip(&now.next).map(|(of, end)| end.saturating_sub(place.of(of))).sum::<u64>();
    let resume = match resume {
        // Ids of a log that was longer, or of another one.
        Some(place) if (0u32..).zip(&now.next).any(|(of, end)| place.of(of) > *end) => return Ok(vec![resync(now)]),
        Some(place) if missed(place) > MOST_MISSED => return Ok(vec![resync(now)]),
        resume => resume,
    };
    if let Topic::Sources { exact } = topic {
        return rows_of_sources(state, *exact, resume, now);
    }
    let Some(resume) = resume else { return Ok(Vec::new()) };
    let (topics, mut speaker) = (BTreeSet::from([topic]), Speaker::default());
    let mut place = Place { within: None, ..resume.clone() };
    let mut messages = Vec::new();
    for (partition, end) in (0u32..).zip(&now.next) {
        while place.of(partition) < *end {
            let commits = read(state, partition, place.of(partition))?;
            if commits.is_empty() {
                break;
            }
            for (at, body) in commits.iter().take_while(|(at, _)| at.seq < *end) {
                let said = speaker.messages(state, *at, body, &Asked(&topics))?;
                let from = place.clone();
                place.set(partition, at.seq + 1);
                let begun = resume.within.filter(|(of, _)| *of == partition && at.seq == resume.of(partition));
                let had = begun.map_or(0, |(_, had)| had);
                messages.extend(numbered(said, &from, &place, partition).into_iter().skip(had).map(|(_, one)| one));
            }
        }
    }
    Ok(messages)
}

/// Too much was missed: what is known has to be read anew.
fn resync(now: &Place) -> Message {
    Message { name: "resync", data: format!("{{\"position\":\"{}\"}}", now.cut()), id: now.to_string() }
}

fn rows_of_sources(state: &AppState, exact: bool, resume: Option<&Place>, now: &Place) -> Result<Vec<Message>> {
    let policy = state.policy()?;
    let mut wanted: BTreeSet<String> = policy.document.sources.keys().cloned().collect();
    if let Some(resume) = resume {
        let mut touched = BTreeSet::new();
        for (partition, end) in (0u32..).zip(&now.next) {
            let mut next = resume.of(partition);
            while next < *end {
                let commits = read(state, partition, next)?;
                let Some((last, _)) = commits.last() else { break };
                next = last.seq + 1;
                touched.extend(commits.iter().flat_map(|(_, body)| sources(body)).map(str::to_owned));
            }
        }
        wanted.retain(|source| touched.contains(source));
    }
    let mut messages = Vec::new();
    for source in wanted {
        if let Some(data) = source_data(state, &source, exact)? {
            messages.push(Message { name: "source", data, id: now.to_string() });
        }
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_message_of_a_commit_names_the_place_behind_it() {
        let (before, mut after) = (Place::start(2), Place::start(2));
        after.set(1, 1);
        let topic = |name: &str| Topic::Tenant(name.to_owned());
        let said = |of: &str| Said { topic: topic(of), name: "job", data: json!({}) };
        let numbered = numbered(vec![said("a"), said("b"), said("a"), said("a")], &before, &after, 1);
        let ids: Vec<(Topic, String)> = numbered.into_iter().map(|(topic, message)| (topic, message.id)).collect();
        let want = [("a", "0:0,1:0;1.1"), ("b", "0:0,1:1"), ("a", "0:0,1:0;1.2"), ("a", "0:0,1:1")];
        assert_eq!(ids, want.map(|(of, id)| (topic(of), id.to_owned())));
    }
}
