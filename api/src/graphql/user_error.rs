//! What a caller did wrong, as part of a successful payload.

use aim_app::{AppError, ErrorCode};
use async_graphql::{Enum, Error};

use super::context::fault;

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum UserErrorCode {
    /// A field breaks a rule.
    Invalid,
    /// The object does not exist, or is not yours.
    NotFound,
    /// The state does not allow it, or the value is taken.
    Conflict,
}

/// Code, words, and the path of the field where there is one.
pub(crate) type Mistake = (UserErrorCode, String, Option<Vec<String>>);

/// Splits a failed use case: mistakes of the caller go into the payload, faults to the top.
pub(crate) fn split(error: AppError) -> Result<Vec<Mistake>, Error> {
    let code = match error.code {
        ErrorCode::InvalidInput => UserErrorCode::Invalid,
        ErrorCode::NotFound => UserErrorCode::NotFound,
        ErrorCode::Conflict => UserErrorCode::Conflict,
        _ => return Err(fault(error)),
    };
    if error.fields.is_empty() {
        return Ok(vec![(code, error.message, None)]);
    }
    let path = |field: &str| field.split('.').map(str::to_owned).collect();
    Ok(error
        .fields
        .into_iter()
        .map(|f| (code, f.message, Some(path(&f.field))))
        .collect())
}

/// Declares the payload and error types of a mutation.
macro_rules! payload {
    ($payload:ident, $error:ident, $(#[$doc:meta])* $field:ident: $object:ty) => {
        /// The outcome of a mutation: the object, or what was wrong.
        #[derive(Debug, Default, async_graphql::SimpleObject)]
        pub(crate) struct $payload {
            $(#[$doc])*
            pub(crate) $field: Option<$object>,
            /// What the caller did wrong; empty when it was done.
            pub(crate) user_errors: Vec<$error>,
        }

        /// What was wrong with one field, or with the whole input.
        #[derive(Debug, async_graphql::SimpleObject)]
        pub(crate) struct $error {
            /// For programs.
            pub(crate) code: $crate::graphql::user_error::UserErrorCode,
            /// For people: names the value and the remedy.
            pub(crate) message: String,
            /// Path of the field in the input; absent when it is about the whole.
            pub(crate) field: Option<Vec<String>>,
        }

        impl $payload {
            /// The payload of a use case's outcome; faults stay faults.
            pub(crate) fn of<T: Into<$object>>(
                outcome: Result<T, aim_app::AppError>,
            ) -> async_graphql::Result<Self> {
                match outcome {
                    Ok(object) => {
                        Ok(Self { $field: Some(object.into()), ..Self::default() })
                    }
                    Err(error) => {
                        let errors = $crate::graphql::user_error::split(error)?;
                        let errors = errors.into_iter();
                        let user_errors = errors
                            .map(|(code, message, field)| $error { code, message, field })
                            .collect();
                        Ok(Self { user_errors, ..Self::default() })
                    }
                }
            }
        }
    };
}
pub(crate) use payload;
