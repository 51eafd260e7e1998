//! The way of one sign-in: to the issuer and back (authorization code, PKCE, nonce, state).
//!
//! What has to be remembered meanwhile is sealed in a cookie of the browser that set out, so that the
//! way back is its own, and a flood of beginnings fills nothing here.

use chrono::{DateTime, Duration, Utc};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, CsrfToken, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse,
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::provider::{Chain, Known};
use crate::{App, AppError, ErrorCode};

const PURPOSE: &str = "oidc flow";
const TICKET_PURPOSE: &str = "oidc ticket";
/// How long somebody may take at the issuer.
const FLOW_LIFE: Duration = Duration::minutes(10);
/// How long somebody whom nobody here is linked to may take to say who they are.
const TICKET_LIFE: Duration = Duration::minutes(10);
/// Algorithms of asymmetric keys. `none` and those with a shared secret are not among them.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What is remembered between going and coming back.
#[derive(Serialize, Deserialize)]
struct Flow {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    /// The page that somebody goes on with who signs in for a program.
    login: Option<String>,
    expires_at: DateTime<Utc>,
}

/// Whom an issuer vouched for, for them to show again.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    expires_at: DateTime<Utc>,
}

/// Where to go, and what to remember.
pub struct OidcStarted {
    /// The issuer's page.
    pub url: String,
    /// For a cookie.
    pub cookie: Zeroizing<String>,
    /// How long the cookie is good, in seconds.
    pub seconds: i64,
}

impl std::fmt::Debug for OidcStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcStarted").finish_non_exhaustive()
    }
}

/// Whom an issuer vouched for.
pub(super) struct Arrival {
    pub(super) provider: String,
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) login: Option<String>,
}

pub(super) fn refused(message: &str) -> AppError {
    AppError::new(ErrorCode::Unauthenticated, message)
}

const BEGIN_AGAIN: &str = "this sign-in was not begun here, or too long ago; begin again";
const NOT_BELIEVED: &str = "what the issuer answered was not believed; begin again";

impl App {
    fn oidc(&self, name: &str) -> Result<&Known, AppError> {
        let found = self.accounts.oidc.find(name);
        found.ok_or_else(|| AppError::not_found("provider"))
    }

    fn redirect_url(&self) -> Result<RedirectUrl, AppError> {
        let base = self.accounts.base_url.as_deref().ok_or_else(|| {
            let message = "sign-in at an issuer needs `public_url`; its operator can set it";
            AppError::new(ErrorCode::Conflict, message)
        })?;
        let url = format!("{}/auth/oidc/callback", base.trim_end_matches('/'));
        RedirectUrl::new(url).map_err(|error| {
            tracing::error!(%error, "`public_url`");
            AppError::new(ErrorCode::Internal, "internal error")
        })
    }

    /// Sends somebody to an issuer, by its name here; `login` is the page of a program's login that
    /// they go on with.
    ///
    /// # Errors
    /// `NotFound` for the provider, `Unavailable` when the issuer does not answer, `Conflict` without
    /// a public URL.
    pub async fn start_oidc(
        &self,
        name: &str,
        login: Option<String>,
    ) -> Result<OidcStarted, AppError> {
        let provider = self.oidc(name)?;
        let redirect = self.redirect_url()?;
        let now = self.clock.now();
        let metadata = provider.metadata(now, false).await?;
        let client = CoreClient::from_provider_metadata(
            metadata,
            provider.client_id.clone(),
            Some(provider.client_secret.clone()),
        )
        .set_redirect_uri(redirect);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let flow = Flow {
            provider: name.to_owned(),
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            login,
            expires_at: now + FLOW_LIFE,
        };
        Ok(OidcStarted {
            url: url.to_string(),
            cookie: self.seal_text(PURPOSE, &flow)?,
            seconds: FLOW_LIFE.num_seconds(),
        })
    }

