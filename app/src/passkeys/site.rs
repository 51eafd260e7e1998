//! Where passkeys are good, and what an authenticator's answers are worth there.

use aim_domain::secret::hash;
use aim_store::passkeys::Passkey;
use aim_store::users::User;
use serde_json::Value;
use url::{Host, Url};
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::{
    AllowedCredentials, AuthenticationVerificationOptions, NonDiscoverableCredentialRequestOptions,
};
use webauthn_rp::request::register::{
    PublicKeyCredentialCreationOptions, PublicKeyCredentialUserEntity,
    RegistrationVerificationOptions, ResidentKeyRequirement, UserHandle16,
};
use webauthn_rp::request::{
    AsciiDomain, Credentials, PublicKeyCredentialDescriptor, RpId, UserVerificationRequirement,
};
use webauthn_rp::response::auth::NonDiscoverableAuthentication16;
use webauthn_rp::response::auth::error::AuthCeremonyErr;
use webauthn_rp::response::register::error::RegCeremonyErr;
use webauthn_rp::response::register::{DynamicState, Registration, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId, SentChallenge};
use webauthn_rp::{
    AuthenticatedCredential, NonDiscoverableAuthenticationServerState, RegistrationServerState,
};

use crate::{AppError, ErrorCode};

/// The host that passkeys are bound to, and the only origin whose pages may use them.
pub(super) struct Site {
    rp: RpId,
    origin: String,
}

/// What begins a ceremony.
pub(super) struct Begun {
    /// What the challenge is found by.
    pub(super) challenge_hash: String,
    /// What has to be known to judge the answer.
    pub(super) state: Vec<u8>,
    /// For the browser.
    pub(super) options: Value,
}

/// What is kept of a new passkey.
pub(super) struct Made {
    pub(super) credential: Vec<u8>,
    pub(super) public_state: Vec<u8>,
    pub(super) moving_state: Vec<u8>,
    pub(super) transports: u8,
}

/// Why an answer is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// In words for whoever sent it.
    Because(&'static str),
    /// The counter did not move on: somebody else has a copy of the authenticator, or this is one.
    Copied,
}

fn internal(what: &'static str) -> AppError {
    tracing::error!(what, "passkeys");
    AppError::new(ErrorCode::Internal, "internal error")
}

fn conflict(message: &str) -> AppError {
    AppError::new(ErrorCode::Conflict, message)
}

/// What is kept of a challenge.
pub(super) fn challenge_hash(challenge: SentChallenge) -> String {
    hash("aim passkey challenge", &[&challenge.0.to_be_bytes()])
}

/// Who a person is for authenticators: says nothing about them.
fn handle(user: &User) -> Result<UserHandle16, AppError> {
    UserHandle16::decode(user.id.as_uuid().into_bytes()).map_err(|_| internal("user handle"))
}

fn descriptor(passkey: &Passkey) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, AppError> {
    let id = CredentialId::decode(passkey.credential.clone());
    let transports = AuthTransports::decode(passkey.transports);
    Ok(PublicKeyCredentialDescriptor {
        id: id.map_err(|_| internal("credential id"))?,
        transports: transports.map_err(|_| internal("transports"))?,
    })
}

impl Site {
    /// By the URL that people find this installation at.
    pub(super) fn of(public_url: Option<&str>) -> Result<Self, AppError> {
        let url = public_url.and_then(|it| Url::parse(it).ok());
        let url = url.ok_or_else(|| {
            conflict("passkeys are bound to a host; its operator can set `public_url`")
        })?;
        let Some(Host::Domain(host)) = url.host() else {
            let message = "passkeys are bound to a host with a name; `public_url` of this \
                           installation has an address in its place";
            return Err(conflict(message));
        };
        let is_local = host == "localhost" || host.ends_with(".localhost");
        if url.scheme() != "https" && !is_local {
            let message = "browsers use passkeys over https only, and `public_url` of this \
                           installation is something else";
            return Err(conflict(message));
        }
        let domain = AsciiDomain::try_from(host.to_owned());
        let domain = domain.map_err(|_| conflict("`public_url` has no host for passkeys"))?;
        Ok(Self {
            rp: RpId::Domain(domain),
            origin: url.origin().ascii_serialization(),
        })
    }

    /// Begins to make a passkey; authenticators that hold one of `has` make none.
    pub(super) fn begin_registration(
        &self,
        user: &User,
        has: &[Passkey],
    ) -> Result<Begun, AppError> {
        let id = handle(user)?;
        let plain = user.id.to_string();
        let named = user.email.as_str().try_into();
        let name = match named {
            Ok(name) => name,
            // An address that is no name by RFC 8265: the authenticator shows an id.
            Err(_) => plain.as_str().try_into().map_err(|_| internal("name"))?,
        };
        let entity = PublicKeyCredentialUserEntity {
            name,
            id: &id,
            display_name: user.name.as_str().try_into().ok(),
        };
        let exclude = has.iter().map(descriptor).collect::<Result<Vec<_>, _>>()?;
        let mut options =
            PublicKeyCredentialCreationOptions::second_factor(&self.rp, entity, exclude);
        let selection = &mut options.authenticator_selection;
        selection.resident_key = ResidentKeyRequirement::Preferred;
        selection.user_verification = UserVerificationRequirement::Preferred;
        let challenge = SentChallenge(options.challenge.as_data());
        let begun = options.start_ceremony();
        let (state, client) = begun.map_err(|_| internal("creation options"))?;
        Ok(Begun {
            challenge_hash: challenge_hash(challenge),
            state: state.encode().map_err(|_| internal("creation state"))?,
            options: serde_json::to_value(&client).map_err(|_| internal("creation options"))?,
        })
    }

