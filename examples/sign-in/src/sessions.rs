//! The application's own sessions, in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use portcullis::{
    Caller,
    secret::{ExposeSecret as _, SecretString},
};

/// Somebody who signed in.
#[derive(Clone, Debug, Caller)]
pub struct Person {
    pub issuer: String,
    #[caller(id)]
    pub subject: String,
}

#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<String, Person>>>);

impl Sessions {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Person>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begin(&self, id: &SecretString, person: Person) {
        self.held().insert(id.expose_secret().to_owned(), person);
    }

    pub fn person(&self, id: &str) -> Option<Person> {
        self.held().get(id).cloned()
    }

    pub fn end(&self, id: &str) {
        self.held().remove(id);
    }
}
