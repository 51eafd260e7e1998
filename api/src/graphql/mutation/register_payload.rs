//! What is answered to a registration: the agent, and once in a life its private key.

use aim_app::{AppError, RegisteredAgent};
use async_graphql::{Result, SimpleObject};

use super::super::types::Agent;
use super::super::user_error::{UserErrorCode, split};

macro_rules! registered {
    ($payload:ident, $error:ident) => {
        /// The outcome of a mutation: the object, or what was wrong.
        #[derive(Default, SimpleObject)]
        pub(crate) struct $payload {
            /// The new agent.
            agent: Option<Agent>,
            /// The private key that the server made, as PKCS #8 in PEM; null where the client made one. It
            /// is shown this once, and kept nowhere.
            private_key: Option<String>,
            /// What the caller did wrong; empty when it was done.
            user_errors: Vec<$error>,
        }

        /// What was wrong with one field, or with the whole input.
        #[derive(Debug, SimpleObject)]
        pub(crate) struct $error {
            /// For programs.
            code: UserErrorCode,
            /// For people: names the value and the remedy.
            message: String,
            /// Path of the field in the input; absent when it is about the whole.
            field: Option<Vec<String>>,
        }

        impl std::fmt::Debug for $payload {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($payload))
                    .field("agent", &self.agent)
                    .field("user_errors", &self.user_errors)
                    .finish_non_exhaustive()
            }
        }

        impl $payload {
            /// The payload of a use case's outcome; faults stay faults.
            pub(crate) fn of(
                outcome: std::result::Result<RegisteredAgent, AppError>,
            ) -> Result<Self> {
                let error = match outcome {
                    Ok(made) => {
                        return Ok(Self {
                            agent: Some(made.agent.into()),
                            private_key: made.private_key.map(|pem| pem.to_string()),
                            user_errors: Vec::new(),
                        });
                    }
                    Err(error) => error,
                };
                let errors = split(error)?.into_iter();
                let errors = errors.map(|(code, message, field)| $error {
                    code,
                    message,
                    field,
                });
                Ok(Self {
                    user_errors: errors.collect(),
                    ..Self::default()
                })
            }
        }
    };
}

registered!(RegisterAgentPayload, RegisterAgentError);
registered!(AdoptAgentSightingPayload, AdoptAgentSightingError);
