//! Proofs hold for what is true, and no proof holds for what is not.

use super::*;
use crate::tree::{NO_VALUE, Tree};
use mirano_schemas::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::convert::Infallible;

/// Keys that share long prefixes as often as not.
fn key() -> impl Strategy<Value = [u8; 32]> {
    prop_oneof![
        any::<[u8; 32]>(),
        (0u8..3, 0usize..32, any::<u8>()).prop_map(|(fill, at, byte)| {
            let mut key = [fill; 32];
            *key.get_mut(at).expect("within 32 bytes") = byte;
            key
        }),
    ]
}

fn leaves(n: u64) -> Vec<[u8; 32]> {
    (0..n).map(|n| leaf(&CommitHash(*blake3::hash(&n.to_le_bytes()).as_bytes()))).collect()
}

/// RFC 9162, 2.1.1, word for word.
fn by_the_book(leaves: &[[u8; 32]]) -> [u8; 32] {
    if let [one] = leaves {
        return *one;
    }
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    let (left, right) = leaves.split_at(k);
    let both = [by_the_book(left), by_the_book(right)].concat();
    blake3::derive_key("mirano 2026 commit tree node v1", &both)
}

proptest! {
    #[test]
    fn a_key_is_proven_where_it_is_and_where_it_is_not(
        keys in prop::collection::btree_set(key(), 0..50), other in key(),
    ) {
        let tree = Tree::of_set(keys.iter().copied());
        for key in keys.iter().chain([&other]) {
            let proof = Member::of(&tree, key);
            prop_assert_eq!(proof.present(), keys.contains(key));
            prop_assert_eq!(proof.root(key), Some(tree.root()));
        }
    }

    /// However a proof is forged from the nodes of a tree, it never says of that tree's root what is not so.
    #[test]
    fn no_forged_proof_leads_to_the_root(
        keys in prop::collection::btree_set(key(), 1..20), other in key(), cut in 0usize..6, swap in any::<bool>(),
    ) {
        let tree = Tree::of_set(keys.iter().copied());
        for key in keys.iter().chain([&other]) {
            for found in keys.iter().chain([&other]) {
                let mut forged = Member::of(&tree, found);
                forged.steps.truncate(forged.steps.len().saturating_sub(cut));
                forged.ends = match (swap, forged.ends) {
                    (true, _) => Ends::Here(NO_VALUE),
                    (false, Ends::Here(value)) => {
                        Ends::Elsewhere(crate::tree::Node::Leaf { key: *found, value })
                    }
                    (false, same) => same,
                };
                if forged.root(key) == Some(tree.root()) {
                    prop_assert_eq!(forged.present(), keys.contains(key));
                }
            }
        }
    }

    #[test]
    fn a_commit_is_proven_at_its_place_and_at_no_other(n in 1u64..700, at in any::<prop::sample::Index>()) {
        let all = leaves(n);
        let blocks: Vec<[u8; 32]> = all.chunks_exact(256).map(block_root).collect();
        let mut give = |block: u64| -> Result<Vec<[u8; 32]>, Infallible> {
            Ok(all.chunks(256).nth(usize::try_from(block).expect("small")).unwrap_or_default().to_vec())
        };
        let mut tree = Subtrees::new(&blocks, &mut give);
        let root = tree.root(n).expect("total");
        prop_assert_eq!(root, by_the_book(&all));
        let seq = at.index(all.len()) as u64;
        let path = tree.path(seq, n).expect("total");
        let place = |seq| Position { partition: 0, seq };
        let own = *all.get(at.index(all.len())).expect("there");
        prop_assert_eq!(root_by_path(own, place(seq), n, &path), Some(root));
        for wrong in [seq + 1, seq ^ 1, n] {
            prop_assert_ne!(root_by_path(own, place(wrong), n, &path), Some(root));
        }
        prop_assert!(path.len() <= 10);
    }

    #[test]
    fn a_head_extends_the_one_before_it(new in 2u64..700, at in any::<prop::sample::Index>(), forge in any::<u8>()) {
        let all = leaves(new);
        let old = 1 + at.index(usize::try_from(new - 1).expect("small")) as u64;
        let blocks: Vec<[u8; 32]> = all.chunks_exact(256).map(block_root).collect();
        let mut give = |block: u64| -> Result<Vec<[u8; 32]>, Infallible> {
            Ok(all.chunks(256).nth(usize::try_from(block).expect("small")).unwrap_or_default().to_vec())
        };
        let mut tree = Subtrees::new(&blocks, &mut give);
        let (old_root, new_root) = (tree.root(old).expect("total"), tree.root(new).expect("total"));
        let hashes = tree.extension(old, new).expect("total");
        prop_assert_eq!(root_by_extension(old, old_root, new, &hashes), Some((old_root, new_root)));
        // Another history of the same length has another root, and nothing leads to both.
        let mut other = old_root;
        other[0] ^= 1 | forge;
        prop_assert_ne!(root_by_extension(old, other, new, &hashes), Some((other, new_root)));
    }

    #[test]
    fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Proof::from_bytes(&bytes);
        for kind in 0..7u8 {
            let _ = Proof::from_bytes(&[b"MRNPRF01".as_slice(), &[kind], &bytes].concat()).map(|proof| check(&proof));
        }
    }
}

