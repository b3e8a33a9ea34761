//! Damage of every kind, wherever it can be done, is found and named where it is. Nothing panics.
//!
//! `MIRANO_FLIPS` sets how many bits are flipped, one at a time, in the log and in an exported file.

use crate::history::{Besides, copy, export, folder, heads, verify};
use mirano::audit::verify::{FindingText, Report};
use mirano::views::Views;
use mirano_replay::overlay::Changes;
use mirano_replay::proof::Anchor;
use mirano_replay::store::{Put, Read, Table};
use mirano_schemas::Position;
use mirano_schemas::envelope::{Envelope, HEADER_LEN};
use std::path::{Path, PathBuf};

/// Something that is done to the frames of a segment.
type Change = Box<dyn Fn(&mut Vec<Vec<u8>>)>;

const SEGMENT_HEADER: usize = 88;
const FRAME: usize = 16;

pub fn flips() -> usize {
    std::env::var("MIRANO_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000)
}

/// Numbers that look random and are the same each time.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % n as u64).expect("small")
    }
}

/// A segment as frames: each its place and bytes, and what stands behind them.
struct Segment {
    path: PathBuf,
    partition: u32,
    header: Vec<u8>,
    frames: Vec<(usize, Vec<u8>)>,
    rest: Vec<u8>,
}

impl Segment {
    fn read(data: &Path, partition: u32) -> Self {
        let path = data.join(format!("log/{partition:04}/{:020}.seg", 0));
        let bytes = std::fs::read(&path).expect("reads");
        let (mut frames, mut at) = (Vec::new(), SEGMENT_HEADER);
        loop {
            let len = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four")) as usize;
            if len == 0 {
                break;
            }
            frames.push((at, bytes[at..at + FRAME + len].to_vec()));
            at += FRAME + len;
        }
        let rest = bytes[at..].to_vec();
        assert_eq!(rest.len(), FRAME, "closed in peace");
        Self { path, partition, header: bytes[..SEGMENT_HEADER].to_vec(), frames, rest }
    }

    fn write(&self, frames: &[Vec<u8>]) {
        let bytes = [&self.header, &frames.concat(), &self.rest].map(Vec::as_slice).concat();
        std::fs::write(&self.path, bytes).expect("writes");
    }

    fn all(&self) -> Vec<Vec<u8>> {
        self.frames.iter().map(|(_, frame)| frame.clone()).collect()
    }

    /// The commit that stands at a byte of the file; the next one behind the last.
    fn commit_at(&self, byte: usize) -> u64 {
        self.frames.iter().take_while(|(at, frame)| at + frame.len() <= byte).count() as u64
    }
}

fn named(report: &Report, what: &str, partition: u32, seq: u64) -> FindingText {
    let at = Position { partition, seq }.to_string();
    let found = report.findings.iter().find(|finding| finding.position.as_ref() == Some(&at));
    found.unwrap_or_else(|| panic!("{what}: nothing at {at}: {:#?}", report.findings)).clone()
}