    /// Takes somebody back from an issuer: whom it vouched for.
    pub(super) async fn arrive(
        &self,
        cookie: &str,
        state: &str,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<Arrival, AppError> {
        let flow: Flow = self
            .open_text(PURPOSE, cookie)
            .ok_or_else(|| refused(BEGIN_AGAIN))?;
        let now = self.clock.now();
        let is_ours: bool = flow.state.as_bytes().ct_eq(state.as_bytes()).into();
        if !is_ours || flow.expires_at <= now {
            return Err(refused(BEGIN_AGAIN));
        }
        let provider = self.oidc(&flow.provider)?;
        // RFC 9207: an answer of another issuer than the one that was asked.
        if issuer.is_some_and(|issuer| issuer != provider.config.issuer) {
            return Err(refused(NOT_BELIEVED));
        }
        let metadata = provider.metadata(now, false).await?;
        let answer = self.redeem(provider, &metadata, &flow, code).await?;
        let nonce = Nonce::new(flow.nonce.clone());
        let claims = match check(provider, metadata, &answer, &nonce, now) {
            // It may have new keys.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let metadata = provider.metadata(now, true).await?;
                check(provider, metadata, &answer, &nonce, now)
            }
            other => other,
        };
        let claims = claims.map_err(|error| {
            let name = &flow.provider;
            tracing::warn!(provider = name, error = %Chain(&error), "an id token was refused");
            refused(NOT_BELIEVED)
        })?;
        let is_verified = claims.email_verified() == Some(true);
        let email = claims.email().filter(|_| is_verified);
        let name = claims.name().and_then(|names| names.get(None));
        Ok(Arrival {
            provider: flow.provider,
            issuer: claims.issuer().as_str().to_owned(),
            subject: claims.subject().as_str().to_owned(),
            email: email.map(|email| email.as_str().to_owned()),
            name: name.map(|name| name.as_str().to_owned()),
            login: flow.login,
        })
    }

    async fn redeem(
        &self,
        provider: &Known,
        metadata: &CoreProviderMetadata,
        flow: &Flow,
        code: &str,
    ) -> Result<CoreTokenResponse, AppError> {
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            provider.client_id.clone(),
            Some(provider.client_secret.clone()),
        )
        .set_redirect_uri(self.redirect_url()?);
        let exchange = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| refused(NOT_BELIEVED))?;
        let verifier = PkceCodeVerifier::new(flow.verifier.clone());
        let answer = exchange
            .set_pkce_verifier(verifier)
            .request_async(&provider.http);
        answer.await.map_err(|error| {
            let name = &flow.provider;
            tracing::warn!(provider = name, error = %Chain(&error), "a code was not redeemed");
            refused("the issuer did not take the code; begin again")
        })
    }

    /// What somebody shows again whom nobody here is linked to.
    pub(super) fn seal_ticket(&self, arrival: &Arrival) -> Result<Zeroizing<String>, AppError> {
        let ticket = Ticket {
            issuer: arrival.issuer.clone(),
            subject: arrival.subject.clone(),
            expires_at: self.clock.now() + TICKET_LIFE,
        };
        self.seal_text(TICKET_PURPOSE, &ticket)
    }

    /// Whom it is of, if it is good.
    pub(crate) fn open_ticket(&self, field: &str, text: &str) -> Result<Ticket, AppError> {
        let ticket: Option<Ticket> = self.open_text(TICKET_PURPOSE, text);
        let ticket = ticket.filter(|ticket| self.clock.now() < ticket.expires_at);
        ticket.ok_or_else(|| {
            AppError::field(
                field,
                "is not good, or not any more; sign in at the issuer again",
            )
        })
    }

    fn seal_text(
        &self,
        purpose: &str,
        value: &impl Serialize,
    ) -> Result<Zeroizing<String>, AppError> {
        use base64::Engine;
        let internal = |_| AppError::new(ErrorCode::Internal, "internal error");
        let text = Zeroizing::new(serde_json::to_vec(value).map_err(internal)?);
        let sealed = self.sealer()?.seal(purpose, b"", &text)?;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        Ok(Zeroizing::new(engine.encode(sealed)))
    }

    fn open_text<T: serde::de::DeserializeOwned>(&self, purpose: &str, text: &str) -> Option<T> {
        use base64::Engine;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let sealed = engine.decode(text).ok()?;
        let opened = self.sealer().ok()?.open(purpose, b"", &sealed)?;
        serde_json::from_slice(&opened).ok()
    }
}

/// Checks an id token: signature, issuer, audience, time, nonce, and that the access token is its own.
fn check(
    provider: &Known,
    metadata: CoreProviderMetadata,
    answer: &CoreTokenResponse,
    nonce: &Nonce,
    now: DateTime<Utc>,
) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
    let other = |message: &str| ClaimsVerificationError::Other(message.to_owned());
    let client = CoreClient::from_provider_metadata(
        metadata,
        provider.client_id.clone(),
        Some(provider.client_secret.clone()),
    );
    let verifier = client
        .id_token_verifier()
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(|| now);
    let token = answer.id_token().ok_or_else(|| other("no id token"))?;
    let claims = token.claims(&verifier, nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let algorithm = token.signing_alg().map_err(|_| other("no algorithm"))?;
        let key = token.signing_key(&verifier);
        let key = key.map_err(ClaimsVerificationError::SignatureVerification)?;
        let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key)
            .map_err(|_| other("the access token cannot be hashed"))?;
        if actual != *expected {
            return Err(other("the access token is not the id token's"));
        }
    }
    Ok(claims.clone())
}
