//! Answers that many endpoints share, for the OpenAPI document. 401 and 403 come from the access table.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, PartialSchema, ToSchema,
    openapi::{ContentBuilder, RefOr, Response, ResponseBuilder, schema::Schema},
};

use crate::problem::{ProblemBody, ValidationProblem};

fn problem<T: ToSchema + PartialSchema>(description: &str) -> RefOr<Response> {
    let schema = RefOr::<Schema>::Ref(utoipa::openapi::Ref::from_schema_name(T::name()));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
        .into()
}

macro_rules! documented {
    ($($(#[$doc:meta])* $name:ident { $($status:literal $schema:ident $text:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), problem::<$schema>($text))),*])
            }
        }
    )*};
}

documented! {
    /// What can be wrong with a body.
    BodyErrors {
        "400" ProblemBody "The body cannot be read",
        "413" ProblemBody "The body is too large",
        "415" ProblemBody "The body has another content type",
        "422" ValidationProblem "Values that cannot be taken: `errors` says which and why",
    }
    /// What can be wrong with parameters.
    ParameterErrors {
        "400" ProblemBody "The parameters cannot be read",
        "422" ValidationProblem "Values that cannot be taken: `errors` says which and why",
    }
    /// Too much, too often, or too busy.
    Limited {
        "429" ProblemBody "Too many requests: see `Retry-After`",
        "503" ProblemBody "Busy: see `Retry-After`",
    }
    /// The store cannot be reached.
    Unavailable {
        "503" ProblemBody "Cannot answer now: see `Retry-After`",
    }
    /// Made by a page of somebody else.
    Forged {
        "403" ProblemBody "Made by a page of another site, or by cookie without its CSRF token",
    }
    /// No such thing.
    NotFound {
        "404" ProblemBody "There is no such thing",
    }
    /// What is stored does not allow it.
    Conflict {
        "409" ProblemBody "What is stored does not allow it: `error` says what",
    }
    /// The one answer to credentials that are not taken.
    NotLoggedIn {
        "401" ProblemBody "The credentials are not taken",
    }
}
