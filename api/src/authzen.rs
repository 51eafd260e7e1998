//! OpenID AuthZEN Authorization API 1.0: the same decisions as `verifyAction`, asked for by the standard's
//! requests. Each is decided by the same function and is as durable.
//!
//! An agent asks for itself, signed or with a token. A program asks for an agent of its organization with an
//! API key that was given `EVALUATE_ACCESS`: it is the standard's policy enforcement point.

use std::sync::Arc;

use aim_app::{Actor, AppError, ErrorCode, VerifyAction};
use aim_domain::id::AgentId;
use aim_domain::role::Permission;
use aim_domain::verification::Decision;
use aim_store::verifications::Verification;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::door::Door;
use crate::events::{problem, read};
use crate::graphql::{global_id, split_id};

/// Most bytes of a request.
const BODY_MAX_BYTES: usize = 256 * 1024;
/// Most decisions of one request.
const EVALUATIONS_MAX: usize = 50;
/// Longest request id that is given back.
const REQUEST_ID_MAX: usize = 128;
/// Types of resources whose id says all.
const PLAIN_TYPES: [&str; 3] = ["uri", "url", "path"];

pub(crate) const EVALUATION_PATH: &str = "/access/v1/evaluation";
pub(crate) const EVALUATIONS_PATH: &str = "/access/v1/evaluations";
pub(crate) const METADATA_PATH: &str = "/.well-known/authzen-configuration";

#[derive(Debug, Clone, Deserialize)]
struct Entity {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default)]
    properties: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Act {
    name: String,
    #[serde(default)]
    properties: Map<String, Value>,
}

/// A request, or the part of one that an evaluation of several says itself.
#[derive(Debug, Clone, Default, Deserialize)]
struct Evaluation {
    subject: Option<Entity>,
    action: Option<Act>,
    resource: Option<Entity>,
    context: Option<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
struct Options {
    #[serde(default)]
    evaluations_semantic: Semantic,
}

/// When to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Semantic {
    #[default]
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

#[derive(Debug, Deserialize)]
struct Evaluations {
    #[serde(flatten)]
    defaults: Evaluation,
    #[serde(default)]
    evaluations: Vec<Evaluation>,
    #[serde(default)]
    options: Options,
}

impl Evaluation {
    /// With what a request says for all of its evaluations, where this one does not.
    fn within(self, defaults: &Self) -> Self {
        Self {
            subject: self.subject.or_else(|| defaults.subject.clone()),
            action: self.action.or_else(|| defaults.action.clone()),
            resource: self.resource.or_else(|| defaults.resource.clone()),
            context: self.context.or_else(|| defaults.context.clone()),
        }
    }

    /// Who it is about, and what they want to do.
    fn read(self) -> Result<(AgentId, VerifyAction), AppError> {
        let missing = |field: &str| AppError::field(field, "is missing; the standard requires it");
        let subject = self.subject.ok_or_else(|| missing("subject"))?;
        let action = self.action.ok_or_else(|| missing("action"))?;
        let resource = self.resource.ok_or_else(|| missing("resource"))?;
        let agent = agent_of(&subject)?;
        let mut context = self.context.unwrap_or_default();
        let mut text = |name: &str| -> Result<Option<String>, AppError> {
            match context.remove(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text)),
                Some(_) => Err(AppError::field(&format!("context.{name}"), "is no text")),
            }
        };
        let (session, task) = (text("session")?, text("task")?);
        let idempotency_key = text("idempotency_key")?;
        let declared_risk = match text("risk_level")? {
            None => None,
            Some(level) => Some(serde_json::from_value(level.into()).map_err(|_| {
                let message = "is none of `LOW`, `MEDIUM`, `HIGH`, `CRITICAL`";
                AppError::field("context.risk_level", message)
            })?),
        };
        let mut arguments = Map::new();
        for (name, said) in [
            ("action", action.properties),
            ("resource", resource.properties),
            ("subject", subject.properties),
            ("context", context),
        ] {
            if !said.is_empty() {
                arguments.insert(name.to_owned(), Value::Object(said));
            }
        }
        let is_plain = PLAIN_TYPES.contains(&resource.kind.as_str());
        let resource = if is_plain {
            resource.id
        } else {
            format!("{}:{}", resource.kind, resource.id)
        };
        let action = VerifyAction {
            action: action.name,
            resource: Some(resource),
            arguments,
            declared_risk,
            session,
            task,
            idempotency_key,
        };
        Ok((agent, action))
    }
}

/// The agent that a subject is: by its global id, or the UUID in it.
fn agent_of(subject: &Entity) -> Result<AgentId, AppError> {
    if subject.kind != "agent" {
        let message = format!(
            "is `{}`; only agents are subjects here: `agent`",
            subject.kind
        );
        return Err(AppError::field("subject.type", message));
    }
    let uuid = match split_id(&subject.id) {
        Some((kind, uuid)) if kind == "Agent" => Some(uuid),
        _ => subject.id.parse().ok(),
    };
    uuid.map(AgentId::from_uuid)
        .ok_or_else(|| AppError::field("subject.id", "is no id of an agent"))
}

/// One decision.
pub(crate) async fn evaluation(State(door): State<Arc<Door>>, request: Request) -> Response {
    answered(door, request, async |asker, body| {
        let evaluation: Evaluation = parse(&body)?;
        let (agent, action) = evaluation.read()?;
        Ok(said(&asker.decide(0, agent, action).await?))
    })
    .await
}

