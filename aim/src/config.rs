//! Configuration: built-in values, then a file, then the environment, then flags.

use std::path::{Path, PathBuf};

use aim_api::transport::{RateLimits, TrustedDocuments, limits, parse_origins};
use aim_api::{ApiConfig, ServerLimits};
use aim_app::{GeoDatabase, Outbound, OwnNetworks};
use aim_eventlog::KafkaConfig;
use anyhow::Context;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::oidc::OidcSetting;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Everything.
    All,
    /// GraphQL, and the relay to Kafka.
    Api,
    /// The stream.
    Stream,
}

impl Role {
    pub(crate) const fn serves_api(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }

    pub(crate) const fn runs_stream(self) -> bool {
        matches!(self, Self::All | Self::Stream)
    }
}

/// Everything that can be set. In a file `aim.toml` by these names; in the environment as
/// `AIM_<NAME>`; those of [`PLAIN`] also without a prefix.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// `sqlite://path?mode=rwc` or `postgres://…`; SQLite in the data directory when empty.
    pub(crate) database_url: String,
    /// Most connections to the database.
    pub(crate) database_connections: u32,
    /// Kafka brokers as `host:port`, several with commas; the table log when empty.
    pub(crate) kafka_brokers: String,
    /// Put before the names of topics and the consumer group.
    pub(crate) kafka_prefix: String,
    /// Partitions of topics that are made here.
    pub(crate) kafka_partitions: i32,
    /// Whether events that come straight from Kafka without a signature count as of the agent that
    /// their `source` names by id: only where the broker knows its producers.
    pub(crate) kafka_unsigned: bool,
    /// URL of a schema registry, for events whose data is not JSON; none when empty. May hold a password.
    pub(crate) schema_registry: String,
    /// Address to listen on.
    pub(crate) host: String,
    /// Port to listen on; 0 takes any free one.
    pub(crate) port: u16,
    /// What this process does.
    pub(crate) role: Role,
    /// Where the embedded database and generated secrets are.
    pub(crate) data_dir: PathBuf,
    /// At least 32 random bytes for people's tokens; generated in the data directory when empty.
    pub(crate) jwt_secret: String,
    /// PEM file with the key that signs the audit log's checkpoints, the same for all API processes;
    /// made in the data directory when empty.
    pub(crate) audit_key_file: PathBuf,
    /// The URL that clients know us by, when a proxy stands in between.
    pub(crate) public_url: String,
    /// `smtps://user:password@host` or `smtp://…` of a mail server; no e-mail is sent when empty.
    pub(crate) smtp_url: String,
    /// Who sends e-mail, such as `AIM <aim@example.org>`.
    pub(crate) smtp_from: String,
    /// File of certificates in PEM that a mail server's is trusted by, beside the system's.
    pub(crate) smtp_ca_file: PathBuf,
    /// Issuers of OpenID Connect that people can sign in at.
    pub(crate) oidc: Vec<OidcSetting>,
    /// Page that browsers are sent to behind a sign-in at an issuer; JSON is answered when empty.
    pub(crate) oidc_return_url: String,
    /// Networks of one's own that webhooks and other servers that people name may be in, with commas;
    /// the public internet alone when empty.
    pub(crate) outbound_networks: String,
    /// Networks of proxies that are believed when they say who called them, with commas.
    pub(crate) trusted_proxies: String,
    /// Networks in which MCP servers are reached beside the public internet, with commas.
    pub(crate) mcp_networks: String,
    /// Whether agents may attest MCP servers and whoever sees some may report them.
    pub(crate) enable_mcp_attestation: bool,
    /// File in MaxMind's format that knows the country or city of an address; none when empty.
    pub(crate) geo_database: PathBuf,
    /// File in MaxMind's format that knows the network of an address; none when empty.
    pub(crate) geo_asn_database: PathBuf,
    /// Origins of web pages that may call from another host, with commas.
    pub(crate) cors_origins: String,
    /// Whether this faces strangers: no introspection, no hints at names, no GraphiQL, no GET that a
    /// page elsewhere could send, and browsers are told to use TLS only.
    pub(crate) production: bool,
    /// Whether clients may ask for the schema, and GraphiQL is served; unless production when not set.
    pub(crate) introspection: Option<bool>,
    /// File with the only documents that are executed; any valid one when empty.
    pub(crate) trusted_documents: PathBuf,
    /// Connections at one time.
    pub(crate) max_connections: usize,
    /// Websockets and event streams that one actor may have open.
    pub(crate) max_streams_per_actor: u32,
    /// Points a minute for nobody we know, by address; 0 for no limit.
    pub(crate) rate_limit_anonymous: u32,
    /// Points a minute for a person; 0 for no limit.
    pub(crate) rate_limit_person: u32,
    /// Points a minute for an agent; 0 for no limit.
    pub(crate) rate_limit_agent: u32,
    /// Where `scripts/graphiql` put GraphiQL's files; no GraphiQL when empty.
    pub(crate) graphiql_dir: PathBuf,
    /// What is logged.
    pub(crate) log: String,
    /// Base URL of a collector of OpenTelemetry's that takes OTLP over HTTP; no spans are sent when empty.
    pub(crate) otlp_endpoint: String,
    /// Share of the requests without a trace of their own that begin one, 0 to 1.
    pub(crate) otlp_sample_ratio: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database_url: String::new(),
            database_connections: 16,
            kafka_brokers: String::new(),
            kafka_prefix: String::new(),
            kafka_partitions: 4,
            kafka_unsigned: false,
            schema_registry: String::new(),
            host: "127.0.0.1".to_owned(),
            port: 8080,
            role: Role::All,
            data_dir: PathBuf::from(".aim"),
            jwt_secret: String::new(),
            audit_key_file: PathBuf::new(),
            public_url: String::new(),
            smtp_url: String::new(),
            smtp_from: String::new(),
            smtp_ca_file: PathBuf::new(),
            oidc: Vec::new(),
            oidc_return_url: String::new(),
            outbound_networks: String::new(),
            trusted_proxies: String::new(),
            mcp_networks: String::new(),
            enable_mcp_attestation: true,
            geo_database: PathBuf::new(),
            geo_asn_database: PathBuf::new(),
            cors_origins: String::new(),
            production: false,
            introspection: None,
            trusted_documents: PathBuf::new(),
            max_connections: limits::MAX_CONNECTIONS,
            max_streams_per_actor: limits::MAX_STREAMS_PER_ACTOR,
            rate_limit_anonymous: limits::ANONYMOUS_POINTS,
            rate_limit_person: limits::PERSON_POINTS,
            rate_limit_agent: limits::AGENT_POINTS,
            graphiql_dir: PathBuf::new(),
            log: "info".to_owned(),
            otlp_endpoint: String::new(),
            otlp_sample_ratio: 1.0,
        }
    }
}

