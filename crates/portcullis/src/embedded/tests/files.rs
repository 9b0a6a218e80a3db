use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use portcullis_core::{key::Vault, rng::SystemRng};

use crate::embedded::{DataDir, DataDirError, KeyFile, KeyFileError};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_made_is_private() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(&temp.path().join("deep/data")).unwrap();
    assert_eq!(mode(folder.path()), 0o700);
    assert!(folder.key_file().read().unwrap().is_none());
    let made = folder.key_file().create(&SystemRng).unwrap();
    assert_eq!(mode(&folder.path().join("master.key")), 0o600);
    let read = folder.key_file().read().unwrap().unwrap();
    assert_eq!(Vault::new(&made).fingerprint(), Vault::new(&read).fingerprint());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_master_key_is_never_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    let first = folder.key_file().create(&SystemRng).unwrap();
    let second = folder.key_file().create(&SystemRng).unwrap();
    assert_eq!(
        Vault::new(&first).fingerprint(),
        Vault::new(&second).fingerprint()
    );
}

#[test]
fn a_master_key_that_others_can_read_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    folder.key_file().create(&SystemRng).unwrap();
    let path = folder.path().join("master.key");
    for open in [0o640, 0o604, 0o644, 0o660] {
        chmod(&path, open);
        let error = folder.key_file().read().err().unwrap();
        assert!(matches!(&error, KeyFileError::Exposed { .. }), "{open:o}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("mode {open:03o}")) && text.contains("chmod 600"),
            "{text}"
        );
    }
    chmod(&path, 0o400);
    assert!(folder.key_file().read().unwrap().is_some());
}

#[test]
fn a_damaged_master_key_is_not_taken_for_a_missing_one() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    let path = folder.path().join("master.key");
    fs::write(&path, "half").unwrap();
    chmod(&path, 0o600);
    assert!(matches!(
        folder.key_file().read(),
        Err(KeyFileError::Damaged { .. })
    ));
}

#[test]
fn an_empty_open_folder_is_closed_and_a_full_one_is_warned_about() {
    let temp = tempfile::tempdir().unwrap();
    chmod(temp.path(), 0o755);
    let folder = DataDir::create(temp.path()).unwrap();
    assert_eq!(mode(temp.path()), 0o700);
    assert_eq!(folder.warning(), None);
    fs::write(temp.path().join("file"), "").unwrap();
    chmod(temp.path(), 0o750);
    let folder = DataDir::create(temp.path()).unwrap();
    assert_eq!(mode(temp.path()), 0o750);
    assert!(folder.warning().unwrap().contains("chmod 700"));
}

#[test]
fn a_file_is_no_folder() {
    let temp = tempfile::tempdir().unwrap();
    assert_eq!(DataDir::find(&temp.path().join("none")).unwrap(), None);
    let file = temp.path().join("file");
    fs::write(&file, "").unwrap();
    for found in [
        DataDir::find(&file).map(|_| ()),
        DataDir::create(&file).map(|_| ()),
    ] {
        assert!(matches!(found, Err(DataDirError::NotAFolder(_))), "{found:?}");
    }
}

#[test]
fn first_starts_at_once_agree_on_one_key() {
    let temp = tempfile::tempdir().unwrap();
    let file = KeyFile::new(temp.path().join("app.db.key"));
    let keys: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Vault::new(&file.create(&SystemRng).unwrap()).fingerprint()))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}