fn assessment() -> Assessment {
    Assessment {
        score: 0,
        score_is: ScoreIs::Exact,
        level: "low".to_owned(),
        stops: Vec::new(),
        unevaluated: Vec::new(),
        basis: RiskBasis::default(),
        ruleset: "r".to_owned(),
        as_of: "2026-01-01".to_owned(),
        factors: Vec::new(),
    }
}

fn snapshot(ids: &BTreeSet<[u8; 32]>) -> SnapshotBody {
    SnapshotBody {
        job: JobId([1; 16]),
        subject: Subject("property:x".to_owned()),
        profile: "standard".to_owned(),
        facts_root: crate::tree::root(ids.iter().copied()),
        facts: u32::try_from(ids.len()).expect("small"),
        receipts_root: Root([3; 32]),
        receipts: Vec::new(),
        observation_roots: Vec::new(),
        cut: Vec::new(),
        status: JobStatus::Completed,
        missing: Vec::new(),
        risk: assessment(),
        policy_version: 0,
        schema_version: codec::SCHEMA_VERSION,
        sealed_at: Timestamp(5),
    }
}

fn world(ids: &BTreeSet<[u8; 32]>) -> WorldBody {
    WorldBody {
        cut: vec![Position { partition: 0, seq: 5 }],
        facts_root: crate::tree::root(ids.iter().copied()),
        facts: ids.len() as u64,
        queries: 3,
        policy_version: 0,
        schema_version: codec::SCHEMA_VERSION,
        sealed_at: Timestamp(5),
    }
}

/// A fact, a snapshot, the commit that sealed it, and a head over 300 commits.
fn whole(scope: Scope, fact: u8) -> FactProof {
    let ids: BTreeSet<[u8; 32]> = (0..100u8).map(|n| *blake3::hash(&[n]).as_bytes()).collect();
    let (content, sealed): (Vec<u8>, Event) = match scope {
        Scope::Job => {
            let body = snapshot(&ids);
            let content = codec::encode(&body).expect("encodes");
            let snapshot = SnapshotId::of(&[&content]);
            (content, SnapshotSealed { snapshot, body }.into())
        }
        Scope::World => {
            let body = world(&ids);
            let content = codec::encode(&body).expect("encodes");
            let snapshot = SnapshotId::of(&[&content]);
            (content, WorldSealed { snapshot, body }.into())
        }
    };
    let commit = codec::CommitBody { events: vec![sealed], ..Default::default() }.encode().expect("encodes");
    let at = |seq| Position { partition: 0, seq };
    let sealed = |seq, prev| envelope::Envelope::seal(at(seq), prev, &commit).expect("small");
    let envelope = sealed(123, CommitHash([9; 32]));
    let first = sealed(0, envelope::genesis(LogId([7; 16]), 0));
    let last = sealed(299, CommitHash([8; 32]));
    let mut all = leaves(300);
    for (seq, envelope) in [(0, first), (123, envelope), (299, last)] {
        *all.get_mut(seq).expect("there") = leaf(&envelope.hash());
    }
    let mut give = |_: u64| -> Result<Vec<[u8; 32]>, Infallible> { Ok(all.get(256..).unwrap_or_default().to_vec()) };
    let mut early = |_: u64| -> Result<Vec<[u8; 32]>, Infallible> { Ok(all.get(..256).unwrap_or_default().to_vec()) };
    let blocks = [block_root(all.get(..256).expect("there"))];
    let root = Subtrees::new(&blocks, &mut give).root(300).expect("total");
    let mut tree = Subtrees::new(&[], &mut early);
    tree.known.insert(1, all.get(256..).expect("there").to_vec());
    let path = tree.path(123, 300).expect("total");
    let mut under = |envelope: envelope::Envelope| {
        let path = tree.path(envelope.position.seq, 300).expect("total");
        Under { header: envelope.to_bytes(), path }
    };
    let bound = Some(Bound { first: under(first), last: under(last) });
    let anchor = Anchor { log_id: LogId([7; 16]), partition: 0, size: 300, hash: last.hash(), root };
    let key = *blake3::hash(&[fact]).as_bytes();
    FactProof {
        scope,
        fact: FactId(key),
        member: Member::of(&Tree::of_set(ids), &key),
        snapshot: content,
        log: Some(LogPart { anchor, record: [&envelope.to_bytes()[..], &commit].concat(), path, bound }),
    }
}

