//! Agent tokens as JWTs (RFC 9068), bound to a key by RFC 9449.

use aim_app::{Actor, AgentToken, AppError, ErrorCode, TokenKeys};
use aim_domain::id::{AgentId, DelegationId};
use aim_domain::signature::PublicKey;
use aim_domain::token::TokenLimit;
use aim_domain::token_chain::TokenChain;
use axum::http::header;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::Authenticator;
use crate::dpop::{self, Wanted};
use crate::transport::Identity;

const TYPE: &str = "at+jwt";
/// Most bytes of a token.
const TOKEN_MAX: usize = 16 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Confirmation {
    jkt: String,
}

/// Who acts, and who before (RFC 8693, section 4.1).
#[derive(Debug, Serialize, Deserialize)]
struct Act {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Box<Self>>,
}

impl Act {
    /// The first outermost.
    fn of(actors: &[AgentId]) -> Option<Self> {
        let mut act = None;
        for actor in actors.iter().rev() {
            let sub = actor.to_string();
            act = Some(Self {
                sub,
                act: act.map(Box::new),
            });
        }
        act
    }

    fn actors(&self) -> Option<Vec<AgentId>> {
        let mut actors = vec![self.sub.parse().ok()?];
        let mut next = &self.act;
        while let Some(act) = next {
            actors.push(act.sub.parse().ok()?);
            next = &act.act;
        }
        Some(actors)
    }
}

/// What a token says on the wire.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// Whose grants it stands on: the agent's, or with a chain those of the agent at its beginning.
    sub: String,
    client_id: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: Uuid,
    cnf: Confirmation,
    /// Names of capabilities, for those who know scopes only.
    scope: String,
    org: String,
    /// The agent's key that asked for it.
    key: String,
    /// What it is good for: capability and resource.
    cap: Vec<TokenLimit>,
    /// Who acts for the subject, by delegation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
    /// The last link of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegation: Option<DelegationId>,
}

fn internal<E>(_: E) -> AppError {
    AppError::new(ErrorCode::Internal, "internal error")
}

/// The token as it is sent.
pub(crate) fn encode(
    token: &AgentToken,
    issuer: &str,
    keys: &TokenKeys,
) -> Result<String, AppError> {
    let chain = token.chain.as_ref();
    let subject = chain.and_then(TokenChain::subject).unwrap_or(token.agent);
    let claims = Claims {
        iss: issuer.to_owned(),
        sub: subject.to_string(),
        client_id: token.agent.to_string(),
        aud: token.audience.clone(),
        iat: token.issued_at.timestamp(),
        exp: token.expires_at.timestamp(),
        jti: token.id,
        cnf: Confirmation {
            jkt: token.jkt.clone(),
        },
        scope: scope(&token.limits),
        org: token.organization.to_string(),
        key: token.key.to_string(),
        cap: token.limits.clone(),
        act: chain.and_then(|chain| Act::of(&chain.actors(token.agent))),
        delegation: chain.map(TokenChain::delegation),
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(keys.current.public_key().thumbprint());
    let der = keys.current.to_der().map_err(internal)?;
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&der)).map_err(internal)
}

/// Capabilities as a scope.
pub(crate) fn scope(limits: &[TokenLimit]) -> String {
    let mut names: Vec<_> = limits.iter().map(|it| it.capability.as_str()).collect();
    names.dedup();
    names.join(" ")
}

/// Why an agent's token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgentTokenError {
    /// Not signed by one of our keys, or for somebody else.
    #[error("TOKEN_UNKNOWN: the token is not one of ours, or not for us")]
    Unknown,
    /// Its time is over.
    #[error("TOKEN_EXPIRED: the token has expired; get a new one")]
    Expired,
}

/// What a token has to be.
#[derive(Debug, Clone, Copy)]
pub struct TokenRules<'a> {
    /// Keys of ours that may have signed it.
    pub believed: &'a [PublicKey],
    /// Who has to have given it out.
    pub issuer: &'a str,
    /// Whom it has to be for; anybody when left out.
    pub audience: Option<&'a str>,
    /// The time to judge it at.
    pub now: DateTime<Utc>,
}

