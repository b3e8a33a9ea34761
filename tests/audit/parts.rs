//! Differences held all at once, in parts, of one answer and of several: the same.

use mirano::core::policy::Policy;
use mirano::core::vault::MemoryVault;
use mirano::history::compare::Item;
use mirano::history::model::{Counts, SideKind, SideView};
use mirano::history::side::{Asked, Shown, Side};
use mirano::history::{Asker, Book, Comparison, HistoryError, Times, compare, part, survey};
use mirano_replay::history::Moment;
use mirano_replay::rows::FactRow;
use mirano_replay::store::{MemoryStore, StoreError, WriteExt};
use mirano_replay::tree::stored;
use mirano_schemas::canonical::fact_id;
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

struct NoTimes;

impl Times for NoTimes {
    fn recorded_at(&self, _: Position) -> Result<Option<Timestamp>, HistoryError> {
        Ok(None)
    }
}

/// Offer `n` of a source at a price, about the house or about its builder.
fn offer(source: &str, n: u32, price: u32) -> Fact {
    let subject = if n.is_multiple_of(3) { "company:1" } else { "property:a" };
    Fact {
        source: source.to_owned(),
        kind: "offer".to_owned(),
        subject: Subject(subject.to_owned()),
        matched: Match::Id,
        identity: [("id".to_owned(), Value::text(&n.to_string()))].into(),
        attrs: [("price".to_owned(), Value::Integer(i64::from(price)))].into(),
        valid: Validity::default(),
        connector: 1,
    }
}

/// What several queries of a source showed, then and later; the union of each side is what is compared.
struct Case {
    store: MemoryStore,
    source: &'static str,
    answers: Vec<[BTreeMap<u32, u32>; 2]>,
}

impl Case {
    fn put(&mut self, prices: &BTreeMap<u32, u32>) -> Shown {
        let mut ids = Vec::new();
        for (n, price) in prices {
            let fact = offer(self.source, *n, *price);
            let id = fact_id(&fact);
            let row = FactRow { body: Sealable::Plain(fact.into()), intervals: Vec::new() };
            self.store.put_row(id.as_bytes(), &row).expect("encodes");
            ids.push(id);
        }
        let set = stored::changed(&self.store, None, &ids, &[]).expect("readable");
        set.store(&mut self.store).expect("writable");
        Shown { observation: ObservationId([1; 16]), root: set.root, facts: set.count, complete: true }
    }

    fn side(&mut self, which: usize, kind: SideKind, only: Option<&str>) -> Side {
        let answers: Vec<BTreeMap<u32, u32>> = self.answers.iter().map(|answer| answer[which].clone()).collect();
        let mut asked = Vec::new();
        for (n, prices) in (0u8..).zip(&answers) {
            asked.push(Asked {
                source: self.source.to_owned(),
                subject: Subject("property:a".to_owned()),
                query: Some(QueryKey([n; 16])),
                shown: Ok(self.put(prices)),
            });
        }
        let facts = u32::try_from(self.facts(which).len()).ok();
        Side {
            view: SideView { kind, facts, ..SideView::default() },
            moment: Moment::time(Timestamp(0)),
            asked,
            risk: None,
            only: only.map(|subject| Subject(subject.to_owned())),
        }
    }

    fn facts(&self, which: usize) -> BTreeSet<FactId> {
        let of = |answer: &[BTreeMap<u32, u32>; 2]| answer[which].clone();
        self.answers.iter().flat_map(of).map(|(n, price)| fact_id(&offer(self.source, n, price))).collect()
    }

