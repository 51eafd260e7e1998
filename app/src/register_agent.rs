//! Registering an agent, with a key that its owner made, or with one that we make when asked to.

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::{AgentId, AgentKeyId, AgentSightingId};
use aim_domain::name::{ActionName, AgentName};
use aim_domain::signature::{PossessionProof, PublicKey, SecretKey};
use aim_domain::trust::TrustScore;
use aim_domain::verification::KeyFacts;
use aim_store::StoreError;
use aim_store::agents::Agent;
use rand::RngExt;
use serde_json::json;
use zeroize::Zeroizing;

use crate::error::FieldErrors;
use crate::rotate_agent_key::{key_error, taken};
use crate::{App, AppError, ErrorCode, Permit};

/// Most declared capabilities, servers and tags.
const LIST_MAX: usize = 100;
const DISPLAY_NAME_MAX: usize = 200;
const DESCRIPTION_MAX: usize = 2_000;
const URL_MAX: usize = 500;
const TAG_MAX: usize = 50;

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
    /// Words that people sort agents by.
    pub tags: Vec<String>,
    /// Its Ed25519 public key, base64url or base64.
    pub public_key: Option<String>,
    /// Whether we make the key pair instead.
    pub generate_key: bool,
    /// Proof that the caller has the private half; the agent is `PENDING` without it.
    pub proof: Option<PossessionProof>,
}

/// A new agent.
#[derive(Debug)]
pub struct RegisteredAgent {
    /// Itself.
    pub agent: Agent,
    /// The private key that was made for it, as PKCS #8 in PEM: nobody has it but whoever reads this.
    pub private_key: Option<Zeroizing<String>>,
}

impl App {
    /// Registers an agent: `VERIFIED` at once when the proof of possession comes with it, `PENDING`
    /// until it answers a challenge otherwise, also with a key that was made here: that it arrived is
    /// not proven yet.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when name or key are taken.
    pub async fn register_agent(
        &self,
        permit: &Permit,
        input: RegisterAgent,
    ) -> Result<RegisteredAgent, AppError> {
        self.register_agent_as(permit, input, None).await
    }

    /// The same, of one that waits in the inbox.
    #[expect(clippy::too_many_lines, reason = "most of it is one line a field")]
    pub(crate) async fn register_agent_as(
        &self,
        permit: &Permit,
        input: RegisterAgent,
        adopted: Option<AgentSightingId>,
    ) -> Result<RegisteredAgent, AppError> {
        let made = input.generate_key.then(new_key);
        let public_key = self.check(permit, &input, made.as_ref())?;
        let private_key = made.map(|key| key.to_pem()).transpose();
        let private_key = private_key.map_err(|_| internal())?;
        let now = self.clock.now();
        let organization = permit.scope().organization;
        let policy = self.store.get_key_policy(organization).await?;
        let proven = input.proof.is_some();
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
            status: if proven {
                AgentStatus::Verified
            } else {
                AgentStatus::Pending
            },
            status_reason: proven
                .then(|| "possession of the key proven at registration".to_owned()),
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
            tags: input.tags,
            deleted_at: None,
        };
        let key = KeyFacts {
            id: AgentKeyId::from_uuid(self.ids.next()),
            key_id: public_key.thumbprint().into(),
            public_key,
            expires_at: Some(policy.end_of_life(now)),
            revoked_at: None,
        };
        let mut tx = self.store.begin().await?;
        self.check_room_for_agent(&mut tx, permit).await?;
        tx.insert_agent(&agent).await.map_err(|error| match error {
            StoreError::Duplicate(_) => taken("name", "an agent with this name exists"),
            other => other.into(),
        })?;
        let by = permit.actor();
        let inserted = tx.insert_key(organization, agent.id, &key, &by);
        inserted.await.map_err(key_error)?;
        let whose = (organization, agent.id);
        self.settle_agent_sightings(&mut tx, whose, (&agent.name, &key.key_id), adopted)
            .await?;
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
                Some(json!({
                    "name": agent.name,
                    "status": agent.status,
                    "keyId": *key.key_id,
                    "keyMadeBy": if private_key.is_some() { "server" } else { "client" },
                })),
            ),
        ));
        tx.commit().await?;
        Ok(RegisteredAgent { agent, private_key })
    }

    fn check(
        &self,
        permit: &Permit,
        input: &RegisterAgent,
        made: Option<&SecretKey>,
    ) -> Result<PublicKey, AppError> {
        let mut errors = FieldErrors::default();
        let name = errors.keep("name", AgentName::parse(input.name.clone()));
        let key = match (&input.public_key, made) {
            (Some(text), None) => errors.keep("publicKey", PublicKey::parse(text)),
            (None, Some(key)) => Some(key.public_key()),
            (Some(_), Some(_)) => {
                let message = "is there although a key is to be made; leave one of both out";
                errors.add("publicKey", message);
                None
            }
            (None, None) => {
                let message = "is missing; make a key pair and give its public half, or say \
                               `generateKey`";
                errors.add("publicKey", message);
                None
            }
        };
        if made.is_some() && input.proof.is_some() {
            let message = "cannot be made with a key that is yet to be made; leave it out";
            errors.add("proofOfPossession", message);
        }
        check_texts(
            &mut errors,
            [
                &input.display_name,
                &input.description,
                &input.version,
                &input.repository_url,
                &input.documentation_url,
            ],
        );
        let lists = [&input.declared_capabilities, &input.talks_to, &input.tags];
        check_lists(&mut errors, lists);
        if let (Some(name), Some(key), Some(proof), None) = (&name, &key, &input.proof, made) {
            let organization = permit.scope().organization;
            let outcome = proof.verify(organization, name, key, self.clock.now());
            errors.keep("proofOfPossession", outcome);
        }
        errors.finish()?;
        key.ok_or_else(internal)
    }
}

