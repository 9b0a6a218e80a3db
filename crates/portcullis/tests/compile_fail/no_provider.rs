use portcullis::{Gate, access::LocalUser};

#[derive(Clone)]
struct AppState {
    name: &'static str,
}

fn main() {
    let state = AppState { name: "articles" };
    let _ = Gate::<AppState, LocalUser>::new(state);
}
