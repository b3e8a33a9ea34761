//! Commits cut into parts that the threads of a pool share evenly.

use crate::sequencer::Committed;

/// Hands commits over in parts of about `most` bytes, until nobody takes them; whether all were taken.
pub fn in_parts(commits: Vec<Committed>, most: usize, hand: &mut dyn FnMut(Vec<Committed>) -> bool) -> bool {
    let (mut part, mut bytes) = (Vec::new(), 0);
    for commit in commits {
        bytes += commit.record.len();
        part.push(commit);
        if bytes >= most {
            bytes = 0;
            if !hand(std::mem::take(&mut part)) {
                return false;
            }
        }
    }
    part.is_empty() || hand(part)
}
