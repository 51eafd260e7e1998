//! Reading models, within a permit's scope; and loading them for the stream.

use aim_domain::id::{ModelVersionId, OrganizationId};
use aim_domain::model::{ModelMove, Serving, Shadow};
use aim_domain::scope::Scope;
use aim_domain::signature::PublicKey;
use aim_store::models::{ModelSigner, ModelVersion};
use aim_store::{Page, PageRequest};

use crate::{App, AppError, Permit};

/// What serves, and what it was seen to do.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelsNow {
    /// Which versions, since which moves.
    pub serving: Serving,
    /// The champion.
    pub champion: Option<ModelVersion>,
    /// The challenger.
    pub challenger: Option<ModelVersion>,
    /// Whose models are taken; `None` before the first was published.
    pub signer: Option<ModelSigner>,
}

/// A model as published, for whoever scores.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The key that signed them.
    pub signer: PublicKey,
}

impl App {
    /// A version.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_model_version(
        &self,
        permit: &Permit,
        id: ModelVersionId,
    ) -> Result<Option<ModelVersion>, AppError> {
        Ok(self.store.find_model_version(permit.scope(), id).await?)
    }

    /// A version.
    ///
    /// # Errors
    /// `NotFound` when there is none in the permit's organization.
    pub async fn get_model_version(
        &self,
        permit: &Permit,
        id: ModelVersionId,
    ) -> Result<ModelVersion, AppError> {
        let found = self.find_model_version(permit, id).await?;
        found.ok_or_else(|| AppError::not_found("model version"))
    }

    /// A page of versions.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_model_versions(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<ModelVersion>, AppError> {
        Ok(self.store.list_model_versions(permit.scope(), page).await?)
    }

    /// A page of moves of champion and challenger.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_model_moves(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<ModelMove>, AppError> {
        Ok(self.store.list_model_moves(permit.scope(), page).await?)
    }

    /// What serves the permit's organization now.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn models_now(&self, permit: &Permit) -> Result<ModelsNow, AppError> {
        let scope = permit.scope();
        let serving = self.store.load_serving(scope.organization).await?;
        let mut versions = [None, None];
        for (version, served) in versions
            .iter_mut()
            .zip([serving.champion, serving.challenger])
        {
            if let Some(served) = served {
                *version = self.store.find_model_number(scope, served.version).await?;
            }
        }
        let [champion, challenger] = versions;
        Ok(ModelsNow {
            serving,
            champion,
            challenger,
            signer: self.store.find_model_signer(scope).await?,
        })
    }

    /// What champion and challenger did with the same actions since both are what they are.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn shadow(&self, permit: &Permit, of: Serving) -> Result<Shadow, AppError> {
        Ok(self.store.load_shadow(permit.scope(), of).await?)
    }

    /// The bytes of a version, for the stream; `None` when they or their key cannot be read.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_model(
        &self,
        organization: OrganizationId,
        number: i32,
    ) -> Result<Option<LoadedModel>, AppError> {
        let scope = Scope::of(organization);
        let Some(version) = self.store.find_model_number(scope, number).await? else {
            return Ok(None);
        };
        let bytes = self.store.load_model_artefact(version.id).await?;
        let signer = PublicKey::parse(&version.signer).ok();
        Ok(bytes
            .zip(signer)
            .map(|(bytes, signer)| LoadedModel { bytes, signer }))
    }
}