    fn with<T>(&self, ask: impl FnOnce(&Book<'_>) -> T) -> T {
        let vault = MemoryVault::seeded(1);
        let empty = Arc::new(Policy::empty().expect("compiles"));
        let policy = |_| -> Result<_, StoreError> { Ok(Arc::clone(&empty)) };
        ask(&Book {
            rows: &self.store,
            times: &NoTimes,
            vault: &vault,
            policy: &policy,
            now: Timestamp(0),
            asker: Asker::Holder,
        })
    }

    /// All at once.
    fn whole(&mut self, kind: SideKind, only: Option<&str>) -> Comparison {
        let (from, to) = (self.side(0, kind, only), self.side(1, kind, only));
        self.with(|book| compare(book, from, to)).expect("compares")
    }

    /// Page after page.
    fn pages(&mut self, kind: SideKind, only: Option<&str>, limit: usize) -> Vec<Item> {
        let (mut items, mut behind): (Vec<Item>, _) = (Vec::new(), None);
        loop {
            let (from, to) = (self.side(0, kind, only), self.side(1, kind, only));
            let page = self.with(|book| part(book, from, to, behind, limit)).expect("compares");
            assert!(page.items.len() == limit || (!page.more && page.items.len() < limit), "{}", page.items.len());
            items.extend(page.items);
            match items.last().filter(|_| page.more) {
                Some(last) => behind = Some((last.from, last.to)),
                None => return items,
            }
        }
    }

    /// One by one, so many held at once.
    fn parts(&mut self, kind: SideKind, only: Option<&str>, held: usize) -> (Counts, Vec<Item>) {
        let (from, to) = (self.side(0, kind, only), self.side(1, kind, only));
        self.with(|book| {
            let survey = survey(book, from, to, held).expect("compares");
            assert!(survey.items.is_empty());
            let mut items = Vec::new();
            let each = survey.each(book, &mut |item| {
                items.push(item);
                Ok(())
            });
            each.expect("goes through");
            items.sort_by(|a: &Item, b| (a.op, &a.thing, a.from, a.to).cmp(&(b.op, &b.thing, b.from, b.to)));
            (survey.counts, items)
        })
    }
}

/// Prices by offer.
fn prices(range: std::ops::Range<u32>, price: impl Fn(u32) -> u32) -> BTreeMap<u32, u32> {
    range.map(|n| (n, price(n))).collect()
}

#[test]
fn in_parts_and_whole_is_the_same() {
    let same = |n: u32| n;
    let dearer = |n: u32| if n.is_multiple_of(7) { n + 1_000 } else { n };
    let one = vec![[prices(0..900, same), prices(20..950, dearer)]];
    // Overlapping answers, of which one is the same on both sides and one moved its facts to another.
    let many = vec![
        [prices(0..600, same), prices(10..600, dearer)],
        [prices(300..900, same), prices(300..900, same)],
        [prices(2_000..2_050, same), BTreeMap::new()],
        [BTreeMap::new(), prices(2_000..2_040, same)],
    ];
    for (name, answers) in [("one", one), ("many", many)] {
        for (kind, only) in [(SideKind::Snapshot, None), (SideKind::Job, None), (SideKind::Subject, Some("company:1"))]
        {
            let mut case = Case { store: MemoryStore::default(), source: "s", answers: answers.clone() };
            let whole = case.whole(kind, only);
            let about = |id: &FactId| {
                let told = |n: u32| only.is_none() || n.is_multiple_of(3);
                (0..3_000).any(|n| told(n) && [n, n + 1_000].iter().any(|p| fact_id(&offer("s", n, *p)) == *id))
            };
            let (from, to) = (case.facts(0), case.facts(1));
            let unchanged = from.intersection(&to).filter(|id| about(id)).count() as u64;
            let came = to.difference(&from).filter(|id| about(id)).count() as u64;
            let went = from.difference(&to).filter(|id| about(id)).count() as u64;
            let counts = whole.counts;
            assert_eq!(counts.unchanged, unchanged, "{name} {kind:?}");
            assert_eq!((counts.added + counts.changed, counts.gone + counts.changed), (came, went), "{name} {kind:?}");
            assert!(counts.changed > 10 && counts.gone > 2, "{counts:?}");
            for held in [1, 7, 64, 10_000] {
                let (told, items) = case.parts(kind, only, held);
                assert_eq!((told, &items), (counts, &whole.items), "{name} {kind:?}, {held} held at once");
            }
            for limit in [19, 50, whole.items.len(), 10_000] {
                assert!(case.pages(kind, only, limit) == whole.items, "{name} {kind:?}, pages of {limit}");
            }
        }
    }
}

/// Nearly all things changed one attribute: that is the source's form, also when they are gone through in parts.
#[test]
fn what_the_whole_group_says_is_said_of_each_part() {
    let mut case = Case {
        store: MemoryStore::default(),
        source: "s",
        answers: vec![[prices(0..100, |n| n), prices(0..100, |n| n + u32::from(n > 3))]],
    };
    let whole = case.whole(SideKind::Job, None);
    assert_eq!((whole.counts.changed, whole.counts.unchanged), (96, 4));
    assert!(whole.items.iter().all(|item| item.by_connector));
    let (_, items) = case.parts(SideKind::Job, None, 5);
    assert_eq!(items, whole.items);
    assert_eq!(case.pages(SideKind::Job, None, 5), whole.items);
    // With more that stayed as it was it is news again.
    case.answers[0][1] = prices(0..100, |n| n + u32::from(n > 20));
    assert!(case.whole(SideKind::Job, None).items.iter().all(|item| !item.by_connector));
}
