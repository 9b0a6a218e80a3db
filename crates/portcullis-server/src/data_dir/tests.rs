use super::*;

#[test]
fn one_server_at_a_time() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataDir::create(temp.path()).unwrap();
    let held = lock(&folder).unwrap();
    let error = lock(&folder).unwrap_err().to_string();
    assert!(
        error.contains(&format!("already served by process {}", std::process::id())),
        "{error}"
    );
    drop(held);
    drop(lock(&folder).unwrap());
}

#[test]
fn a_missing_folder_is_said_to_be_missing() {
    let temp = tempfile::tempdir().unwrap();
    let error = existing(&temp.path().join("none")).unwrap_err();
    assert!(error.to_string().contains("portcullis serve"));
    let file = temp.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(
        existing(&file),
        Err(FolderError::DataDir(DataDirError::NotAFolder(_)))
    ));
}