async fn kept(data: &Path) -> Vec<Anchor> {
    heads(&verify(data, Besides::Nothing, &[], 1).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flipped_bit_of_the_log_is_named_at_its_commit() {
    let work = copy(folder());
    let heads = kept(work.path()).await;
    let segments: Vec<Segment> = (0..2).map(|partition| Segment::read(work.path(), partition)).collect();
    let mut draw = Draw(1);
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..flips() {
        let segment = &segments[draw.below(2)];
        let good = std::fs::read(&segment.path).expect("reads");
        let bit = draw.below(good.len() * 8);
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&segment.path, &bad).expect("writes");
        let report = verify(work.path(), Besides::Nothing, &heads, 1).await;
        let seq = if bit / 8 < SEGMENT_HEADER { 0 } else { segment.commit_at(bit / 8) };
        let found = named(&report, &format!("bit {bit}"), segment.partition, seq);
        assert!(
            ["segment_header", "frame", "body", "tail_torn"].contains(&found.kind.as_str()),
            "bit {bit}: {found:?}"
        );
        *kinds.entry(found.kind).or_default() += 1;
        std::fs::write(&segment.path, &good).expect("writes");
    }
    println!("{} bits flipped in the log: {kinds:?}", flips());
    assert_eq!(verify(work.path(), Besides::Nothing, &heads, 1).await.findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flipped_bit_of_an_exported_file_is_found() {
    let data = folder();
    let heads = kept(data).await;
    let (_held, file) = export(data);
    let good = std::fs::read(&file).expect("reads");
    let mut draw = Draw(2);
    for _ in 0..flips() {
        let bit = draw.below(good.len() * 8);
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&file, &bad).expect("writes");
        // The magic and the version are not damage but another kind of file.
        if bit / 8 < 8 {
            assert!(mirano::audit::source::open(&file).is_err(), "bit {bit}");
            continue;
        }
        let report = verify(&file, Besides::Nothing, &heads, 1).await;
        assert!(!report.ok, "bit {bit}");
        let placed = report.findings.iter().any(|found| found.position.is_some() || found.place.is_some());
        assert!(placed, "bit {bit}: {:?}", report.findings);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_dropped_doubled_swapped_inserted_and_cut_are_named_where_they_are() {
    let work = copy(folder());
    let heads = kept(work.path()).await;
    for partition in 0..2 {
        let segment = Segment::read(work.path(), partition);
        let good = std::fs::read(&segment.path).expect("reads");
        // A frame that is good in itself, of another chain.
        let strange = {
            let at = Position { partition, seq: 3 };
            let envelope = Envelope::seal(at, mirano_schemas::CommitHash([7; 32]), b"body").expect("small");
            let record = [&envelope.to_bytes()[..], b"body"].concat();
            let mut head = u32::try_from(record.len()).expect("small").to_le_bytes().to_vec();
            head.extend_from_slice(&88u32.to_le_bytes());
            let sum = blake3::hash(&[&head, &record[..HEADER_LEN]].concat());
            [&head, &sum.as_bytes()[..8], &record].concat()
        };
        for index in 0..segment.frames.len() {
            let next = (index + 1) % segment.frames.len();
            let cases: [(&str, u64, Change); 4] = [
                ("dropped", index as u64, Box::new(move |frames| drop(frames.remove(index)))),
                ("doubled", index as u64 + 1, Box::new(move |frames| frames.insert(index, frames[index].clone()))),
                ("swapped", index as u64, Box::new(move |frames| frames.swap(index, next))),
                (
                    "inserted",
                    index as u64,
                    Box::new({
                        let strange = strange.clone();
                        move |frames| frames.insert(index, strange.clone())
                    }),
                ),
            ];
            for (what, seq, change) in cases {
                let mut frames = segment.all();
                if what == "swapped" && index + 1 == frames.len() {
                    continue;
                }
                change(&mut frames);
                segment.write(&frames);
                let report = verify(work.path(), Besides::Nothing, &heads, 1).await;
                named(&report, &format!("{what} {partition}:{index}"), partition, seq);
            }
            // Cut in the middle of it, and cut cleanly before it: a head that was kept, or the views, tell.
            let start = segment.frames[index].0;
            for len in [start + FRAME + 20, start] {
                std::fs::write(&segment.path, &good[..len]).expect("writes");
                for (besides, heads) in [(Besides::Nothing, heads.as_slice()), (Besides::Views, &[] as &[Anchor])] {
                    let report = verify(work.path(), besides, heads, 1).await;
                    named(&report, &format!("cut at {len}"), partition, index as u64);
                    assert!(report.findings.iter().any(|found| found.kind == "tail_cut"), "{:?}", report.findings);
                    if besides == Besides::Nothing && index % 8 != 0 {
                        break; // the slower way, for some of them
                    }
                }
            }
        }
        std::fs::write(&segment.path, &good).expect("writes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_written_anew_is_another_one_to_whoever_kept_a_head() {
    let data = folder();
    let other = tempfile::tempdir().expect("temp");
    crate::history::record(other.path());
    let report = verify(other.path(), Besides::Nothing, &kept(data).await, 2).await;
    assert!(report.findings.iter().all(|found| found.kind == "other_history") && !report.ok, "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_lost_and_exchanged_evidence_is_named() {
    let work = copy(folder());
    let mut pieces = Vec::new();
    for shard in std::fs::read_dir(work.path().join("evidence")).expect("reads").flatten() {
        pieces.extend(std::fs::read_dir(shard.path()).expect("reads").flatten().map(|entry| entry.path()));
    }
    pieces.sort();
    let mut draw = Draw(3);
    let check = async |piece: &Path, kind: &str| {
        let report = verify(work.path(), Besides::Evidence, &[], 1).await;
        let name = piece.file_name().expect("a name").to_string_lossy();
        let found =
            report.findings.iter().find(|found| found.place.as_ref().is_some_and(|place| place.ends_with(&*name)));
        let found = found.unwrap_or_else(|| panic!("{name} is not named: {:?}", report.findings));
        assert_eq!((found.kind.as_str(), report.findings.len()), (kind, 1), "{:?}", report.findings);
    };
    for n in 0..flips() / 20 {
        let piece = &pieces[n % pieces.len()];
        let good = std::fs::read(piece).expect("reads");
        // The version is not damage but a newer format; it is named as such.
        let bit = loop {
            let bit = draw.below(good.len() * 8);
            if bit / 8 != 4 {
                break bit;
            }
        };
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(piece, bad).expect("writes");
        check(piece, "evidence_damaged").await;
        std::fs::write(piece, good).expect("writes");
    }
    let good = std::fs::read(&pieces[0]).expect("reads");
    std::fs::write(&pieces[0], std::fs::read(&pieces[1]).expect("reads")).expect("writes");
    let report = verify(work.path(), Besides::Evidence, &[], 1).await;
    assert!(!report.ok, "one piece in the place of another");
    std::fs::write(&pieces[0], &good[..good.len() - 1]).expect("writes");
    check(&pieces[0], "evidence_damaged").await;
    std::fs::remove_file(&pieces[0]).expect("removes");
    check(&pieces[0], "evidence_missing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_the_views_that_the_log_does_not_give_are_named() {
    let work = copy(folder());
    let views = work.path().join("views");
    let mut rows: Vec<(Table, Vec<u8>, Vec<u8>)> = Vec::new();
    {
        let open = Views::open(&views).expect("opens");
        for table in Table::ALL.iter().filter(|table| !matches!(table, Table::Anchor | Table::Form)) {
            open.scan(*table, &[], &[], &mut |key, value| {
                rows.push((*table, key.to_vec(), value.to_vec()));
                true
            })
            .expect("scans");
        }
    }
    let mut draw = Draw(4);
    for n in 0..60 {
        let (table, key, value) = rows[draw.below(rows.len())].clone();
        let (key_now, value_now, kind) = match n % 3 {
            0 => {
                let mut value = value.clone();
                if value.is_empty() {
                    value.push(1)
                } else {
                    let at = draw.below(value.len());
                    value[at] ^= 1
                }
                (key.clone(), Some(value), "view_differs")
            }
            1 => (key.clone(), None, "view_missing"),
            _ => ([key.as_slice(), b"x"].concat(), Some(value.clone()), "view_extra"),
        };
        let put = |key: &[u8], value: Option<Vec<u8>>| {
            let open = Views::open(&views).expect("opens");
            let mut changes = Changes::new();
            changes.insert(table, key, value.map(Put::from));
            open.write(&changes, 1).expect("writes");
            open.flush().expect("durable");
        };
        put(&key_now, value_now);
        let report = verify(work.path(), Besides::Views, &[], 1).await;
        let place = format!("row {table:?} {}", mirano_schemas::base32(&key_now));
        let found: Vec<_> = report.findings.iter().map(|found| (found.kind.as_str(), found.place.clone())).collect();
        assert_eq!(found, [(kind, Some(place))], "{n}");
        put(&key_now, (n % 3 != 2).then_some(value));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_beside_the_log_and_of_other_kinds_are_told_apart() {
    let work = copy(folder());
    let (_held, file) = export(work.path());
    let open = |path: &Path| mirano::audit::source::open(path).err();
    std::fs::write(work.path().join("log/0000/notes.txt"), "x").expect("writes");
    let report = verify(work.path(), Besides::Nothing, &[], 1).await;
    assert_eq!(named(&report, "a strange file", 0, 0).kind, "strange_file");
    assert!(report.partitions[1].whole, "the other partition is judged all the same");
    std::fs::remove_file(work.path().join("log/0000/notes.txt")).expect("removes");
    // A format file that says the same, and yet is not what was written.
    let format = work.path().join("mirano.json");
    let text = std::fs::read_to_string(&format).expect("reads");
    std::fs::write(&format, text + " ").expect("writes");
    let report = verify(work.path(), Besides::Nothing, &[], 1).await;
    assert_eq!(report.findings[0].kind, "folder");
    std::fs::write(&format, "{").expect("writes");
    let report = verify(work.path(), Besides::Nothing, &[], 1).await;
    assert_eq!(report.findings[0].kind, "folder");
    // Not a log at all, and one of a newer version: wrong use, not damage.
    let good = std::fs::read(&file).expect("reads");
    std::fs::write(&file, b"PK\x03\x04 something else").expect("writes");
    assert!(open(&file).is_some_and(|error| error.misused() && error.to_string().contains("not an exported log")));
    let newer = [b"MRNEXP02", &good[8..]].concat();
    std::fs::write(&file, newer).expect("writes");
    assert!(open(&file).is_some_and(|error| error.misused() && error.to_string().contains("use a newer program")));
    for len in (0..good.len()).step_by(good.len() / 50) {
        std::fs::write(&file, &good[..len]).expect("writes");
        assert!(open(&file).is_some(), "cut to {len}");
    }
    std::fs::write(&file, [good.as_slice(), b"x"].concat()).expect("writes");
    assert!(open(&file).is_some_and(|error| !error.misused()));
    assert!(open(Path::new("not-there")).is_some_and(|error| error.misused()));
}
