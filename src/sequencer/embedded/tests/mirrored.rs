//! A mirror: what it wrote and the disk had not synced may be lost in any pattern, and nothing else may.

use super::super::mirror::Mirror;
use super::super::segment::segment_name;
use super::*;

const LOG: LogId = LogId([4; 16]);
/// So long that nothing is synced unless something asks for it.
const NEVER: Duration = Duration::from_secs(3600);

/// A folder that a mirror is made in, on a faulty disk.
struct Mirrored {
    folder: TempDir,
    disk: FaultyDisk,
    options: Options,
}

impl Mirrored {
    fn new(options: Options) -> (Self, Mirror) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rig = Self { folder, disk: FaultyDisk::default(), options };
        let disk = Arc::new(rig.disk.clone());
        let mirror = Mirror::create_on(disk, rig.folder.path(), options, LOG, &[]).expect("a new mirror");
        (rig, mirror)
    }

    fn open(&self) -> Result<Mirror, OpenError> {
        Mirror::open_on(Arc::new(self.disk.clone()), self.folder.path(), self.options)
    }

    /// The process ends, and the disk takes nothing more from it.
    fn kill(&self, mirror: Mirror) {
        self.disk.space(Some(0));
        self.disk.fail_syncs(true);
        self.disk.hold_syncs(false);
        drop(mirror);
        self.disk.space(None);
        self.disk.fail_syncs(false);
    }

    fn first_segment(&self) -> PathBuf {
        super::super::open::partition_folder(&self.folder.path().join(LOG_FOLDER), 0).join(segment_name(0))
    }
}

fn unhurried() -> Options {
    Options { lag: NEVER, ..Options::default() }
}

/// The log that is mirrored: one commit upon the other.
struct Elsewhere(Vec<(Bytes, Head)>);

impl Elsewhere {
    fn with(mut self, bodies: impl IntoIterator<Item = Vec<u8>>) -> Self {
        for body in bodies {
            let head = self.head(self.0.len());
            let record = record(&head, &body);
            let after = predict(&head, &record);
            self.0.push((record, after));
        }
        self
    }

    /// The head after so many commits.
    fn head(&self, commits: usize) -> Head {
        commits.checked_sub(1).map_or(Head::genesis(LOG, 0), |last| self.0[last].1)
    }

    /// Gives a mirror what it lacks, up to so many commits.
    fn read_into(&self, mirror: &Mirror, upto: usize) {
        let have = mirror.log().head(0).next_seq as usize;
        let records: Vec<Bytes> = self.0[have..upto].iter().map(|(record, _)| record.clone()).collect();
        assert_eq!(mirror.extend(0, &records), Ok(self.head(upto)));
    }

    fn bodies(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|(record, _)| record[mirano_schemas::envelope::HEADER_LEN..].to_vec()).collect()
    }
}

fn elsewhere(commits: u8) -> Elsewhere {
    Elsewhere(Vec::new()).with((0..commits).map(|number| vec![number; 60]))
}

fn synced(mirror: &Mirror) -> usize {
    mirror.synced(0).expect("there").next_seq as usize
}

#[test]
fn readers_see_what_was_written_before_the_disk_has_it() {
    let (rig, mirror) = Mirrored::new(unhurried());
    let log = elsewhere(3);
    let mut watching = mirror.log().watch(0);
    let syncs = rig.disk.syncs();
    log.read_into(&mirror, 3);
    assert_eq!(*watching.borrow_and_update(), log.head(3));
    assert_eq!(bodies(mirror.log(), 0), log.bodies());
    assert_eq!((rig.disk.syncs(), synced(&mirror)), (syncs, 0), "and no sync was waited for");
    mirror.sync(0).expect("synced");
    assert_eq!((rig.disk.syncs(), synced(&mirror)), (syncs + 1, 3));
    mirror.sync(0).expect("nothing to do");
    assert_eq!(rig.disk.syncs(), syncs + 1);
}

#[test]
fn what_was_written_is_synced_a_moment_later_without_being_asked() {
    let (rig, mirror) = Mirrored::new(Options::default());
    let syncs = rig.disk.syncs();
    elsewhere(3).read_into(&mirror, 3);
    rig.disk.wait_for_syncs(syncs + 1);
    mirror.sync(0).expect("synced");
    assert_eq!((rig.disk.syncs(), synced(&mirror)), (syncs + 1, 3), "it was under way");
    assert_eq!(mirror.unsynced_for(0), Duration::ZERO);
}

