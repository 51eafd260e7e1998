//! `aim mcp discover`: the MCP servers that clients on this machine are set to use.
//!
//! Read are the configuration files of clients, where each keeps them; nothing is started, and no secret
//! leaves: of a URL what is before its query, of a command its digest without values that may be secret.

use std::io::Read;
use std::path::{Path, PathBuf};

use aim_domain::mcp::{McpSightingMethod, McpTransport, command_digest};
use anyhow::Context;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::client::{Client, Target};
use crate::out;

/// Most bytes of a configuration file.
const FILE_MAX: u64 = 4 * 1024 * 1024;
/// Most servers of one report.
const REPORT_MAX: usize = 100;

#[derive(clap::Args)]
pub(crate) struct DiscoverArgs {
    /// Tells an AIM server what was found.
    #[arg(long)]
    report: bool,
    #[command(flatten)]
    target: Target,
}

/// What a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Linux,
    MacOs,
    Windows,
}

/// A file of a client's.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    client: &'static str,
    file: PathBuf,
    /// Where in it the servers are.
    key: &'static str,
}

/// A server that a client is set to use.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    name: String,
    transport: McpTransport,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_digest: Option<String>,
    method: McpSightingMethod,
    confidence: f64,
    source: &'static str,
}

/// Where clients keep their configuration on such a system.
fn places(
    system: System,
    home: &Path,
    environment: impl Fn(&str) -> Option<PathBuf>,
) -> Vec<Place> {
    let set = |name: &str| environment(name).filter(|it| it.is_absolute());
    let config = match system {
        System::Linux => set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
        System::MacOs => home.join("Library").join("Application Support"),
        System::Windows => {
            environment("APPDATA").unwrap_or_else(|| home.join("AppData").join("Roaming"))
        }
    };
    let code = config.join("Code").join("User");
    let place = |client, file, key| Place { client, file, key };
    vec![
        place(
            "Claude Desktop",
            config.join("Claude").join("claude_desktop_config.json"),
            "/mcpServers",
        ),
        place("Claude Code", home.join(".claude.json"), "/mcpServers"),
        place(
            "Cursor",
            home.join(".cursor").join("mcp.json"),
            "/mcpServers",
        ),
        place("VS Code", code.join("mcp.json"), "/servers"),
        place("VS Code", code.join("settings.json"), "/mcp/servers"),
        place(
            "Windsurf",
            home.join(".codeium")
                .join("windsurf")
                .join("mcp_config.json"),
            "/mcpServers",
        ),
    ]
}

/// The servers in a file's text; `None` when it is no JSON.
fn servers(words: &str, key: &str, source: &'static str) -> Option<Vec<Found>> {
    let all: Value = serde_json::from_str(words).ok()?;
    let entries = all.pointer(key).and_then(Value::as_object);
    let entries = entries.into_iter().flatten();
    Some(
        entries
            .filter_map(|(name, entry)| found(name, entry.as_object()?, source))
            .collect(),
    )
}

fn found(name: &str, entry: &Map<String, Value>, source: &'static str) -> Option<Found> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let url = text("url").or_else(|| text("serverUrl"));
    let (transport, url, command_digest) = match (url, text("command")) {
        (Some(url), _) => (McpTransport::StreamableHttp, Some(plain(url)?), None),
        (None, Some(command)) => {
            let arguments = entry.get("args").and_then(Value::as_array);
            let arguments = arguments.into_iter().flatten();
            let arguments: Vec<String> = arguments
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect();
            let digest = command_digest(command, &arguments);
            (McpTransport::Stdio, None, Some(digest))
        }
        (None, None) => return None,
    };
    let is_off = entry.get("disabled") == Some(&Value::Bool(true));
    Some(Found {
        name: name.to_owned(),
        transport,
        url,
        command_digest,
        method: McpSightingMethod::ClientConfig,
        // One that is shut off is still there to be used.
        confidence: if is_off { 0.5 } else { 1.0 },
        source,
    })
}

/// A URL without what may be secret.
fn plain(url: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url.into())
}

/// Runs the command.
pub(crate) async fn run(args: DiscoverArgs) -> anyhow::Result<()> {
    let found = look()?;
    if args.report {
        return report(&args.target.connect().await?, &found).await;
    }
    out::line(serde_json::to_string_pretty(&found)?);
    Ok(())
}

