//! The JSON documents of RFC 8785's author: ours, canonical, are theirs byte for byte.

use std::path::PathBuf;

use aim_domain::digest::canonical_sha256;
use serde_json::Value;
use sha2::{Digest, Sha256};

const NAMES: [&str; 6] = [
    "arrays",
    "french",
    "structures",
    "unicode",
    "values",
    "weird",
];

#[test]
fn canonical_json_is_that_of_the_published_pairs() {
    let folder = std::env::var_os("AIM_TEST_DATA").expect("the folder with published vectors");
    let folder = PathBuf::from(folder).join("vectors/jcs");
    let published = std::fs::read_dir(folder.join("input")).unwrap().count();
    assert_eq!(published, NAMES.len());
    for name in NAMES {
        let read = |side: &str| std::fs::read(folder.join(side).join(format!("{name}.json")));
        let input: Value = serde_json::from_slice(&read("input").unwrap()).unwrap();
        let output = read("output").unwrap();
        let ours = serde_json_canonicalizer::to_vec(&input).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&output),
            "{name}"
        );
        let digest = canonical_sha256(&input).unwrap();
        assert_eq!(
            digest.as_slice(),
            Sha256::digest(&output).as_slice(),
            "{name}"
        );
    }
}

/// Numbers of appendix B, by their bits and their spelling. JSON has no other doubles.
#[test]
fn numbers_are_written_as_in_the_appendix() {
    let samples = [
        (0x0000_0000_0000_0000_u64, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    let infinite = [0x7fff_ffff_ffff_ffff_u64, 0x7ff0_0000_0000_0000];
    assert_eq!(samples.len() + infinite.len(), 26, "all of appendix B");
    for (bits, text) in samples {
        let number = serde_json::json!(f64::from_bits(bits));
        let ours = serde_json_canonicalizer::to_string(&number).unwrap();
        assert_eq!(ours, text, "{bits:016x}");
    }
    for bits in infinite {
        assert!(
            canonical_sha256(&f64::from_bits(bits)).is_err(),
            "{bits:016x}"
        );
    }
}
