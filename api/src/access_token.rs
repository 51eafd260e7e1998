//! People's access tokens: JWTs of a session, made and read with one secret.

use aim_domain::id::SessionId;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "aim";
/// Whom access tokens are for: other tokens that this secret may sign one day are for somebody else.
const AUDIENCE: &str = "aim-api";
/// `typ` of an access token (RFC 9068).
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The person, for whoever reads logs; who acts is what the session says.
    sub: String,
    sid: String,
    iat: i64,
    exp: i64,
}

/// Why an access token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Not signed by us, or for something else.
    #[error("the token is not one of ours; sign in again")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired; sign in again")]
    Expired,
    /// Its session's id is none.
    #[error("the token names no session")]
    Session,
}

/// What an access token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessToken {
    /// Whose session.
    pub session: SessionId,
    /// Until when, to the second.
    pub expires_at: DateTime<Utc>,
}

impl AccessToken {
    /// Signs one for the person `sub`.
    pub(crate) fn sign(
        &self,
        sub: String,
        now: DateTime<Utc>,
        key: &EncodingKey,
    ) -> jsonwebtoken::errors::Result<String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub,
            sid: self.session.to_string(),
            iat: now.timestamp(),
            exp: self.expires_at.timestamp(),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, &claims, key)
    }

    /// Reads one, as of `now`.
    ///
    /// # Errors
    /// [`AccessTokenError`] when it is not signed with this secret, is for something else, or is over.
    pub fn read(
        text: &str,
        key: &DecodingKey,
        now: DateTime<Utc>,
    ) -> Result<Self, AccessTokenError> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.leeway = 0;
        // The clock is ours to give, not the library's to take.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(text, key, &rules)
            .ok()
            .filter(|token| token.header.typ.as_deref() == Some(TYPE))
            // We understand no extension, so none may be critical (RFC 7515, section 4.1.11).
            .filter(|token| token.header.crit.is_none())
            .ok_or(AccessTokenError::Unknown)?
            .claims;
        let expires_at = DateTime::from_timestamp(claims.exp, 0)
            .filter(|end| *end > now)
            .ok_or(AccessTokenError::Expired)?;
        let session = claims.sid.parse().map_err(|_| AccessTokenError::Session)?;
        Ok(Self {
            session,
            expires_at,
        })
    }
}
