//! A browser with an authenticator, for passkeys: the public crates of a maker of password managers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use passkey_authenticator::{Authenticator, MemoryStore, UiHint, UserCheck, UserValidationMethod};
use passkey_client::{Client, DefaultClientData, WebauthnError};
use passkey_crypto::rust_crypto::RustCryptoBackend;
use passkey_types::Passkey;
use passkey_types::ctap2::{Aaguid, Ctap2Error};
use passkey_types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use serde_json::{Value, json};

/// Somebody who touches the authenticator whenever it blinks, but for a second passkey.
struct Finger;

#[async_trait::async_trait]
impl UserValidationMethod for Finger {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        match hint {
            UiHint::InformExcludedCredentialFound(_) => Err(Ctap2Error::CredentialExcluded),
            _ => Ok(UserCheck {
                presence,
                verification,
            }),
        }
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A page of one origin, and the authenticator of whoever looks at it. A clone of it is a copied
/// authenticator.
#[derive(Clone)]
pub(crate) struct Browser {
    origin: String,
    keys: MemoryStore,
}

impl Browser {
    /// With an authenticator that is empty.
    pub(crate) fn at(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            keys: MemoryStore::new(),
        }
    }

    /// The same authenticator at a page of another origin.
    pub(crate) fn moved_to(&self, origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            keys: self.keys.clone(),
        }
    }

    fn client(
        &self,
    ) -> Client<MemoryStore, Finger, RustCryptoBackend, public_suffix::PublicSuffixList, ()> {
        let (store, none) = (self.keys.clone(), Aaguid::new_empty());
        let mut authenticator = Authenticator::new(none, store, Finger, RustCryptoBackend);
        authenticator.set_make_credentials_with_signature_counter(true);
        Client::new(authenticator)
    }

    /// `navigator.credentials.create({ publicKey: options })`, as JSON.
    pub(crate) async fn create(&mut self, options: &Value) -> Result<Value, WebauthnError> {
        let options = json!({ "publicKey": options });
        let options: CredentialCreationOptions = serde_json::from_value(options).unwrap();
        let origin: url::Url = self.origin.parse().unwrap();
        let mut client = self.client();
        let made = client.register(&origin, options, DefaultClientData).await?;
        self.keys = client.authenticator().store().clone();
        Ok(serde_json::to_value(made).unwrap())
    }

    /// `navigator.credentials.get({ publicKey: options })`, as JSON.
    pub(crate) async fn get(&mut self, options: &Value) -> Result<Value, WebauthnError> {
        let options = json!({ "publicKey": options });
        let options: CredentialRequestOptions = serde_json::from_value(options).unwrap();
        let origin: url::Url = self.origin.parse().unwrap();
        let mut client = self.client();
        let shown = client
            .authenticate(&origin, options, DefaultClientData)
            .await?;
        self.keys = client.authenticator().store().clone();
        Ok(serde_json::to_value(shown).unwrap())
    }
}
