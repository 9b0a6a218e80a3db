//! What is in the file.

use std::collections::HashSet;

use serde_json::{error::Category, value::RawValue};

use super::{Record, UserStoreError, files::Files};

/// All users of the file.
pub(super) fn read<U: Record>(files: &Files) -> Result<Vec<U>, UserStoreError> {
    let Some(content) = files.content()? else {
        return Ok(Vec::new());
    };
    parse(&content).map_err(|Fault { line, reason }| UserStoreError::Corrupt {
        path: files.path().to_owned(),
        line,
        reason,
    })
}

/// What is wrong with the content, and in which line, from 1. What serde says of it is not repeated: it may quote what is
/// in the file, which is password hashes.
struct Fault {
    line: usize,
    reason: &'static str,
}

fn parse<U: Record>(content: &[u8]) -> Result<Vec<U>, Fault> {
    let text = std::str::from_utf8(content).map_err(|error| Fault {
        line: 1 + breaks(&content[..error.valid_up_to()]),
        reason: "this is not UTF-8",
    })?;
    if text.trim_ascii().is_empty() {
        return Err(Fault {
            line: 1,
            reason: "the file is empty, and a list of no users is written `[]`",
        });
    }
    let list: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| Fault {
        line: error.line(),
        reason: match error.classify() {
            Category::Eof => "the file ends too early",
            Category::Data => "this is JSON, but no list of users",
            Category::Syntax | Category::Io => "this is not JSON",
        },
    })?;
    let (mut users, mut keys) = (Vec::with_capacity(list.len()), HashSet::new());
    let (mut line, mut offset) = (1, 0);
    for raw in list {
        let begins = raw.get().as_ptr() as usize - text.as_ptr() as usize;
        line += breaks(&content[offset..begins]);
        offset = begins;
        let user: U = serde_json::from_str(raw.get()).map_err(|error| Fault {
            line: line + error.line().saturating_sub(1),
            reason: "this is JSON, but no user as this program knows users: a member is missing, of another type, or there \
                     twice",
        })?;
        if !keys.insert(user.key().to_owned()) {
            return Err(Fault {
                line,
                reason: "this user is in the file already, further up",
            });
        }
        users.push(user);
    }
    Ok(users)
}

fn breaks(content: &[u8]) -> usize {
    content.split(|byte| *byte == b'\n').count() - 1
}

/// A list, one user a line: a line of an error is then that of a user, and changes can be compared.
pub(super) fn write<U: Record>(users: &[U]) -> Result<Vec<u8>, UserStoreError> {
    let mut content = b"[".to_vec();
    for (number, user) in users.iter().enumerate() {
        content.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut content, user).map_err(UserStoreError::unavailable)?;
    }
    content.extend_from_slice(b"\n]\n");
    Ok(content)
}
