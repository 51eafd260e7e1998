//! What the check of a signature costs, alone and with others: `cargo bench -p aim-domain --bench signatures`.

#![expect(clippy::print_stdout, reason = "a measurement prints what it finds")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aim_domain::signature::{PublicKey, SecretKey, Signed, verify_all};

/// Each is measured so often, and the quickest counts.
const REPEATS: u32 = 5;
const SIGNATURES: usize = 1_024;

fn main() {
    let keys = (0..SIGNATURES).map(|number| {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        SecretKey::from_seed(&seed)
    });
    let keys: Vec<SecretKey> = keys.collect();
    let message = [b'x'; 400];
    let signatures: Vec<[u8; 64]> = keys.iter().map(|key| key.sign(&message)).collect();
    let publics: Vec<PublicKey> = keys.iter().map(SecretKey::public_key).collect();
    let signed = publics.iter().zip(&signatures);
    let signed = signed.map(|(key, signature)| Signed {
        key,
        message: &message,
        signature,
    });
    let signed: Vec<Signed<'_>> = signed.collect();
    println!("{SIGNATURES} signatures of as many keys over 400 bytes, us each");
    // One at a time is never a batch.
    for size in [1, 64, 128, 256, 512, 1_024] {
        let quickest = (0..REPEATS).map(|_| {
            let begin = Instant::now();
            for part in signed.chunks(size) {
                assert!(
                    black_box(verify_all(part, &[3; 32])).iter().all(|it| *it),
                    "all are good"
                );
            }
            begin.elapsed()
        });
        let quickest = quickest.min().unwrap_or(Duration::ZERO).as_secs_f64();
        println!(
            "{size:>5} together: {:.1}",
            quickest * 1e6 / SIGNATURES as f64
        );
    }
}
