use portcullis::{
    Allow, Policy, Problem, Routes,
    access::{LocalUser, PolicyRequest},
    routing::get,
};

#[derive(Clone)]
struct Articles;

struct Author;

impl Policy for Author {
    type User = LocalUser;
    type State = Articles;
    const DESCRIPTION: &'static str = "author of the article";

    async fn allows(_: &LocalUser, _: &mut PolicyRequest, _: &Articles) -> Result<bool, Problem> {
        Ok(true)
    }
}

async fn edit(_: Allow<Author>) {}

fn main() {
    let _: Routes<()> = Routes::new().route("/articles/{id}", get(edit));
}
