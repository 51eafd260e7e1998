//! `aim demo`: the first five minutes.

use aim_domain::signature::SecretKey;
use rand::RngExt;
use serde_json::json;

use crate::cli::DemoArgs;
use crate::client::AgentClient;
use crate::out;

/// Registers an agent, grants it one capability, and asks twice: once with, once without a grant.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let made_up = || {
        let mut random = rand::rng();
        (0..4)
            .map(|_| format!("{:04x}", random.random::<u16>()))
            .collect::<Vec<_>>()
            .join("-")
    };
    let new = args.new_password.unwrap_or_else(made_up);
    let (client, changed) = args.target.connect_first(&new).await?;
    if changed {
        out::line(format!("The administrator's password is now: {new}"));
    }
    let key = SecretKey::from_seed(&rand::random());
    let name = format!("demo-{:08x}", rand::random::<u32>());
    let agent = client.register(&name, &key).await?;
    out::line(format!("Registered agent `{name}` with a key made here."));
    client.grant(&agent, "weather:read").await?;
    out::line("Granted it `weather:read`.");
    let mut agent = AgentClient::connect(&client.url, key).await?;
    for (action, resource) in [
        ("weather:read", "https://weather.example/berlin"),
        ("files:delete", "/etc/passwd"),
    ] {
        let answer = agent
            .verify(json!({ "action": action, "resource": resource }))
            .await?;
        let verification = &answer["verification"];
        out::line(format!(
            "verifyAction `{action}` on `{resource}`: {}",
            verification["decision"].as_str().unwrap_or("no answer")
        ));
        for reason in verification["reasons"].as_array().into_iter().flatten() {
            out::line(format!(
                "  {}: {}",
                reason["code"].as_str().unwrap_or_default(),
                reason["message"].as_str().unwrap_or_default()
            ));
        }
    }
    Ok(())
}
