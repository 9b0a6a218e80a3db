use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use http::request::Parts;

use super::{Body, Check, Form, Json, Place, Query, Validate};
use crate::problem::Problem;

/// What `E` carries, after [`Validate`]: `Valid<Json<Register>>`, `Valid<Body<Login>>`, `Valid<Query<Page>>`.
///
/// ```
/// use portcullis::{Public, core::user::Email, input::{Body, Check, Valid, Validate}};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Subscription { email: String }
///
/// impl Validate for Subscription {
///     type Valid = Email;
///     fn validate(self, check: &mut Check) -> Option<Email> {
///         check.parse("email", &self.email)
///     }
/// }
///
/// async fn subscribe(_: Public, Valid(email): Valid<Body<Subscription>>) -> String {
///     email.to_string()
/// }
/// ```
pub struct Valid<E: Carrier>(pub <E::Content as Validate>::Valid);

/// [`Json`], [`Form`], [`Body`], [`Query`]: what can stand inside [`Valid`].
///
/// ```
/// use portcullis::input::{Carrier, Json, Place, Query, Validate};
///
/// fn place<E: Carrier>() -> Place { E::PLACE }
/// fn unchecked<E: Carrier>(carrier: E) -> E::Content { carrier.into_content() }
/// fn places<T: Validate>() -> [Place; 2] { [place::<Json<T>>(), place::<Query<T>>()] }
/// ```
pub trait Carrier {
    /// What is carried.
    type Content: Validate;
    /// From where.
    const PLACE: Place;
    /// What came.
    fn into_content(self) -> Self::Content;
}

fn check<E: Carrier>(carrier: E) -> Result<Valid<E>, Problem> {
    let mut check = Check::new(E::PLACE);
    let value = carrier.into_content().validate(&mut check);
    check.finish(value).map(Valid)
}

macro_rules! carrier {
    ($($name:ident from $place:ident;)*) => {$(
        impl<T: Validate> Carrier for $name<T> {
            type Content = T;
            const PLACE: Place = Place::$place;
            fn into_content(self) -> T {
                self.0
            }
        }
    )*};
}

carrier! {
    Json from Body;
    Form from Body;
    Body from Body;
    Query from Query;
}

impl<E, S> FromRequest<S> for Valid<E>
where
    E: Carrier + FromRequest<S, Rejection = Problem>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check(E::from_request(request, state).await?)
    }
}

impl<E, S> OptionalFromRequest<S> for Valid<E>
where
    E: Carrier + OptionalFromRequest<S, Rejection = Problem>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        E::from_request(request, state).await?.map(check).transpose()
    }
}

impl<T: Validate, S: Send + Sync> FromRequestParts<S> for Valid<Query<T>>
where
    Query<T>: FromRequestParts<S, Rejection = Problem>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        check(Query::from_request_parts(parts, state).await?)
    }
}