/// Names that other tools use too.
const PLAIN: [&str; 5] = [
    "DATABASE_URL",
    "PORT",
    "JWT_SECRET",
    "CORS_ORIGINS",
    "ENABLE_MCP_ATTESTATION",
];
/// OpenTelemetry's own name of `otlp_endpoint`.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

impl Config {
    /// Reads file and environment.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        figment = match file {
            Some(file) => figment.merge(Toml::file_exact(file)),
            None => figment.merge(Toml::file("aim.toml")),
        };
        // Variables of the same prefix that are not settings are for tests and scripts.
        let known = serde_json::to_value(Self::default()).unwrap_or_default();
        let own = Env::prefixed("AIM_")
            .filter(move |key| known.get(key.as_str().to_lowercase()).is_some());
        figment
            .merge(own)
            .merge(Env::raw().only(&PLAIN))
            .merge(
                Env::raw()
                    .only(&[OTLP_ENDPOINT])
                    .map(|_| "otlp_endpoint".into()),
            )
            .extract()
            .context("the configuration cannot be read")
    }

    /// Where the database is.
    pub(crate) fn database_url(&self) -> String {
        if self.database_url.is_empty() {
            format!(
                "sqlite://{}?mode=rwc",
                self.data_dir.join("aim.db").display()
            )
        } else {
            self.database_url.clone()
        }
    }

    /// What knows where addresses are.
    pub(crate) fn geo(&self) -> anyhow::Result<GeoDatabase> {
        let given = |file: &'_ PathBuf| (*file != PathBuf::new()).then(|| file.clone());
        let (places, networks) = (given(&self.geo_database), given(&self.geo_asn_database));
        Ok(GeoDatabase::open(places.as_deref(), networks.as_deref())?)
    }

    /// Which share of the traces that begin here is kept.
    pub(crate) fn otlp_share(&self) -> anyhow::Result<f64> {
        let share = self.otlp_sample_ratio;
        anyhow::ensure!(
            (0.0..=1.0).contains(&share),
            "`otlp_sample_ratio` is {share}; give 0 to 1"
        );
        Ok(share)
    }

    /// What reaches the servers that people name.
    pub(crate) fn outbound(&self) -> anyhow::Result<Outbound> {
        let own = OwnNetworks::parse(&self.outbound_networks);
        let own = own.map_err(|problem| anyhow::anyhow!("`outbound_networks`: {problem}"))?;
        Ok(Outbound::guarded(own)?)
    }

    /// How the API is served.
    pub(crate) fn api(&self) -> anyhow::Result<ApiConfig> {
        let given = |path: &'_ PathBuf| (*path != PathBuf::new()).then(|| path.clone());
        let trusted = given(&self.trusted_documents).map(|file| {
            let text = std::fs::read_to_string(&file);
            let text = text.with_context(|| format!("`trusted_documents` {}", file.display()))?;
            TrustedDocuments::parse(&text).map_err(|problem| {
                anyhow::anyhow!("`trusted_documents` {}: {problem}", file.display())
            })
        });
        Ok(ApiConfig {
            production: self.production,
            introspection: self.introspection.unwrap_or(!self.production),
            allowed_origins: parse_origins(&self.cors_origins)
                .map_err(|problem| anyhow::anyhow!("`cors_origins`: {problem}"))?,
            trusted_documents: trusted.transpose()?,
            rates: RateLimits {
                anonymous: self.rate_limit_anonymous,
                person: self.rate_limit_person,
                agent: self.rate_limit_agent,
            },
            streams_per_actor: self.max_streams_per_actor,
            graphiql_dir: given(&self.graphiql_dir),
            oidc_return_url: Some(self.oidc_return_url.clone()).filter(|it| !it.is_empty()),
        })
    }

    /// How connections are taken.
    pub(crate) fn server(&self) -> ServerLimits {
        ServerLimits {
            connections: self.max_connections,
            ..ServerLimits::default()
        }
    }

    /// Where Kafka is, if it is used.
    pub(crate) fn kafka(&self) -> Option<KafkaConfig> {
        (!self.kafka_brokers.is_empty()).then(|| KafkaConfig {
            brokers: self.kafka_brokers.clone(),
            group: format!("{}aim-stream", self.kafka_prefix),
            topic_prefix: self.kafka_prefix.clone(),
            partitions: self.kafka_partitions,
        })
    }
}
