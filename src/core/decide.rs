//! The front door of the deciders.

use super::command::{Command, Reply};
use super::decision::{Context, DecideError, Decided, Decision};
use super::{job, node, notify, policy, prefetch, react, source, watch, world};
use mirano_schemas::{Event, Position, ReactionRefused};

/// Decides a command: what it answers, and what it changes. No events: nothing to commit.
pub fn decide(ctx: &Context<'_>, command: &Command) -> Result<(Reply, Decided), DecideError> {
    let mut decision = Decision::new(ctx);
    let reply = match command {
        Command::CreateJob(command) => job::create(&mut decision, command),
        Command::Recheck(command) => job::recheck(&mut decision, command),
        Command::Seal { job, tenant } => job::seal(&mut decision, *job, tenant),
        Command::AdoptPolicy(command) => policy::adopt(&mut decision, command),
        Command::SetWatch(command) => watch::set(&mut decision, command),
        Command::EndWatch { watch, .. } => watch::end(&mut decision, *watch),
        Command::RingWatches => watch::ring(&mut decision),
        Command::LookAhead => prefetch::look_ahead(&mut decision),
        Command::SealWorld(body) => world::seal(&mut decision, body),
        Command::Lease(command) => source::lease(&mut decision, command),
        Command::Permit { source, lease, n } => source::grant(&mut decision, source, *lease, *n),
        Command::ReturnPermits { source, lease, permits } => {
            source::return_permits(&mut decision, source, *lease, permits)
        }
        Command::Heartbeat { source, lease } => source::heartbeat(&mut decision, source, *lease),
        Command::Complete(command) => source::complete(&mut decision, command),
        Command::Fail(command) => source::fail(&mut decision, command),
        Command::Revive { task, .. } => source::revive(&mut decision, *task),
        Command::DropDead { task, .. } => source::drop_dead(&mut decision, *task),
        Command::ExpireLeases => source::expire(&mut decision),
        Command::Notify(command) => notify::decide(&mut decision, command),
        Command::TakeOver(node) => node::take_over(&mut decision, node),
        Command::NoteCheckpoint(taken) => node::note_checkpoint(&mut decision, taken),
    }?;
    Ok((reply, decision.finish()?))
}

/// Decides the reaction to a commit; `false`: another page follows.
pub fn react(ctx: &Context<'_>, cause: Position, events: &[Event]) -> Result<(bool, Decided), DecideError> {
    let mut decision = Decision::new(ctx);
    let done = react::react(&mut decision, cause, events)?;
    Ok((done, decision.finish()?))
}

/// Decides that a commit can't be reacted to: visible in the log, and out of the way.
pub fn refuse(ctx: &Context<'_>, cause: Position, reason: String) -> Result<Decided, DecideError> {
    let mut decision = Decision::new(ctx);
    decision.emit(ReactionRefused { cause, reason })?;
    decision.finish()
}
