//! The first start: an organization, its owner, the catalogue.

use aim_domain::capability_catalogue::{CATALOGUE, KnownCapability};
use aim_domain::id::{OrganizationId, UserId};
use aim_domain::role::Role;
use aim_domain::trust::TrustWeights;
use aim_domain::verification::DecisionSettings;
use aim_store::audit::NewAuditEntry;
use aim_store::capabilities::Capability;
use aim_store::organizations::Organization;
use aim_store::users::User;
use rand::RngExt;
use serde_json::json;

use crate::{App, AppError};

/// Characters of the one-time password: no look-alikes. 20 of them carry about 115 bits.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
const LENGTH: usize = 20;
/// The first person's e-mail address.
const EMAIL: &str = "admin@aim.local";

/// What the operator has to be told once.
#[derive(Clone)]
pub struct Bootstrap {
    /// E-mail address of the administrator.
    pub email: String,
    /// Their one-time password; it has to be changed at the first sign-in.
    pub password: String,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Makes the first organization and its owner when there is nobody yet.
    ///
    /// Two processes may start at once: the unique e-mail address lets one win, and the other
    /// finds that somebody is there.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be written.
    pub async fn bootstrap(&self) -> Result<Option<Bootstrap>, AppError> {
        if self.store.count_users().await? > 0 {
            // What the catalogue has more than when this began.
            let mut tx = self.store.begin().await?;
            tx.insert_capabilities(&catalogue()).await?;
            tx.commit().await?;
            return Ok(None);
        }
        let password = one_time_password();
        let hash = self.passwords.hash(password.clone()).await?;
        let now = self.clock.now();
        let organization = Organization {
            id: OrganizationId::from_uuid(self.ids.next()),
            name: "Default".to_owned(),
            settings: DecisionSettings::default(),
            created_at: now,
            trust_weights: TrustWeights::default(),
            kill_switch: None,
            approvals: None,
        };
        let user = User {
            id: UserId::from_uuid(self.ids.next()),
            organization: organization.id,
            email: EMAIL.to_owned(),
            name: "Administrator".to_owned(),
            role: Role::Owner,
            password_hash: hash,
            must_change_password: true,
            token_generation: 0,
            created_at: now,
        };
        let mut tx = self.store.begin().await?;
        let outcome = async {
            tx.insert_organization(&organization, "default").await?;
            tx.insert_user(&user).await?;
            tx.insert_capabilities(&catalogue()).await?;
            for entry in self.first_entries(&organization, &user) {
                tx.audit(entry);
            }
            self.insert_default_policies(&mut tx, organization.id)
                .await?;
            tx.commit().await
        };
        match outcome.await {
            Ok(()) => Ok(Some(Bootstrap {
                email: EMAIL.to_owned(),
                password,
            })),
            Err(aim_store::StoreError::Duplicate(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl App {
    /// Nobody had a permit for it, and the trail still begins with how it began.
    fn first_entries(&self, organization: &Organization, user: &User) -> [NewAuditEntry; 2] {
        let by_system =
            |action, object| self.by_system("bootstrap", organization.id, action, object);
        let object = ("organization", organization.id.to_string());
        let mut made = by_system("organization.create", object);
        made.after = Some(json!({ "name": organization.name }));
        let mut owner = by_system("user.create", ("user", user.id.to_string()));
        owner.after = Some(json!({ "email": user.email, "role": user.role }));
        [made, owner]
    }
}

fn one_time_password() -> String {
    let mut random = rand::rng();
    (0..LENGTH)
        .map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]))
        .collect()
}

fn catalogue() -> Vec<Capability> {
    let entry = |it: &KnownCapability| {
        let class = it.class();
        Capability {
            name: it.name.to_owned(),
            category: it.category().to_owned(),
            description: it.description.to_owned(),
            risk: class.risk,
            is_write: class.is_write,
        }
    };
    CATALOGUE.iter().map(entry).collect()
}
