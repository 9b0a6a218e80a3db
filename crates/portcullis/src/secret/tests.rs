use std::{fs, os::unix::ffi::OsStringExt as _};

use tempfile::TempDir;

use super::*;

const NAME: &str = "JWT_SECRET";

/// With these two variables set.
fn with(value: Option<&[u8]>, file: Option<&Path>) -> Result<SecretString, SecretError> {
    find(NAME, |name| match name {
        NAME => value.map(|value| OsString::from_vec(value.to_vec())),
        "JWT_SECRET_FILE" => file.map(Into::into),
        other => panic!("{other}"),
    })
}

fn in_file(content: &[u8]) -> Result<SecretString, SecretError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, content).unwrap();
    with(None, Some(&path))
}

#[test]
fn a_variable_is_taken_as_it_stands() {
    for text in ["hunter2", " hunter2\n"] {
        assert_eq!(with(Some(text.as_bytes()), None).unwrap().expose_secret(), text);
    }
    assert_eq!(secret("CARGO_PKG_NAME").unwrap().expose_secret(), "portcullis");
}

#[test]
fn one_newline_at_the_end_of_a_file_is_no_part_of_it() {
    for (content, text) in [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        (" hunter2 \n", " hunter2 "),
    ] {
        assert_eq!(in_file(content.as_bytes()).unwrap().expose_secret(), text);
    }
}

#[test]
fn what_is_not_there_is_said_with_what_to_do() {
    let error = with(None, None).unwrap_err().to_string();
    assert!(error.contains("JWT_SECRET_FILE") && error.contains("openssl"));
    for empty in ["", " \t"] {
        assert!(matches!(
            with(Some(empty.as_bytes()), None),
            Err(SecretError::Empty(_))
        ));
    }
    assert!(matches!(in_file(b"\n"), Err(SecretError::Empty(_))));
    let missing = with(None, Some(Path::new("/nonexistent/secret"))).unwrap_err();
    assert!(missing.to_string().contains("/nonexistent/secret"));
}

#[test]
fn two_are_one_too_many() {
    for value in ["", "hunter2"] {
        let twice = with(Some(value.as_bytes()), Some(Path::new("/dev/null"))).unwrap_err();
        assert!(matches!(twice, SecretError::Twice(_)));
    }
}

#[test]
fn a_file_has_a_bound() {
    assert!(in_file(&vec![b'a'; LONGEST]).is_ok());
    assert!(matches!(
        in_file(&vec![b'a'; LONGEST + 1]),
        Err(SecretError::File { .. })
    ));
    assert!(matches!(
        with(None, Some(Path::new("/dev/zero"))),
        Err(SecretError::File { .. })
    ));
}

#[test]
fn it_is_shown_nowhere() {
    let secret = with(Some(b"hunter2"), None).unwrap();
    assert!(!format!("{secret:?} {:?}", Some(&secret)).contains("hunter2"));
    for error in [with(Some(b"hunter2\xff"), None), in_file(b"hunter2\xff")] {
        let error = error.unwrap_err();
        assert!(matches!(error, SecretError::NotText(_)));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
