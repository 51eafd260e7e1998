//! Short-lived X.509 certificates of agents' keys, with a SPIFFE id.

use aim_domain::certificate::{
    CERTIFICATE_LIFE_SECONDS, CERTIFICATE_LIFE_SECONDS_MAX, revocation_list_url, spiffe_id,
};
use aim_domain::id::AuditEntryId;
use aim_store::audit::NewAuditEntry;
use aim_store::certificates::AgentCertificate;
use chrono::{DateTime, Duration, Utc};
use rand::RngExt;
use rcgen::{
    CertificateParams, CrlDistributionPoint, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    KeyUsagePurpose, SanType, SerialNumber,
};
use serde_json::json;

use crate::authority::{SKEW, instant, internal};
use crate::certificate_request::{SubjectKey, subject_key};
use crate::{AgentActor, App, AppError, ErrorCode};

/// Bytes of a serial number; 20 are the most that there may be.
const SERIAL_BYTES: usize = 16;

/// What certificate is wanted.
#[derive(Debug, Clone, Default)]
pub struct IssueCertificate {
    /// How long it is good.
    pub life_seconds: Option<u32>,
    /// A request of PKCS #10 in PEM, for another key than the one that signs.
    pub signing_request: Option<String>,
}

/// A certificate with what it takes to use it.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// Who it names.
    pub spiffe_id: String,
    /// Since when it is good.
    pub not_before: DateTime<Utc>,
    /// Until when.
    pub not_after: DateTime<Utc>,
    /// Itself, in DER.
    pub certificate: Vec<u8>,
    /// The certificate of the authority that signed it, in DER.
    pub authority: Vec<u8>,
}

impl App {
    /// A certificate for the key that signed the request, or for the one that signed the signing
    /// request in it. Either way it ends with the key that signed, and is on the revocation list as
    /// soon as that is revoked or the agent stopped.
    ///
    /// # Errors
    /// `InvalidInput` for the life or the signing request, `Forbidden` for an agent that may not act,
    /// `Unauthenticated` for a replayed request.
    pub async fn issue_certificate(
        &self,
        actor: &AgentActor,
        input: IssueCertificate,
        request_id: &str,
    ) -> Result<IssuedCertificate, AppError> {
        actor.refuse_dead_key()?;
        let forbidden = |message: &str| Err(AppError::new(ErrorCode::Forbidden, message));
        if let Some(reason) = &actor.stopped {
            return forbidden(&reason.message);
        }
        if actor.token.is_some() {
            return forbidden("a token gets no certificate; sign the request with the agent's key");
        }
        let life = input.life_seconds.unwrap_or(CERTIFICATE_LIFE_SECONDS);
        if life == 0 || life > CERTIFICATE_LIFE_SECONDS_MAX {
            let message = format!("is `{life}`; give 1 to {CERTIFICATE_LIFE_SECONDS_MAX} seconds");
            return Err(AppError::field("lifeSeconds", message));
        }
        let id = spiffe_id(actor.organization, actor.agent);
        let asked = input.signing_request.map(|text| subject_key(&text, &id));
        let asked = asked.transpose();
        let asked = asked.map_err(|error| AppError::field("signingRequest", error.to_string()))?;
        let facts = self.facts(actor.agent).await?;
        let key = facts.keys.iter().find(|key| key.id == actor.key);
        let key = key.ok_or_else(|| AppError::not_found("agent key"))?;
        let subject = asked.unwrap_or_else(|| SubjectKey::of(&key.public_key));
        let now = self.clock.now();
        let end = now + Duration::seconds(i64::from(life));
        let mut serial: [u8; SERIAL_BYTES] = rand::rng().random();
        // A positive number that does not begin with zero.
        serial[0] = (serial[0] & 0x7f) | 0x40;
        let record = AgentCertificate {
            id: self.ids.next(),
            organization: actor.organization,
            agent: actor.agent,
            key: actor.key,
            serial: serial.to_vec(),
            not_before: now - SKEW,
            not_after: actor.key_ends_at.map_or(end, |key| end.min(key)),
        };
        let authority = self.authority(actor.organization).await?;
        let mut params = params(&record, &facts.name)?;
        if let Some(base) = &self.accounts.base_url {
            let uris = vec![revocation_list_url(base, actor.organization)];
            params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        }
        let signed = params.signed_by(&subject, &authority.issuer);
        let certificate = signed.map_err(internal)?.der().to_vec();
        self.write_certificate(actor, &record, &subject, request_id)
            .await?;
        Ok(IssuedCertificate {
            serial: serial.iter().map(|byte| format!("{byte:02x}")).collect(),
            spiffe_id: id,
            not_before: record.not_before,
            not_after: record.not_after,
            certificate,
            authority: authority.certificate,
        })
    }

    async fn write_certificate(
        &self,
        actor: &AgentActor,
        record: &AgentCertificate,
        subject: &SubjectKey,
        request_id: &str,
    ) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        self.use_nonce(&mut tx, actor, request_id).await?;
        tx.insert_certificate(record).await?;
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization: record.organization,
            actor_type: "agent",
            actor_id: record.agent.to_string(),
            action: "agent-certificate.issue",
            object_type: "agentCertificate",
            object_id: record.id.to_string(),
            reason: None,
            before: None,
            after: Some(json!({
                "key": record.key,
                "notAfter": record.not_after,
                "algorithm": subject.name(),
                "publicKeyDigest": subject.digest(),
            })),
            request_id: request_id.to_owned(),
        });
        Ok(tx.commit().await?)
    }
}

fn params(record: &AgentCertificate, name: &str) -> Result<CertificateParams, AppError> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    let id = spiffe_id(record.organization, record.agent);
    params.subject_alt_names = vec![SanType::URI(id.as_str().try_into().map_err(internal)?)];
    params.not_before = instant(record.not_before)?;
    params.not_after = instant(record.not_after)?;
    params.serial_number = Some(SerialNumber::from_slice(&record.serial));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
