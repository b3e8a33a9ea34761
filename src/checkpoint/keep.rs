//! Which checkpoints remain: the newest few that the log names. What no list of those names is removed, once it is so old that
//! no checkpoint under way can rest on it. The archive up to the newest cut is always named, and so never removed.

use super::CheckpointError;
use super::store::{CheckpointStore, Lying};
use crate::engine::Engine;
use metrics::counter;
use mirano_replay::checkpoint;
use mirano_schemas::CommitHash;
use std::collections::BTreeSet;

/// What nobody names is removed when it is so old: a day.
const GRACE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Removes all checkpoints but the newest `keep`.
pub async fn keep_newest(store: &CheckpointStore, engine: &Engine, keep: usize) -> Result<(), CheckpointError> {
    let log = engine.log().log_id();
    let named = checkpoint::all(&**engine.views())?;
    let (old, kept) = named.split_at(named.len().saturating_sub(keep));
    let mut used = BTreeSet::new();
    for row in kept {
        match store.list(log, row.taken.list).await {
            Ok(list) => used.extend(list.parts().map(|part| part.hash.clone())),
            // One that is gone already names nothing.
            Err(CheckpointError::Missing(_)) => {}
            // What it names is not known, so nothing is removed.
            Err(error) => return Err(error),
        }
    }
    if used.is_empty() {
        return Ok(());
    }
    let name = |list: [u8; 32]| CommitHash(list).to_string();
    let old: BTreeSet<String> = old.iter().map(|row| name(row.taken.list)).collect();
    let kept: BTreeSet<String> = kept.iter().map(|row| name(row.taken.list)).collect();
    let lists = store.lists(log).await?;
    let now = engine.now().0;
    for name in gone(lists.values(), &kept, &old, now) {
        store.remove_list(log, &name).await?;
        counter!("mirano_checkpoints_total", "outcome" => "removed").increment(1);
    }
    let parts = store.parts(log).await?;
    for name in gone(parts.values(), &used, &BTreeSet::new(), now) {
        store.remove_part(log, &name).await?;
    }
    Ok(())
}

/// The names of objects that are not used, and are known to be old or have lain for a day.
fn gone<'a>(
    lying: impl Iterator<Item = &'a Lying>,
    used: &BTreeSet<String>,
    old: &BTreeSet<String>,
    now_ms: i64,
) -> Vec<String> {
    let unused = lying.filter(|lying| !used.contains(&lying.name));
    let gone = unused.filter(|lying| old.contains(&lying.name) || now_ms - lying.written_ms > GRACE_MS);
    gone.map(|lying| lying.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_or_young_stays() {
        let lying = |name: &str, written_ms| Lying { name: name.to_owned(), bytes: 1, written_ms };
        let all = [lying("used", 0), lying("stray", 0), lying("young", 2 * GRACE_MS), lying("old", 2 * GRACE_MS)];
        let set = |name: &str| BTreeSet::from([name.to_owned()]);
        assert_eq!(gone(all.iter(), &set("used"), &set("old"), 2 * GRACE_MS), ["stray", "old"]);
        assert_eq!(gone(all.iter(), &set("used"), &set("used"), 2 * GRACE_MS), ["stray"], "what is used always stays");
    }
}
