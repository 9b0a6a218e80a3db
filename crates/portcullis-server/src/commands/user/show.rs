use clap::Args;
use portcullis::api::UserResponse;

use super::{Who, words};
use crate::{
    commands::{Failure, data, options::DataOptions},
    output,
};

/// Show one user
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    #[command(flatten)]
    who: Who,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user show eva@example.com";

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let user = self.who.find(installation).await?;
            if self.json {
                return Ok(output::json(&UserResponse::from(&user))?);
            }
            let rows = [
                ["id".to_owned(), user.id.to_string()],
                ["email".to_owned(), user.email.to_string()],
                ["name".to_owned(), user.name.to_string()],
                ["status".to_owned(), user.status.to_string()],
                ["roles".to_owned(), words(&user.roles)],
                ["scopes".to_owned(), words(&user.scopes)],
                ["created".to_owned(), user.created_at.to_string()],
            ];
            Ok(output::table(["FIELD", "VALUE"], rows)?)
        })
    }
}
