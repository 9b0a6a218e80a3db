use portcullis::{CurrentUser, Gate, routing::get};

#[derive(Clone, portcullis::Caller)]
struct Guest {
    id: u64,
}

async fn hello(_: CurrentUser<Guest>) -> &'static str {
    "hello"
}

fn add(gate: Gate) -> Gate {
    gate.route("/", get(hello))
}

fn main() {}
