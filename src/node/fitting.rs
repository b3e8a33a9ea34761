//! Views are opened upon the log that they were folded from, and upon no other.
//!
//! They may be the last to know what a log has lost, so they are compared before anything else: those of another form, of which
//! only the anchors can be read, are deleted when these fit.

use crate::sequencer::kafka::KafkaLog;
use crate::sequencer::{AnchorError, Sequencer};
use crate::views::Views;
use anyhow::{Result, bail};
use mirano_schemas::envelope::Head;
use std::path::Path;

/// Opens views upon a log that this process alone has. Refuses those that do not fit.
pub fn open(path: &Path, log: &dyn Sequencer) -> Result<Views> {
    let views = Views::open(path)?;
    for anchor in anchors(&views, log)? {
        if let Err(error) = log.check_anchor(&anchor) {
            bail!(unlike(&error, "If its end is missing, restore it from a backup first."));
        }
    }
    in_this_form(views)
}

/// Opens views upon a topic. After a power loss they may have more than the mirror had synced: that is read again. Where it can't
/// be, the partition is read-only, and the views are all that is left of what they show.
pub async fn open_upon_topic(path: &Path, log: &KafkaLog) -> Result<Views> {
    let views = Views::open(path)?;
    let mut ahead = None;
    for anchor in anchors(&views, log)? {
        log.reach(&anchor).await;
        match log.check_anchor(&anchor) {
            Ok(()) => {}
            Err(error @ AnchorError::TailCut { .. }) => {
                log.lost(&anchor);
                ahead = Some(error);
            }
            Err(error @ AnchorError::Unread { .. }) => ahead = Some(error),
            Err(error) => {
                let words = "If the topic lost its end and got another one, see what docs/operations/kafka.md says of topic_truncated.";
                bail!(unlike(&error, words))
            }
        }
    }
    if let Some(error) = ahead {
        tracing::error!(%error, "the views show more than can be read of the topic");
        if !views.of_this_form()? {
            bail!(
                "the views have more than can be read of the topic, and another version wrote them: {error}.\n\
                 That version still reads them; see what docs/operations/kafka.md says of the problem before you delete them with \
                 `mirano rebuild`."
            );
        }
    }
    in_this_form(views)
}

/// What is wrong, what to do first, and what only then: the views may be the last that know what was lost.
fn unlike(error: &AnchorError, first: &str) -> String {
    format!(
        "the views and the log do not fit: {error}.\n{first} Only if this log is the right one, and nothing is missing: \
         `mirano rebuild` makes the views anew from it."
    )
}

/// Views of another form are of no use: they are deleted, to be folded again from the start.
fn in_this_form(views: Views) -> Result<Views> {
    if views.of_this_form()? {
        return Ok(views);
    }
    tracing::info!("the views were written by another version; they are made anew from the log");
    let path = views.path().to_owned();
    drop(views);
    Views::destroy(&path)?;
    Ok(Views::open(&path)?)
}

/// Where the views stand in each partition that they show something of. Readable in every form.
fn anchors(views: &Views, log: &dyn Sequencer) -> Result<Vec<Head>> {
    let anchors = (0..log.partitions()).filter_map(|partition| views.anchor(partition).transpose());
    Ok(anchors.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
