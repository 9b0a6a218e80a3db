use std::{fmt::Display, str::FromStr};

use super::Place;
use crate::problem::{FieldError, Problem};

/// What came, as it becomes what the application works with.
///
/// Use it through [`super::Valid`]; the module shows how.
///
/// ```
/// use portcullis::input::{Check, Validate};
///
/// struct Comment { text: String }
///
/// impl Validate for Comment {
///     type Valid = String;
///     fn validate(self, check: &mut Check) -> Option<String> {
///         if self.text.trim().is_empty() {
///             check.refuse("text", "value", "must say something");
///         }
///         Some(self.text)
///     }
/// }
/// ```
pub trait Validate {
    /// What the application works with.
    type Valid;

    /// Takes each value, reporting to `check` those that cannot be taken. `None` only after a report.
    fn validate(self, check: &mut Check) -> Option<Self::Valid>;
}

/// Collects all that is wrong, so that a client learns of it at once.
///
/// ```
/// use portcullis::input::{Check, Place};
///
/// let mut check = Check::new(Place::Query);
/// let limit: Option<u32> = check.parse("limit", "many");
/// let problem = check.finish(limit).unwrap_err();
/// assert_eq!(problem.body()["errors"][0]["loc"], serde_json::json!(["query", "limit"]));
///
/// let mut check = Check::new(Place::Body);
/// let name: Option<String> = check.required("name", None);
/// let age: Option<Option<u8>> = check.parse_optional("age", Some("very old"));
/// let email = check.take("email", Err::<String, _>("is no email"));
/// check.refuse("consent", "value", "must be given");
/// let problem = check.finish(name.zip(age).zip(email)).unwrap_err();
/// assert_eq!(problem.body()["errors"].as_array().unwrap().len(), 4);
/// ```
#[derive(Debug)]
pub struct Check {
    place: Place,
    errors: Vec<FieldError>,
}

impl Check {
    /// For values from `place`.
    #[must_use]
    pub const fn new(place: Place) -> Self {
        Self {
            place,
            errors: Vec::new(),
        }
    }

    /// Reports that the value of `field` cannot be taken.
    pub fn refuse(&mut self, field: &'static str, kind: &'static str, msg: impl Display) {
        let loc = [self.place.as_str().into(), field.into()];
        self.errors.push(FieldError::new(loc, kind, msg.to_string()));
    }

    /// `result`, its error reported. The error's text must not repeat the value.
    pub fn take<T, E: Display>(&mut self, field: &'static str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.refuse(field, "value", error)).ok()
    }

    /// `text` as a `T`.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, field: &'static str, text: &str) -> Option<T> {
        self.take(field, text.parse())
    }

    /// `text` as a `T`, if it came. The outer `None` is an error, the inner one an absent value.
    pub fn parse_optional<T: FromStr<Err: Display>>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
    ) -> Option<Option<T>> {
        match text {
            None => Some(None),
            Some(text) => self.parse(field, text).map(Some),
        }
    }

    /// A value that has to be there.
    pub fn required<T>(&mut self, field: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.refuse(field, "missing", "required");
        }
        value
    }

    /// `value`, unless something was reported.
    ///
    /// # Errors
    /// 422 with all that was reported.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid(self.errors)),
        }
    }
}
