use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    time::Duration,
};

use http::StatusCode;
use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::{problem::Problem, provider::AuthError};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    logins: u32,
}

impl Record for User {
    fn key(&self) -> &str {
        &self.name
    }
}

fn user(name: &str) -> User {
    User {
        name: name.into(),
        logins: 0,
    }
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("users.json")
    }

    fn file(&self) -> JsonFile<User> {
        JsonFile::open(self.path()).unwrap()
    }

    /// As somebody writes it who knows that it is private.
    fn write(&self, content: &str) {
        fs::write(self.path(), content).unwrap();
        self.chmod(0o600);
    }

    fn chmod(&self, mode: u32) {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(&self, name: &str) -> u32 {
        let found = fs::metadata(self.folder.path().join(name)).unwrap();
        found.permissions().mode() & 0o777
    }
}

#[tokio::test]
async fn users_come_and_go() {
    let place = Place::new();
    let file = place.file();
    assert_eq!(file.load().await.unwrap(), []);
    file.create(user("alice")).await.unwrap();
    file.create(user("bob")).await.unwrap();
    assert!(matches!(
        file.create(user("alice")).await,
        Err(UserStoreError::AlreadyExists)
    ));
    let changed = User {
        logins: 7,
        ..user("alice")
    };
    file.save(changed.clone()).await.unwrap();
    assert!(matches!(
        file.save(user("carol")).await,
        Err(UserStoreError::NotFound)
    ));
    assert_eq!(file.load().await.unwrap(), [changed.clone(), user("bob")]);
    assert_eq!(file.find("alice").await.unwrap(), Some(changed));
    assert_eq!(file.find("Alice").await.unwrap(), None);

    // Another value, as another process would have it.
    place.file().delete("alice").await.unwrap();
    assert!(matches!(
        file.delete("alice").await,
        Err(UserStoreError::NotFound)
    ));
    assert_eq!(file.load().await.unwrap(), [user("bob")]);
    file.delete("bob").await.unwrap();
    assert_eq!(file.load().await.unwrap(), []);
}

#[tokio::test]
async fn the_file_has_one_user_a_line_and_is_for_its_owner() {
    let place = Place::new();
    let file = place.file();
    for name in ["alice", "line\nbreak"] {
        file.create(user(name)).await.unwrap();
    }
    assert_eq!(
        fs::read_to_string(place.path()).unwrap(),
        "[\n{\"name\":\"alice\",\"logins\":0},\n{\"name\":\"line\\nbreak\",\"logins\":0}\n]\n"
    );
    assert_eq!(
        (place.mode("users.json"), place.mode("users.json.lock")),
        (0o600, 0o600)
    );
    let names = fs::read_dir(place.folder.path()).unwrap().count();
    assert_eq!(names, 2, "nothing else is left");
}

#[tokio::test]
async fn a_file_that_others_can_get_at_is_refused() {
    let place = Place::new();
    let file = place.file();
    file.create(user("alice")).await.unwrap();
    for open in [0o644, 0o640, 0o602] {
        place.chmod(open);
        let errors = [
            JsonFile::<User>::open(place.path()).err(),
            file.find("alice").await.err(),
            file.create(user("bob")).await.err(),
        ];
        for error in errors {
            let text = error.unwrap().to_string();
            assert!(text.contains(&format!("mode {open:03o}")), "{text}");
            assert!(
                text.contains("`chmod 600 /") && text.contains("users.json`"),
                "{text}"
            );
        }
    }
    place.chmod(0o600);
    assert_eq!(file.load().await.unwrap(), [user("alice")]);
}

