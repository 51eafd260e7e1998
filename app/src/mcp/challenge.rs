//! Asking a server to prove that it has the key that it was registered with.
//!
//! `GET /.well-known/aim-mcp-challenge?challenge=…` at the server's own origin, answered with
//! `{"signature":"…"}`: Ed25519, in base64url, over the text of [`challenge_text`]. The URL is in it, so
//! that an answer for one server is none for another.

use aim_domain::signature::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use rand::RngExt;
use serde::Deserialize;
use url::Url;

use super::dial::McpDoor;

/// Where servers are asked.
const PATH: &str = "/.well-known/aim-mcp-challenge";
/// Most bytes of an answer.
const ANSWER_MAX: usize = 4_096;

#[derive(Deserialize)]
struct Answer {
    signature: String,
}

/// What a server signs.
fn challenge_text(url: &str, challenge: &str) -> String {
    format!("aim-mcp-challenge-v1\n{url}\n{challenge}")
}

impl McpDoor {
    /// Whether the server at `url` has the private half of `key` now.
    pub(super) async fn proves(&self, url: &str, key: &PublicKey) -> bool {
        let mut random = [0_u8; 32];
        rand::rng().fill(&mut random);
        let challenge = URL_SAFE_NO_PAD.encode(random);
        let Some(signature) = self.signed(url, &challenge).await else {
            return false;
        };
        key.verify(challenge_text(url, &challenge).as_bytes(), &signature)
    }

    async fn signed(&self, url: &str, challenge: &str) -> Option<Vec<u8>> {
        let mut place = Url::parse(url).ok()?.join(PATH).ok()?;
        place.query_pairs_mut().append_pair("challenge", challenge);
        let answer = self.client(&place).ok()?.get(place).send().await.ok()?;
        if answer.status() != reqwest::StatusCode::OK {
            return None;
        }
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.ok()?;
            if body.len() + chunk.len() > ANSWER_MAX {
                return None;
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Answer = serde_json::from_slice(&body).ok()?;
        URL_SAFE_NO_PAD.decode(answer.signature).ok()
    }
}
