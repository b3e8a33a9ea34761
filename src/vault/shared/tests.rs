//! Several vaults over one board, in memory.

use super::*;
use crate::core::vault::Vault;

/// One order for all; each node reads it as far as it was told to.
#[derive(Default)]
struct Order(Mutex<Vec<Option<Read>>>);

struct Node {
    order: Arc<Order>,
    readings: Arc<Readings>,
    next: Mutex<usize>,
}

impl Node {
    fn read(&self) {
        let mut next = self.next.lock().expect("whole");
        let records: Vec<Option<Read>> = self.order.0.lock().expect("whole")[*next..].to_vec();
        *next += records.len();
        for (key, value) in records.into_iter().flatten() {
            self.readings.take(&key, value.as_deref());
        }
    }
}

impl Board for Arc<Node> {
    fn post(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        self.order.0.lock().expect("whole").push(Some((key.to_vec(), value.map(<[u8]>::to_vec))));
        self.read();
        Ok(())
    }
}

fn open(folder: &Path, order: &Arc<Order>) -> Result<(SharedVault<Arc<Node>>, Arc<Node>), VaultError> {
    let readings = Arc::<Readings>::default();
    let node = Arc::new(Node { order: Arc::clone(order), readings: Arc::clone(&readings), next: Mutex::default() });
    node.read();
    Ok((SharedVault::open(folder, readings, Arc::clone(&node))?, node))
}

/// What compaction leaves: the last record of each key, and none of those that were deleted. Each stays at its place.
fn compact(order: &Order) {
    let mut records = order.0.lock().expect("whole");
    let all = records.iter().enumerate().filter_map(|(at, record)| Some((record.as_ref()?.0.clone(), at)));
    let last: BTreeMap<Vec<u8>, usize> = all.collect();
    for (at, place) in records.iter_mut().enumerate() {
        if place.as_ref().is_some_and(|(key, value)| last[key] != at || value.is_none()) {
            *place = None;
        }
    }
}

/// The records of persons that are there.
fn persons(order: &Order) -> Vec<Vec<u8>> {
    let records = order.0.lock().expect("whole");
    let there = records.iter().flatten().filter(|(key, value)| key.starts_with(PERSON) && value.is_some());
    there.map(|(key, _)| key.clone()).collect()
}

#[test]
fn nodes_name_a_person_alike_and_know_each_other() {
    let order = Arc::<Order>::default();
    let folder = tempfile::tempdir().expect("temp");
    let (a, _) = open(&folder.path().join("a"), &order).expect("opens");
    let (b, _) = open(&folder.path().join("b"), &order).expect("opens");
    assert_eq!(a.peers(), b.peers());
    let of_a = a.person("inn=1").expect("keys");
    // What was made there is found here, although it was not read yet.
    assert_eq!(b.find(of_a.subject()).expect("readable").as_ref(), Some(&of_a));
    assert_eq!(b.person("inn=1").expect("keys"), of_a);
    assert_ne!(b.person("inn=2").expect("keys"), of_a);
    // A node whose disk was lost has all of it again.
    let (c, _) = open(&folder.path().join("c"), &order).expect("opens");
    assert_eq!(c.person("inn=1").expect("keys"), of_a);
}

#[test]
fn of_two_that_were_made_at_once_the_first_holds_everywhere() {
    let order = Arc::<Order>::default();
    let folder = tempfile::tempdir().expect("temp");
    let (a, node_a) = open(&folder.path().join("a"), &order).expect("opens");
    let (b, node_b) = open(&folder.path().join("b"), &order).expect("opens");
    // B has not read what A made when it makes the same person.
    let of_a = a.person("inn=1").expect("keys");
    let of_b = b.person("inn=1").expect("keys");
    assert_eq!(of_a, of_b);
    assert_eq!(persons(&order).len(), 2, "both wrote one");
    node_a.read();
    node_b.read();
    // The next start deletes the one that holds nowhere.
    drop(b);
    let (b, _) = open(&folder.path().join("b"), &order).expect("opens");
    compact(&order);
    assert_eq!(persons(&order).len(), 1);
    assert_eq!(b.person("inn=1").expect("keys"), of_a);
}

#[test]
fn an_erased_person_is_erased_on_every_node_and_stays_so_after_compaction() {
    let order = Arc::<Order>::default();
    let folder = tempfile::tempdir().expect("temp");
    let (a, _) = open(&folder.path().join("a"), &order).expect("opens");
    let (b, node_b) = open(&folder.path().join("b"), &order).expect("opens");
    let before = a.person("inn=1").expect("keys");
    b.person("inn=1").expect("keys");
    // Both made one; the second holds nowhere, and must not come up when the first is gone.
    a.erase(before.subject()).expect("erased");
    node_b.read();
    for vault in [&a, &b] {
        assert_eq!(vault.find(before.subject()).expect("readable"), None);
    }
    compact(&order);
    let name = before.subject().0.strip_prefix(PERSON_PREFIX).expect("a person");
    let left = persons(&order);
    assert!(!left.iter().any(|key| key.ends_with(name.as_bytes())), "its key is not on the board any more");
    let (c, _) = open(&folder.path().join("c"), &order).expect("opens");
    let again = c.person("inn=1").expect("keys");
    assert_ne!(again.subject(), before.subject());
    assert_eq!(a.person("inn=1").expect("keys"), again);
    // A node that was away all the time has erased it as well when it is back, and names the person as the others do.
    drop(b);
    let (b, _) = open(&folder.path().join("b"), &order).expect("opens");
    assert_eq!(b.find(before.subject()).expect("readable"), None);
    assert_eq!(b.person("inn=1").expect("keys"), again);
}

#[test]
fn a_folder_from_before_is_brought_in_and_a_strangers_is_refused() {
    let order = Arc::<Order>::default();
    let folder = tempfile::tempdir().expect("temp");
    let (old, strange) = (folder.path().join("old"), folder.path().join("strange"));
    let known = FileVault::open(&old).expect("opens").person("inn=1").expect("keys");
    FileVault::open(&strange).expect("opens").person("inn=1").expect("keys");
    let (a, _) = open(&old, &order).expect("opens");
    assert_eq!(a.person("inn=1").expect("keys"), known);
    let (b, _) = open(&folder.path().join("b"), &order).expect("opens");
    assert_eq!(b.person("inn=1").expect("keys"), known);
    assert!(matches!(open(&strange, &order), Err(VaultError::Damaged { .. })));
}
