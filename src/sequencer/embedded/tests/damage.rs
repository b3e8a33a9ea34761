//! Every byte of a log changed or cut: named, or recognised as a torn tail; never read as something else.

use super::super::frame::SegmentHeader;
use super::*;

/// A log of two batches in one segment, the last one of three records, not closed in peace; with the offset at which the
/// last batch starts.
fn two_batches() -> (Rig, PathBuf, usize) {
    let (rig, log) = Rig::new(Options::default());
    block_on(append(&log, 0, b"one"));
    let head = block_on(append(&log, 0, b"two"));
    let path = segment_path(&rig, 0);
    let start = std::fs::metadata(&path).expect("the segment").len() as usize;
    let syncs = rig.disk.syncs();
    rig.disk.hold_syncs(true);
    let mut outcomes = chain(&log, head, &[vec![3; 10]]);
    rig.disk.wait_for_syncs(syncs + 1);
    outcomes.extend(chain(&log, outcomes[0].0, &[vec![4; 40], vec![], vec![6; 600]]));
    rig.disk.hold_syncs(false);
    for (_, outcome) in outcomes {
        block_on(outcome).expect("it counts");
    }
    rig.kill(log);
    // The first of the four was synced alone.
    let start = start + super::super::frame::FRAME_LEN + HEADER_LEN + 10;
    (rig, path, start)
}

fn segment_path(rig: &Rig, first_seq: u64) -> PathBuf {
    let folder = super::super::open::partition_folder(&rig.folder.path().join(LOG_FOLDER), 0);
    folder.join(super::super::segment::segment_name(first_seq))
}

fn read_only(rig: &Rig) -> Result<EmbeddedLog, OpenError> {
    EmbeddedLog::open_read_only(rig.folder.path())
}

