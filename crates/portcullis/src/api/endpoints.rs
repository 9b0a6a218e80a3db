use super::{
    Api, admin, auth,
    browser::{as_forwarded, from_here, unforged},
    caller::with_caller,
    me, well_known,
};
use crate::{gate::Routes, routes};

/// Which endpoints an application mounts, a group at a time.
///
/// ```
/// use portcullis::{Routes, api::{Api, Endpoints}};
///
/// fn accounts(api: Api) -> Routes {
///     Endpoints::new(api).login().refresh().logout().me().routes()
/// }
///
/// fn the_others(api: Api) -> Routes {
///     Endpoints::new(api).register().csrf().sessions().admin().keys().verify().health().routes()
/// }
///
/// fn all(api: Api, faces_the_public: bool) -> Routes {
///     let endpoints = Endpoints::new(api);
///     if faces_the_public { endpoints.all_but_admin() } else { endpoints.all() }.routes()
/// }
/// ```
#[derive(Debug)]
#[must_use = "ask it for its `routes`"]
pub struct Endpoints {
    api: Api,
    chosen: Routes<Api>,
}

impl Endpoints {
    /// None so far.
    pub fn new(api: Api) -> Self {
        Self {
            api,
            chosen: Routes::new(),
        }
    }

    /// The routes, for an application with any state.
    pub fn routes<S: Clone + Send + Sync + 'static>(self) -> Routes<S> {
        self.chosen.around(with_caller).with_state(self.api)
    }

    fn and(mut self, more: Routes<Api>) -> Self {
        self.chosen = self.chosen.merge(more);
        self
    }

    /// All of them.
    pub fn all(self) -> Self {
        self.all_but_admin().admin()
    }

    /// Sign-in with a provider, below `/auth/providers`, and `/me/identities`. [`Endpoints::all`] has them where there are
    /// providers.
    ///
    /// ```
    /// use portcullis::{Routes, api::Endpoints};
    ///
    /// fn with_a_provider_alone(endpoints: Endpoints) -> Routes { endpoints.providers().pages().refresh().logout().me().routes() }
    /// ```
    #[cfg(feature = "issuer")]
    pub fn providers(self) -> Self {
        self.and(providers())
    }

    /// The pages `/login` and `/account`. [`Endpoints::all`] has them where there are providers.
    ///
    /// ```
    /// use portcullis::{Routes, api::Endpoints};
    ///
    /// fn ours(endpoints: Endpoints) -> Routes { endpoints.login().pages().routes() }
    /// ```
    #[cfg(feature = "issuer")]
    pub fn pages(self) -> Self {
        self.and(pages())
    }

    /// All but those of administrators.
    pub fn all_but_admin(self) -> Self {
        let all = self.and(all_but_admin());
        #[cfg(feature = "issuer")]
        if all.api.sign_in().is_some() {
            return all.providers().pages();
        }
        all
    }

    /// `POST /auth/register`.
    pub fn register(self) -> Self {
        self.and(register())
    }

    /// `POST /auth/login`.
    pub fn login(self) -> Self {
        self.and(login())
    }

    /// `POST /auth/refresh`.
    pub fn refresh(self) -> Self {
        self.and(refresh())
    }

    /// `GET /auth/csrf`: for pages that log in by cookie and cannot read the cookie of the token.
    pub fn csrf(self) -> Self {
        self.and(csrf())
    }

    /// `POST /auth/logout`, `POST /auth/logout-all`.
    pub fn logout(self) -> Self {
        self.and(logout())
    }

    /// `GET /auth/verify`: for proxies that ask who may pass.
    pub fn verify(self) -> Self {
        self.and(verify())
    }

    /// `GET`, `PATCH` and `DELETE /me`, `POST /me/password`, `GET /me/export`.
    pub fn me(self) -> Self {
        self.and(me())
    }

    /// `GET /me/sessions`, `DELETE /me/sessions/{id}`.
    pub fn sessions(self) -> Self {
        self.and(sessions())
    }

    /// Users, roles and the audit log, below `/admin`.
    pub fn admin(self) -> Self {
        self.and(admin())
    }

    /// `GET /.well-known/jwks.json` and `GET /.well-known/oauth-authorization-server`: for services that verify our tokens.
    pub fn keys(self) -> Self {
        self.and(keys())
    }

    /// `GET /healthz`, `GET /readyz`.
    pub fn health(self) -> Self {
        self.and(health())
    }
}

pub(super) fn all() -> Routes<Api> {
    all_but_admin().merge(admin())
}

fn all_but_admin() -> Routes<Api> {
    register()
        .merge(login())
        .merge(refresh())
        .merge(logout())
        .merge(csrf())
        .merge(verify())
        .merge(me())
        .merge(sessions())
        .merge(keys())
        .merge(health())
}

fn register() -> Routes<Api> {
    routes!(auth::register::register).refusing_forged(from_here)
}

fn login() -> Routes<Api> {
    routes!(auth::login::login).refusing_forged(from_here)
}

fn refresh() -> Routes<Api> {
    routes!(auth::refresh::refresh).refusing_forged(unforged)
}

fn csrf() -> Routes<Api> {
    routes!(auth::csrf::csrf_token)
}

fn logout() -> Routes<Api> {
    routes!(auth::logout::logout, auth::logout_all::logout_all).refusing_forged(unforged)
}

fn verify() -> Routes<Api> {
    routes!(auth::verify::verify).refusing_forged(as_forwarded)
}

fn me() -> Routes<Api> {
    routes!(
        me::read::me,
        me::update::update_me,
        me::delete::delete_me,
        me::password::change_password,
        me::export::export_me,
    )
    .refusing_forged(unforged)
}

fn sessions() -> Routes<Api> {
    routes!(me::sessions::list::my_sessions, me::sessions::end::end_my_session).refusing_forged(unforged)
}

fn admin() -> Routes<Api> {
    routes!(
        admin::users::list::list_users,
        admin::users::create::create_user,
        admin::users::read::read_user,
        admin::users::update::update_user,
        admin::users::delete::delete_user,
        admin::users::logout::logout_user,
        admin::roles::list::list_roles,
        admin::roles::put::put_role,
        admin::roles::delete::delete_role,
        admin::audit::list_audit,
    )
    .refusing_forged(unforged)
}

#[cfg(feature = "issuer")]
fn providers() -> Routes<Api> {
    use super::{identities, providers};
    let open = routes!(
        providers::list::list_providers,
        providers::start::start_sign_in,
        providers::callback::finish_sign_in,
        providers::callback::finish_sign_in_by_form,
        providers::exchange::exchange_code,
        providers::logout::provider_logout,
    );
    let own = routes!(
        providers::link::link_provider,
        providers::sign_out::sign_out_at_provider,
        identities::list::my_identities,
        identities::unlink::unlink_identity,
    );
    open.merge(own.refusing_forged(unforged))
}

#[cfg(feature = "issuer")]
fn pages() -> Routes<Api> {
    use super::pages::{account, login, style};
    use crate::routing::{get, post};
    let login = Routes::new()
        .route("/login", get(login::show).post(login::submit))
        .refusing_forged(from_here);
    let account = Routes::new()
        .route("/account", get(account::show))
        .route("/account/link", post(account::link))
        .route("/account/unlink", post(account::unlink))
        .route("/account/log-out", post(account::log_out))
        .refusing_forged(unforged);
    login.merge(account).route("/login.css", get(style))
}

fn keys() -> Routes<Api> {
    routes!(well_known::jwks::jwks, well_known::metadata::issuer_metadata)
}

fn health() -> Routes<Api> {
    routes!(well_known::health::healthz, well_known::health::readyz)
}
