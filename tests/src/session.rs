//! Signing in, as people do it.

use anyhow::Context;
use serde_json::{Value, json};

use crate::AimProcess;

impl AimProcess {
    /// Signs in somebody without a second factor; returns their access token.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub async fn sign_in(&self, email: &str, password: &str) -> anyhow::Result<String> {
        let query = "mutation($input: SignInInput!) { signIn(input: $input) {
            session { accessToken } } }";
        let input = json!({ "email": email, "password": password });
        let answer = self.graphql(query, json!({ "input": input }), None).await?;
        token(&answer, "signIn")
    }

    /// Signs in the first owner with the one-time password and chooses another; returns their access
    /// token.
    ///
    /// # Errors
    /// When this was not the first start, the server does not answer, or refuses.
    pub async fn take_over(&self, password: &str) -> anyhow::Result<String> {
        let first = self.bootstrap().context("this was not the first start")?;
        let once = self.sign_in(&first.email, &first.password).await?;
        let query = "mutation($input: ChangePasswordInput!) { changePassword(input: $input) {
            session { accessToken } userErrors { message } } }";
        let input = json!({ "currentPassword": first.password, "newPassword": password });
        let input = json!({ "input": input });
        let answer = self.graphql(query, input, Some(&once)).await?;
        token(&answer, "changePassword")
    }
}

fn token(answer: &Value, field: &str) -> anyhow::Result<String> {
    let place = format!("/data/{field}/session/accessToken");
    let token = answer.pointer(&place).and_then(Value::as_str);
    let token = token.with_context(|| format!("no text at {place} in {answer}"))?;
    Ok(token.to_owned())
}
