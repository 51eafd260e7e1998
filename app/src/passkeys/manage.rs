//! What people do with the passkeys that they have.

use aim_domain::id::PasskeyId;
use aim_domain::session::Client;
use aim_store::Tx;
use aim_store::passkeys::Passkey;
use aim_store::users::User;
use serde_json::{Value, json};

use super::FactorProof;
use super::register::named;
use crate::accounts::By;
use crate::{App, AppError, UserActor};

impl App {
    /// A person's own passkeys.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn list_passkeys(&self, actor: &UserActor) -> Result<Vec<Passkey>, AppError> {
        Ok(self.store.list_passkeys(actor.id).await?)
    }

    /// Calls one's own passkey otherwise.
    ///
    /// # Errors
    /// `InvalidInput` for the name, `NotFound` for the passkey.
    pub async fn rename_passkey(
        &self,
        actor: &UserActor,
        id: PasskeyId,
        name: &str,
        request_id: &str,
    ) -> Result<Passkey, AppError> {
        let before = self.find_own_passkey(actor, id).await?;
        let name = named(name)?;
        let user = self.get_own(actor).await?;
        let mut tx = self.store.begin().await?;
        if !tx.rename_passkey(user.id, id, &name).await? {
            return Err(AppError::not_found("passkey"));
        }
        let change = json!({ "name": name, "was": before.name });
        let action = ("passkey.rename", id);
        self.note_passkey(&mut tx, &user, action, Some(change), request_id);
        tx.commit().await?;
        Ok(Passkey { name, ..before })
    }

    /// Takes one's own passkey off. With the last factor the recovery codes go, too.
    ///
    /// # Errors
    /// `NotFound` for the passkey, `InvalidInput` for a wrong password or proof.
    pub async fn remove_passkey(
        &self,
        actor: &UserActor,
        id: PasskeyId,
        (password, proof): (&str, FactorProof<'_>),
        client: &Client,
        request_id: &str,
    ) -> Result<Passkey, AppError> {
        let gone = self.find_own_passkey(actor, id).await?;
        let user = self.check_own_password(actor, password, client).await?;
        let factors = self.factors_of(user.id).await?;
        let session = actor.session.as_uuid();
        self.check_factor(&user, &factors, proof, (session, request_id))
            .await?;
        let mut tx = self.store.begin().await?;
        let count = tx.lock_passkeys(user.id).await?;
        if !tx.delete_passkey(user.id, id).await? {
            return Err(AppError::not_found("passkey"));
        }
        if count <= 1 && factors.by_time.is_none() {
            tx.delete_stand_ins(user.id).await?;
            self.emit_factor(&mut tx, &user, false);
        }
        let was = json!({ "name": gone.name });
        let action = ("passkey.remove", id);
        self.note_passkey(&mut tx, &user, action, Some(was), request_id);
        tx.commit().await?;
        Ok(gone)
    }

    async fn find_own_passkey(
        &self,
        actor: &UserActor,
        id: PasskeyId,
    ) -> Result<Passkey, AppError> {
        let all = self.store.list_passkeys(actor.id).await?;
        let found = all.into_iter().find(|passkey| passkey.id == id);
        found.ok_or_else(|| AppError::not_found("passkey"))
    }

    pub(super) fn note_passkey(
        &self,
        tx: &mut Tx,
        user: &User,
        (action, id): (&'static str, PasskeyId),
        about: Option<Value>,
        request_id: &str,
    ) {
        let by = By::User(user.id);
        let object = ("passkey", id.to_string());
        let mut entry = self.account_audit(user.organization, by, action, object, request_id);
        entry.after = about;
        tx.audit(entry);
    }
}
