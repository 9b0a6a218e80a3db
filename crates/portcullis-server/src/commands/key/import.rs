use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
};

use clap::Args;
use portcullis_core::{authority::Caller, key::ImportOptions, token::Algorithm};
use zeroize::Zeroizing;

use super::list::Show;
use crate::commands::{Failure, data, options::DataOptions};

/// Take in a private key made elsewhere
///
/// PEM (PKCS#8, SEC 1, PKCS#1), PKCS#8 in DER, or a private JWK; from the file, or from stdin.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The key; without it, stdin
    file: Option<PathBuf>,
    /// Algorithm: needed only to sign with an RSA key by PS256
    #[arg(long, value_name = "ALG")]
    algorithm: Option<Algorithm>,
    /// Sign with it at once, rather than next
    #[arg(long)]
    activate: bool,
    #[command(flatten)]
    show: Show,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis key import key.pem
  openssl genpkey -algorithm ed25519 | portcullis key import --activate";

/// More than any private key has.
const LONGEST: u64 = 64 * 1024;

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut text = Zeroizing::new(Vec::new());
        let read = match &self.file {
            Some(path) => fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text)),
            None => io::stdin().lock().take(LONGEST).read_to_end(&mut text),
        };
        if let Err(source) = read {
            let place = self
                .file
                .map_or_else(|| "stdin".to_owned(), |path| path.display().to_string());
            return Err(Failure::Read { place, source });
        }
        let options = ImportOptions {
            algorithm: self.algorithm,
            activate: self.activate,
        };
        data::on(self.data, async |installation| {
            installation
                .authority
                .import_key(&Caller::operator(), &text, options)
                .await?;
            self.show.keys(installation).await
        })
    }
}
