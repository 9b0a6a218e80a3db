use portcullis::{authenticated, requires};

#[requires]
async fn none(_: User) {}

#[requires(Editor, Publisher)]
async fn both_or_either(_: User) {}

#[requires(both(Editor, Publisher))]
async fn unknown_word(_: User) {}

#[authenticated(Editor)]
async fn login(_: User) {}

fn main() {}