/// Everything that is found on this machine.
fn look() -> anyhow::Result<Vec<Found>> {
    let system = match std::env::consts::OS {
        "macos" => System::MacOs,
        "windows" => System::Windows,
        _ => System::Linux,
    };
    let name = if system == System::Windows {
        "USERPROFILE"
    } else {
        "HOME"
    };
    let home = std::env::var_os(name).context("there is no home directory")?;
    let environment = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let mut all = Vec::new();
    for place in places(system, Path::new(&home), environment) {
        let Ok(file) = std::fs::File::open(&place.file) else {
            continue;
        };
        let mut words = String::new();
        let read = file.take(FILE_MAX).read_to_string(&mut words);
        match servers(&words, place.key, place.client).filter(|_| read.is_ok()) {
            Some(found) => all.extend(found),
            None => tracing::warn!(file = %place.file.display(), "cannot be read as JSON"),
        }
    }
    Ok(all)
}

async fn report(client: &Client, found: &[Found]) -> anyhow::Result<()> {
    const COUNTS: [&str; 4] = ["newCount", "knownCount", "registeredCount", "refusedCount"];
    let selection = "report { newCount knownCount registeredCount refusedCount }";
    let mut sums = Map::new();
    for chunk in found.chunks(REPORT_MAX) {
        let input = json!({ "servers": chunk });
        let payload = client.mutate("reportMcpServers", selection, input).await;
        let payload = payload.context("the report was refused")?;
        for name in COUNTS {
            let count = payload["report"][name].as_u64().unwrap_or_default();
            let before = sums.get(name).and_then(Value::as_u64).unwrap_or_default();
            sums.insert(name.to_owned(), (before + count).into());
        }
    }
    out::line(serde_json::to_string_pretty(&sums)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_keep_their_files_where_each_system_wants_them() {
        let home = Path::new("/home/me");
        let unset = |_: &str| None;
        for (system, wanted) in [
            (
                System::Linux,
                "/home/me/.config/Claude/claude_desktop_config.json",
            ),
            (
                System::MacOs,
                "/home/me/Library/Application Support/Claude/claude_desktop_config.json",
            ),
            (
                System::Windows,
                "/home/me/AppData/Roaming/Claude/claude_desktop_config.json",
            ),
        ] {
            let found = places(system, home, unset);
            assert_eq!(found[0].file, Path::new(wanted), "{system:?}");
            assert_eq!(found[2].file, Path::new("/home/me/.cursor/mcp.json"));
        }
        let set = |name: &str| (name == "XDG_CONFIG_HOME").then(|| PathBuf::from("/etc/me"));
        let found = places(System::Linux, home, set);
        assert_eq!(found[3].file, Path::new("/etc/me/Code/User/mcp.json"));
        // A relative one is to be passed over, says its specification.
        let relative = |_: &str| Some(PathBuf::from("me"));
        let found = places(System::Linux, home, relative);
        assert!(found[3].file.starts_with("/home/me/.config"));
    }

    #[test]
    fn servers_are_read_without_their_secrets() {
        let words = json!({ "mcp": { "servers": {
            "git": { "command": "uvx", "args": ["mcp-server-git", "--token", "hunter2"],
                "env": { "KEY": "hunter3" } },
            "remote": { "serverUrl": "https://me:hunter4@a.example/mcp?key=hunter5#hunter6" },
            "off": { "url": "https://b.example/mcp", "disabled": true },
            "broken": { "url": 5 },
            "worse": 7,
        } } });
        let mut found = servers(&words.to_string(), "/mcp/servers", "VS Code").unwrap();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let told = serde_json::to_string(&found).unwrap();
        assert!(!told.contains("hunter"), "{told}");
        let names: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["git", "off", "remote"]);
        let arguments = ["mcp-server-git", "--token"].map(str::to_owned);
        let digest = command_digest("uvx", &arguments);
        assert_eq!(found[0].command_digest.as_deref(), Some(digest.as_str()));
        assert!((found[1].confidence - 0.5).abs() < 1e-9);
        assert_eq!(found[2].url.as_deref(), Some("https://a.example/mcp"));
        assert_eq!(servers("{}", "/mcpServers", "Cursor"), Some(Vec::new()));
        assert_eq!(servers("// none", "/mcpServers", "Cursor"), None);
    }
}
