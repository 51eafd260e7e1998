//! Commands and their flags.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::client::Target;
use crate::client::target;
use crate::config::{Config, Role};
use crate::{bench, commands, out, serve, telemetry};

/// Identity, verification and security for autonomous AI agents.
#[derive(Parser)]
#[command(name = "aim", version)]
pub(crate) struct Cli {
    /// Configuration file; `aim.toml` in this directory when there is one.
    #[arg(long, global = true, env = "AIM_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server.
    Serve(ServeArgs),
    /// Writes a first configuration file, with every setting explained.
    Init(commands::init::InitArgs),
    /// Finds the usual mistakes, and says what to do. Exit code 1 when there are any.
    Doctor(commands::doctor::DoctorArgs),
    /// Changes the database's schema.
    Migrate {
        /// Which way.
        #[arg(value_enum)]
        direction: Direction,
    },
    /// Asks a server whether it is ready; exit code 0 when it is.
    Health {
        /// The server.
        #[arg(long, env = "AIM_URL", default_value = target::HERE)]
        url: String,
    },
    /// Signs in, and keeps the login for the commands that follow.
    Login(commands::login::LoginArgs),
    /// Ends a login.
    Logout(commands::login::LogoutArgs),
    /// Says who the commands ask as.
    Whoami(commands::login::WhoamiArgs),
    /// Agents: their identities and their life.
    #[command(subcommand)]
    Agents(commands::agents::Agents),
    /// Agents' keys.
    #[command(subcommand)]
    Keys(commands::keys::Keys),
    /// Capabilities: what agents may do, and what they ask for.
    #[command(subcommand)]
    Capabilities(commands::capabilities::Capabilities),
    /// MCP servers, also those that are processes on this machine.
    #[command(subcommand)]
    Mcp(commands::mcp::Mcp),
    /// Trust scores, and what they are made of.
    #[command(subcommand)]
    Trust(commands::trust::Trust),
    /// Actions that wait for a person.
    #[command(subcommand)]
    Approvals(commands::approvals::Approvals),
    /// Alerts: what a person must look at.
    #[command(subcommand)]
    Alerts(commands::alerts::Alerts),
    /// The log of decisions.
    #[command(subcommand)]
    Verifications(commands::verifications::Verifications),
    /// Exports and verifies the audit log.
    #[command(subcommand)]
    Audit(commands::audit::Audit),
    /// Policies kept with code: exports them, and applies a document.
    #[command(subcommand)]
    Policies(commands::policies::Policies),
    /// People, their roles and invitations.
    #[command(subcommand)]
    Users(commands::users::Users),
    /// API keys of programs.
    #[command(subcommand)]
    ApiKeys(commands::api_keys::ApiKeys),
    /// Who outside is told of what.
    #[command(subcommand)]
    Notifications(commands::notifications::Notifications),
    /// Trains, measures and promotes models.
    #[command(subcommand)]
    Models(commands::models::Models),
    /// Looks after what is counted.
    #[command(subcommand)]
    Analytics(commands::analytics::Analytics),
    /// Sends recorded events, as the agents named in them.
    Replay(commands::replay::ReplayArgs),
    /// Measures detection on recordings.
    #[command(subcommand)]
    Evaluate(Evaluate),
    /// Measures speed against a running server.
    #[command(subcommand)]
    Bench(Bench),
    /// Registers an agent, grants it a capability and sends one signed verification.
    Demo(DemoArgs),
    /// Prints the GraphQL schema.
    Schema,
    /// Prints completions for a shell.
    Completions(commands::manual::CompletionsArgs),
    /// Writes manual pages.
    Man(commands::manual::ManArgs),
}

/// What `aim --help` shows together.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "A server",
        &["serve", "init", "doctor", "migrate", "health"],
    ),
    (
        "Who asks",
        &["login", "logout", "whoami", "users", "api-keys"],
    ),
    (
        "Agents",
        &["agents", "keys", "capabilities", "mcp", "trust"],
    ),
    (
        "What they do",
        &[
            "approvals",
            "alerts",
            "verifications",
            "policies",
            "notifications",
            "audit",
        ],
    ),
    (
        "Models and measurements",
        &["models", "analytics", "replay", "evaluate", "bench"],
    ),
    (
        "First steps and reference",
        &["demo", "schema", "completions", "man", "help"],
    ),
];

