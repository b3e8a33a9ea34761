//! Which folders are opened, which are refused, and that refusing changes nothing.

use super::*;

fn refused(result: Result<EmbeddedLog, OpenError>) -> OpenError {
    result.err().expect("it must be refused")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_new_folder_is_made_and_found_again() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join("data");
    let missing = refused(EmbeddedLog::open_read_only(&folder));
    assert!(matches!(missing, OpenError::Missing(_)), "{missing}");
    let log = EmbeddedLog::open(&folder, small(2)).expect("a new log");
    let id = log.log_id();
    drop(log);
    assert_eq!(names(&folder), ["lock", "log", "mirano.json"]);
    assert_eq!(EmbeddedLog::open(&folder, small(2)).expect("the same log").log_id(), id);
    let other = EmbeddedLog::open(parent.path().join("other"), small(2)).expect("another log");
    assert_ne!(other.log_id(), id);
}

#[test]
fn other_partitions_and_absurd_ones_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for partitions in [0, 1025] {
        let error = refused(EmbeddedLog::open(folder.path(), small(partitions)));
        assert!(matches!(error, OpenError::BadPartitions(_)), "{error}");
    }
    assert!(names(folder.path()).is_empty());
    drop(EmbeddedLog::open(folder.path(), small(2)).expect("a new log"));
    let error = refused(EmbeddedLog::open(folder.path(), small(3)));
    assert!(matches!(error, OpenError::OtherPartitions { have: 2, want: 3, .. }), "{error}");
}

#[test]
fn a_foreign_folder_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("letter.txt"), "dear").expect("write");
    let error = refused(EmbeddedLog::open(folder.path(), small(1)));
    assert!(matches!(&error, OpenError::Foreign { found, .. } if found == "letter.txt"), "{error}");
    assert!(matches!(refused(EmbeddedLog::open_read_only(folder.path())), OpenError::Foreign { .. }));
    assert_eq!(names(folder.path()), ["letter.txt"]);
}

#[test]
fn newer_and_broken_format_files_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(EmbeddedLog::open(folder.path(), small(1)).expect("a new log"));
    let file = folder.path().join(FORMAT_FILE);
    let good = std::fs::read_to_string(&file).expect("the format file");
    let try_text = |text: &str| {
        std::fs::write(&file, text).expect("write");
        let error = refused(EmbeddedLog::open(folder.path(), small(1)));
        assert_eq!(error.to_string(), refused(EmbeddedLog::open_read_only(folder.path())).to_string());
        error
    };
    let newer = r#"{"format": "mirano data folder", "version": 7, "shape": "quite another"}"#;
    assert!(matches!(try_text(newer), OpenError::Newer { version: 7, .. }));
    for bad in [
        "",
        "{",
        "{}",
        r#"{"format": "mirano data folder", "version": 0}"#,
        &good.replace("\"log_id\": \"", "\"log_id\": \"1"),
    ] {
        let error = try_text(bad);
        assert!(matches!(error, OpenError::BadFormat { .. }), "{bad}: {error}");
    }
    std::fs::remove_file(&file).expect("remove");
    // Without commits there is nothing to lose: the folder is made anew.
    drop(EmbeddedLog::open(folder.path(), small(1)).expect("an empty log without its format file"));
}

#[tokio::test]
async fn commits_without_a_format_file_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = EmbeddedLog::open(folder.path(), small(1)).expect("a new log");
    append(&log, 0, b"precious").await;
    drop(log);
    std::fs::remove_file(folder.path().join(FORMAT_FILE)).expect("remove");
    let error = refused(EmbeddedLog::open(folder.path(), small(1)));
    assert!(matches!(error, OpenError::Corruption(_)), "{error}");
}

#[tokio::test]
async fn one_process_writes_and_others_may_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = EmbeddedLog::open(folder.path(), small(1)).expect("a new log");
    append(&log, 0, b"a").await;
    let error = refused(EmbeddedLog::open(folder.path(), small(1)));
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    let auditor = EmbeddedLog::open_read_only(folder.path()).expect("reading needs no lock");
    append(&log, 0, b"b").await;
    assert_eq!(bodies(&auditor, 0), [b"a"], "it sees what was there when it opened");
    let refused = auditor.append(0, record(&auditor.head(0), b"c")).await;
    assert_eq!(refused, Err(AppendError::ReadOnly));
    drop(log);
    drop(EmbeddedLog::open(folder.path(), small(1)).expect("the lock is free again"));
}

#[tokio::test]
async fn a_copy_of_the_folder_is_the_same_log() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = EmbeddedLog::open(folder.path(), small(1)).expect("a new log");
    for number in 0..20u8 {
        append(&log, 0, &[number; 100]).await;
    }
    let copy = tempfile::tempdir().expect("a temporary folder");
    let from = folder.path().join(LOG_FOLDER).join("0000");
    let to = copy.path().join(LOG_FOLDER).join("0000");
    std::fs::create_dir_all(&to).expect("make");
    std::fs::copy(folder.path().join(FORMAT_FILE), copy.path().join(FORMAT_FILE)).expect("copy");
    for name in names(&from).into_iter().filter(|name| name.ends_with(".seg")) {
        std::fs::copy(from.join(&name), to.join(&name)).expect("copy");
    }
    let auditor = EmbeddedLog::open_read_only(copy.path()).expect("a copied folder");
    assert_eq!(auditor.verify_all().expect("sound"), log.verify_all().expect("sound"));
    assert_eq!(bodies(&auditor, 0), bodies(&log, 0));
    auditor.check_anchor(&log.head(0)).expect("the same history");
    assert!(!names(copy.path()).contains(&"lock".to_owned()), "reading leaves no trace");
}

/// Whatever part of its creation a crash left, the folder opens.
#[test]
fn an_interrupted_creation_is_made_again() {
    let (rig, log) = Rig::new(small(2));
    rig.kill(log);
    std::fs::rename(rig.folder.path().join(FORMAT_FILE), rig.folder.path().join("mirano.json.tmp")).expect("undo");
    let second = rig.folder.path().join(LOG_FOLDER).join("0001");
    std::fs::rename(second.join("00000000000000000000.seg"), second.join("00000000000000000000.seg.tmp"))
        .expect("undo");
    let log = rig.open().expect("made again");
    assert_eq!(names(&second), ["00000000000000000000.seg"]);
    block_on(append(&log, 1, b"works"));
}
