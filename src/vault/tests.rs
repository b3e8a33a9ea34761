//! The key store against crashes, races, damage and guesses.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Barrier};

const IVANOV: &str = "inn=500100732259";

fn open(folder: &tempfile::TempDir) -> FileVault {
    FileVault::open(folder.path().join("keys")).expect("the key folder opens")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// All files below, with their bytes.
fn files(at: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(at).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push((entry.clone(), fs::read(&entry).expect("a file")));
        }
    }
    found.sort();
    found
}

#[test]
fn a_person_keeps_its_keys_over_a_restart() {
    let folder = folder();
    let keys = open(&folder).person(IVANOV).expect("keys");
    let again = open(&folder);
    assert_eq!(again.person(IVANOV).expect("keys"), keys);
    assert_eq!(again.find(keys.subject()), Ok(Some(keys.clone())));
    let sealed = keys.seal(b"text");
    assert_eq!(open(&folder).by_subject(&sealed.subject).expect("keys").open(&sealed).as_deref(), Ok(&b"text"[..]));
}

#[test]
fn another_installation_names_the_same_person_otherwise() {
    let (a, b) = (folder(), folder());
    let (a, b) = (open(&a), open(&b));
    let (one, two) = (a.person(IVANOV).expect("keys"), b.person(IVANOV).expect("keys"));
    assert_ne!(one.subject(), two.subject());
    assert_eq!(b.find(one.subject()), Ok(None));
}

#[test]
fn a_guess_is_not_confirmed_by_any_file_without_the_installation_secret() {
    let folder = folder();
    let vault = open(&folder);
    let keys = vault.person(IVANOV).expect("keys");
    let index = vault.index_path(&vault.lookup(IVANOV).expect("it has its secret"));
    assert!(index.exists(), "the right secret does confirm");
    // What somebody can compute who knows the name, the code and the files, but not installation.key.
    let guess = vault.index_path(blake3::hash(IVANOV.as_bytes()).as_bytes());
    let other = vault.index_path(blake3::keyed_hash(&[0; 32], IVANOV.as_bytes()).as_bytes());
    assert!(!guess.exists() && !other.exists());
    for (path, bytes) in files(&folder.path().join("keys")) {
        let seen = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!seen("500100732259") && !path.display().to_string().contains("500100732259"));
    }
    // The subject comes of randomness only: nothing in it depends on the name.
    assert_ne!(open(&self::folder()).person(IVANOV).expect("keys").subject(), keys.subject());
}

#[test]
fn only_the_owner_may_read() {
    let folder = folder();
    let vault = open(&folder);
    vault.person(IVANOV).expect("keys");
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&vault.root), 0o700);
    for (path, _) in files(&vault.root) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    fs::set_permissions(&vault.root, fs::Permissions::from_mode(0o755)).expect("chmod");
    let root = open(&folder).root;
    assert_eq!(mode(&root), 0o700, "an opened folder is closed again");
}

#[test]
fn many_at_once_who_see_a_person_first_get_one_key() {
    let folder = folder();
    let vault = Arc::new(open(&folder));
    let start = Arc::new(Barrier::new(16));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (vault, start) = (vault.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                vault.person(IVANOV).expect("keys")
            })
        })
        .collect();
    let mut subjects: Vec<_> =
        threads.into_iter().map(|thread| thread.join().expect("no panic").subject().clone()).collect();
    subjects.dedup();
    assert_eq!(subjects.len(), 1);
    assert_eq!(files(&vault.root.join("persons")).len(), 1);
}

#[test]
fn a_crash_before_the_rename_leaves_nothing() {
    let folder = folder();
    let vault = open(&folder);
    // Half a key file, as a crash in the middle of writing leaves it.
    fs::write(vault.root.join("tmp").join("1-0"), b"MIRK\x01\x02half a secret").expect("a staged file");
    let vault = open(&folder);
    assert_eq!(files(&vault.root.join("tmp")), []);
    let keys = vault.person(IVANOV).expect("keys");
    assert_eq!(open(&folder).person(IVANOV).expect("keys"), keys);
}

