//! Properties of the tree, and the vectors of `docs/FORMATS.md`.

use super::*;
use expect_test::expect;
use mirano_schemas::base32;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Keys that share long prefixes as often as not: the tree's hard case.
fn key() -> impl Strategy<Value = [u8; 32]> {
    prop_oneof![
        any::<[u8; 32]>(),
        (0u8..4, 0usize..32, any::<u8>()).prop_map(|(fill, at, byte)| {
            let mut key = [fill; 32];
            *key.get_mut(at).expect("within 32 bytes") = byte;
            key
        }),
    ]
}

/// An independent reading of the specification: insertion one by one into a pointer tree, bits as a string.
fn by_the_book(leaves: &BTreeMap<[u8; 32], [u8; 32]>) -> Root {
    fn derive(context: &str, parts: &[&[u8]]) -> [u8; 32] {
        blake3::derive_key(context, &parts.concat())
    }
    fn bits(key: &[u8; 32]) -> String {
        key.iter().map(|byte| format!("{byte:08b}")).collect()
    }
    fn bytes(bits: &str) -> Vec<u8> {
        bits.as_bytes().chunks(8).fold(Vec::new(), |mut out, chunk| {
            let text = std::str::from_utf8(chunk).expect("ascii");
            out.push(u8::from_str_radix(text, 2).expect("bits"));
            out
        })
    }
    fn node(leaves: &[(String, [u8; 32], [u8; 32])], depth: usize) -> [u8; 32] {
        if let [(_, key, value)] = leaves {
            return derive("mirano 2026 tree leaf v1", &[key, value]);
        }
        let side = |digit: &str| -> Vec<_> {
            leaves.iter().filter(|leaf| leaf.0.get(depth..=depth) == Some(digit)).cloned().collect()
        };
        let (left, right) = (side("0"), side("1"));
        if left.is_empty() || right.is_empty() {
            return node(leaves, depth + 1);
        }
        let shared = leaves.first().and_then(|leaf| leaf.0.get(..depth)).expect("bits");
        let prefix = bytes(&format!("{shared:0<256}"));
        let bit = u8::try_from(depth).expect("at most 255");
        derive("mirano 2026 tree branch v1", &[&[bit], &prefix, &node(&left, depth + 1), &node(&right, depth + 1)])
    }
    if leaves.is_empty() {
        return Root(derive("mirano 2026 tree empty v1", &[]));
    }
    let count = u64::try_from(leaves.len()).expect("small").to_le_bytes();
    let leaves: Vec<_> = leaves.iter().map(|(key, value)| (bits(key), *key, *value)).collect();
    Root(derive("mirano 2026 tree root v1", &[&count, &node(&leaves, 0)]))
}

fn leaves(map: &BTreeMap<[u8; 32], [u8; 32]>) -> Vec<Leaf> {
    map.iter().map(|(key, value)| Leaf { key: *key, value: *value }).collect()
}

proptest! {
    #[test]
    fn order_and_repetition_leave_no_trace(ids in prop::collection::vec(key(), 0..60), again in any::<prop::sample::Index>()) {
        let sorted: BTreeSet<_> = ids.iter().copied().collect();
        let mut repeated = ids.clone();
        if !ids.is_empty() {
            repeated.push(*again.get(&ids));
        }
        repeated.reverse();
        prop_assert_eq!(root(repeated), root(sorted));
    }

    #[test]
    fn it_is_what_the_specification_says(map in prop::collection::btree_map(key(), any::<[u8; 32]>(), 0..40)) {
        let tree = Tree::new(leaves(&map)).expect("distinct keys");
        prop_assert_eq!(tree.root(), by_the_book(&map));
    }

    #[test]
    fn any_change_changes_the_root(
        map in prop::collection::btree_map(key(), any::<[u8; 32]>(), 1..40),
        at in any::<prop::sample::Index>(),
        bit in 0usize..256,
    ) {
        let before = Tree::new(leaves(&map)).expect("distinct keys");
        let keys: Vec<_> = map.keys().copied().collect();
        let chosen = *at.get(&keys);
        let flip = |bytes: &mut [u8; 32]| *bytes.get_mut(bit / 8).expect("within") ^= 1 << (bit % 8);

        let mut value_changed = map.clone();
        flip(value_changed.get_mut(&chosen).expect("there"));
        prop_assert_ne!(Tree::new(leaves(&value_changed)).expect("distinct keys").root(), before.root());

        let mut one_gone = map.clone();
        let value = one_gone.remove(&chosen).expect("there");
        prop_assert_ne!(Tree::new(leaves(&one_gone)).expect("distinct keys").root(), before.root());

        let mut key_changed = one_gone;
        let mut moved = chosen;
        flip(&mut moved);
        key_changed.insert(moved, value);
        prop_assert_ne!(Tree::new(leaves(&key_changed)).expect("distinct keys").root(), before.root());
    }

    #[test]
    fn it_contains_what_was_put_in(ids in prop::collection::btree_set(key(), 0..40), other in key()) {
        let tree = Tree::of_set(ids.iter().copied());
        prop_assert_eq!(tree.len(), ids.len());
        prop_assert!(ids.iter().all(|id| tree.contains(id)));
        prop_assert_eq!(tree.contains(&other), ids.contains(&other));
    }

    #[test]
    fn nodes_are_what_the_root_is_made_of(ids in prop::collection::btree_set(key(), 1..40)) {
        let tree = Tree::of_set(ids.iter().copied());
        let mut nodes = BTreeMap::new();
        let mut last = None;
        tree.nodes(|hash, node| {
            assert_eq!(node.hash(), hash);
            if let Node::Branch { left, right, .. } = node {
                assert!(nodes.contains_key(left) && nodes.contains_key(right), "children come first");
            }
            nodes.insert(hash, *node);
            last = Some(hash);
        });
        prop_assert_eq!(last, tree.top());
        prop_assert_eq!(nodes.len(), 2 * ids.len() - 1);
    }
}