/// What is written while a sync runs is not in it, whatever the disk had time to do.
#[test]
fn what_is_written_during_a_sync_is_in_the_next_one() {
    let (rig, mirror) = Mirrored::new(unhurried());
    let log = elsewhere(5);
    log.read_into(&mirror, 2);
    let syncs = rig.disk.syncs();
    rig.disk.hold_syncs(true);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| mirror.sync(0));
        rig.disk.wait_for_syncs(syncs + 1);
        log.read_into(&mirror, 5);
        assert!(mirror.unsynced_for(0) > Duration::ZERO);
        rig.disk.hold_syncs(false);
        waiting.join().expect("no panic").expect("synced");
    });
    assert_eq!(synced(&mirror), 2);
    rig.kill(mirror);
    rig.disk.crash(|tail| tail.clear());
    let mirror = rig.open().expect("opens");
    assert_eq!(bodies(mirror.log(), 0), log.bodies()[..2]);
}

/// A process that ends leaves all that it wrote to the system.
#[test]
fn a_killed_process_loses_nothing() {
    let (rig, mirror) = Mirrored::new(unhurried());
    let log = elsewhere(9);
    log.read_into(&mirror, 4);
    mirror.sync(0).expect("synced");
    log.read_into(&mirror, 9);
    rig.kill(mirror);
    let mirror = rig.open().expect("opens");
    assert_eq!(bodies(mirror.log(), 0), log.bodies());
    assert_eq!(synced(&mirror), 9, "opening makes durable what it found");
    rig.kill(mirror);
    rig.disk.crash(|tail| tail.clear());
    assert_eq!(bodies(rig.open().expect("opens").log(), 0), log.bodies());
}

