use portcullis::{
    access::{Caller, CurrentUser, Holder},
    gate::Gate,
    routing::get,
};

#[derive(Clone)]
struct Guest;

impl Holder for Guest {
    fn has_role(&self, _: &str) -> bool {
        false
    }
    fn has_scope(&self, _: &str) -> bool {
        false
    }
}

impl Caller for Guest {
    fn id(&self) -> String {
        String::new()
    }
    fn roles(&self) -> Vec<String> {
        Vec::new()
    }
    fn scopes(&self) -> Vec<String> {
        Vec::new()
    }
}

async fn hello(_: CurrentUser<Guest>) -> &'static str {
    "hello"
}

fn add(gate: Gate) -> Gate {
    gate.route("/", get(hello))
}

fn main() {}
