//! Roots as `docs/FORMATS.md` describes them, written down a second time.

use mirano_schemas::Root;

type Leaf = ([u8; 32], [u8; 32]);

fn hash(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

fn bit(key: &[u8; 32], at: usize) -> bool {
    key[at / 8] & (0x80 >> (at % 8)) != 0
}

fn node(leaves: &[Leaf]) -> [u8; 32] {
    let (first, last) = (&leaves[0], &leaves[leaves.len() - 1]);
    if leaves.len() == 1 {
        return hash("mirano 2026 tree leaf v1", &[&first.0, &first.1]);
    }
    let at = (0..256).find(|at| bit(&first.0, *at) != bit(&last.0, *at)).expect("keys differ");
    let mut prefix = [0; 32];
    for set in (0..at).filter(|set| bit(&first.0, *set)) {
        prefix[set / 8] |= 0x80 >> (set % 8);
    }
    let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, at)));
    hash("mirano 2026 tree branch v1", &[&[at as u8], &prefix, &node(left), &node(right)])
}

/// The root over leaves sorted by key.
pub fn root(leaves: &[Leaf]) -> Root {
    if leaves.is_empty() {
        return Root(hash("mirano 2026 tree empty v1", &[]));
    }
    Root(hash("mirano 2026 tree root v1", &[&(leaves.len() as u64).to_le_bytes(), &node(leaves)]))
}

/// A value of a leaf.
pub fn value(bytes: &[u8]) -> [u8; 32] {
    hash("mirano 2026 tree value v1", &[bytes])
}
