use std::{any::TypeId, fmt, panic::Location, sync::Arc};

use axum::{
    handler::Handler,
    routing::{MethodFilter, MethodRouter},
};
use http::Method;
use utoipa::openapi::{RefOr, Schema, path::Operation};

use super::{
    AccessRow, GateError, Place,
    guard::{Guard, Guarded},
};
use crate::{
    access::{Access, Caller, DeclaresAccess, StatesAccess},
    openapi::Described,
};

/// What the OpenAPI document says of a route.
pub(super) enum Documented {
    /// Nothing.
    No,
    /// Only what the access table knows.
    Barely,
    /// What `#[utoipa::path]` says.
    By(Box<Description>),
}

pub(super) struct Description {
    pub(super) operation: Operation,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

type Build<S, U> = Box<dyn FnOnce(MethodFilter, Arc<Guard<U>>) -> MethodRouter<S> + Send>;

/// One method of one path, its access, and its handler.
pub struct Route<S, U> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) access: Access,
    pub(super) place: Place,
    pub(super) documented: Documented,
    /// The type of the handler's first argument.
    by: TypeId,
    build: Build<S, U>,
}

impl<S, U> Route<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    pub(crate) fn new<H, T>(method: Method, handler: H, location: &'static Location<'static>) -> Self
    where
        H: Handler<T, S>,
        T: StatesAccess<U> + 'static,
    {
        Self {
            method,
            path: String::new(),
            access: T::First::access(),
            place: Place {
                handler: std::any::type_name::<H>(),
                location,
            },
            documented: Documented::Barely,
            by: TypeId::of::<T::First>(),
            build: Box::new(|filter, guard| MethodRouter::new().on(filter, Guarded { handler, guard })),
        }
    }

    pub(crate) fn hide(&mut self) {
        self.documented = Documented::No;
    }

    pub(super) fn row(&self) -> AccessRow {
        AccessRow {
            method: self.method.clone(),
            path: self.path.clone(),
            access: self.access.clone(),
        }
    }

    pub(super) fn described(&self) -> Option<Described<'_>> {
        let (operation, schemas): (_, &[_]) = match &self.documented {
            Documented::No => return None,
            Documented::Barely => (None, &[]),
            Documented::By(description) => (Some(&description.operation), &description.schemas),
        };
        Some(Described {
            method: &self.method,
            path: &self.path,
            access: &self.access,
            operation,
            schemas,
        })
    }

    pub(super) fn with_state<S2>(self, state: S) -> Route<S2, U>
    where
        S2: Clone + Send + Sync + 'static,
    {
        let build = self.build;
        Route {
            method: self.method,
            path: self.path,
            access: self.access,
            place: self.place,
            documented: self.documented,
            by: self.by,
            build: Box::new(|filter, guard| build(filter, guard).with_state(state)),
        }
    }

    pub(super) fn build(
        self,
        guard: impl FnOnce(Access, TypeId, Arc<str>) -> Guard<U>,
    ) -> Result<MethodRouter<S>, GateError> {
        let filter = MethodFilter::try_from(self.method.clone()).map_err(|_| GateError::Method {
            method: self.method.clone(),
            path: self.path.clone(),
            place: self.place,
        })?;
        let guard = guard(self.access, self.by, self.path.into());
        Ok((self.build)(filter, Arc::new(guard)))
    }
}

impl<S, U> fmt::Debug for Route<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({} {}: {})", self.method, self.path, self.access)
    }
}
