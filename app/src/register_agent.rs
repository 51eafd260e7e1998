//! Registering an agent with a key that its owner made.

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::{AgentId, AgentKeyId};
use aim_domain::name::{ActionName, AgentName};
use aim_domain::signature::{PossessionProof, PublicKey};
use aim_domain::trust::TrustScore;
use aim_domain::verification::KeyFacts;
use aim_store::StoreError;
use aim_store::agents::Agent;
use chrono::Duration;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, FieldError, Permit};

/// Days until a new key expires.
const KEY_LIFE_DAYS: i64 = 90;
/// Most declared capabilities and servers.
const LIST_MAX: usize = 100;
const DISPLAY_NAME_MAX: usize = 200;
const DESCRIPTION_MAX: usize = 2_000;
const URL_MAX: usize = 500;

/// What is said about a new agent.
#[derive(Debug, Clone)]
pub struct RegisterAgent {
    /// Its name, unique in the organization.
    pub name: String,
    /// What people call it; the name when left out.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What kind of program it is.
    pub agent_type: AgentType,
    /// Its version.
    pub version: Option<String>,
    /// Where its source is.
    pub repository_url: Option<String>,
    /// Where its manual is.
    pub documentation_url: Option<String>,
    /// What it says it needs; declared is not granted.
    pub declared_capabilities: Vec<String>,
    /// Servers it says it talks to.
    pub talks_to: Vec<String>,
    /// Its Ed25519 public key, base64url or base64.
    pub public_key: String,
    /// Proof that the caller has the private half.
    pub proof: PossessionProof,
}

impl App {
    /// Registers an agent. It is `VERIFIED` at once: the proof of possession comes with it.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when name or key are taken.
    #[expect(clippy::too_many_lines, reason = "most of it is one line a field")]
    pub async fn register_agent(
        &self,
        permit: &Permit,
        input: RegisterAgent,
    ) -> Result<Agent, AppError> {
        let public_key = self.check(permit, &input)?;
        let now = self.clock.now();
        let organization = permit.scope().organization;
        let agent = Agent {
            id: AgentId::from_uuid(self.ids.next()),
            organization,
            display_name: input.display_name.unwrap_or_else(|| input.name.clone()),
            name: input.name,
            description: input.description.unwrap_or_default(),
            agent_type: input.agent_type,
            version: input.version,
            repository_url: input.repository_url,
            documentation_url: input.documentation_url,
            declared_capabilities: input.declared_capabilities,
            talks_to: input.talks_to,
            status: AgentStatus::Verified,
            status_reason: Some("possession of the key proven at registration".to_owned()),
            status_changed_at: now,
            status_changed_by: permit.actor(),
            trust: None,
            trust_confidence: TrustScore::default(),
            trust_sample_count: 0,
            trust_override: None,
            trust_updated_at: None,
            created_by: permit.actor(),
            created_at: now,
            updated_at: now,
            last_seen_at: None,
            kill_switch: None,
        };
        let key = KeyFacts {
            id: AgentKeyId::from_uuid(self.ids.next()),
            key_id: public_key.thumbprint().into(),
            public_key,
            expires_at: Some(now + Duration::days(KEY_LIFE_DAYS)),
            revoked_at: None,
        };
        let taken = |field: &str, message: &str| AppError {
            code: ErrorCode::Conflict,
            message: message.to_owned(),
            fields: vec![FieldError {
                field: field.to_owned(),
                message: message.to_owned(),
            }],
        };
        let mut tx = self.store.begin().await?;
        self.check_room_for_agent(&mut tx, permit).await?;
        tx.insert_agent(&agent).await.map_err(|error| match error {
            StoreError::Duplicate(_) => taken("name", "an agent with this name exists"),
            other => other.into(),
        })?;
        tx.insert_key(organization, agent.id, &key)
            .await
            .map_err(|error| match error {
                StoreError::Duplicate(_) => {
                    taken("publicKey", "this key is in use; make a new pair")
                }
                other => other.into(),
            })?;
        let change = AgentChange::Registered {
            name: agent.name.clone(),
        };
        tx.emit(&self.event(
            organization,
            agent.id,
            AgentChanged {
                agent: agent.id,
                change,
            },
        ));
        tx.audit(permit.audit(
            &self.ids,
            "agent.register",
            ("agent", agent.id.to_string()),
            None,
            (
                None,
                Some(json!({ "name": agent.name, "keyId": *key.key_id })),
            ),
        ));
        tx.commit().await?;
        Ok(agent)
    }

    fn check(&self, permit: &Permit, input: &RegisterAgent) -> Result<PublicKey, AppError> {
        let mut errors = FieldErrors::default();
        let name = errors.keep("name", AgentName::parse(input.name.clone()));
        let key = errors.keep("publicKey", PublicKey::parse(&input.public_key));
        for (field, text, max) in [
            ("displayName", &input.display_name, DISPLAY_NAME_MAX),
            ("description", &input.description, DESCRIPTION_MAX),
            ("version", &input.version, DISPLAY_NAME_MAX),
            ("repositoryUrl", &input.repository_url, URL_MAX),
            ("documentationUrl", &input.documentation_url, URL_MAX),
        ] {
            if let Some(text) = text {
                errors.text(field, text, max);
            }
        }
        for (field, list) in [
            ("declaredCapabilities", &input.declared_capabilities),
            ("talksTo", &input.talks_to),
        ] {
            if list.len() > LIST_MAX {
                errors.add(
                    field,
                    format!("has {} entries; give at most {LIST_MAX}", list.len()),
                );
            }
        }
        for (index, text) in input
            .declared_capabilities
            .iter()
            .take(LIST_MAX)
            .enumerate()
        {
            errors.keep(
                &format!("declaredCapabilities.{index}"),
                ActionName::parse(text.clone()),
            );
        }
        for (index, text) in input.talks_to.iter().take(LIST_MAX).enumerate() {
            errors.text(&format!("talksTo.{index}"), text, URL_MAX);
        }
        if let (Some(name), Some(key)) = (&name, &key) {
            let organization = permit.scope().organization;
            let outcome = input
                .proof
                .verify(organization, name, key, self.clock.now());
            errors.keep("proofOfPossession", outcome);
        }
        errors.finish()?;
        key.ok_or_else(|| AppError::new(ErrorCode::Internal, "internal error"))
    }
}