/// Ids as real ones are: hashes.
fn id(n: usize) -> [u8; 32] {
    *blake3::hash(&n.to_le_bytes()).as_bytes()
}

#[test]
fn every_size_has_a_root_of_its_own() {
    let mut seen = BTreeSet::new();
    for size in (0..200).chain((200..=10_000).step_by(997)).chain([10_000]) {
        let ids: Vec<_> = (0..size).map(id).collect();
        let forwards = root(ids.iter().copied());
        assert_eq!(forwards, root(ids.into_iter().rev()), "{size}");
        assert!(seen.insert(forwards), "{size}");
    }
}

#[test]
fn keys_that_differ_in_the_last_bit_only_are_two() {
    let (mut low, mut high) = ([0xFF; 32], [0xFF; 32]);
    *low.last_mut().expect("32 bytes") = 0xFE;
    *high.last_mut().expect("32 bytes") = 0xFF;
    let both = Tree::of_set([high, low]);
    assert_eq!(both.len(), 2);
    let mut bits = Vec::new();
    both.nodes(|_, node| {
        if let Node::Branch { bit, prefix, .. } = node {
            bits.push((*bit, *prefix));
        }
    });
    assert_eq!(bits, [(255, low)]);
    assert_ne!(both.root(), root([low]));
    assert_ne!(both.root(), root([high]));
}

#[test]
fn one_key_with_two_values_is_refused() {
    let leaf = |value| Leaf { key: [7; 32], value: [value; 32] };
    assert_eq!(Tree::new(vec![leaf(1), leaf(2)]), Err(TreeError::TwoValues { key: [7; 32] }));
    assert!(Tree::new(vec![leaf(1), leaf(1)]).is_ok_and(|tree| tree.len() == 1));
}

#[test]
fn receipts_are_bound_to_their_ids_and_bytes() {
    let (a, b) = (ReceiptId([1; 16]), ReceiptId([2; 16]));
    let root = |receipts: &[(ReceiptId, &'static [u8])]| receipts_root(receipts.iter().copied()).expect("distinct ids");
    let both = root(&[(a, b"x"), (b, b"y")]);
    assert_eq!(both, root(&[(b, b"y"), (a, b"x")]));
    assert_ne!(both, root(&[(a, b"y"), (b, b"x")]));
    assert_ne!(both, root(&[(a, b"x")]));
    assert!(receipts_root([(a, b"x".as_slice()), (a, b"y".as_slice())]).is_err());
}

/// The vectors of `docs/FORMATS.md`. They are promises: a change here is a new format.
#[test]
fn vectors() {
    let mut out = String::new();
    let mut line = |name: &str, root: Root| writeln!(out, "{name}: {}", base32(&root.0)).expect("to a string");
    let pattern = |byte: u8| [byte; 32];
    line("{}", root([]));
    line("{00…}", root([pattern(0x00)]));
    line("{FF…}", root([pattern(0xFF)]));
    line("{00…, FF…}", root([pattern(0x00), pattern(0xFF)]));
    line("{00…, 01…, FF…}", root([pattern(0x00), pattern(0x01), pattern(0xFF)]));
    line("{blake3(n as u64 LE), n = 0..1000}", root((0..1000).map(id)));
    line("receipts {}", receipts_root([]).expect("no ids"));
    line(
        "receipts {01… = \"a\", 02… = \"b\"}",
        receipts_root([(ReceiptId([1; 16]), b"a".as_slice()), (ReceiptId([2; 16]), b"b".as_slice())]).expect("two ids"),
    );
    expect![[r#"
        {}: 2ovcz6tymfncyqe7cmckpwcj6nayztqnepusor2u47xf6ob2t6ga
        {00…}: lty52w4kbcorf3kw6bhifwruqsmn5ci6k3xge7x7gwpbrlq5bczq
        {FF…}: bljqind43c74ak6druwxqlrxdg2nprs6odjcpdcmi5ufrt6flx2q
        {00…, FF…}: otj3mzhr3z26f3xvdhycq5vhfercihdl52dtsiekng35sl5okcta
        {00…, 01…, FF…}: d5jxdyybnl4bs7crwy2b4lcpm5vtr7iocves5k7cre7jsygfzzaa
        {blake3(n as u64 LE), n = 0..1000}: 3uuhyhw7kbxnqtsupsthero5dg5dpintvysyqbbkwq53ksmp2oza
        receipts {}: 2ovcz6tymfncyqe7cmckpwcj6nayztqnepusor2u47xf6ob2t6ga
        receipts {01… = "a", 02… = "b"}: 6yg4qyfkev7cjonrf6hfwxe55wdmxspcisksr3l5erd3zpt5gb3q
    "#]]
    .assert_eq(&out);
}
