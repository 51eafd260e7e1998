//! What a signature must cover and carry to be accepted.

/// Rules of one use of RFC 9421. Profiles of other systems differ, so the verifier takes one.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Components that must be covered whatever the request is.
    pub required: &'static [&'static str],
    /// Whether a request with a body must cover `content-digest`.
    pub body_digest: bool,
    /// Most seconds since `created`.
    pub max_age_seconds: i64,
    /// Most seconds that `created` may lie ahead.
    pub max_skew_seconds: i64,
    /// Least and most characters of `nonce`.
    pub nonce_length: (usize, usize),
    /// Most bytes of `signature-input` and of `signature`.
    pub max_field_bytes: usize,
    /// Most covered components.
    pub max_components: usize,
}

impl Profile {
    /// Requests of agents to this product: method and target URI always, the body if there is
    /// one, with `created`, `nonce` and `keyid`.
    pub const AGENT: Self = Self {
        required: &["@method", "@target-uri"],
        body_digest: true,
        // Five minutes: a slow network passes, a stolen request is soon stale, and nonces need
        // not be kept for long.
        max_age_seconds: 300,
        max_skew_seconds: 60,
        nonce_length: (16, 128),
        max_field_bytes: 4 * 1024,
        max_components: 32,
    };
}
