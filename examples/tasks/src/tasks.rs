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
pub struct Tasks(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    tasks: BTreeMap<u32, Task>,
    /// Never given twice: a policy decides on a number, and the handler acts on the same task.
    last: u32,
}

impl Tasks {
    pub fn of(&self, owner: UserId) -> Vec<Task> {
        self.lock()
            .tasks
            .values()
            .filter(|task| task.owner == owner)
            .cloned()
            .collect()
    }

    pub fn get(&self, id: u32) -> Option<Task> {
        self.lock().tasks.get(&id).cloned()
    }

    pub fn add(&self, owner: UserId, new: NewTask) -> Task {
        let mut kept = self.lock();
        kept.last += 1;
        let task = Task {
            id: kept.last,
            title: new.title,
            owner,
        };
        kept.tasks.insert(task.id, task.clone());
        task
    }

    pub fn remove(&self, id: u32) {
        self.lock().tasks.remove(&id);
    }

    pub fn remove_all_of(&self, owner: UserId) {
        self.lock().tasks.retain(|_, task| task.owner != owner);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