#[tokio::test]
async fn a_file_that_is_not_understood_is_an_error_with_its_line_and_stays_as_it_is() {
    let alice = r#"{"name":"alice","logins":0}"#;
    for (content, line, reason) in [
        (String::new(), 1, "empty"),
        (" \n".into(), 1, "empty"),
        ("\0\0\0\0".into(), 1, "not JSON"),
        (format!("[\n{alice},\n"), 3, "too early"),
        (
            format!("[\n{alice},\n{{\"name\":\"hunter2\",\"logi"),
            3,
            "too early",
        ),
        (format!("[\n{alice}\n{alice}\n]"), 3, "not JSON"),
        (format!("[\n{alice},\n{alice}\n]"), 3, "already"),
        (format!("[\n{alice}\n]\n[]\n"), 4, "not JSON"),
        ("[\n{\"name\":\"hunter2\"}\n]".into(), 2, "no user"),
        (
            "[\n{\"name\":\"bob\",\"logins\":\"hunter2\"}\n]".into(),
            2,
            "no user",
        ),
        (
            format!("[\n{alice},\n{{\n\"name\":\"bob\",\n\"logins\":\"hunter2\"}}\n]"),
            5,
            "no user",
        ),
        ("{\"users\":[]}".into(), 1, "no list"),
        ("null".into(), 1, "no list"),
    ] {
        let place = Place::new();
        let file = place.file();
        place.write(&content);
        let errors = [
            file.load().await.err(),
            file.find("alice").await.err(),
            file.create(user("carol")).await.err(),
            file.save(user("alice")).await.err(),
            file.update("alice", |_| ()).await.err(),
            file.delete("alice").await.err(),
            JsonFile::<User>::open(place.path()).err(),
        ];
        for error in errors {
            let error = error.unwrap();
            let UserStoreError::Corrupt {
                line: found,
                reason: why,
                ..
            } = error
            else {
                panic!("{content:?}: {error}")
            };
            assert_eq!((found, why.contains(reason)), (line, true), "{content:?}: {why}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("users.json") && !text.contains("hunter2"), "{text}");
        }
        assert_eq!(fs::read_to_string(place.path()).unwrap(), content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_lose_nothing() {
    let place = Place::new();
    place.file().create(user("counter")).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            // Of two values in one process, each has a lock of its own.
            let file = place.file();
            tokio::spawn(async move {
                for round in 0..10 {
                    file.create(user(&format!("{number}-{round}"))).await.unwrap();
                    file.update("counter", |user| user.logins += 1).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let users = place.file().load().await.unwrap();
    assert_eq!((users.len(), users[0].logins), (81, 80));
}

#[tokio::test]
async fn of_several_who_create_one_user_one_does() {
    let place = Place::new();
    let (first, second) = (place.file(), place.file());
    let (a, b) = tokio::join!(first.create(user("alice")), second.create(user("alice")));
    assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1);
    assert_eq!(first.load().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_update_cannot_make_two_of_one_name() {
    let place = Place::new();
    let file = place.file();
    for name in ["alice", "bob"] {
        file.create(user(name)).await.unwrap();
    }
    let taken = file.update("bob", |user| user.name = "alice".into()).await;
    assert!(matches!(taken, Err(UserStoreError::AlreadyExists)));
    file.update("bob", |user| user.name = "carol".into())
        .await
        .unwrap();
    assert_eq!(file.load().await.unwrap(), [user("alice"), user("carol")]);
    assert_eq!(file.update("carol", |user| user.logins + 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_change_that_panics_changes_nothing_and_holds_nothing() {
    let place = Place::new();
    let file = place.file();
    file.create(user("alice")).await.unwrap();
    let failed = file.update("alice", |_| panic!("in a test")).await;
    assert!(matches!(failed, Err(UserStoreError::Unavailable(_))));
    file.update("alice", |user| user.logins += 1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_held_for_too_long_is_said_and_nothing_happens_later() {
    let place = Place::new();
    let file = place.file();
    let lock = fs::File::create(place.folder.path().join("users.json.lock")).unwrap();
    lock.lock().unwrap();
    let (first, second, ()) = tokio::join!(
        file.create(user("alice")),
        file.create(user("bob")),
        tokio::time::advance(Duration::from_secs(11)),
    );
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(error.to_string().contains("users.json.lock"), "{error}");
    }
    drop(lock);
    // Whoever waited first has given up; the next one comes after them.
    file.create(user("carol")).await.unwrap();
    assert_eq!(file.load().await.unwrap(), [user("carol")]);
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_to_be_written_is_waited_for() {
    let place = Place::new();
    let file = place.file();
    file.create(user("alice")).await.unwrap();
    let (begun, at_work) = tokio::sync::oneshot::channel();
    let (go_on, told) = std::sync::mpsc::channel();
    let writing = file.update("alice", move |user| {
        begun.send(()).unwrap();
        told.recv().unwrap();
        user.logins += 1;
    });
    let slowly = async {
        at_work.await.unwrap();
        tokio::time::advance(Duration::from_secs(11)).await;
        go_on.send(()).unwrap();
    };
    let (written, ()) = tokio::join!(writing, slowly);
    written.unwrap();
    assert_eq!(file.find("alice").await.unwrap().unwrap().logins, 1);
}

#[tokio::test]
async fn a_link_stays_a_link() {
    let (place, other) = (Place::new(), Place::new());
    other.file().create(user("alice")).await.unwrap();
    symlink(other.path(), place.path()).unwrap();
    place.file().create(user("bob")).await.unwrap();
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    assert_eq!(other.file().load().await.unwrap().len(), 2);
    assert!(
        !place.folder.path().join("users.json.lock").exists(),
        "one lock for both"
    );
}

#[tokio::test]
async fn what_was_laid_in_the_way_is_not_followed() {
    let place = Place::new();
    let bait = place.folder.path().join("bait");
    fs::write(&bait, "kept").unwrap();
    symlink(&bait, place.folder.path().join("users.json.new")).unwrap();
    place.file().create(user("alice")).await.unwrap();
    assert_eq!(fs::read_to_string(&bait).unwrap(), "kept");
    assert!(!fs::symlink_metadata(place.path()).unwrap().is_symlink());

    let place = Place::new();
    let bait = place.folder.path().join("bait");
    symlink(&bait, place.folder.path().join("users.json.lock")).unwrap();
    let error = place.file().create(user("alice")).await.unwrap_err();
    assert!(error.to_string().contains("users.json.lock"), "{error}");
    assert!(!bait.exists() && !place.path().exists());
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said() {
    let file = JsonFile::<User>::open("/nonexistent/users.json").unwrap();
    let error = file.create(user("alice")).await.unwrap_err();
    assert!(
        error.to_string().contains("/nonexistent/users.json.lock"),
        "{error}"
    );
    assert_eq!(AuthError::from(error), AuthError::unavailable());
}

#[test]
fn errors_have_their_answers() {
    let status = |error: UserStoreError| Problem::from(error).status();
    let corrupt = || UserStoreError::Corrupt {
        path: "users.json".into(),
        line: 1,
        reason: "",
    };
    assert_eq!(status(UserStoreError::AlreadyExists), StatusCode::CONFLICT);
    assert_eq!(status(UserStoreError::NotFound), StatusCode::NOT_FOUND);
    assert_eq!(status(corrupt()), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(AuthError::from(corrupt()), AuthError::unavailable());
    assert!(matches!(
        AuthError::from(UserStoreError::NotFound),
        AuthError::Invalid { .. }
    ));
}