#[test]
fn a_whole_proof_holds_and_every_changed_bit_of_it_is_seen() {
    for (scope, fact, present) in
        [(Scope::Job, 5, true), (Scope::Job, 200, false), (Scope::World, 5, true), (Scope::World, 200, false)]
    {
        let proof = Proof::Fact(whole(scope, fact).into());
        assert!(proof.is_bound());
        let bytes = proof.to_bytes();
        assert_eq!(Proof::from_bytes(&bytes), Ok(proof.clone()));
        let Ok(Checked::Fact { present: found, log: Some((at, anchor)), .. }) = check(&proof) else {
            panic!("it holds: {:?}", check(&proof));
        };
        assert_eq!((found, at, anchor.size), (present, Position { partition: 0, seq: 123 }, 300));
        let said = check(&proof).expect("it holds");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            *changed.get_mut(bit / 8).expect("within") ^= 1 << (bit % 8);
            // A search that ends elsewhere says the same of other facts that are not there; the head's words are bound.
            if let Ok(read) = Proof::from_bytes(&changed)
                && let Ok(other) = check(&read)
            {
                assert_ne!(other, said, "bit {bit}");
                let Checked::Fact { log: Some((_, found)), .. } = other else {
                    panic!("bit {bit} takes the log part away")
                };
                assert_eq!(found, anchor, "bit {bit}");
            }
        }
    }
}

/// Each of a head's words, told wrongly; all of them hold where nothing ties them to the root.
fn told_wrongly(head: Anchor) -> [Anchor; 5] {
    let (more, less) = (Anchor { size: head.size + 1, ..head }, Anchor { size: head.size - 1, ..head });
    let (mut hash, mut log_id, mut root) = (head, head, head);
    hash.hash.0[0] ^= 1;
    log_id.log_id.0[0] ^= 1;
    root.root[0] ^= 1;
    [more, less, hash, log_id, root]
}

#[test]
fn what_a_head_says_is_that_of_its_root() {
    let proof = whole(Scope::Job, 5);
    let part = proof.log.clone().expect("there");
    let with = |part: LogPart| check(&Proof::Fact(FactProof { log: Some(part), ..proof.clone() }.into()));
    assert!(with(part.clone()).is_ok());
    for anchor in told_wrongly(part.anchor) {
        assert!(with(LogPart { anchor, ..part.clone() }).is_err(), "{anchor}");
    }
    // Neither does another commit of the log stand for the first or the last one.
    let bound = part.bound.clone().expect("there");
    for bound in [
        Bound { first: bound.last.clone(), last: bound.last.clone() },
        Bound { first: bound.first.clone(), last: bound.first.clone() },
        Bound { first: Under { path: Vec::new(), ..bound.first.clone() }, last: bound.last.clone() },
    ] {
        assert!(matches!(with(LogPart { bound: Some(bound), ..part.clone() }), Err(ProofError::Bound(_))));
    }
    // A proof of a version before says less, and says so.
    let old = FactProof { log: Some(LogPart { bound: None, ..part.clone() }), ..proof.clone() };
    assert!(check(&Proof::Fact(old.clone().into())).is_ok() && !Proof::Fact(old.clone().into()).is_bound());
    assert_eq!(Proof::Fact(old.clone().into()).to_bytes().get(8), Some(&1), "in the form that it had");
    assert_eq!(Proof::from_bytes(&Proof::Fact(old.clone().into()).to_bytes()), Ok(Proof::Fact(old.into())));
}

