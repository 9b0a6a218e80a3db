use portcullis_macros::scopes;

scopes! {
    /// What a fresh user may do.
    ///
    /// ```
    /// use portcullis::{Allow, access::LocalUser, api::Me};
    ///
    /// async fn rename(user: Allow<Me>) -> String { user.user.to_string() }
    /// ```
    pub Me = "me": "Read and change your own account";
    /// What an administrator may do.
    ///
    /// ```
    /// use portcullis::{Allow, Routes, api::Admin, routing::get};
    ///
    /// let routes: Routes = Routes::new().route("/users", get(async |_: Allow<Admin>| "all"));
    /// assert_eq!(routes.access_table().to_string(), "GET  /users  scope admin\n");
    /// ```
    pub Admin = "admin": "Manage users, roles and keys, and read the audit log";
}
