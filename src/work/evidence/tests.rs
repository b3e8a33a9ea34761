//! The evidence store on a folder, in memory, and on a small S3 server.

use super::*;
use std::collections::BTreeMap;
use std::sync::Mutex;

fn folder() -> (tempfile::TempDir, EvidenceStore) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = EvidenceStore::open(folder.path().join("evidence").to_str().expect("UTF-8")).expect("a store");
    (folder, store)
}

fn keys(fill: u8) -> PersonKeys {
    PersonKeys::from_secret(&[fill; 32])
}

fn file_of(store: &EvidenceStore, id: &EvidenceId) -> PathBuf {
    store.local.as_ref().expect("a local store").join(store.path(id).as_ref())
}

/// Which files in its folder are none of the store's.
#[tokio::test]
async fn files_that_are_no_evidence_are_strange() {
    let folder = tempfile::tempdir().expect("temp");
    let store = EvidenceStore::open_folder(folder.path()).expect("opens");
    let id = store.put(Bytes::from_static(b"a page"), "text/html", None).await.expect("kept").to_string();
    let root = folder.path().canonicalize().expect("there");
    let shard = root.join(&id[..2]);
    // What a crash left of a write, and an empty folder as a disk has it, are not.
    std::fs::write(shard.join(format!("{id}#1")), "a pa").expect("writes");
    std::fs::create_dir(root.join("lost+found")).expect("made");
    assert_eq!(store.strange(), [] as [std::path::PathBuf; 0]);
    let other = if id.starts_with("aa") { "bb" } else { "aa" };
    std::fs::create_dir(root.join(other)).expect("made");
    let strange = [root.join(other).join(&id), shard.join("notes.txt"), root.join("list.csv")];
    strange.iter().for_each(|path| std::fs::write(path, "x").expect("writes"));
    let mut expected = strange.to_vec();
    expected.sort();
    assert_eq!(store.strange(), expected);
}

#[tokio::test]
async fn what_was_put_is_read_also_by_another_process() {
    let (folder, store) = folder();
    let body = Bytes::from("Дело А40-1/2026 ".repeat(30_000));
    let id = store.put(body.clone(), "text/html; charset=utf-8", None).await.expect("kept");
    assert_eq!(id, EvidenceId::of(&[&body]));
    let again = EvidenceStore::open_folder(&folder.path().join("evidence")).expect("a store");
    let got = again.get(&id, None).await.expect("evidence");
    assert_eq!((got.content_type.as_str(), got.body), ("text/html; charset=utf-8", body));
    assert!(matches!(again.get(&EvidenceId([0; 32]), None).await, Err(EvidenceError::NotFound(_))));
}

#[tokio::test]
async fn the_same_bytes_are_written_once() {
    let (_folder, store) = folder();
    let id = store.put(Bytes::from_static(b"page"), "a/b", None).await.expect("kept");
    let file = file_of(&store, &id);
    let before = fs::metadata(&file).expect("metadata").modified().expect("a time");
    let old = before - std::time::Duration::from_secs(1000);
    File::options().write(true).open(&file).and_then(|file| file.set_modified(old)).expect("an old time");
    assert_eq!(store.put(Bytes::from_static(b"page"), "a/b", None).await.expect("kept"), id);
    assert_eq!(fs::metadata(&file).expect("metadata").modified().expect("a time"), old, "not written again");
    assert_eq!(fs::read_dir(file.parent().expect("a folder")).expect("a folder").count(), 1);
}

#[tokio::test]
async fn many_at_once_who_put_the_same_make_one_object() {
    let (_folder, store) = folder();
    let body = Bytes::from(vec![9u8; 100_000]);
    let puts = futures::future::join_all((0..16).map(|_| store.put(body.clone(), "a/b", None))).await;
    let ids: std::collections::BTreeSet<_> = puts.into_iter().map(|put| put.expect("kept")).collect();
    let id = ids.first().expect("an id");
    assert_eq!(ids.len(), 1);
    let folder = file_of(&store, id);
    assert_eq!(fs::read_dir(folder.parent().expect("a folder")).expect("a folder").count(), 1);
    assert_eq!(store.get(id, None).await.expect("evidence").body, body);
}

#[tokio::test]
async fn damage_is_named_and_a_new_put_mends_it() {
    let (_folder, store) = folder();
    let id = store.put(Bytes::from_static(b"page"), "a/b", None).await.expect("kept");
    let file = file_of(&store, &id);
    let good = fs::read(&file).expect("the object");
    for bad in [&b""[..], good.get(..10).expect("a prefix"), &[good.as_slice(), b"x"].concat()] {
        fs::write(&file, bad).expect("damaged");
        assert!(matches!(store.get(&id, None).await, Err(EvidenceError::Corrupt { .. })));
    }
    assert_eq!(store.put(Bytes::from_static(b"page"), "a/b", None).await.expect("kept"), id);
    assert_eq!(fs::read(&file).expect("the object"), good);
}

#[tokio::test]
async fn an_object_under_another_name_is_corrupt() {
    let (_folder, store) = folder();
    let one = store.put(Bytes::from_static(b"one"), "", None).await.expect("kept");
    let two = store.put(Bytes::from_static(b"two"), "", None).await.expect("kept");
    fs::copy(file_of(&store, &one), file_of(&store, &two)).expect("swapped");
    assert!(matches!(store.get(&two, None).await, Err(EvidenceError::Corrupt { id, .. }) if id == two));
}

