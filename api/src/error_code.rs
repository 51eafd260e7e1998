//! The use cases' error codes as the transport's.

use aim_app::ErrorCode as App;

use crate::transport::ErrorCode;

/// The one place where they meet.
pub(crate) const fn code(code: App) -> ErrorCode {
    match code {
        App::NotFound => ErrorCode::NotFound,
        App::InvalidInput | App::Conflict => ErrorCode::BadUserInput,
        App::Unauthenticated => ErrorCode::Unauthenticated,
        App::Forbidden | App::PreconditionFailed => ErrorCode::Forbidden,
        App::RateLimited => ErrorCode::RateLimited,
        App::Unavailable => ErrorCode::Unavailable,
        App::Internal => ErrorCode::Internal,
    }
}
