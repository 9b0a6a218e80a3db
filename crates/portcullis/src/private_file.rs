//! Files with secrets are for their owner only.

use std::{fmt, fs::Metadata, os::unix::fs::MetadataExt as _, path::Path};

/// Who else can get at a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// Its mode lets others.
    Mode(u32),
    /// It belongs to another user than the one of this process.
    Owner(u32),
}

impl Exposure {
    /// Of an open file, so that what was checked is what is read.
    pub(crate) fn of(file: &Metadata) -> Option<Self> {
        Self::to(
            file.uid(),
            file.mode() & 0o777,
            rustix::process::geteuid().as_raw(),
        )
    }

    fn to(owner: u32, mode: u32, own: u32) -> Option<Self> {
        if mode & 0o077 != 0 {
            return Some(Self::Mode(mode));
        }
        // What root can do with it, root can do anyway.
        (owner != own && owner != 0).then_some(Self::Owner(owner))
    }

    /// What is wrong with the file at `path`, and what to do.
    pub(crate) fn advice(self, path: &Path) -> impl fmt::Display {
        let path = path.display();
        match self {
            Self::Mode(mode) => format!(
                "is open to others (mode {mode:03o}): make it private with `chmod 600 {path}`, and consider that it may have \
                 been read"
            ),
            Self::Owner(uid) => format!(
                "belongs to another user (uid {uid}), who can read and replace it: give it to the user of this program \
                 with `chown`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_get_at_a_private_file() {
        for (owner, mode, found) in [
            (1000, 0o600, None),
            (1000, 0o400, None),
            (0, 0o600, None),
            (1000, 0o640, Some(Exposure::Mode(0o640))),
            (1000, 0o602, Some(Exposure::Mode(0o602))),
            (0, 0o644, Some(Exposure::Mode(0o644))),
            (1001, 0o600, Some(Exposure::Owner(1001))),
        ] {
            assert_eq!(Exposure::to(owner, mode, 1000), found, "{owner} {mode:o}");
        }
        assert_eq!(Exposure::to(1000, 0o600, 0), Some(Exposure::Owner(1000)));
    }
}
