//! Issuers of OpenID Connect in the configuration.

use aim_app::OidcProvider;
use aim_domain::role::Role;
use serde::{Deserialize, Serialize};

/// Issuers whose URL follows from one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Preset {
    /// Google.
    Google,
    /// Microsoft Entra; needs `tenant`.
    Microsoft,
    /// Okta; needs `domain`.
    Okta,
}

/// One issuer.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcSetting {
    name: String,
    #[serde(default)]
    preset: Option<Preset>,
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    domain: String,
    client_id: String,
    client_secret: String,
    #[serde(default)]
    organization: Option<String>,
    #[serde(default = "viewer")]
    role: Role,
    #[serde(default)]
    private_network: bool,
}

const fn viewer() -> Role {
    Role::Viewer
}

impl OidcSetting {
    /// The issuer that is meant.
    pub(crate) fn provider(&self) -> anyhow::Result<OidcProvider> {
        Ok(OidcProvider {
            name: self.name.clone(),
            issuer: self.issuer()?,
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            organization: self.organization.clone(),
            role: self.role,
            is_private: self.private_network,
        })
    }

    fn issuer(&self) -> anyhow::Result<String> {
        let name = &self.name;
        let word = |field: &str, value: &str| {
            let is_good = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
            anyhow::ensure!(
                !value.is_empty() && value.chars().all(is_good),
                "`oidc` provider `{name}`: this preset needs `{field}`"
            );
            Ok(value.to_owned())
        };
        Ok(match self.preset {
            None => self.issuer.clone(),
            Some(_) if !self.issuer.is_empty() => {
                anyhow::bail!("`oidc` provider `{name}`: give either `preset` or `issuer`")
            }
            Some(Preset::Google) => "https://accounts.google.com".to_owned(),
            Some(Preset::Microsoft) => {
                let tenant = word("tenant", &self.tenant)?;
                // Their tokens name the tenant's own id as the issuer, which is not known before.
                let shared = ["common", "organizations", "consumers"];
                anyhow::ensure!(
                    !shared.contains(&tenant.as_str()),
                    "`oidc` provider `{name}`: `tenant` is the id of one tenant"
                );
                format!("https://login.microsoftonline.com/{tenant}/v2.0")
            }
            Some(Preset::Okta) => format!("https://{}", word("domain", &self.domain)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figment::Figment;
    use figment::providers::{Format, Toml};

    fn issuer(more: &str) -> anyhow::Result<String> {
        let text = format!("name = 'corp'\nclient_id = 'a'\nclient_secret = 'b'\n{more}");
        let setting: OidcSetting = Figment::from(Toml::string(&text)).extract()?;
        Ok(setting.provider()?.issuer)
    }

    #[test]
    fn presets_name_the_issuer() {
        for (more, expected) in [
            ("preset = 'google'", Some("https://accounts.google.com")),
            (
                "preset = 'microsoft'\ntenant = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'",
                Some("https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0"),
            ),
            (
                "preset = 'okta'\ndomain = 'corp.okta.com'",
                Some("https://corp.okta.com"),
            ),
            ("issuer = 'https://id.example'", Some("https://id.example")),
            ("preset = 'microsoft'", None),
            ("preset = 'microsoft'\ntenant = 'common'", None),
            ("preset = 'okta'\ndomain = 'evil.example/x?'", None),
            ("preset = 'google'\nissuer = 'https://id.example'", None),
            ("preset = 'other'", None),
        ] {
            assert_eq!(issuer(more).ok().as_deref(), expected, "{more}");
        }
    }
}