/// Several decisions.
pub(crate) async fn evaluations(State(door): State<Arc<Door>>, request: Request) -> Response {
    answered(door, request, async |asker, body| {
        let Evaluations {
            defaults,
            evaluations,
            options,
        } = parse(&body)?;
        if evaluations.is_empty() {
            let (agent, action) = defaults.read()?;
            return Ok(said(&asker.decide(0, agent, action).await?));
        }
        if evaluations.len() > EVALUATIONS_MAX {
            let message = format!(
                "has {} entries; send at most {EVALUATIONS_MAX}",
                evaluations.len()
            );
            return Err(AppError::field("evaluations", message));
        }
        let points = u32::try_from(evaluations.len() - 1).unwrap_or(u32::MAX);
        asker.charge(points)?;
        let all = evaluations.into_iter().map(|it| it.within(&defaults));
        let answers = asker
            .decide_all(all.collect(), options.evaluations_semantic)
            .await?;
        Ok(json!({ "evaluations": answers }))
    })
    .await
}

/// What clients have to know of us.
pub(crate) async fn metadata(State(door): State<Arc<Door>>, request: Request) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let url = door.auth.url_of(host);
    axum::Json(json!({
        "policy_decision_point": url,
        "access_evaluation_endpoint": format!("{url}{EVALUATION_PATH}"),
        "access_evaluations_endpoint": format!("{url}{EVALUATIONS_PATH}"),
    }))
    .into_response()
}

/// Who asks.
struct Asker {
    door: Arc<Door>,
    parts: Parts,
    actor: Actor,
    request_id: String,
}

impl Asker {
    fn charge(&self, points: u32) -> Result<(), AppError> {
        let caller = self.door.auth.budget_of(&self.parts, Some(&self.actor));
        let spent = self.door.spend(&caller, points);
        spent.map_err(|left| AppError::new(ErrorCode::RateLimited, left.refusal().message))
    }

    /// Decides one of several; `number` keeps the nonces of one request apart.
    async fn decide(
        &self,
        number: usize,
        agent: AgentId,
        action: VerifyAction,
    ) -> Result<Verification, AppError> {
        let app = &self.door.app;
        match &self.actor {
            Actor::Agent(own) if own.agent == agent => {
                let own = own.numbered(number);
                app.verify_action(&own, action, &self.request_id).await
            }
            Actor::Agent(_) => Err(AppError::new(
                ErrorCode::Forbidden,
                "an agent asks for itself; `subject` is another one",
            )),
            other => {
                let permit = other.permit(Permission::EvaluateAccess, &self.request_id)?;
                let client = self.door.auth.client(&self.parts);
                app.verify_action_for(&permit, agent, action, client).await
            }
        }
    }

    async fn decide_all(
        &self,
        all: Vec<Evaluation>,
        semantic: Semantic,
    ) -> Result<Vec<Value>, AppError> {
        let one = async |(number, it): (usize, Evaluation)| {
            let (agent, action) = it.read()?;
            self.decide(number, agent, action).await
        };
        let all = all.into_iter().enumerate();
        if semantic == Semantic::ExecuteAll {
            let decided = join_all(all.map(one)).await;
            return decided.into_iter().map(item).collect();
        }
        let mut answers = Vec::new();
        for it in all {
            let answer = item(one(it).await)?;
            let is_allowed = answer["decision"] == true;
            answers.push(answer);
            if is_allowed == (semantic == Semantic::PermitOnFirstPermit) {
                break;
            }
        }
        Ok(answers)
    }
}

/// The answer of one of several: what is wrong with it alone is said in its place, and denies.
fn item(decided: Result<Verification, AppError>) -> Result<Value, AppError> {
    match decided {
        Ok(verification) => Ok(said(&verification)),
        Err(error) => {
            let status = match error.code {
                ErrorCode::InvalidInput | ErrorCode::NotFound | ErrorCode::Conflict => 400,
                ErrorCode::Forbidden => 403,
                _ => return Err(error),
            };
            let error = json!({ "status": status, "message": error.message });
            Ok(json!({ "decision": false, "context": { "error": error } }))
        }
    }
}

/// A decision as the standard says it. What waits for a person is not allowed.
fn said(verification: &Verification) -> Value {
    json!({
        "decision": verification.decision == Decision::Allowed,
        "context": {
            "id": global_id("Verification", verification.id).to_string(),
            "decision": verification.decision,
            "risk": verification.risk,
            "reasons": verification.reasons,
            "obligations": verification.obligations,
            "expires_at": verification.expires_at,
        },
    })
}

fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, AppError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is not a request of the standard: {error}");
        AppError::new(ErrorCode::InvalidInput, message)
    })
}

/// Asks `decide` as whoever sent the request, and answers; the request's id is given back.
async fn answered(
    door: Arc<Door>,
    request: Request,
    decide: impl AsyncFnOnce(Asker, Bytes) -> Result<Value, AppError>,
) -> Response {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    let (parts, body) = request.into_parts();
    let given: Option<HeaderValue> = parts.headers.get(&REQUEST_ID).cloned();
    let outcome = async {
        let body = read(body, BODY_MAX_BYTES)
            .await
            .map_err(|it| problem(&it))?;
        let actor = door.identify(&parts, &body).await?;
        let request_id = door.app.next_id().to_string();
        // Who may not is told so, whatever they sent.
        if !matches!(actor, Actor::Agent(_)) {
            let permit = actor.permit(Permission::EvaluateAccess, &request_id);
            permit.map_err(|it| problem(&it))?;
        }
        let asker = Asker {
            door: Arc::clone(&door),
            parts,
            actor,
            request_id,
        };
        let decided = decide(asker, body).await;
        decided.map_err(|error| problem(&error))
    };
    let outcome: Result<Value, Response> = outcome.await;
    let mut response = match outcome {
        Ok(answer) => (StatusCode::OK, axum::Json(answer)).into_response(),
        Err(refused) => refused,
    };
    if let Some(id) = given.filter(|it| it.len() <= REQUEST_ID_MAX) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
