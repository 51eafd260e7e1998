//! Proof of possession of a key.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::name::AgentName;
use aim_domain::signature::{
    PossessionProof, ProofError, PublicKey, SecretKey, challenge_text, possession_text,
    rotation_text, sign_challenge, sign_event, sign_possession, sign_rotation,
};
use chrono::DateTime;
use proptest::prelude::{any, prop_assert_eq, proptest};
use uuid::Uuid;

use crate::request::{NOW, key};
use crate::round_trip::config;

fn organization(number: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(number))
}

fn check(
    proof: &PossessionProof,
    organization: OrganizationId,
    name: &str,
    key: &PublicKey,
) -> Result<(), ProofError> {
    let name = AgentName::parse(name).unwrap();
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    proof.verify(organization, &name, key, now)
}

#[test]
fn the_text_names_everything() {
    let name = AgentName::parse("scout").unwrap();
    let text = possession_text(organization(1), &name, &key().public_key(), NOW);
    let public = key().public_key().to_base64url();
    assert_eq!(
        text,
        format!(
            "aim-register-v1\n00000000-0000-0000-0000-000000000001\nscout\n{public}\n1800000000"
        )
    );
}

#[test]
fn a_proof_is_for_one_organization_name_key_and_time() {
    let name = AgentName::parse("scout").unwrap();
    let public = key().public_key();
    let other = SecretKey::from_seed(&[8; 32]);
    let proof = sign_possession(organization(1), &name, &key(), NOW);
    let one = organization(1);
    assert_eq!(check(&proof, one, "scout", &public), Ok(()));
    let invalid = Err(ProofError::Invalid);
    assert_eq!(check(&proof, organization(2), "scout", &public), invalid);
    assert_eq!(check(&proof, one, "scout2", &public), invalid);
    assert_eq!(check(&proof, one, "Scout", &public), invalid);
    assert_eq!(check(&proof, one, "scout", &other.public_key()), invalid);
    let moved = PossessionProof {
        created: NOW - 1,
        ..proof.clone()
    };
    assert_eq!(check(&moved, one, "scout", &public), invalid);
    // Somebody else's signature over the text that names our key.
    let text = possession_text(one, &name, &public, NOW);
    for signature in [
        other.sign(text.as_bytes()).to_vec(),
        sign_event(&key(), "scout", text.as_bytes()).signature,
        proof.signature[..63].to_vec(),
        [&proof.signature[..], &[0]].concat(),
        Vec::new(),
    ] {
        let forged = PossessionProof {
            created: NOW,
            signature,
        };
        assert_eq!(check(&forged, one, "scout", &public), invalid);
    }
}

fn agent(number: u128) -> AgentId {
    AgentId::from_uuid(Uuid::from_u128(number))
}

#[test]
fn a_rotations_proof_is_for_one_organization_agent_key_and_time() {
    let (one, public) = (organization(1), key().public_key());
    let text = rotation_text(one, agent(2), &public, NOW);
    let x = public.to_base64url();
    let wanted = format!(
        "aim-rotate-v1\n00000000-0000-0000-0000-000000000001\n\
         00000000-0000-0000-0000-000000000002\n{x}\n{NOW}"
    );
    assert_eq!(text, wanted);
    let proof = sign_rotation(one, agent(2), &key(), NOW);
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let check = |proof: &PossessionProof, organization, agent, key: &PublicKey| {
        proof.verify_rotation(organization, agent, key, now)
    };
    assert_eq!(check(&proof, one, agent(2), &public), Ok(()));
    let other = SecretKey::from_seed(&[8; 32]);
    let invalid = Err(ProofError::Invalid);
    assert_eq!(check(&proof, organization(2), agent(2), &public), invalid);
    assert_eq!(check(&proof, one, agent(3), &public), invalid);
    assert_eq!(check(&proof, one, agent(2), &other.public_key()), invalid);
    let old = sign_rotation(one, agent(2), &key(), NOW - 301);
    assert_eq!(
        check(&old, one, agent(2), &public),
        Err(ProofError::Age(301))
    );
    // A registration's proof is no rotation's, nor is the answer to a challenge.
    let name = AgentName::parse("scout").unwrap();
    let registration = sign_possession(one, &name, &key(), NOW);
    assert_eq!(check(&registration, one, agent(2), &public), invalid);
    let answer = PossessionProof {
        created: NOW,
        signature: sign_challenge(one, agent(2), &key(), &NOW.to_string()).to_vec(),
    };
    assert_eq!(check(&answer, one, agent(2), &public), invalid);
    assert_eq!(
        challenge_text(one, agent(2), "x"),
        "aim-verify-agent-v1\n00000000-0000-0000-0000-000000000001\n\
         00000000-0000-0000-0000-000000000002\nx"
    );
}

#[test]
fn a_proof_is_good_for_five_minutes_either_way() {
    let name = AgentName::parse("scout").unwrap();
    for (created, expected) in [
        (NOW - 300, Ok(())),
        (NOW + 300, Ok(())),
        (NOW - 301, Err(ProofError::Age(301))),
        (NOW + 301, Err(ProofError::Age(-301))),
        (0, Err(ProofError::Age(NOW))),
        (i64::MAX, Err(ProofError::Age(NOW - i64::MAX))),
        (i64::MIN, Err(ProofError::Age(i64::MAX))),
    ] {
        let proof = sign_possession(organization(1), &name, &key(), created);
        let result = check(&proof, organization(1), "scout", &key().public_key());
        assert_eq!(result, expected, "{created}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn proofs_make_the_round_trip_and_break_when_changed(
        seed in any::<[u8; 32]>(),
        number in any::<u128>(),
        name in "[a-z][a-z0-9-]{0,30}[a-z0-9]",
        created in NOW - 300..=NOW + 300,
        at in 0_usize..64,
        flip in 1_u8..,
    ) {
        let key = SecretKey::from_seed(&seed);
        let public = key.public_key();
        let parsed = AgentName::parse(name.as_str()).unwrap();
        let mut proof = sign_possession(organization(number), &parsed, &key, created);
        prop_assert_eq!(check(&proof, organization(number), &name, &public), Ok(()));
        let changed = organization(number ^ u128::from(flip));
        prop_assert_eq!(check(&proof, changed, &name, &public), Err(ProofError::Invalid));
        proof.signature[at] ^= flip;
        prop_assert_eq!(
            check(&proof, organization(number), &name, &public),
            Err(ProofError::Invalid)
        );
    }
}
