//! The tasks of all users, in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use portcullis::core::id::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
pub struct NewTask {
    title: String,
}

#[derive(Clone, Serialize, ToSchema)]
pub struct Task {
    pub id: u32,
    pub title: String,
    #[schema(value_type = String, format = "uuid")]
    pub owner: UserId,
}

#[derive(Clone, Default)]
pub struct Tasks(Arc<Mutex<BTreeMap<u32, Task>>>);

impl Tasks {
    pub fn of(&self, owner: UserId) -> Vec<Task> {
        self.lock()
            .values()
            .filter(|task| task.owner == owner)
            .cloned()
            .collect()
    }

    pub fn get(&self, id: u32) -> Option<Task> {
        self.lock().get(&id).cloned()
    }

    pub fn add(&self, owner: UserId, new: NewTask) -> Task {
        let mut tasks = self.lock();
        let id = tasks.last_key_value().map_or(1, |(last, _)| last + 1);
        let task = Task {
            id,
            title: new.title,
            owner,
        };
        tasks.insert(id, task.clone());
        task
    }

    pub fn remove(&self, id: u32) {
        self.lock().remove(&id);
    }

    pub fn remove_all_of(&self, owner: UserId) {
        self.lock().retain(|_, task| task.owner != owner);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
