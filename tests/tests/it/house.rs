//! A server with a real mail server, for what people do with their accounts.

use std::time::Duration;

use aim_tests::{AimConfig, AimProcess, MailSecurity, MailServer, code_of, wait_for};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};

use crate::fleet::{Owner, database_of};

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// The administrator's address.
pub(crate) const ADMIN: &str = "admin@aim.local";
/// A password that nobody had before.
pub(crate) const FRESH: &str = "Vexing-Orchid-Tandem-42";

/// A server, its mail server, and its administrator.
pub(crate) struct House {
    pub(crate) aim: AimProcess,
    pub(crate) mail: MailServer,
    pub(crate) owner: Owner,
}

/// The settings that send letters to a mail server.
pub(crate) fn mailing(mail: &MailServer, config: AimConfig) -> AimConfig {
    config
        .env("AIM_SMTP_URL", mail.url())
        .env("AIM_SMTP_FROM", "AIM <aim@aim.example>")
        .env("AIM_SMTP_CA_FILE", mail.ca_file().display().to_string())
}

/// The body of a mutation with one `input`.
pub(crate) fn mutation(name: &str, selection: &str) -> String {
    let (first, rest) = name.split_at(1);
    let input = format!("{}{rest}Input", first.to_uppercase());
    format!(
        "mutation($input: {input}!) {{ {name}(input: $input) {{
            {selection} userErrors {{ code message field }} }} }}"
    )
}

impl House {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        Self::with(AimConfig::new()).await
    }

    /// With further settings.
    pub(crate) async fn with(config: AimConfig) -> anyhow::Result<Self> {
        let mail = MailServer::start(MailSecurity::None)?;
        let aim = mailing(&mail, config).start()?;
        let owner = Owner::of(&aim).await?;
        Ok(Self { aim, mail, owner })
    }

    /// The whole answer to a mutation by nobody.
    pub(crate) async fn anybody(
        &self,
        name: &str,
        selection: &str,
        input: Value,
    ) -> anyhow::Result<Value> {
        let query = mutation(name, selection);
        self.aim
            .graphql(&query, json!({ "input": input }), None)
            .await
    }

    /// The payload of a mutation by nobody.
    pub(crate) async fn nobody(
        &self,
        name: &str,
        selection: &str,
        input: Value,
    ) -> anyhow::Result<Value> {
        let mut answer = self.anybody(name, selection, input).await?;
        anyhow::ensure!(answer.get("errors").is_none(), "{answer}");
        Ok(answer["data"][name].take())
    }

    /// The payload of a mutation by the administrator.
    pub(crate) async fn admin(
        &self,
        name: &str,
        selection: &str,
        input: Value,
    ) -> anyhow::Result<Value> {
        by(&self.owner, name, selection, input).await
    }

    /// The code in the letter number `index` to an address.
    pub(crate) async fn code(&self, address: &str, index: usize) -> anyhow::Result<String> {
        let mail = self.mail.mail_to(address, index, PATIENCE).await?;
        let code = code_of(&mail);
        anyhow::ensure!(code.len() == 43, "{mail}");
        Ok(code)
    }

    /// The answer to signing in.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> anyhow::Result<Value> {
        let input = json!({ "email": email, "password": password });
        self.anybody("signIn", "session { accessToken user { role } }", input)
            .await
    }

    /// Waits until no letter waits.
    pub(crate) async fn settled(&self) -> anyhow::Result<()> {
        settled(&database_of(&self.aim).await?).await
    }

    pub(crate) async fn sql(&self, statement: &str) -> anyhow::Result<()> {
        let database = database_of(&self.aim).await?;
        database.execute_unprepared(statement).await?;
        Ok(())
    }
}

/// Waits until no letter waits: whoever has one may not have written down yet that it was sent.
pub(crate) async fn settled(database: &DatabaseConnection) -> anyhow::Result<()> {
    let waiting = "SELECT id FROM mails WHERE finished_at IS NULL";
    let statement = || Statement::from_string(database.get_database_backend(), waiting);
    let none = || async {
        Ok(database
            .query_one_raw(statement())
            .await?
            .is_none()
            .then_some(()))
    };
    wait_for("the end of all letters", PATIENCE, none).await
}

/// The payload of a mutation by a person.
pub(crate) async fn by(
    person: &Owner,
    name: &str,
    selection: &str,
    input: Value,
) -> anyhow::Result<Value> {
    let query = mutation(name, selection);
    let mut answer = person.ask(&query, json!({ "input": input })).await?;
    Ok(answer[name].take())
}

/// Fails unless a payload has no user errors.
pub(crate) fn good(payload: &Value) {
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
}

/// Code and field of the first user error.
pub(crate) fn mistake(payload: &Value) -> (&str, &str) {
    let error = &payload["userErrors"][0];
    let (code, field) = (&error["code"], &error["field"][0]);
    (
        code.as_str().unwrap_or_default(),
        field.as_str().unwrap_or_default(),
    )
}
