use portcullis::{
    Allow, Policy, Problem,
    access::{LocalUser, PolicyRequest},
};

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
}

struct Author;

impl Policy for Author {
    type User = LocalUser;
    type State = ();
    const DESCRIPTION: &'static str = "author of the article";

    async fn allows(_: &LocalUser, _: &mut PolicyRequest, _: &()) -> Result<bool, Problem> {
        Ok(true)
    }
}

async fn edit(_: Allow<Author, User>) {}

fn main() {}
