//! The notes of each user, in memory, and their page.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use askama::Template;
use axum::{
    extract::State,
    response::{Redirect, Response},
};
use portcullis::{CurrentUser, core::id::UserId, csrf::CsrfToken, input::Form};
use serde::Deserialize;

use crate::page::page;

#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<HashMap<UserId, Vec<String>>>>);

impl Notes {
    fn of(&self, user: UserId) -> Vec<String> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.get(&user).cloned().unwrap_or_default()
    }

    fn add(&self, user: UserId, note: String) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.entry(user).or_default().push(note);
    }
}

#[derive(Template)]
#[template(path = "notes.html")]
struct Page {
    notes: Vec<String>,
    csrf: String,
}

pub async fn show(user: CurrentUser, csrf: CsrfToken, State(notes): State<Notes>) -> Response {
    page(&Page {
        notes: notes.of(user.user),
        csrf: csrf.field(),
    })
}

#[derive(Deserialize)]
pub struct Note {
    text: String,
}

pub async fn keep(user: CurrentUser, State(notes): State<Notes>, Form(note): Form<Note>) -> Redirect {
    notes.add(user.user, note.text);
    Redirect::to("/")
}
