//! Project Wycheproof's 151 Ed25519 signatures: every verdict, through the door that agents' keys come by,
//! alone and among others in a batch.

use aim_domain::signature::{PublicKey, SecretKey, Signed, verify_all};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

/// Good signatures beside the one in question.
const OTHERS: usize = 127;

#[test]
fn every_verdict_is_right() {
    let secret = SecretKey::from_seed(&[7; 32]);
    let (other, signature) = (secret.public_key(), secret.sign(b"other"));
    let other = Signed {
        key: &other,
        message: b"other",
        signature: &signature,
    };
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let raw: &[u8] = group.key.pk.as_ref();
        let key = PublicKey::from_bytes(&raw.try_into().unwrap()).unwrap();
        for test in &group.tests {
            let accepted = key.verify(test.msg.as_ref(), test.sig.as_ref());
            let wanted = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("case {} leaves it open", test.tc_id),
            };
            assert_eq!(accepted, wanted, "case {}: {}", test.tc_id, test.comment);
            let mut batch = vec![other; OTHERS];
            batch.push(Signed {
                key: &key,
                message: test.msg.as_ref(),
                signature: test.sig.as_ref(),
            });
            let mut verdicts = vec![true; OTHERS];
            verdicts.push(wanted);
            assert_eq!(
                verify_all(&batch, &[9; 32]),
                verdicts,
                "case {}",
                test.tc_id
            );
            if wanted {
                valid += 1;
            } else {
                invalid += 1;
            }
        }
    }
    assert_eq!(valid + invalid, 151);
    assert!(
        valid > 60 && invalid > 50,
        "{valid} valid, {invalid} invalid"
    );
}