#[test]
fn cut_at_every_byte_of_the_last_batch_leaves_a_prefix() {
    let (rig, path, start) = two_batches();
    let whole = std::fs::read(&path).expect("the segment");
    let mut lengths = std::collections::BTreeSet::new();
    for len in start..=whole.len() {
        std::fs::write(&path, &whole[..len]).expect("cut");
        let log = rig.open().unwrap_or_else(|error| panic!("cut at {len}: {error}"));
        let found = bodies(&log, 0);
        assert!(found.len() >= 3 && found.len() <= 6, "cut at {len}");
        let torn: u64 = log.cut_tails().iter().map(|cut| cut.cut).sum();
        assert!(torn < (whole.len() - start) as u64);
        lengths.insert(found.len());
        rig.kill(log);
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
}

#[test]
fn a_changed_byte_is_a_torn_tail_only_in_the_last_batch() {
    let (rig, path, start) = two_batches();
    let whole = std::fs::read(&path).expect("the segment");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        std::fs::write(&path, &changed).expect("change");
        match read_only(&rig) {
            Err(OpenError::Corruption(corruption)) => {
                assert!(at < start, "byte {at}: {corruption}");
                assert_eq!(corruption.file.as_deref(), Some(path.as_path()));
            }
            Ok(log) => {
                assert!(at >= start, "byte {at} is not noticed");
                assert_eq!(log.cut_tails().len(), 1);
                assert!(log.head(0).next_seq < 6);
            }
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

/// A log closed in peace says that all of it was durable: then no change is taken for a torn tail.
#[test]
fn after_a_peaceful_close_every_changed_byte_is_damage() {
    let (rig, path, _) = two_batches();
    drop(rig.open().expect("opens"));
    let whole = std::fs::read(&path).expect("the segment");
    let mark = whole.len() - super::super::frame::FRAME_LEN;
    for at in (0..mark).step_by(3) {
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        std::fs::write(&path, &changed).expect("change");
        assert!(matches!(read_only(&rig), Err(OpenError::Corruption(_))), "byte {at}");
    }
    std::fs::write(&path, &whole).expect("mend");
    drop(rig.open().expect("opens"));
    assert_eq!(std::fs::read(&path).expect("the segment"), whole, "opening and closing again adds nothing");
    let log = rig.open().expect("opens");
    block_on(append(&log, 0, b"behind the mark"));
    assert_eq!(bodies(&log, 0).len(), 7);
}

/// A crash may keep the end of a batch and lose its middle.
#[test]
fn a_hole_in_the_unsynced_batch_is_torn_though_good_frames_follow() {
    let (rig, path, start) = two_batches();
    let mut bytes = std::fs::read(&path).expect("the segment");
    bytes[start + 20] ^= 1;
    std::fs::write(&path, &bytes).expect("change");
    let log = rig.open().expect("a torn tail");
    assert_eq!(bodies(&log, 0).len(), 3);
    assert_eq!(log.cut_tails()[0].kept, start as u64);
    block_on(append(&log, 0, b"goes on"));
}

/// A log of several sealed segments.
fn many_segments() -> (Rig, Vec<PathBuf>) {
    let (rig, log) = Rig::new(small(1));
    for number in 0..30u8 {
        block_on(append(&log, 0, &[number; 200]));
    }
    drop(log);
    let folder = super::super::open::partition_folder(&rig.folder.path().join(LOG_FOLDER), 0);
    let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == "seg")).collect();
    segments.sort();
    assert!(segments.len() > 5);
    (rig, segments)
}

fn corruption(result: Result<EmbeddedLog, OpenError>) -> Corruption {
    match result {
        Err(OpenError::Corruption(corruption)) => corruption,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn a_missing_a_cut_and_a_longer_segment_are_named() {
    let (rig, segments) = many_segments();
    for (index, path) in segments.iter().enumerate() {
        let whole = std::fs::read(path).expect("a segment");
        let last = index + 1 == segments.len();
        if !last {
            std::fs::remove_file(path).expect("remove");
            assert!(matches!(corruption(read_only(&rig)).kind, CorruptionKind::Hole(_)));
            for changed in [&whole[..whole.len() - 1], &whole[..88], &[&whole[..], &[0]].concat()] {
                std::fs::write(path, changed).expect("change");
                assert!(matches!(corruption(read_only(&rig)).kind, CorruptionKind::Hole(_)));
            }
        }
        std::fs::write(path, &whole[..50]).expect("change");
        assert!(matches!(corruption(read_only(&rig)).kind, CorruptionKind::SegmentHeader(_)));
        std::fs::write(path, &whole).expect("mend");
    }
    let strange = segments[0].with_file_name("notes.txt");
    std::fs::write(&strange, "x").expect("write");
    assert_eq!(corruption(read_only(&rig)).kind, CorruptionKind::StrangeFile);
    std::fs::remove_file(strange).expect("remove");
    assert_eq!(bodies(&read_only(&rig).expect("mended"), 0).len(), 30);
}

#[test]
fn damage_in_a_sealed_segment_is_found_by_whoever_reads_it() {
    let (rig, segments) = many_segments();
    let path = &segments[2];
    let whole = std::fs::read(path).expect("a segment");
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x04;
        std::fs::write(path, &changed).expect("change");
        let log = match read_only(&rig) {
            Ok(log) => log,
            Err(OpenError::Corruption(_)) if at < 88 => continue,
            Err(error) => panic!("{error}"),
        };
        assert!(matches!(log.verify_all(), Err(ReadError::Corruption(_))), "byte {at}");
        let Err(ReadError::Corruption(named)) = log.read(0, 0, usize::MAX) else { panic!("byte {at} is not noticed") };
        assert_eq!(named.file.as_ref(), Some(path));
        assert!(log.read(0, 29, 1000).is_ok(), "other segments can be read");
    }
}

#[test]
fn a_dropped_a_moved_and_a_foreign_record_break_the_chain() {
    let (rig, path, _) = two_batches();
    let whole = std::fs::read(&path).expect("the segment");
    let first = 88..88 + 16 + 84 + 3;
    let second = first.end..first.end + 16 + 84 + 3;
    let mut foreign = Vec::new();
    super::super::frame::write_frame(&mut foreign, 88, &record(&Head::genesis(LogId([9; 16]), 0), b"foreign"));
    let header = &whole[..88];
    let (one, two, rest) = (&whole[first.clone()], &whole[second.clone()], &whole[second.end..]);
    for changed in [
        [header, two, rest].concat(),
        [header, two, one, rest].concat(),
        [header, one, one, two, rest].concat(),
        [header, &foreign, rest].concat(),
    ] {
        std::fs::write(&path, changed).expect("change");
        let found = corruption(read_only(&rig));
        assert!(matches!(found.kind, CorruptionKind::Chain | CorruptionKind::Frame(_)), "{found}");
    }
}

#[test]
fn marks_that_are_missing_or_wrong_cost_only_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { segment_bytes: 100_000, ..Options::default() };
    let log = EmbeddedLog::open(folder.path(), options).expect("a new log");
    let mut head = log.head(0);
    let mut last = None;
    for number in 0..1000u32 {
        let record = record(&head, &[&number.to_le_bytes()[..], &[0; 300]].concat());
        head = predict(&head, &record);
        last = Some(log.append(0, record));
        if number % 50 == 0 {
            block_on(last.take().expect("just set")).expect("it counts");
        }
    }
    block_on(last.expect("set")).expect("it counts");
    drop(log);
    let log_folder = super::super::open::partition_folder(&folder.path().join(LOG_FOLDER), 0);
    let indexes = || {
        let entries = std::fs::read_dir(&log_folder).expect("the folder").map(|entry| entry.expect("entry").path());
        entries.filter(|path| path.extension().is_some_and(|found| found == "idx")).collect::<Vec<_>>()
    };
    let check = || {
        let log = EmbeddedLog::open_read_only(folder.path()).expect("opens");
        for seq in (0..1000).step_by(37) {
            let commits = log.read(0, seq, 0).expect("sound");
            assert_eq!(commits[0].body()[..4], (seq as u32).to_le_bytes());
        }
    };
    assert!(indexes().len() >= 3);
    check();
    // Good in form, wrong in what it says.
    let mut lie = super::super::marks::Marks::default();
    lie.add(5, 20_000);
    lie.add(70, 50_001);
    for path in indexes() {
        std::fs::write(path, lie.to_bytes()).expect("write");
    }
    check();
    for path in indexes() {
        std::fs::write(path, b"junk").expect("write");
    }
    check();
    for path in indexes() {
        std::fs::remove_file(path).expect("remove");
    }
    check();
}

/// A forger who keeps every length, check and body hash right still has to name the commit before.
#[test]
fn a_commit_exchanged_for_another_of_its_size_breaks_the_chain() {
    const FRAME: usize = 16 + 84 + 200;
    let (rig, segments) = many_segments();
    let path = &segments[1];
    let whole = std::fs::read(path).expect("a segment");
    let sound = read_only(&rig).expect("sound").read(0, 0, usize::MAX).expect("sound");
    let first_seq = SegmentHeader::parse(&whole).expect("a header").first_seq;
    let frames = (whole.len() - 88) / FRAME;
    assert!(frames >= 3);
    for index in 0..frames {
        let seq = first_seq + index as u64;
        let original = sound[seq as usize].envelope;
        let at = 88 + index * FRAME;
        let mut forged = Vec::new();
        let synced = u32::from_le_bytes(whole[at + 4..at + 8].try_into().expect("four bytes"));
        let upon = Head { partition: 0, next_seq: seq, hash: original.prev };
        super::super::frame::write_frame(&mut forged, synced, &record(&upon, &[0xEE; 200]));
        let changed = [&whole[..at], &forged, &whole[at + FRAME..]].concat();
        assert_eq!(changed.len(), whole.len());
        std::fs::write(path, changed).expect("change");
        let log = read_only(&rig).expect("opening does not read sealed segments");
        for result in
            [log.read(0, 0, usize::MAX).map(drop), log.read(0, seq, usize::MAX).map(drop), log.verify_all().map(drop)]
        {
            let Err(ReadError::Corruption(named)) = result else { panic!("seq {seq} is not noticed") };
            assert!(matches!(named.kind, CorruptionKind::Chain | CorruptionKind::Hole(_)), "{named}");
            assert!(named.seq == seq + 1, "the next commit names another: {named}");
        }
    }
}