fn internal() -> AppError {
    AppError::new(ErrorCode::Internal, "internal error")
}

/// Of the system's randomness; the seed is wiped from memory.
fn new_key() -> SecretKey {
    let mut seed = Zeroizing::new([0; 32]);
    rand::rng().fill(seed.as_mut_slice());
    SecretKey::from_seed(&seed)
}

/// Checks display name, description, version and the URLs of source and manual.
pub(crate) fn check_texts(errors: &mut FieldErrors, texts: [&Option<String>; 5]) {
    let rules = [
        ("displayName", DISPLAY_NAME_MAX),
        ("description", DESCRIPTION_MAX),
        ("version", DISPLAY_NAME_MAX),
        ("repositoryUrl", URL_MAX),
        ("documentationUrl", URL_MAX),
    ];
    for ((field, max), text) in rules.into_iter().zip(texts) {
        if let Some(text) = text {
            errors.text(field, text, max);
        }
    }
}

/// Checks declared capabilities, servers and tags.
pub(crate) fn check_lists(errors: &mut FieldErrors, [declared, talks_to, tags]: [&Vec<String>; 3]) {
    for (field, text) in entries(errors, "declaredCapabilities", declared) {
        errors.keep(&field, ActionName::parse(text.clone()));
    }
    for (field, text) in entries(errors, "talksTo", talks_to) {
        errors.text(&field, text, URL_MAX);
    }
    check_tags(errors, "tags", tags);
}

/// Checks tags in a field of an input.
pub(crate) fn check_tags(errors: &mut FieldErrors, field: &str, tags: &[String]) {
    for (field, text) in entries(errors, field, tags) {
        if text.trim().is_empty() {
            errors.add(&field, "is empty; leave it out");
        } else {
            errors.text(&field, text, TAG_MAX);
        }
    }
}

/// The entries of a list with their paths, not more than it may have.
fn entries<'a>(
    errors: &mut FieldErrors,
    field: &str,
    list: &'a [String],
) -> Vec<(String, &'a String)> {
    if list.len() > LIST_MAX {
        let message = format!("has {} entries; give at most {LIST_MAX}", list.len());
        errors.add(field, message);
    }
    let kept = list.iter().take(LIST_MAX).enumerate();
    kept.map(|(index, text)| (format!("{field}.{index}"), text))
        .collect()
}
