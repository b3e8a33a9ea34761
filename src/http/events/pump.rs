//! Brings a job's commits to one listener: first what it missed, then what comes.

use super::Resume;
use super::follow::{Follow, Item};
use super::message::{Listener, done, id, message};
use crate::http::error::{Problem, Result};
use axum::response::sse::Event;
use mirano_replay::rows::{JobRow, NeedTaskRow, SnapshotRow, key};
use mirano_replay::store::ReadExt;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Position, Receipt, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::Sender;

/// Bytes of log that are read at once.
const READ_BYTES: usize = 1024 * 1024;

/// The listener went away, or the server stops: no error.
struct Gone;

enum End {
    Gone,
    Problem(Problem),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl<E: Into<Problem>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

type Step<T> = std::result::Result<T, End>;

struct Pump {
    listener: Listener,
    sender: Sender<Event>,
    partition: u32,
    follow: Follow,
    /// The next commit of the job's partition.
    next: u64,
    resume: Option<Resume>,
}

/// Runs until the listener goes away or the server stops.
pub(super) async fn run(listener: Listener, job: JobRow, resume: Option<Resume>, sender: Sender<Event>) {
    match follow(listener, job, resume, sender).await {
        Ok(()) | Err(End::Gone) => {}
        Err(End::Problem(problem)) => tracing::warn!(?problem, "a stream of events ended"),
    }
}

async fn follow(listener: Listener, job: JobRow, resume: Option<Resume>, sender: Sender<Event>) -> Step<()> {
    let engine = listener.state.engine().clone();
    let stop = listener.state.stop().clone();
    // Subscribed before anything is read, so that nothing falls in between.
    let mut live = engine.subscribe();
    let partition = job.position.partition;
    let shown = shown(&listener, partition)?;
    let resume = resume.filter(|resume| resume.at.partition == partition && resume.at.seq <= shown);
    let follow = match resume {
        Some(resume) => {
            let (listener, job) = (listener.clone(), job.clone());
            tokio::task::spawn_blocking(move || folded(&listener, &job, resume)).await.map_err(Problem::internal)??
        }
        None => Follow::new(job.created.job),
    };
    let mut pump = Pump { listener, sender, partition, follow, next: 0, resume };
    match resume {
        Some(resume) => {
            pump.next = resume.at.seq;
            pump.catch_up(shown).await?;
            pump.open_rows().await?;
        }
        None => pump.begin(shown).await?,
    }
    loop {
        let got = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = pump.sender.closed() => return Ok(()),
            got = live.recv() => got,
        };
        match got {
            Ok(folded) if folded.position.partition != partition => pump.elsewhere(&folded.body).await?,
            Ok(folded) if folded.position.seq == pump.next => pump.commit(folded.position, &folded.body).await?,
            Ok(folded) if folded.position.seq < pump.next => {}
            Ok(folded) => pump.catch_up(folded.position.seq + 1).await?,
            Err(RecvError::Lagged(_)) => {
                metrics::counter!("mirano_listeners_lagged_total").increment(1);
                let shown = self::shown(&pump.listener, partition)?;
                pump.catch_up(shown).await?;
                pump.open_rows().await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// How many commits of a partition the views show. Read from the views themselves: they are written before a commit is
/// published, so whoever subscribed too late for it finds it here.
fn shown(listener: &Listener, partition: u32) -> Result<u64> {
    let anchor = listener.state.engine().views().anchor(partition)?;
    Ok(anchor.map_or(0, |anchor| anchor.next_seq))
}

impl Pump {
    /// The whole job first; `done` as well when it is final already, so that who waits for that need not look.
    async fn begin(&mut self, shown: u64) -> Step<()> {
        let row = self.listener.state.job(&self.listener.caller, &self.listener.job)?;
        self.follow = Follow::of(&row);
        seed_tasks(&self.listener, &row, &mut self.follow)?;
        let view = self.listener.view()?;
        self.next = shown.max(row.position.seq + 1);
        let place = id(Position { partition: self.partition, seq: self.next }, 0);
        self.send(message("job", &view)?.id(place.clone())).await?;
        if view.r#final {
            self.send(message("done", &done(&view))?.id(place)).await?;
        }
        Ok(())
    }

    /// Rows that are still open, as they stand: for progress in other partitions, which is not read again.
    /// The job is read anew: needs may have been discovered meanwhile, and their tasks are followed too.
    async fn open_rows(&mut self) -> Step<()> {
        if self.listener.state.engine().partitions() < 2 {
            return Ok(());
        }
        let job = self.listener.state.job(&self.listener.caller, &self.listener.job)?;
        seed_tasks(&self.listener, &job, &mut self.follow)?;
        let view = self.listener.view()?;
        for row in view.sources.iter().filter(|row| row.updating) {
            self.send(message("source", row)?).await?;
        }
        Ok(())
    }

    /// Reads commits from the log up to `end`.
    async fn catch_up(&mut self, end: u64) -> Step<()> {
        while self.next < end {
            let (listener, partition, next) = (self.listener.clone(), self.partition, self.next);
            let read = tokio::task::spawn_blocking(move || read(&listener, partition, next));
            let commits = read.await.map_err(Problem::internal)??;
            if commits.is_empty() {
                return Ok(());
            }
            for (position, body) in commits.into_iter().take_while(|(position, _)| position.seq < end) {
                self.commit(position, &body).await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, position: Position, body: &CommitBody) -> Step<()> {
        self.next = position.seq + 1;
        let items = self.follow.commit(body);
        let had = self.resume.filter(|resume| resume.at == position).map_or(0, |resume| resume.n);
        self.tell(items.into_iter().enumerate().skip(had), Some(position)).await
    }

    /// A commit of another partition: a source's progress.
    async fn elsewhere(&mut self, body: &CommitBody) -> Step<()> {
        let items = self.follow.commit(body);
        self.tell(items.into_iter().enumerate(), None).await
    }

    async fn tell(&mut self, items: impl Iterator<Item = (usize, Item)>, at: Option<Position>) -> Step<()> {
        let mut view = None;
        for (index, item) in items {
            let view = match &view {
                Some(view) => view,
                None => view.insert(self.listener.view()?),
            };
            let Some(event) = self.listener.message(view, &item)? else { continue };
            let event = match at {
                Some(at) => event.id(id(at, index + 1)),
                None => event,
            };
            self.send(event).await?;
        }
        Ok(())
    }

    async fn send(&self, event: Event) -> std::result::Result<(), Gone> {
        tokio::select! {
            () = self.listener.state.stop().cancelled() => Err(Gone),
            sent = self.sender.send(event) => sent.map_err(|_| Gone),
        }
    }
}

fn read(listener: &Listener, partition: u32, from: u64) -> Result<Vec<(Position, CommitBody)>> {
    let commits = listener.state.engine().log().read(partition, from, READ_BYTES).map_err(Problem::internal)?;
    let decode = |commit: &crate::sequencer::Committed| {
        let body = CommitBody::decode(commit.body()).map_err(Problem::internal)?;
        Ok((commit.position, body))
    };
    commits.iter().map(decode).collect()
}

/// What the needs showed just before the commit where the listener stopped: from the last snapshot before it, or from
/// the job's beginning, through the log.
fn folded(listener: &Listener, job: &JobRow, resume: Resume) -> Result<Follow> {
    let views = listener.state.engine().views();
    let partition = resume.at.partition;
    let mut follow = Follow::new(job.created.job);
    let mut next = None;
    for sealed in job.snapshots.iter().rev() {
        let row: Option<SnapshotRow> = views.row(sealed.snapshot.as_bytes())?;
        let Some(row) = row.filter(|row| row.position.partition == partition && row.position.seq < resume.at.seq)
        else {
            continue;
        };
        for id in &row.body.receipts {
            if let Some(receipt) = views.row::<Receipt>(id.as_bytes())? {
                follow.shows(receipt.need_id, receipt.facts_root);
            }
        }
        next = Some(row.position.seq + 1);
        break;
    }
    let mut next = match next {
        Some(next) => next,
        None => first_at(listener, partition, job.created_at, resume.at.seq)?,
    };
    seed_tasks(listener, job, &mut follow)?;
    while next < resume.at.seq {
        let commits = read(listener, partition, next)?;
        let Some((last, _)) = commits.last() else { break };
        next = last.seq + 1;
        for (_, body) in commits.iter().take_while(|(position, _)| position.seq < resume.at.seq) {
            follow.commit(body);
        }
    }
    Ok(follow)
}

/// The first commit before `end` that was taken at `time` or later; times only grow within a partition.
fn first_at(listener: &Listener, partition: u32, time: Timestamp, end: u64) -> Result<u64> {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let commits = listener.state.engine().log().read(partition, middle, 1).map_err(Problem::internal)?;
        let Some(commit) = commits.first() else { break };
        let body = CommitBody::decode(commit.body()).map_err(Problem::internal)?;
        if body.head.recorded_at < time { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// The tasks that the job's needs wait for now.
fn seed_tasks(listener: &Listener, job: &JobRow, follow: &mut Follow) -> Result<()> {
    for need in &job.needs {
        let place = key::need_task(job.created.job, need.need.need_id);
        if let Some(named) = listener.state.engine().views().row::<NeedTaskRow>(&place)? {
            follow.waits(named.task, need.need.need_id);
        }
    }
    Ok(())
}
