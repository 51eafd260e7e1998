//! What people and peers say of an agent, and that an army of one person is one voice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, AimProcess, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, now};

const PATIENCE: Duration = Duration::from_secs(30);
const RATE: &str = "mutation($input: RateAgentInput!) { rateAgent(input: $input) {
    agent { id } userErrors { code field message } } }";
/// Actions until there is a score.
const SAMPLES: usize = 20;

struct Scene {
    aim: AimProcess,
    owner: Owner,
    agent: Agent,
}

impl Scene {
    async fn new() -> Self {
        let aim = AimConfig::new().start().unwrap();
        let owner = Owner::of(&aim).await.unwrap();
        let agent = owner.register("rated", &["files:read"]).await.unwrap();
        Self { aim, owner, agent }
    }

    async fn person(&self, name: &str) -> Owner {
        self.owner.add_manager(&self.aim, name).await.unwrap()
    }

    fn word(&self, rating: i32) -> Value {
        json!({ "input": { "agentId": self.agent.id, "rating": rating } })
    }

    /// The factor once the stream has made it of these many ratings, as value and evidence.
    async fn factor(&self, ratings: &str) -> (f64, String) {
        let query = "query($id: ID!) { agent(id: $id) { trustHistory(first: 1) { nodes {
            factors { kind value evidence } } } } }";
        let found = wait_for("the ratings to count", PATIENCE, || async {
            let answer = self
                .owner
                .ask(query, json!({ "id": self.agent.id }))
                .await?;
            let factors = answer.pointer("/agent/trustHistory/nodes/0/factors");
            let all = factors
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let factor = all
                .into_iter()
                .find(|it| it["kind"] == "COMMUNITY_FEEDBACK");
            Ok(factor.filter(|it| it["evidence"].as_str().unwrap().starts_with(ratings)))
        });
        let found = found.await.unwrap();
        let evidence = found["evidence"].as_str().unwrap().to_owned();
        (found["value"].as_f64().unwrap(), evidence)
    }
}

#[tokio::test]
async fn ratings_become_the_factor_and_one_person_is_one_voice() {
    let scene = Scene::new().await;
    let (honest, mallory) = (scene.person("honest").await, scene.person("mallory").await);
    let army = ["bot-1", "bot-2", "bot-3"];
    for name in army {
        let bot = mallory.register(name, &["files:read"]).await.unwrap();
        let body = json!({ "query": RATE, "variables": scene.word(5) });
        let signed = bot.sign(body.to_string().into_bytes(), now());
        let answer = bot.post(&signed).await.unwrap();
        let errors = &answer.body["data"]["rateAgent"]["userErrors"];
        assert_eq!(errors, &json!([]), "{}", answer.body);
    }
    for (person, rating) in [(&honest, 1), (&mallory, 5)] {
        let answer = person.ask(RATE, scene.word(rating)).await.unwrap();
        assert_eq!(answer["rateAgent"]["userErrors"], json!([]), "{answer}");
    }
    // The first score is kept with its factors.
    for _ in 0..SAMPLES {
        let input = json!({ "action": "files:read", "resource": "/data" });
        scene.agent.verify(input).await.unwrap();
    }
    let (value, evidence) = scene.factor("5 ratings with 2 people").await;
    // Two voices, the worst and the best, and half a good and half a bad one beforehand.
    assert!((value - 0.5).abs() < 1e-9, "{value}");
    assert_eq!(
        evidence,
        "5 ratings with 2 people behind them weigh 2.00, mean 0.50 of 1"
    );
    let query = "query($id: ID!) { agent(id: $id) { ratings(first: 10) { totalCount nodes {
        rating weight } } } }";
    let said = scene
        .owner
        .ask(query, json!({ "id": scene.agent.id }))
        .await
        .unwrap();
    assert_eq!(said["agent"]["ratings"]["totalCount"], 5);
    // Nobody trusts the army yet: its words weigh nothing.
    let nodes = said["agent"]["ratings"]["nodes"].as_array().unwrap();
    let silent = nodes
        .iter()
        .filter(|word| word["weight"] == json!(0.0))
        .count();
    assert_eq!(silent, army.len(), "{said}");
}

#[tokio::test]
async fn who_is_behind_an_agent_does_not_rate_it_and_nobody_floods() {
    let scene = Scene::new().await;
    let peer = scene.owner.register("peer", &["files:read"]).await.unwrap();
    let refused = json!([{ "code": "INVALID", "field": ["agentId"],
        "message": "is an agent of the same person; others have to rate it" }]);
    let own = scene.owner.ask(RATE, scene.word(5)).await.unwrap();
    assert_eq!(own["rateAgent"]["userErrors"], refused);
    let body = json!({ "query": RATE, "variables": scene.word(5) })
        .to_string()
        .into_bytes();
    let answer = peer.post(&peer.sign(body.clone(), now())).await.unwrap();
    assert_eq!(answer.body["data"]["rateAgent"]["userErrors"], refused);
    let itself = scene
        .agent
        .post(&scene.agent.sign(body, now()))
        .await
        .unwrap();
    assert_eq!(itself.body["data"]["rateAgent"]["userErrors"], refused);
    let honest = scene.person("honest").await;
    for rating in [0, 6, -1] {
        let said = honest.ask(RATE, scene.word(rating)).await.unwrap();
        assert_eq!(
            said["rateAgent"]["userErrors"][0]["field"],
            json!(["rating"]),
            "{said}"
        );
    }
    honest.ask(RATE, scene.word(4)).await.unwrap();
    let flood = honest
        .ask(RATE, scene.word(5))
        .await
        .unwrap_err()
        .to_string();
    assert!(flood.contains("RATE_LIMITED"), "{flood}");
}
