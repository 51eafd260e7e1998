//! An organization's certificate authority: made when first needed, its key sealed in the database.

use aim_domain::id::OrganizationId;
use aim_store::certificates::{CertificateAuthority, CertificateEnd};
use chrono::{DateTime, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ED25519, RevocationReason,
    RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use crate::{App, AppError, ErrorCode};

/// How long an authority's own certificate is good.
const AUTHORITY_LIFE: Duration = Duration::days(3_650);
/// How long a list of revoked certificates may be believed.
const LIST_LIFE: Duration = Duration::hours(1);
/// Clocks differ.
pub(crate) const SKEW: Duration = Duration::seconds(60);
/// Processes that race for the first authority find the winner's at the next look.
const LOOKS: usize = 3;

/// A failure of the library is ours: all that it is given is ours.
pub(crate) fn internal(error: impl std::fmt::Display) -> AppError {
    tracing::error!(%error, "certificate");
    AppError::new(ErrorCode::Internal, "internal error")
}

/// A time as certificates have it.
pub(crate) fn instant(at: DateTime<Utc>) -> Result<OffsetDateTime, AppError> {
    OffsetDateTime::from_unix_timestamp(at.timestamp()).map_err(internal)
}

/// What signs an organization's certificates and lists.
pub(crate) struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, in DER.
    pub(crate) certificate: Vec<u8>,
}

impl App {
    /// The organization's authority, made if it has none.
    pub(crate) async fn authority(&self, id: OrganizationId) -> Result<Authority, AppError> {
        for _ in 0..LOOKS {
            if let Some(kept) = self.store.find_authority(id).await? {
                return self.open_authority(&kept);
            }
            self.make_authority(id).await?;
        }
        let message = "no certificate authority could be made; try again";
        Err(AppError::new(ErrorCode::Unavailable, message))
    }

    async fn make_authority(&self, id: OrganizationId) -> Result<(), AppError> {
        let now = self.clock.now();
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(internal)?;
        let mut params = params(id);
        params.not_before = instant(now - SKEW)?;
        params.not_after = instant(now + AUTHORITY_LIFE)?;
        let certificate = params.self_signed(&key).map_err(internal)?;
        let authority = CertificateAuthority {
            organization: id,
            certificate: certificate.der().to_vec(),
            sealed: self.sealer()?.seal(&name(id), b"", key.serialized_der())?,
            created_at: now,
        };
        let mut tx = self.store.begin().await?;
        tx.insert_authority(&authority).await?;
        Ok(tx.commit().await?)
    }

    fn open_authority(&self, kept: &CertificateAuthority) -> Result<Authority, AppError> {
        let opened = self
            .sealer()?
            .open(&name(kept.organization), b"", &kept.sealed);
        let key = opened.ok_or_else(|| {
            let words = "the authority's key was sealed with another JWT_SECRET";
            internal(words)
        })?;
        let key = rcgen_key(&key)?;
        Ok(Authority {
            issuer: Issuer::new(params(kept.organization), key),
            certificate: kept.certificate.clone(),
        })
    }

    /// The certificate of an organization's authority, in DER; `None` while it has none.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_authority_certificate(
        &self,
        id: OrganizationId,
    ) -> Result<Option<Vec<u8>>, AppError> {
        let found = self.store.find_authority(id).await?;
        Ok(found.map(|authority| authority.certificate))
    }

    /// The list of an organization's certificates that are good no more before their end (RFC 5280),
    /// signed now, in DER; `None` while it has no authority.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn revocation_list(&self, id: OrganizationId) -> Result<Option<Vec<u8>>, AppError> {
        let Some(kept) = self.store.find_authority(id).await? else {
            return Ok(None);
        };
        let authority = self.open_authority(&kept)?;
        let now = self.clock.now();
        let ended = self.store.list_ended_certificates(id).await?;
        let ended = ended.into_iter().map(|(serial, end)| revoked(&serial, end));
        let list = CertificateRevocationListParams {
            this_update: instant(now)?,
            next_update: instant(now + LIST_LIFE)?,
            crl_number: SerialNumber::from(u64::try_from(now.timestamp_millis()).unwrap_or(0)),
            issuing_distribution_point: None,
            revoked_certs: ended.collect::<Result<_, _>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&authority.issuer).map_err(internal)?;
        Ok(Some(list.der().to_vec()))
    }
}

fn rcgen_key(der: &[u8]) -> Result<KeyPair, AppError> {
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from(der.to_vec());
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519).map_err(internal)
}

fn revoked(serial: &[u8], end: CertificateEnd) -> Result<RevokedCertParams, AppError> {
    let (at, reason) = match end {
        CertificateEnd::KeyRevoked(at) => (at, RevocationReason::KeyCompromise),
        CertificateEnd::KeyEnded(at) => (at, RevocationReason::Superseded),
        CertificateEnd::AgentRevoked(at) => (at, RevocationReason::CessationOfOperation),
        CertificateEnd::AgentStopped(at) => (at, RevocationReason::CertificateHold),
    };
    Ok(RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: instant(at)?,
        reason_code: Some(reason),
        invalidity_date: None,
    })
}

/// What an authority says of itself; the same each time, so that what it signs names it.
fn params(id: OrganizationId) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "AIM");
    subject.push(DnType::CommonName, format!("AIM organization {id}"));
    params.distinguished_name = subject;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(id: OrganizationId) -> String {
    format!("authority:{id}")
}
