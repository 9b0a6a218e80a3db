use std::{
    collections::{HashSet, hash_map::RandomState},
    hash::{BuildHasher as _, Hash},
};

use portcullis_core::roster::ImportUser;
use portcullis_store::Imported;

/// What the batches before would have added: the database takes each one back, and so cannot know.
///
/// Hashes of 64 bits, some 40 bytes of memory a user. That two of a million are the same by chance is less likely than one in
/// ten millions, and then one line too many is said to be refused.
#[derive(Default)]
pub(super) struct Rehearsal {
    emails: HashSet<u64>,
    ids: HashSet<u64>,
    state: RandomState,
}

/// What tells one user from all others.
pub(super) struct Mark {
    email: u64,
    id: u64,
}

impl Rehearsal {
    pub(super) fn marks(&self, users: &[ImportUser]) -> Vec<Mark> {
        let mark = |user: &ImportUser| Mark {
            email: self.hash(user.email.key().as_str()),
            id: self.hash(user.id.uuid()),
        };
        users.iter().map(mark).collect()
    }

    fn hash(&self, value: impl Hash) -> u64 {
        self.state.hash_one(value)
    }

    /// Takes back what the database would not have said after the batches before.
    pub(super) fn correct(&mut self, marks: &[Mark], outcomes: &mut [Imported]) {
        for (mark, outcome) in marks.iter().zip(outcomes) {
            if *outcome != Imported::Added {
                continue;
            }
            if self.emails.contains(&mark.email) {
                *outcome = Imported::EmailTaken;
            } else if self.ids.contains(&mark.id) {
                *outcome = Imported::IdTaken;
            } else {
                self.emails.insert(mark.email);
                self.ids.insert(mark.id);
            }
        }
    }
}
