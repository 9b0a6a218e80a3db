mod build;
mod files;
mod http;
mod life;
mod roles;

use portcullis_core::password::Argon2Params;
use tempfile::TempDir;

use super::Builder;
use crate::Portcullis;

/// A folder, and the options for a database in it that hashes in no time.
fn fresh() -> (TempDir, Builder) {
    let folder = tempfile::tempdir().unwrap();
    let builder = Portcullis::builder().sqlite(folder.path().join("app.db"));
    (folder, fast(builder))
}

fn again(folder: &TempDir) -> Builder {
    fast(Portcullis::builder().sqlite(folder.path().join("app.db")))
}

fn fast(builder: Builder) -> Builder {
    builder.configure(|config| {
        config.hashing.params = Argon2Params::weak_for_tests();
        config.hashing.threads = 1;
    })
}
