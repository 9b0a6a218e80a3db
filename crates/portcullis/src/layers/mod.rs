//! What stands around all routes.

use std::{fmt, net::IpAddr, sync::Arc};

/// Where a request comes from, as the layers found out: a request extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Names a request in the log, the audit log and the answer's `x-request-id`: a request extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