#[tokio::test]
async fn of_level_person_it_opens_with_that_persons_key_only() {
    let (_folder, store) = folder();
    let body = Bytes::from("Иванов Иван Иванович ".repeat(50));
    let id = store.put(body.clone(), "text/plain", Some(&keys(1))).await.expect("kept");
    assert_ne!(id, EvidenceId::of(&[&body]), "a guessed page can't be confirmed by its hash");
    assert_ne!(id, id_of(&body, Some(&keys(2))));
    assert_eq!(store.get(&id, Some(&keys(1))).await.expect("evidence").body, body);
    assert!(matches!(store.get(&id, None).await, Err(EvidenceError::Sealed(_))));
    assert!(matches!(store.get(&id, Some(&keys(2))).await, Err(EvidenceError::OtherKey(_))));
    let stored = fs::read(file_of(&store, &id)).expect("the object");
    assert!(!stored.windows(12).any(|window| window == "Иванов".as_bytes()));
    let clear = store.put(body.clone(), "text/plain", None).await.expect("kept");
    assert_eq!(store.get(&clear, Some(&keys(1))).await.expect("evidence").body, body, "a key too many does no harm");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_unavailable() {
    let (folder, store) = folder();
    fs::remove_dir_all(folder.path()).expect("removed");
    fs::write(folder.path(), b"a file where the folder was").expect("a file");
    let put = store.put(Bytes::from_static(b"page"), "", None).await;
    assert!(matches!(&put, Err(error) if error.retryable()), "{put:?}");
}

#[test]
fn a_location_that_is_none_is_refused_without_its_secrets() {
    for location in ["gopher://user:hunter2@host/x?key=hunter2", "s3://hunter2@bucket", "gopher://host", "://"] {
        let error = EvidenceStore::open_with(location, []).expect_err("not a store").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let blocked = tempfile::NamedTempFile::new().expect("a file");
    let inside = blocked.path().join("evidence");
    assert!(matches!(EvidenceStore::open_folder(&inside), Err(EvidenceError::BadLocation { .. })));
}

#[tokio::test]
async fn memory_keeps_as_the_folder_does() {
    let store = EvidenceStore::open("memory:///").expect("a store");
    let id = store.put(Bytes::from_static(b"page"), "a/b", None).await.expect("kept");
    assert_eq!(store.get(&id, None).await.expect("evidence").body, "page");
    assert!(!EvidenceStore::memory().contains(&id).await.expect("an answer"));
}

/// Just enough of S3: PUT, GET and HEAD of whole objects, signed requests only.
async fn s3() -> (String, Arc<Mutex<BTreeMap<String, Bytes>>>, Arc<Mutex<usize>>) {
    use axum::http::{HeaderMap, Method, StatusCode, Uri};
    let objects = Arc::new(Mutex::new(BTreeMap::<String, Bytes>::new()));
    let puts = Arc::new(Mutex::new(0));
    let (held, counted) = (objects.clone(), puts.clone());
    let app = axum::Router::new().fallback(async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let signed = headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC"));
        let mut held = held.lock().expect("not poisoned");
        let head = |body: &Bytes| {
            [("last-modified", "Tue, 24 Nov 2026 12:00:00 GMT".to_owned()), ("etag", format!("\"{}\"", body.len()))]
        };
        let none = || head(&Bytes::new());
        match (signed, method) {
            (false, _) => (StatusCode::FORBIDDEN, none(), Bytes::new()),
            (true, Method::PUT) => {
                *counted.lock().expect("not poisoned") += 1;
                let headers = head(&body);
                held.insert(uri.path().to_owned(), body);
                (StatusCode::OK, headers, Bytes::new())
            }
            (true, _) => match held.get(uri.path()) {
                Some(body) => (StatusCode::OK, head(body), body.clone()),
                None => (StatusCode::NOT_FOUND, none(), Bytes::new()),
            },
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), objects, puts)
}

#[tokio::test]
async fn an_s3_store_keeps_as_the_folder_does() {
    let (endpoint, objects, puts) = s3().await;
    let options = [
        ("aws_endpoint", endpoint.as_str()),
        ("aws_allow_http", "true"),
        ("aws_access_key_id", "key"),
        ("aws_secret_access_key", "secret"),
        ("aws_region", "ru-1"),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let store = EvidenceStore::open_with("s3://bucket/evidence", options).expect("a store");
    let body = Bytes::from("page ".repeat(1000));
    let id = store.put(body.clone(), "a/b", None).await.expect("kept");
    assert_eq!(store.put(body.clone(), "a/b", None).await.expect("kept"), id);
    assert_eq!(*puts.lock().expect("not poisoned"), 1, "written once");
    assert_eq!(store.get(&id, None).await.expect("evidence").body, body);
    let name = objects.lock().expect("not poisoned").keys().next().cloned().expect("an object");
    assert_eq!(name, format!("/bucket/evidence/{}/{id}", id.to_string().get(..2).expect("two characters")));
    objects.lock().expect("not poisoned").insert(name, Bytes::from_static(b"MIRE"));
    assert!(matches!(store.get(&id, None).await, Err(EvidenceError::Corrupt { .. })));
    assert!(matches!(store.get(&EvidenceId([1; 32]), None).await, Err(EvidenceError::NotFound(_))));
}
