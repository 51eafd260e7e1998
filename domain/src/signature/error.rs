//! Why a signed request was refused.

/// One reason; [`SignatureError::code`] is for programs, the text for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature at all.
    #[error("the request has no `signature` and `signature-input` field; sign it (RFC 9421)")]
    Missing,
    /// A field that cannot be read.
    #[error("`{field}` cannot be read: {detail}")]
    Malformed {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Something has to be covered and is not.
    #[error("the signature does not cover `{0}`; add it to the covered components")]
    ComponentMissing(&'static str),
    /// Something is covered that the request does not have, or that we do not support.
    #[error("covered component `{0}` is not in the request or not supported")]
    ComponentUnknown(String),
    /// A parameter has to be there and is not.
    #[error("signature parameter `{0}` is missing; add it")]
    ParameterMissing(&'static str),
    /// A parameter has a value we refuse.
    #[error("signature parameter `{name}` is `{value}`; {remedy}")]
    ParameterInvalid {
        /// Which.
        name: &'static str,
        /// What it is, cut.
        value: String,
        /// What it should be.
        remedy: &'static str,
    },
    /// Made too long ago.
    #[error("the signature was created {age} s ago; it is good for {limit} s, sign again")]
    Stale {
        /// Seconds since `created`.
        age: i64,
        /// Most seconds.
        limit: i64,
    },
    /// Made in the future.
    #[error("the signature was created {ahead} s in the future; at most {limit} s, set the clock")]
    Future {
        /// Seconds ahead.
        ahead: i64,
        /// Most seconds.
        limit: i64,
    },
    /// Its own `expires` has passed.
    #[error("the signature expired {0} s ago; sign again")]
    Expired(i64),
    /// The body is not the one that was signed.
    #[error("`content-digest` does not match the body; send the body that was signed")]
    DigestMismatch,
    /// The signature is not this key's over this request.
    #[error("the signature does not verify over this request with this key")]
    Invalid,
}

impl SignatureError {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "SIGNATURE_MISSING",
            Self::Malformed { .. } => "SIGNATURE_MALFORMED",
            Self::ComponentMissing(_) => "COMPONENT_MISSING",
            Self::ComponentUnknown(_) => "COMPONENT_UNKNOWN",
            Self::ParameterMissing(_) => "PARAMETER_MISSING",
            Self::ParameterInvalid { .. } => "PARAMETER_INVALID",
            Self::Stale { .. } => "SIGNATURE_STALE",
            Self::Future { .. } => "SIGNATURE_FROM_FUTURE",
            Self::Expired(_) => "SIGNATURE_EXPIRED",
            Self::DigestMismatch => "DIGEST_MISMATCH",
            Self::Invalid => "SIGNATURE_INVALID",
        }
    }
}
