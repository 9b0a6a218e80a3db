use crate::{api::Me, openapi::Documentation};

/// What the document of a Portcullis by itself says beside its operations. Applications write their own.
///
/// ```
/// use portcullis::{Gate, api};
///
/// fn documented(gate: Gate) -> Gate { gate.documented(api::documentation()) }
/// ```
#[must_use]
pub fn documentation() -> Documentation {
    Documentation::new("Portcullis", env!("CARGO_PKG_VERSION"))
        .description(
            "Users register, log in, refresh and log out; administrators manage them. Errors are problem details \
             (RFC 9457). Log in by **Authorize** to try the operations.",
        )
        .token_url("/auth/login")
        .permission::<Me>()
        .tag("auth", "Register, log in, refresh, log out")
        .tag("me", "Your own account and sessions")
        .tag("admin", "Users, roles and the audit log")
        .tag("keys", "Public keys, to verify access tokens with")
        .tag("health", "Whether the server runs and can serve")
}
