use portcullis_core::{key::Vault, rng::SystemRng};

use super::*;

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
    assert_eq!(mode(&folder.path), 0o700);
    assert!(folder.master_key().unwrap().is_none());
    let made = folder.create_master_key(&SystemRng).unwrap();
    assert_eq!(mode(&folder.path.join("master.key")), 0o600);
    let read = folder.master_key().unwrap().unwrap();
    assert_eq!(Vault::new(&made).fingerprint(), Vault::new(&read).fingerprint());
    assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 1);
}

#[test]
fn a_master_key_is_never_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    let first = folder.create_master_key(&SystemRng).unwrap();
    let second = folder.create_master_key(&SystemRng).unwrap();
    assert_eq!(
        Vault::new(&first).fingerprint(),
        Vault::new(&second).fingerprint()
    );
}

#[test]
fn a_master_key_that_others_can_read_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    folder.create_master_key(&SystemRng).unwrap();
    let path = folder.path.join("master.key");
    for open in [0o640, 0o604, 0o644, 0o660] {
        chmod(&path, open);
        let error = folder.master_key().err().unwrap();
        assert!(
            matches!(&error, DataDirError::Exposed { mode, .. } if *mode == open),
            "{open:o}"
        );
        assert!(error.to_string().contains("chmod 600"));
    }
    chmod(&path, 0o400);
    assert!(folder.master_key().unwrap().is_some());
}

#[test]
fn a_damaged_master_key_is_not_taken_for_a_missing_one() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    let path = folder.path.join("master.key");
    fs::write(&path, "half").unwrap();
    chmod(&path, 0o600);
    assert!(matches!(folder.master_key(), Err(DataDirError::MasterKey { .. })));
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
fn one_server_at_a_time() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    let lock = folder.lock().unwrap();
    let error = folder.lock().unwrap_err().to_string();
    assert!(
        error.contains(&format!("already served by process {}", std::process::id())),
        "{error}"
    );
    drop(lock);
    drop(folder.lock().unwrap());
}

#[test]
fn a_missing_folder_is_said_to_be_missing() {
    let temp = tempfile::tempdir().unwrap();
    let error = DataDir::existing(&temp.path().join("none")).unwrap_err();
    assert!(error.to_string().contains("portcullis serve"));
    let file = temp.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(DataDir::create(&file), Err(DataDirError::NotAFolder(_))));
    assert!(matches!(
        DataDir::existing(&file),
        Err(DataDirError::NotAFolder(_))
    ));
}
