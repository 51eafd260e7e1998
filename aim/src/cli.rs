//! Commands and their flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, Role};
use crate::{bench, commands, serve, telemetry};

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
    /// Changes the database's schema.
    Migrate {
        /// Which way.
        #[arg(value_enum)]
        direction: Direction,
    },
    /// Asks a server whether it is ready; exit code 0 when it is.
    Health {
        /// The server.
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        url: String,
    },
    /// Prints the GraphQL schema.
    Schema,
    /// Registers an agent, grants it a capability and sends one signed verification.
    Demo(DemoArgs),
    /// Sends recorded events, as the agents named in them.
    Replay(commands::replay::ReplayArgs),
    /// Measures detection on recordings.
    #[command(subcommand)]
    Evaluate(Evaluate),
    /// Trains, measures and promotes models.
    #[command(subcommand)]
    Models(commands::models::Models),
    /// Reads MCP servers that are processes on this machine.
    #[command(subcommand)]
    Mcp(commands::mcp::Mcp),
    /// Exports and verifies the audit log.
    #[command(subcommand)]
    Audit(commands::audit::Audit),
    /// Exports policies, and applies them as a document kept with code.
    #[command(subcommand)]
    Policies(commands::policies::Policies),
    /// Looks after what is counted.
    #[command(subcommand)]
    Analytics(commands::analytics::Analytics),
    /// Measures speed against a running server.
    #[command(subcommand)]
    Bench(Bench),
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

/// Where the server is, and who asks.
#[derive(Args, Clone)]
pub(crate) struct Target {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// E-mail address of a person who may register agents.
    #[arg(long, default_value = "admin@aim.local")]
    pub(crate) email: String,
    /// Their password.
    #[arg(long, env = "AIM_PASSWORD", hide_env_values = true)]
    pub(crate) password: String,
    /// The code of their second factor, or a recovery code, if they have one; asked for at a terminal
    /// when left out.
    #[arg(long, env = "AIM_CODE", hide_env_values = true)]
    pub(crate) code: Option<String>,
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
        Command::Migrate { direction } => {
            commands::migrate::run(&Config::load(file)?, direction).await
        }
        Command::Health { url } => commands::health::run(&url).await,
        Command::Schema => {
            crate::out::line(aim_api::sdl());
            Ok(())
        }
        Command::Demo(args) => commands::demo::run(args).await,
        Command::Replay(args) => commands::replay::run(args).await,
        Command::Evaluate(Evaluate::Sessions(args)) => commands::evaluate::sessions(&args),
        Command::Evaluate(Evaluate::Edges(args)) => commands::evaluate::edges(&args),
        Command::Evaluate(Evaluate::Series(args)) => commands::evaluate_series::run(&args),
        Command::Models(command) => commands::models::run(&command).await,
        Command::Mcp(command) => commands::mcp::run(command).await,
        Command::Audit(command) => commands::audit::run(command, file).await,
        Command::Policies(command) => commands::policies::run(command).await,
        Command::Analytics(command) => commands::analytics::run(command, file).await,
        Command::Bench(Bench::Verify(args)) => bench::verify::run(args).await,
        Command::Bench(Bench::Stream(args)) => bench::stream::run(args).await,
        Command::Bench(Bench::Bombs(args)) => bench::bombs::run(args).await,
    }
}