/// All commands, with `aim --help` in groups.
pub(crate) fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    let width = GROUPS.iter().flat_map(|(_, names)| names.iter());
    let width = width.map(|name| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("\n{title}:\n"));
        for name in names {
            let found = command.find_subcommand(name);
            let about = found.and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {name:width$}  {about}\n"));
        }
    }
    Cli::command().help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{text}\nOptions:\n{{options}}\n\n\
         `aim COMMAND --help` has what a command takes; docs/cli.md has recipes and exit codes.\n"
    ))
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// What this process does.
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// Port to listen on; 0 takes any free one.
    #[arg(long)]
    port: Option<u16>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Direction {
    /// To the newest schema.
    Up,
    /// One step back.
    Down,
    /// Only say what is applied.
    Status,
}

#[derive(Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The password to choose when the given one is the one-time password; made up when left out.
    #[arg(long)]
    pub(crate) new_password: Option<String>,
}

#[derive(Subcommand)]
enum Evaluate {
    /// Tells hijacked runs from ordinary ones: AUC, and recall at a share of benign runs flagged.
    Sessions(commands::evaluate::SessionsArgs),
    /// Tells bursts in a stream of edges from the rest: AUC, and edges per second of one core.
    Edges(commands::evaluate::EdgesArgs),
    /// Finds anomalies in series of numbers: one CSV with scores a file, and the benchmark's scores.
    Series(commands::evaluate_series::SeriesArgs),
}

#[derive(Subcommand)]
enum Bench {
    /// Signed verifications in a closed loop.
    Verify(bench::verify::VerifyArgs),
    /// Events through the stream, and their way to a subscriber.
    Stream(bench::stream::StreamArgs),
    /// Documents that would expand to something huge, and how fast they are refused.
    Bombs(bench::bombs::BombsArgs),
}

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    let file = cli.config.as_deref();
    match cli.command {
        Command::Serve(args) => {
            let mut config = Config::load(file)?;
            config.role = args.role.unwrap_or(config.role);
            config.port = args.port.unwrap_or(config.port);
            telemetry::start(&config.log);
            serve::run(config).await
        }
        Command::Init(args) => commands::init::run(&args),
        Command::Doctor(args) => commands::doctor::run(args, file).await,
        Command::Migrate { direction } => {
            commands::migrate::run(&Config::load(file)?, direction).await
        }
        Command::Health { url } => commands::health::run(&url).await,
        Command::Login(args) => commands::login::login(args).await,
        Command::Logout(args) => commands::login::logout(args).await,
        Command::Whoami(args) => commands::login::whoami(args).await,
        Command::Audit(command) => commands::audit::run(command, file).await,
        Command::Analytics(command) => commands::analytics::run(command, file).await,
        Command::Schema => {
            out::line(aim_api::sdl());
            Ok(())
        }
        Command::Completions(args) => {
            commands::manual::completions(&args, command());
            Ok(())
        }
        Command::Man(args) => commands::manual::man(&args, command()),
        Command::Evaluate(Evaluate::Sessions(args)) => commands::evaluate::sessions(&args),
        Command::Evaluate(Evaluate::Edges(args)) => commands::evaluate::edges(&args),
        Command::Evaluate(Evaluate::Series(args)) => commands::evaluate_series::run(&args),
        of_a_server => ask(of_a_server).await,
    }
}

/// The commands that ask a running server.
async fn ask(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Agents(command) => commands::agents::run(command).await,
        Command::Keys(command) => commands::keys::run(command).await,
        Command::Capabilities(command) => commands::capabilities::run(command).await,
        Command::Mcp(command) => commands::mcp::run(command).await,
        Command::Trust(command) => commands::trust::run(command).await,
        Command::Approvals(command) => commands::approvals::run(command).await,
        Command::Alerts(command) => commands::alerts::run(command).await,
        Command::Verifications(command) => commands::verifications::run(command).await,
        Command::Policies(command) => commands::policies::run(command).await,
        Command::Users(command) => commands::users::run(command).await,
        Command::ApiKeys(command) => commands::api_keys::run(command).await,
        Command::Notifications(command) => commands::notifications::run(command).await,
        Command::Models(command) => commands::models::run(&command).await,
        Command::Replay(args) => commands::replay::run(args).await,
        Command::Demo(args) => commands::demo::run(args).await,
        Command::Bench(Bench::Verify(args)) => bench::verify::run(args).await,
        Command::Bench(Bench::Stream(args)) => bench::stream::run(args).await,
        Command::Bench(Bench::Bombs(args)) => bench::bombs::run(args).await,
        _ => anyhow::bail!("no command of a server"),
    }
}
