use portcullis_macros::scopes;

scopes! {
    /// What a fresh user may do.
    pub Me = "me": "Read and change your own account";
    /// What an administrator may do.
    pub Admin = "admin": "Manage users, roles and keys, and read the audit log";
}