/// Reads a token of ours.
///
/// # Errors
/// [`AgentTokenError`] when it is none, or is over.
pub fn read_agent_token(text: &str, wanted: TokenRules<'_>) -> Result<AgentToken, AgentTokenError> {
    use AgentTokenError::{Expired, Unknown};
    if text.len() > TOKEN_MAX {
        return Err(Unknown);
    }
    let header = decode_header(text).map_err(|_| Unknown)?;
    if header.typ.as_deref() != Some(TYPE) || header.alg != Algorithm::EdDSA {
        return Err(Unknown);
    }
    // We understand no extension, so none may be critical (RFC 7515, section 4.1.11).
    if header.crit.is_some() {
        return Err(Unknown);
    }
    let mut believed = wanted.believed.iter();
    let key = believed
        .find(|key| header.kid.as_deref() == Some(&key.thumbprint()))
        .ok_or(Unknown)?;
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_issuer(&[wanted.issuer]);
    rules.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    match wanted.audience {
        Some(audience) => rules.set_audience(&[audience]),
        None => rules.validate_aud = false,
    }
    // The clock is ours to give, not the library's to take.
    rules.validate_exp = false;
    let verifier = DecodingKey::from_ed_components(&key.to_base64url()).map_err(|_| Unknown)?;
    let claims = decode::<Claims>(text, &verifier, &rules)
        .map_err(|_| Unknown)?
        .claims;
    let token = parsed(claims).ok_or(Unknown)?;
    if token.expires_at > wanted.now {
        Ok(token)
    } else {
        Err(Expired)
    }
}

impl Authenticator {
    /// Reads a token of ours, as of now.
    pub(crate) async fn read_token(
        &self,
        text: &str,
        issuer: &str,
        audience: Option<&str>,
    ) -> Result<AgentToken, AppError> {
        let keys = self.app().token_keys().await?;
        let wanted = TokenRules {
            believed: &keys.believed,
            issuer,
            audience,
            now: self.app().clock().now(),
        };
        read_agent_token(text, wanted)
            .map_err(|error| AppError::new(ErrorCode::Unauthenticated, error.to_string()))
    }

    /// The agent of a request with a token and its proof.
    pub(crate) async fn by_token(
        &self,
        parts: &Parts,
        text: &str,
    ) -> Result<Identity<Actor>, AppError> {
        let issuer = self.issuer(parts);
        let token = self.read_token(text, &issuer, Some(&issuer)).await?;
        let wanted = Wanted {
            method: parts.method.as_str(),
            url: &format!("{issuer}{}", parts.uri.path()),
            token: Some(text),
            now: self.app().clock().now(),
        };
        let proof = dpop::check(&parts.headers, wanted).map_err(|words| {
            AppError::new(
                ErrorCode::Unauthenticated,
                format!("PROOF_INVALID: {words}"),
            )
        })?;
        if proof.jkt != token.jkt {
            let message = "PROOF_INVALID: the proof is by another key than the token is bound to";
            return Err(AppError::new(ErrorCode::Unauthenticated, message));
        }
        let expires_at = Some(token.expires_at);
        let identified = self.app().identify_token(token, proof.name, proof.stale_at);
        let mut agent = identified.await?;
        agent.client = self.client(parts);
        let actor = Actor::Agent(agent);
        Ok(Identity { actor, expires_at })
    }

    /// Who we are to clients: the configured URL, or the one that they called.
    pub(crate) fn issuer(&self, parts: &Parts) -> String {
        let host = parts.headers.get(header::HOST);
        let host = host
            .and_then(|host| host.to_str().ok())
            .or(parts.uri.host());
        self.url_of(host.unwrap_or_default())
    }
}

fn parsed(claims: Claims) -> Option<AgentToken> {
    let subject = claims.sub.parse().ok()?;
    let (agent, chain) = match (&claims.act, claims.delegation) {
        (None, None) => (subject, None),
        (Some(act), Some(delegation)) => {
            let (agent, chain) = TokenChain::named(delegation, subject, &act.actors()?)?;
            (agent, Some(chain))
        }
        _ => return None,
    };
    Some(AgentToken {
        id: claims.jti,
        agent,
        chain,
        organization: claims.org.parse().ok()?,
        key: claims.key.parse().ok()?,
        audience: claims.aud,
        limits: claims.cap,
        issued_at: DateTime::from_timestamp(claims.iat, 0)?,
        expires_at: DateTime::from_timestamp(claims.exp, 0)?,
        jkt: claims.cnf.jkt,
    })
}
