//! Stored sets against plain ones.

use super::Node;
use super::diff::{Change, Diff, Facts};
use super::page::{Child, MOST_LEAVES, Piece};
use super::stored::{self, NodeStore};
use super::union::{Found, UnionDiff};
use crate::store::{MemoryStore, StoreError};
use mirano_schemas::{FactId, Root};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeSet;

type Set = BTreeSet<FactId>;

/// A key that is a hash, as ids are.
fn hashed(n: u64) -> FactId {
    FactId(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

/// A key as somebody could choose it: few bits differ, anywhere.
fn chosen(n: u64) -> FactId {
    let mut key = [0; 32];
    for (byte, at) in (0..).zip([0usize, 1, 15, 31]) {
        key[at] = n.to_le_bytes()[byte] & 0x0F;
    }
    FactId(key)
}

fn store_of(set: &Set) -> (MemoryStore, Root) {
    let mut store = MemoryStore::default();
    let root = put(&mut store, None, set, &Set::new());
    (store, root)
}

fn put(store: &mut MemoryStore, base: Option<Root>, added: &Set, gone: &Set) -> Root {
    let list = |set: &Set| set.iter().copied().collect::<Vec<_>>();
    let planned = stored::changed(store, base, &list(added), &list(gone)).expect("readable");
    planned.store(store).expect("writable");
    planned.root
}

fn root_of(set: &Set) -> Root {
    super::root(set.iter().map(|id| id.0))
}

fn all(store: &MemoryStore, root: Root) -> Vec<FactId> {
    crate::facts::set(store, root).expect("readable")
}

fn differences(store: &(impl NodeStore + ?Sized), from: Root, to: Root) -> (Set, Set, u64) {
    let mut diff = Diff::new(store, from, to).expect("readable");
    let (mut added, mut gone, mut last) = (Set::new(), Set::new(), None);
    for change in diff.by_ref() {
        let change = change.expect("readable");
        assert!(last < Some(change.id()), "in order of id, each once");
        last = Some(change.id());
        match change {
            Change::Added(id) => added.insert(id),
            Change::Gone(id) => gone.insert(id),
        };
    }
    (added, gone, diff.unchanged())
}

/// Sets of hashed or chosen keys, of sizes around those at which pages part.
fn sets() -> impl Strategy<Value = (Set, Set)> {
    let some = || prop_oneof![Just(0usize), Just(1), 2..300usize, Just(MOST_LEAVES as usize), Just(2_500)];
    (any::<bool>(), some(), some(), 0u64..2_000, any::<u64>()).prop_map(|(chosen_keys, a, b, shift, salt)| {
        let key = |n: u64| {
            if chosen_keys { chosen(n.wrapping_mul(salt | 1)) } else { hashed(n) }
        };
        ((0..a as u64).map(key).collect(), (shift..shift + b as u64).map(key).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_stored_set_is_the_set_and_has_its_root((set, _) in sets()) {
        let (store, root) = store_of(&set);
        prop_assert_eq!(root, root_of(&set));
        prop_assert_eq!(all(&store, root), set.iter().copied().collect::<Vec<_>>());
    }

    #[test]
    fn a_change_gives_what_building_anew_gives((before, after) in sets()) {
        let (mut store, root) = store_of(&before);
        let added: Set = after.difference(&before).copied().collect();
        let gone: Set = before.difference(&after).copied().collect();
        let changed = put(&mut store, Some(root), &added, &gone);
        prop_assert_eq!(changed, root_of(&after));
        // The same pages, whichever way the set was reached: storing it whole adds no row.
        let (whole, same) = store_of(&after);
        prop_assert_eq!(same, changed);
        for (table, key, row) in whole.iter() {
            let there = crate::store::Read::get(&store, table, key).expect("readable");
            prop_assert_eq!(there.as_deref(), Some(row));
        }
    }

    #[test]
    fn a_diff_is_the_difference_of_sets((before, after) in sets()) {
        let (mut store, from) = store_of(&before);
        let to = put(&mut store, None, &after, &Set::new());
        let (added, gone, unchanged) = differences(&store, from, to);
        prop_assert_eq!(added, after.difference(&before).copied().collect::<Set>());
        prop_assert_eq!(gone, before.difference(&after).copied().collect::<Set>());
        prop_assert_eq!(unchanged as usize, before.intersection(&after).count());
    }

    #[test]
    fn a_diff_of_unions_is_the_difference_of_unions((a, b) in sets(), (c, d) in sets(), cuts in any::<[u8; 4]>()) {
        // Sets that are the same on both sides, that are on one side only, that overlap, and that are there twice.
        let part = |set: &Set, cut: u8| set.iter().filter(|id| id.0[2] > cut).copied().collect::<Set>();
        let from = [a.clone(), part(&c, cuts[0]), b.clone(), part(&d, cuts[1])];
        let to = [part(&c, cuts[2]), a, part(&b, cuts[3]), d.clone(), d];
        let mut store = MemoryStore::default();
        let mut roots = |sets: &[Set]| sets.iter().map(|set| put(&mut store, None, set, &Set::new())).collect::<Vec<_>>();
        let (before, after) = (roots(&from), roots(&to));
        let union = |sets: &[Set]| sets.iter().flatten().copied().collect::<Set>();
        let (was, is) = (union(&from), union(&to));
        let mut diff = UnionDiff::new(&store, &before, &after).expect("readable");
        let (mut added, mut gone, mut last) = (Set::new(), Set::new(), None);
        for found in diff.by_ref() {
            let Found { change, set } = found.expect("readable");
            prop_assert!(last < Some(change.id()), "in order of id, each once");
            last = Some(change.id());
            let (sets, out) = match change {
                Change::Added(_) => (&to[..], &mut added),
                Change::Gone(_) => (&from[..], &mut gone),
            };
            prop_assert_eq!(sets.iter().position(|set| set.contains(&change.id())), Some(set));
            out.insert(change.id());
        }
        prop_assert_eq!(added, is.difference(&was).copied().collect::<Set>());
        prop_assert_eq!(gone, was.difference(&is).copied().collect::<Set>());
        diff.count_crossing().expect("readable");
        prop_assert_eq!(diff.unchanged() as usize, was.intersection(&is).count());
        // A union by itself, from any fact on.
        for last in is.iter().step_by(is.len() / 3 + 1).chain(was.first()) {
            let mut union = UnionDiff::new(&store, &[], &after).expect("readable");
            union.pass(last).expect("readable");
            let rest: Vec<FactId> = union.map(|found| found.expect("readable").change.id()).collect();
            prop_assert_eq!(rest, is.iter().filter(|id| *id > last).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_union_is_the_union((a, b) in sets()) {
        let (mut store, first) = store_of(&a);
        let second = put(&mut store, None, &b, &Set::new());
        let union = stored::union(&store, &[first, second, first]).expect("readable");
        let set: Set = a.union(&b).copied().collect();
        prop_assert_eq!(union.root, root_of(&set));
        prop_assert_eq!(union.count as usize, set.len());
        union.store(&mut store).expect("writable");
        prop_assert_eq!(all(&store, union.root), set.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn facts_are_found_and_lead_up_to_the_root((set, other) in sets()) {
        let (store, root) = store_of(&set);
        for id in set.iter().take(20).chain(other.iter().take(20)) {
            prop_assert_eq!(stored::contains(&store, root, id).expect("readable"), set.contains(id));
            let rest: Vec<FactId> =
                Facts::after(&store, root, Some(*id)).expect("readable").map(|id| id.expect("readable")).collect();
            prop_assert_eq!(rest, set.iter().filter(|other| *other > id).copied().collect::<Vec<_>>());
            let (count, path) = stored::path(&store, root, id).expect("readable").expect("stored");
            prop_assert_eq!(count as usize, set.len());
            prop_assert_eq!(super::hash::root_of(set.len() as u64, path.first().map(Node::hash)), root);
            for pair in path.windows(2) {
                let Node::Branch { left, right, .. } = pair[0] else { panic!("a leaf ends a path") };
                prop_assert!([left, right].contains(&pair[1].hash()));
            }
            let ends_in_it = matches!(path.last(), Some(Node::Leaf { key, .. }) if *key == id.0);
            prop_assert_eq!(ends_in_it, set.contains(id));
        }
    }
}

#[test]
fn permuted_inserts_share_every_page() {
    let ids: Vec<FactId> = (0..5_000).map(hashed).collect();
    let mut store = MemoryStore::default();
    let mut roots = Vec::new();
    for step in [1usize, 7, 4_999] {
        // Another order and other batches each time: 7 and 4,999 are prime to 5,000.
        let order: Vec<FactId> = (0..ids.len()).map(|n| ids[n * step % ids.len()]).collect();
        let mut root = None;
        for batch in order.chunks(173 * step % 600 + 200) {
            root = Some(put(&mut store, root, &batch.iter().copied().collect(), &Set::new()));
        }
        roots.push(root.expect("some"));
    }
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
    let before = store.iter().count();
    assert_eq!(put(&mut store, None, &ids.into_iter().collect(), &Set::new()), roots[0]);
    assert_eq!(store.iter().count(), before, "storing the set in one go adds no row");
}

/// Counts the pages that are read.
struct Counting<'s>(&'s MemoryStore, Cell<usize>);

impl NodeStore for Counting<'_> {
    fn top(&self, root: Root) -> Result<Option<Vec<Piece>>, StoreError> {
        self.1.set(self.1.get() + 1);
        self.0.top(root)
    }

    fn below(&self, child: &Child) -> Result<Vec<Piece>, StoreError> {
        self.1.set(self.1.get() + 1);
        self.0.below(child)
    }
}

#[test]
fn a_diff_reads_what_differs_and_no_more() {
    for facts in [20_000u64, 100_000] {
        let (mut store, from) = store_of(&(0..facts).map(hashed).collect());
        let (added, gone) = ((facts..facts + 5).map(hashed).collect(), (0..5).map(hashed).collect());
        let to = put(&mut store, Some(from), &added, &gone);
        let counting = Counting(&store, Cell::new(0));
        let (came, went, unchanged) = differences(&counting, from, to);
        assert_eq!((came, went, unchanged), (added, gone, facts - 5));
        // On each side the top, and for each of ten differences at most three pages below it.
        assert!(counting.1.get() <= 2 * (1 + 10 * 3), "{} pages of {facts} facts", counting.1.get());
    }
}

#[test]
fn a_diff_of_unions_reads_what_differs_and_no_more() {
    for facts in [20_000u64, 100_000] {
        // Two sets a side that share a third of their facts, a small one, and one that is the same on both sides.
        let mut store = MemoryStore::default();
        let mut of = |range: std::ops::Range<u64>| put(&mut store, None, &range.map(hashed).collect(), &Set::new());
        let (one, two, small) = (of(0..facts), of(facts * 2 / 3..facts * 2), of(7 * facts..7 * facts + 500));
        let (added, gone) = ((8 * facts..8 * facts + 5).map(hashed).collect(), (0..5).map(hashed).collect());
        let other = put(&mut store, Some(one), &added, &gone);
        let counting = Counting(&store, Cell::new(0));
        let mut diff = UnionDiff::new(&counting, &[one, two, small], &[other, two, small]).expect("readable");
        let found = diff.by_ref().collect::<Result<Vec<_>, _>>().expect("readable");
        assert_eq!(found.len(), 10);
        // As a diff of one pair, and beside it what the others hold at the same places.
        assert!(counting.1.get() <= 3 * 2 * (1 + 10 * 3), "{} pages of {facts} facts", counting.1.get());
        assert!(diff.crosses() && diff.unchanged() < 2 * facts);
        diff.count_crossing().expect("readable");
        assert_eq!(diff.unchanged(), facts * 2 - 5 + 500);
    }
}

#[test]
fn a_lost_page_is_an_error_and_not_a_smaller_set() {
    let (store, root) = store_of(&(0..1_000).map(hashed).collect());
    let mut damaged = MemoryStore::default();
    let top = store.iter().find(|(table, ..)| *table == crate::store::Table::FactSet).expect("there");
    crate::store::Write::put(&mut damaged, top.0, top.1, top.2.to_vec());
    assert!(crate::facts::set(&damaged, root).is_err());
    let empty = super::root([]);
    let mut diff = Diff::new(&damaged, empty, root).expect("the top is there");
    assert!(diff.by_ref().any(|change| change.is_err()));
    assert!(diff.next().is_none(), "it ends after the error");
}

/// Pages of the tree, damaged: whoever reads them gets an error or another set, and no proof that holds.
#[test]
fn flipped_bits_in_pages_of_the_tree_prove_nothing_and_panic_nowhere() {
    let id = |n: u32| FactId(*blake3::hash(&n.to_le_bytes()).as_bytes());
    let mut store = MemoryStore::default();
    let mut put = |range: std::ops::Range<u32>| -> Root {
        let ids: Vec<FactId> = range.map(id).collect();
        let set = stored::changed(&store, None, &ids, &[]).expect("readable");
        set.store(&mut store).expect("writable");
        set.root
    };
    let (one, two, small) = (put(0..3_000), put(100..3_100), put(0..90));
    let rows: Vec<(crate::store::Table, Vec<u8>, Vec<u8>)> =
        store.iter().map(|(table, key, row)| (table, key.to_vec(), row.to_vec())).collect();
    assert!(rows.iter().any(|(table, ..)| *table == crate::store::Table::TreePage));
    let truth: std::collections::BTreeMap<Root, Vec<FactId>> =
        [one, two, small].map(|root| (root, crate::facts::set(&store, root).expect("readable"))).into();
    let mut drawn = 0u64;
    let mut below = |most: usize| {
        drawn += 1;
        let hash = blake3::hash(&drawn.to_le_bytes());
        usize::from_le_bytes(*hash.as_bytes().first_chunk().expect("long enough")) % most
    };
    let (mut changed, mut refused, mut held) = (0, 0, 0);
    for n in 0..2_000 {
        let (table, key, good) = &rows[n % rows.len()];
        let mut bad = good.clone();
        match n % 7 {
            5 => bad.truncate(below(good.len())),
            6 => bad.push(0),
            _ => {
                let bit = below(good.len() * 8);
                bad[bit / 8] ^= 1 << (bit % 8);
            }
        }
        crate::store::Write::put(&mut store, *table, key, bad);
        for (root, set) in &truth {
            match crate::facts::set(&store, *root) {
                Ok(found) => changed += usize::from(found != *set),
                Err(_) => refused += 1,
            }
            for other in truth.keys() {
                drop(Diff::new(&store, *root, *other).map(|diff| diff.take(10_000).count()));
                let mut union = UnionDiff::new(&store, &[*root, small], &[*other, small]).ok();
                if let Some(diff) = &mut union {
                    diff.by_ref().take(10_000).for_each(drop);
                    drop(diff.count_crossing());
                }
            }
            let asked = id(u32::try_from(below(3_200)).expect("small"));
            if let Ok(Some((count, nodes))) = stored::path(&store, *root, &asked) {
                let by_hash = |hash| nodes.iter().find(|node| node.hash() == hash).copied();
                let member = crate::proof::Member::walk(count, nodes.first().map(Node::hash), &asked.0, by_hash);
                if let Some(member) = member.filter(|member| member.root(&asked.0) == Some(*root)) {
                    assert_eq!(member.present(), set.contains(&asked), "a proof that holds is true");
                    held += 1;
                }
            }
        }
        crate::store::Write::put(&mut store, *table, key, good.clone());
    }
    // Each page in the place of each other: refused, unless both are over the same keys' beginnings and as many; never for ever.
    let pages: Vec<_> = rows.iter().filter(|(table, ..)| *table == crate::store::Table::TreePage).collect();
    let mut swapped = 0;
    for (table, key, good) in &pages {
        for (_, _, other) in pages.iter().filter(|(_, other, _)| other != key) {
            crate::store::Write::put(&mut store, *table, key, other.clone());
            for (root, set) in &truth {
                swapped += usize::from(crate::facts::set(&store, *root).is_ok_and(|found| found != *set));
                refused += usize::from(
                    Diff::new(&store, *root, small).is_ok_and(|diff| diff.into_iter().any(|one| one.is_err())),
                );
            }
        }
        crate::store::Write::put(&mut store, *table, key, good.clone());
    }
    let tried = pages.len() * (pages.len() - 1) * truth.len();
    assert!(swapped * 10 < tried, "{swapped} of {tried}");
    println!("sets read wrongly: {changed}, refused: {refused}; proofs that held all the same: {held}");
    assert!(changed > 100 && refused > 100 && held > 100, "the damage was met: {changed}, {refused}, {held}");
}
