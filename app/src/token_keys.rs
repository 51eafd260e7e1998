//! The installation's own keys that sign agent tokens: made when first needed, the same for all API
//! processes, sealed in the database.

use std::sync::Arc;

use aim_domain::signature::{PublicKey, SecretKey};
use aim_store::server_keys::ServerKey;
use rand::RngExt;
use zeroize::Zeroizing;

use crate::{App, AppError, ErrorCode};

const PURPOSE: &str = "token";
/// Processes that race for the first key find the winner's at the next look.
const LOOKS: usize = 4;

/// The key that signs, and all that are believed.
#[derive(Debug)]
pub struct TokenKeys {
    /// Signs new tokens.
    pub current: SecretKey,
    /// Every key whose private half this installation's secret opens, newest first. What was sealed
    /// with another secret is not believed: changing the secret ends all tokens.
    pub believed: Vec<PublicKey>,
}

impl App {
    /// The keys, from memory but for the first time.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer, `Internal` without a secret.
    pub async fn token_keys(&self) -> Result<Arc<TokenKeys>, AppError> {
        let keys = self.token_keys.get_or_try_init(|| self.find_or_make());
        Ok(Arc::clone(keys.await?))
    }

    async fn find_or_make(&self) -> Result<Arc<TokenKeys>, AppError> {
        for _ in 0..LOOKS {
            let kept = self.store.list_server_keys(PURPOSE).await?;
            let opened: Vec<_> = kept.iter().filter_map(|key| self.open(key)).collect();
            if let Some(current) = opened.first() {
                return Ok(Arc::new(TokenKeys {
                    current: current.clone(),
                    believed: opened.iter().map(SecretKey::public_key).collect(),
                }));
            }
            let number = kept.first().map_or(1, |newest| newest.number + 1);
            self.make(number).await?;
        }
        let message = "no key for tokens could be made; try again";
        Err(AppError::new(ErrorCode::Unavailable, message))
    }

    async fn make(&self, number: i32) -> Result<(), AppError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        rand::rng().fill(&mut *seed);
        let key = SecretKey::from_seed(&seed);
        let sealed = self.sealer()?.seal(&name(number), b"", &*seed)?;
        let row = ServerKey {
            purpose: PURPOSE.to_owned(),
            number,
            public_key: key.public_key().to_bytes().to_vec(),
            sealed,
        };
        let mut tx = self.store.begin().await?;
        tx.insert_server_key(&row).await?;
        Ok(tx.commit().await?)
    }

    fn open(&self, key: &ServerKey) -> Option<SecretKey> {
        let seed = self
            .sealer()
            .ok()?
            .open(&name(key.number), b"", &key.sealed)?;
        let seed: &[u8; 32] = seed.as_slice().try_into().ok()?;
        let secret = SecretKey::from_seed(seed);
        let is_its = secret.public_key().to_bytes().as_slice() == key.public_key;
        is_its.then_some(secret)
    }
}

fn name(number: i32) -> String {
    format!("{PURPOSE}:{number}")
}
