use clap::Args;
use portcullis_core::{
    clock::{Clock as _, SystemClock},
    token::{Inspection, MAX_FOREIGN_TOKEN, inspect},
};
use serde_json::{Map, Value};

use super::stdin;
use crate::{commands::Failure, output};

/// Show what a token on stdin says, and what is wrong with it
///
/// Needs no key, and so does not tell whether the signature holds: believe nothing that is shown.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inspect {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  echo \"$TOKEN\" | portcullis token inspect
  echo \"$TOKEN\" | portcullis token inspect --json | jq -r .claims.sub

Exit codes: 0 nothing is wrong (but the signature is not checked), 1 something is, 2 wrong usage.";

impl Inspect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let found = inspect(&stdin::token(MAX_FOREIGN_TOKEN)?, SystemClock.now());
        if self.json {
            output::json(&found)?;
        } else {
            print(&found)?;
        }
        if found.problems.is_empty() {
            return Ok(());
        }
        for problem in &found.problems {
            output::failure(problem);
        }
        Err(Failure::Said)
    }
}

fn print(found: &Inspection) -> Result<(), Failure> {
    object("Header", found.header.as_ref())?;
    object("Claims", found.claims.as_ref())?;
    for (label, at) in [
        ("Issued at", &found.times.issued_at),
        ("Not before", &found.times.not_before),
        ("Expires at", &found.times.expires_at),
    ] {
        if let Some(at) = at {
            output::line(format_args!("{label}: {at}"))?;
        }
    }
    if let Some(bytes) = found.signature_bytes {
        output::line(format_args!("Signature: {bytes} bytes, not checked"))?;
    }
    Ok(())
}

fn object(label: &str, members: Option<&Map<String, Value>>) -> Result<(), Failure> {
    if let Some(members) = members {
        output::line(format_args!("{label}:"))?;
        output::json(members)?;
    }
    Ok(())
}