#[test]
fn a_crash_between_key_and_index_leaves_a_key_nobody_was_given() {
    let folder = folder();
    let vault = open(&folder);
    let lookup = vault.lookup(IVANOV).expect("it has its secret");
    vault.make(&lookup).expect("a person");
    fs::remove_file(vault.index_path(&lookup)).expect("as if the crash came before the index entry");
    let vault = open(&folder);
    let keys = vault.person(IVANOV).expect("keys");
    assert_eq!(open(&folder).person(IVANOV).expect("keys"), keys);
    assert_eq!(files(&vault.root.join("persons")).len(), 2);
}

#[test]
fn an_erased_person_is_gone_and_its_bytes_too() {
    let folder = folder();
    let vault = open(&folder);
    let keys = vault.person(IVANOV).expect("keys");
    let other = vault.person("inn=2").expect("keys");
    vault.erase(keys.subject()).expect("erased");
    vault.erase(keys.subject()).expect("once more");
    assert_eq!(vault.find(keys.subject()), Ok(None));
    assert_eq!(vault.erased(), Ok(vec![keys.subject().clone()]));
    assert_eq!(vault.find(other.subject()), Ok(Some(other.clone())));
    let vault = open(&folder);
    assert_eq!(vault.find(keys.subject()), Ok(None));
    let again = vault.person(IVANOV).expect("new keys");
    assert_ne!(again.subject(), keys.subject(), "the same name is a new person now");
    assert_eq!(again.open(&keys.seal(b"text")), Err(crate::core::vault::OpenError::OtherSubject));
}

#[test]
fn a_crash_inside_an_erasure_is_finished_at_open_and_an_old_backup_brings_nothing_back() {
    let folder = folder();
    let vault = open(&folder);
    let keys = vault.person(IVANOV).expect("keys");
    let backup = files(&vault.root);
    vault.erase(keys.subject()).expect("erased");
    // The old files return; the tombstone stays, as docs/operations/keys.md asks.
    for (path, bytes) in backup {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("restored");
    }
    assert!(vault.key_path(name_of(keys.subject()).expect("a name")).exists(), "the fault is there");
    assert_eq!(vault.find(keys.subject()), Ok(None), "even before a restart");
    let vault = open(&folder);
    assert_eq!(vault.find(keys.subject()), Ok(None));
    assert_eq!(files(&vault.root.join("persons")), []);
    assert_ne!(vault.person(IVANOV).expect("keys").subject(), keys.subject());
}

#[test]
fn damage_is_named_and_no_new_secret_is_made_over_it() {
    let folder = folder();
    let vault = open(&folder);
    let keys = vault.person(IVANOV).expect("keys");
    let path = vault.key_path(name_of(keys.subject()).expect("a name"));
    let good = fs::read(&path).expect("the key file");
    let mut bad = good.clone();
    *bad.get_mut(20).expect("a byte of the secret") ^= 1;
    fs::write(&path, bad).expect("damaged");
    let vault = open(&folder);
    assert!(matches!(vault.person(IVANOV), Err(VaultError::Damaged { .. })));
    assert!(matches!(vault.find(keys.subject()), Err(VaultError::Damaged { .. })));
    assert_eq!(vault.by_subject(keys.subject()), None);
    fs::remove_file(&path).expect("lost");
    assert!(matches!(open(&folder).person(IVANOV), Err(VaultError::Damaged { .. })), "a lost file is not a new person");
    fs::write(&path, good).expect("restored");
    assert_eq!(open(&folder).person(IVANOV).expect("keys"), keys);
}

#[test]
fn a_lost_installation_secret_is_not_replaced() {
    let folder = folder();
    open(&folder).person(IVANOV).expect("keys");
    fs::remove_file(folder.path().join("keys/installation.key")).expect("lost");
    assert_eq!(FileVault::open(folder.path().join("keys")).err(), Some(VaultError::InstallationLost));
}

#[test]
fn subjects_that_are_paths_find_nothing() {
    let folder = folder();
    let vault = open(&folder);
    for text in ["person:", "person:../../etc/passwd", "person:AAAAAAAAAAAAAAAAAAAAAAAAAA", "company:7707083893", ""] {
        assert_eq!(vault.find(&Subject(text.to_owned())), Ok(None), "{text}");
        vault.erase(&Subject(text.to_owned())).expect("nothing to erase");
    }
    assert_eq!(vault.erased(), Ok(vec![]));
    assert_eq!(vault.person("").err(), Some(VaultError::EmptyIdentity));
}