/// Each frame says what was synced when it was written, and no more: damage before that is named, behind it is torn.
#[test]
fn damage_is_told_from_what_the_power_took() {
    let (rig, mirror) = Mirrored::new(unhurried());
    let log = elsewhere(8);
    log.read_into(&mirror, 3);
    mirror.sync(0).expect("synced");
    let durable = std::fs::metadata(rig.first_segment()).expect("there").len() as usize;
    for upto in 4..=8 {
        log.read_into(&mirror, upto);
    }
    rig.kill(mirror);
    let whole = std::fs::read(rig.first_segment()).expect("readable");
    for at in (0..whole.len()).step_by(5) {
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        std::fs::write(rig.first_segment(), &changed).expect("change");
        match EmbeddedLog::open_read_only(rig.folder.path()) {
            Ok(log) => assert!(at >= durable && log.head(0).next_seq < 8, "byte {at} is not noticed"),
            Err(OpenError::Corruption(damage)) => assert!(at < durable, "byte {at}: {damage}"),
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

/// Closed in peace it says that all was durable, and after a failed sync it says nothing.
#[test]
fn only_what_is_durable_is_marked() {
    for fail in [false, true] {
        let (rig, mirror) = Mirrored::new(unhurried());
        elsewhere(3).read_into(&mirror, 3);
        rig.disk.fail_syncs(fail);
        drop(mirror);
        rig.disk.fail_syncs(false);
        let mut changed = std::fs::read(rig.first_segment()).expect("readable");
        changed[88 + 20] ^= 0x20;
        std::fs::write(rig.first_segment(), &changed).expect("change");
        let opened = EmbeddedLog::open_read_only(rig.folder.path());
        assert_eq!(opened.is_ok(), fail, "{:?}", opened.err());
    }
}

#[test]
fn after_a_sync_that_failed_nothing_is_written_in_any_partition() {
    let (rig, mirror) = Mirrored::new(Options { partitions: 2, ..unhurried() });
    let log = elsewhere(4);
    log.read_into(&mirror, 2);
    mirror.check().expect("well so far");
    rig.disk.fail_syncs(true);
    let syncs = rig.disk.syncs();
    assert!(matches!(mirror.sync(0), Err(AppendError::Poisoned { .. })));
    rig.disk.fail_syncs(false);
    assert!(matches!(mirror.check(), Err(AppendError::Poisoned { .. })));
    let other = record(&Head::genesis(LOG, 1), b"other");
    for (partition, record) in [(0, log.0[2].0.clone()), (1, other)] {
        let refused = mirror.extend(partition, &[record]);
        assert!(matches!(refused, Err(AppendError::Poisoned { .. })), "{refused:?}");
    }
    assert!(mirror.sync(0).is_err());
    assert_eq!((rig.disk.syncs(), synced(&mirror)), (syncs + 1, 0), "and the sync is not tried again");
    assert_eq!(bodies(mirror.log(), 0).len(), 2, "reads go on");
}

#[test]
fn a_full_disk_ends_the_mirror() {
    let (rig, mirror) = Mirrored::new(unhurried());
    let log = elsewhere(4);
    log.read_into(&mirror, 2);
    rig.disk.space(Some(30));
    let full = mirror.extend(0, &[log.0[2].0.clone()]);
    let Err(AppendError::Poisoned { cause }) = full else { panic!("{full:?}") };
    assert!(cause.contains("no storage space"), "{cause}");
    assert!(mirror.check().is_err());
    assert_eq!(mirror.log().head(0), log.head(2));
    rig.kill(mirror);
    let mirror = rig.open().expect("opens with space again");
    log.read_into(&mirror, 4);
}

/// As when the topic is not the one that was mirrored.
#[test]
fn what_does_not_count_is_left_out_and_shows_in_the_head() {
    let (_rig, mirror) = Mirrored::new(unhurried());
    let (log, other) = (elsewhere(3), Elsewhere(Vec::new()).with((0..3).map(|number| vec![number; 7])));
    log.read_into(&mirror, 1);
    assert_eq!(mirror.extend(0, &[other.0[1].0.clone(), log.0[1].0.clone()]), Ok(log.head(2)));
    assert!(matches!(mirror.extend(1, &[]), Err(AppendError::UnknownPartition { partition: 1, partitions: 1 })));
    let refused = block_on(mirror.log().append(0, log.0[2].0.clone()));
    assert_eq!(refused, Err(AppendError::ReadOnly), "and nothing gets in beside");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Rounds of reading, of which some are synced, and a power loss that takes the rest in any pattern. What is found is a
    /// prefix with all that was synced; what is missing is read again, and in the end all is there. Small segments: most
    /// rounds start some.
    #[test]
    fn a_power_loss_takes_nothing_that_was_synced(
        rounds in prop::collection::vec(
            (prop::collection::vec((prop::collection::vec(0..300usize, 1..5), any::<bool>()), 1..6), fate(), fate()),
            1..4,
        ),
        segment_bytes in 400..3000usize,
    ) {
        let (rig, mut mirror) = Mirrored::new(Options { segment_bytes, ..unhurried() });
        let mut log = Elsewhere(Vec::new());
        for (number, (reads, fate, another)) in rounds.into_iter().enumerate() {
            for (sizes, sync) in reads {
                log = log.with(sizes.iter().map(|size| vec![number as u8; *size]));
                log.read_into(&mirror, log.0.len());
                if sync {
                    mirror.sync(0).expect("synced");
                }
            }
            let durable = synced(&mirror);
            rig.kill(mirror);
            rig.disk.crash(|tail| {
                fate.apply(tail);
                if !tail.is_empty() {
                    another.apply(tail);
                }
            });
            mirror = rig.open().expect("a torn tail is not corruption");
            let found = bodies(mirror.log(), 0);
            prop_assert!(found.len() >= durable, "synced: {durable}, found: {}", found.len());
            prop_assert_eq!(&found[..], &log.bodies()[..found.len()]);
            log.read_into(&mirror, log.0.len());
            prop_assert_eq!(bodies(mirror.log(), 0), log.bodies());
            prop_assert_eq!(mirror.log().verify_all().expect("sound")[0].head, log.head(log.0.len()));
        }
        drop(mirror);
        let sound = EmbeddedLog::open_read_only(rig.folder.path()).expect("closed in peace");
        prop_assert_eq!(sound.verify_all().expect("sound")[0].head, log.head(log.0.len()));
    }
}
