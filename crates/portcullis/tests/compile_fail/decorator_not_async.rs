use portcullis::{admin, authenticated, requires};

#[authenticated]
fn me() {}

#[requires(Editor)]
struct Handler;

#[admin]
const NOT_A_HANDLER: u8 = 0;

fn main() {}
