use clap::Args;
use portcullis::api::RoleResponse;

use crate::{
    commands::{Failure, data, options::DataOptions},
    output,
};

/// List the roles, their scopes, and the roles that they imply
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis role list";

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let graph = installation.authority.roles().await?;
            if self.json {
                let roles: Vec<_> = graph.roles().map(RoleResponse::from).collect();
                return Ok(output::json(&roles)?);
            }
            let rows = graph.roles().map(|role| {
                [
                    role.name.to_string(),
                    role.scopes
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" "),
                    role.implies
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" "),
                    role.description.to_string(),
                ]
            });
            Ok(output::table(["NAME", "SCOPES", "IMPLIES", "DESCRIPTION"], rows)?)
        })
    }
}
