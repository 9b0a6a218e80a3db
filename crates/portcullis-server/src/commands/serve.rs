use clap::Args;

use super::{
    Failure,
    options::{DataOptions, ListenOptions},
};
use crate::{
    log,
    serve::{self, ServeError},
    telemetry::Exporter,
};

/// Run the server
///
/// The first start makes the data folder, the master key, the database and a signing key, and says how to create the
/// first administrator. SIGTERM and SIGINT let requests finish, SIGHUP reads the TLS certificate again.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    #[command(flatten)]
    listen: ListenOptions,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis serve --dev
  portcullis serve --data-dir /var/lib/portcullis
  portcullis serve --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem
  PORTCULLIS_HTTP__TRUSTED_PROXIES=10.0.0.0/8 PORTCULLIS_TOKEN__ISSUER=https://auth.example.com \\
    portcullis serve --listen 0.0.0.0:8000";

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.listen.load(self.data);
        let warnings = config.warnings.clone();
        let settings = config.for_serving()?;
        let traces = settings.telemetry.as_ref().map(Exporter::start);
        let traces = traces.transpose().map_err(ServeError::Traces)?;
        log::start(&settings.log, traces.as_ref().map(Exporter::layer));
        for warning in warnings {
            tracing::warn!(key = warning.place, "{}", warning.message);
        }
        Ok(serve::run(settings, traces)?)
    }
}