#[test]
fn both_heads_of_an_extension_are_tied_to_their_roots() {
    // A log of 300 commits, each upon the one before.
    let mut prev = envelope::genesis(LogId([7; 16]), 0);
    let envelopes: Vec<envelope::Envelope> = (0..300)
        .map(|seq| {
            let envelope = envelope::Envelope::seal(Position { partition: 0, seq }, prev, b"body").expect("small");
            prev = envelope.hash();
            envelope
        })
        .collect();
    let all: Vec<[u8; 32]> = envelopes.iter().map(|envelope| leaf(&envelope.hash())).collect();
    let blocks = [block_root(all.get(..256).expect("there"))];
    let mut give = |block: u64| -> Result<Vec<[u8; 32]>, Infallible> {
        Ok(all.chunks(256).nth(usize::try_from(block).expect("small")).unwrap_or_default().to_vec())
    };
    let mut tree = Subtrees::new(&blocks, &mut give);
    let mut of = |size: u64| {
        let envelope = |seq: u64| *envelopes.get(usize::try_from(seq).expect("small")).expect("there");
        let hash = size.checked_sub(1).map_or(envelope::genesis(LogId([7; 16]), 0), |last| envelope(last).hash());
        let root = tree.root(size).expect("total");
        let mut under = |seq| Under { header: envelope(seq).to_bytes(), path: tree.path(seq, size).expect("total") };
        let bound = size.checked_sub(1).map(|last| Bound { first: under(0), last: under(last) });
        (Anchor { log_id: LogId([7; 16]), partition: 0, size, hash, root }, bound)
    };
    for old in [0, 1, 6, 255, 299, 300] {
        let ((from, one), (to, other)) = (of(old), of(300));
        let mut give = |block: u64| -> Result<Vec<[u8; 32]>, Infallible> {
            Ok(all.chunks(256).nth(usize::try_from(block).expect("small")).unwrap_or_default().to_vec())
        };
        let hashes = Subtrees::new(&blocks, &mut give).extension(old, 300).expect("total");
        let bounds: Vec<Bound> = one.into_iter().chain(other).collect();
        let proof = ExtensionProof { from, to, hashes, bounds };
        let whole = Proof::Extension(proof.clone().into());
        assert_eq!(check(&whole), Ok(Checked::Extension { from, to }), "{old}");
        assert!(whole.is_bound());
        assert_eq!(Proof::from_bytes(&whole.to_bytes()), Ok(whole.clone()));
        for to in told_wrongly(to) {
            assert!(check(&Proof::Extension(ExtensionProof { to, ..proof.clone() }.into())).is_err(), "{old}: {to}");
        }
        let wrong = told_wrongly(Anchor { size: from.size.max(1), ..from }).into_iter().skip(2);
        for from in wrong.map(|wrong| Anchor { size: from.size, ..wrong }) {
            assert!(
                check(&Proof::Extension(ExtensionProof { from, ..proof.clone() }.into())).is_err(),
                "{old}: {from}"
            );
        }
        // One of two is not enough.
        if old > 0 {
            let mut less = proof.clone();
            less.bounds.pop();
            assert!(check(&Proof::Extension(less.into())).is_err());
        }
        let older = Proof::Extension(ExtensionProof { bounds: Vec::new(), ..proof }.into());
        assert!(check(&older).is_ok() && !older.is_bound());
        assert_eq!(older.to_bytes().get(8), Some(&2), "in the form that it had");
        for bit in 0..whole.to_bytes().len() * 8 {
            let mut changed = whole.to_bytes();
            *changed.get_mut(bit / 8).expect("within") ^= 1 << (bit % 8);
            let read = Proof::from_bytes(&changed).and_then(|read| check(&read));
            assert!(read.is_err(), "bit {bit} of an extension of {old}");
        }
    }
}

/// The content of one kind of snapshot is not read as the other, nor sealed by its event.
#[test]
fn a_snapshot_of_one_kind_is_none_of_the_other() {
    for (scope, other) in [(Scope::Job, Scope::World), (Scope::World, Scope::Job)] {
        let proof = whole(scope, 5);
        let read = check(&Proof::Fact(FactProof { scope: other, ..proof.clone() }.into()));
        assert!(matches!(read, Err(ProofError::Snapshot(_))), "{read:?}");
        let log = whole(other, 5).log;
        let read = check(&Proof::Fact(FactProof { log, ..proof }.into()));
        assert!(matches!(read, Err(ProofError::NotSealed(_))), "{read:?}");
    }
}

#[test]
fn a_proof_about_a_fact_is_small() {
    let proof = FactProof { snapshot: Vec::new(), log: None, ..whole(Scope::Job, 5) };
    let alone = Proof::Fact(proof.into()).to_bytes().len();
    assert!(alone < 500, "{alone} bytes for one of 100 facts");
}

#[test]
fn anchors_are_one_line() {
    let anchor = whole(Scope::Job, 5).log.expect("there").anchor;
    assert_eq!(anchor.to_string().parse(), Ok(anchor));
    assert!("mirano-head-1:x".parse::<Anchor>().is_err());
    assert!(format!("{anchor}:1").parse::<Anchor>().is_err());
}