    /// What the answer to that makes.
    pub(super) fn register(
        &self,
        state: &[u8],
        answer: &Registration,
    ) -> Result<Made, &'static str> {
        const OURS: &str = "cannot be judged; begin again";
        let state = RegistrationServerState::<16>::decode(state).map_err(|_| OURS)?;
        let origins = [self.origin.as_str()];
        let options = RegistrationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let made = state.verify(&self.rp, answer, &options);
        let made = made.map_err(|error| registration_words(&error))?;
        Ok(Made {
            credential: made.id().as_ref().to_vec(),
            public_state: made.static_state().encode().map_err(|_| OURS)?,
            moving_state: made.dynamic_state().encode().map_err(|_| OURS)?.to_vec(),
            transports: made.transports().encode().map_err(|_| OURS)?,
        })
    }

    /// Begins to ask for one of the passkeys `has`.
    pub(super) fn begin_assertion(&self, has: &[Passkey]) -> Result<Begun, AppError> {
        let mut allowed = AllowedCredentials::with_capacity(has.len());
        for passkey in has {
            allowed.push(descriptor(passkey)?.into());
        }
        let options = NonDiscoverableCredentialRequestOptions::second_factor(&self.rp, allowed);
        let mut options = options.map_err(|_| conflict("you have no passkey"))?;
        let inner = options.options();
        inner.user_verification = UserVerificationRequirement::Preferred;
        let challenge = SentChallenge(inner.challenge.as_data());
        let begun = options.start_ceremony();
        let (state, client) = begun.map_err(|_| internal("request options"))?;
        Ok(Begun {
            challenge_hash: challenge_hash(challenge),
            state: state.encode().map_err(|_| internal("request state"))?,
            options: serde_json::to_value(&client).map_err(|_| internal("request options"))?,
        })
    }

    /// What moves when a passkey answers that rightly.
    pub(super) fn judge(
        &self,
        state: &[u8],
        user: &User,
        passkey: &Passkey,
        answer: &NonDiscoverableAuthentication16,
    ) -> Result<Vec<u8>, Refused> {
        const OURS: Refused = Refused::Because("cannot be judged; begin again");
        let state = NonDiscoverableAuthenticationServerState::decode(state).map_err(|_| OURS)?;
        let handle = handle(user).map_err(|_| OURS)?;
        let moving = passkey.moving_state.as_slice();
        let moving = moving.try_into().map_err(|_| OURS)?;
        let mut known = AuthenticatedCredential::new(
            CredentialId::decode(passkey.credential.as_slice()).map_err(|_| OURS)?,
            &handle,
            StaticState::decode(&passkey.public_state).map_err(|_| OURS)?,
            DynamicState::decode(moving).map_err(|_| OURS)?,
        )
        .map_err(|_| OURS)?;
        let origins = [self.origin.as_str()];
        let options = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        let judged = state.verify(&self.rp, answer, &mut known, &options);
        judged.map_err(|error| match error {
            AuthCeremonyErr::SignatureCounter => Refused::Copied,
            other => Refused::Because(assertion_words(&other)),
        })?;
        Ok(known.dynamic_state().encode().map_err(|_| OURS)?.to_vec())
    }
}

fn registration_words(error: &RegCeremonyErr) -> &'static str {
    match error {
        RegCeremonyErr::Timeout => "came too late; begin again",
        RegCeremonyErr::OriginMismatch | RegCeremonyErr::CrossOrigin => {
            "was made for a page of another origin"
        }
        RegCeremonyErr::RpIdHashMismatch => "was made for another host",
        RegCeremonyErr::ChallengeMismatch => "answers another challenge",
        _ => "is not right; begin again",
    }
}

fn assertion_words(error: &AuthCeremonyErr) -> &'static str {
    match error {
        AuthCeremonyErr::Timeout => "came too late; begin again",
        AuthCeremonyErr::OriginMismatch | AuthCeremonyErr::CrossOrigin => {
            "was made for a page of another origin"
        }
        AuthCeremonyErr::RpIdHashMismatch => "was made for another host",
        AuthCeremonyErr::ChallengeMismatch => "answers another challenge",
        AuthCeremonyErr::AssertionSignature => "has a signature that is not right",
        _ => "is not right; begin again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_host_with_a_name_that_browsers_trust() {
        let origin = |url: &str| Site::of(Some(url)).map(|site| site.origin).ok();
        let good = "https://aim.example";
        assert_eq!(origin(good).as_deref(), Some(good));
        let odd = origin("https://AIM.example:443/path");
        assert_eq!(odd.as_deref(), Some(good));
        let port = origin("http://localhost:8080");
        assert_eq!(port.as_deref(), Some("http://localhost:8080"));
        for bad in [
            "http://aim.example",
            "https://127.0.0.1",
            "https://[::1]:8080",
            "nonsense",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
        assert!(Site::of(None).is_err());
    }
}
