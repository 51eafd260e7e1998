//! Agent tokens: what a short-lived credential of an agent may be used for.

use serde::{Deserialize, Serialize};

use crate::capability::{CapabilityGrant, Pattern};

/// How long a token is good where its request does not say, in seconds: a stolen one is soon worth
/// nothing, and nobody has to ask for each action.
pub const TOKEN_LIFE_SECONDS: u32 = 300;
/// Most seconds that a token is good.
pub const TOKEN_LIFE_SECONDS_MAX: u32 = 3_600;
/// Most entries of a token: it travels with every request.
pub const TOKEN_LIMITS_MAX: usize = 32;
/// Most seconds between making a proof of possession of the token's key (RFC 9449) and its arrival,
/// either way.
pub const DPOP_MAX_AGE_SECONDS: i64 = 60;

/// One thing that a token lets its agent ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLimit {
    /// Which capabilities.
    pub capability: Pattern,
    /// On which resources; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Pattern>,
}

impl TokenLimit {
    /// Whether it covers `capability` on `resource`; the rules are those of grants.
    #[must_use]
    pub fn covers(&self, capability: &str, resource: Option<&str>) -> bool {
        self.capability.matches(capability)
            && match (&self.resource, resource) {
                (None, _) => true,
                (Some(pattern), Some(resource)) => pattern.matches(resource),
                (Some(_), None) => false,
            }
    }

    /// Whether this gives nothing that `wider` does not.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        self.capability.is_within(&wider.capability)
            && match (&wider.resource, &self.resource) {
                (None, _) => true,
                (Some(wider), Some(own)) => own.is_within(wider),
                (Some(_), None) => false,
            }
    }

    /// What is left of this when only `capability` is asked for; `None` when it is more than this
    /// gives.
    #[must_use]
    pub fn narrowed(&self, capability: &Pattern) -> Option<Self> {
        capability.is_within(&self.capability).then(|| Self {
            capability: capability.clone(),
            resource: self.resource.clone(),
        })
    }
}

impl From<&CapabilityGrant> for TokenLimit {
    fn from(grant: &CapabilityGrant) -> Self {
        Self {
            capability: grant.capability.clone(),
            resource: grant.resource.clone(),
        }
    }
}

/// What a token may carry of `available` when only `asked` is asked for, or all of it when nothing is.
///
/// # Errors
/// The asked one that nothing available covers.
pub fn attenuate(available: &[TokenLimit], asked: &[Pattern]) -> Result<Vec<TokenLimit>, Pattern> {
    if asked.is_empty() {
        return Ok(available.to_vec());
    }
    let mut limits = Vec::new();
    for capability in asked {
        let before = limits.len();
        for limit in available.iter().filter_map(|it| it.narrowed(capability)) {
            if !limits.contains(&limit) {
                limits.push(limit);
            }
        }
        let known = limits
            .iter()
            .any(|it: &TokenLimit| it.capability == *capability);
        if limits.len() == before && !known {
            return Err(capability.clone());
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(capability: &str, resource: Option<&str>) -> TokenLimit {
        TokenLimit {
            capability: Pattern::capability(capability).unwrap(),
            resource: resource.map(|text| Pattern::resource(text).unwrap()),
        }
    }

    fn asked(names: &[&str]) -> Vec<Pattern> {
        let names = names.iter();
        names
            .map(|name| Pattern::capability(*name).unwrap())
            .collect()
    }

    #[test]
    fn a_token_carries_no_more_than_its_agent_has() {
        let has = [limit("files:*", Some("/data/*")), limit("db:query", None)];
        let got = attenuate(&has, &asked(&["files:read", "db:query"])).unwrap();
        let wanted = [
            limit("files:read", Some("/data/*")),
            limit("db:query", None),
        ];
        assert_eq!(got, wanted);
        assert_eq!(attenuate(&has, &[]).unwrap(), has);
        assert_eq!(
            attenuate(&has, &asked(&["files:read", "files:read"]))
                .unwrap()
                .len(),
            1
        );
        for widened in ["*", "files*", "db:*", "db:write", "Files:read"] {
            let refused = attenuate(&has, &asked(&["db:query", widened]));
            assert_eq!(refused.unwrap_err().as_str(), widened);
        }
    }

    #[test]
    fn a_limit_on_resources_does_not_cover_what_names_none() {
        let limit = limit("files:*", Some("/data/*"));
        assert!(limit.covers("files:read", Some("/data/x")));
        assert!(!limit.covers("files:read", Some("/etc")));
        assert!(!limit.covers("files:read", None));
        assert!(!limit.covers("db:query", Some("/data/x")));
    }
}
