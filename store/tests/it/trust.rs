//! Scores of many agents in one go.

use aim_domain::id::AgentId;
use aim_domain::trust::{TrustAssessment, TrustScore, TrustWeights};
use aim_store::trust::TrustUpdate;
use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::scene::{Scene, now};

crate::on_both!(
    scores_of_many_agents_are_written_and_of_no_other,
    weights_are_an_organizations_own
);

async fn weights_are_an_organizations_own(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let own = TrustWeights::try_from([5_000, 5_000, 0, 0, 0, 0, 0, 0])?;
    let mut tx = store.begin().await?;
    tx.update_trust_weights(ours.organization, own).await?;
    tx.commit().await?;
    let both = [ours.organization, theirs.organization];
    let mut found = store.load_trust_weights(&both).await?;
    found.sort_by_key(|(id, _)| *id);
    let wanted = [
        (ours.organization, own),
        (theirs.organization, TrustWeights::default()),
    ];
    assert_eq!(found, wanted);
    assert_eq!(store.load_trust_weights(&[]).await?, []);
    // A row of a former version has none.
    store
        .writer()
        .execute_unprepared("UPDATE organizations SET trust_weights = NULL")
        .await?;
    let found = store.load_trust_weights(&both[..1]).await?;
    assert_eq!(found, [(ours.organization, TrustWeights::default())]);
    let organization = store.find_organization(ours.organization).await?;
    let weights = organization.map(|it| it.trust_weights);
    assert_eq!(weights, Some(TrustWeights::default()));
    Ok(())
}

fn assessment(number: u16) -> TrustAssessment {
    TrustAssessment {
        // Every third is unscored.
        score: (!number.is_multiple_of(3)).then(|| TrustScore::from_ten_thousandths(number * 20)),
        confidence: TrustScore::from_ten_thousandths(number),
        sample_count: u64::from(number) * 10_000_000_000,
        factors: Vec::new(),
    }
}

async fn scores_of_many_agents_are_written_and_of_no_other(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let agents: Vec<_> = (0..300).map(|it| ours.agent(0x1000 + it)).collect();
    let mut tx = store.begin().await?;
    for agent in &agents {
        tx.insert_agent(agent).await?;
    }
    tx.commit().await?;
    let assessments: Vec<_> = (0..300).map(assessment).collect();
    let nobody = AgentId::from_uuid(Uuid::from_u128(7));
    // Twice, so that a score can also be taken away.
    for turn in [0, 1] {
        let ids = agents.iter().map(|agent| agent.id).chain([nobody]);
        let given = assessments[turn..].iter().chain([&assessments[0]]);
        let seconds = (0_i64..).map(|it| TimeDelta::seconds(it));
        let updates: Vec<_> = ids
            .zip(given.chain(&assessments))
            .zip(seconds)
            .map(|((agent, assessment), seconds)| TrustUpdate {
                agent,
                assessment,
                last_seen_at: now() + seconds,
            })
            .collect();
        assert_eq!(updates.len(), 301);
        let mut tx = store.begin().await?;
        tx.update_trust(&updates).await?;
        tx.update_trust(&[]).await?;
        tx.commit().await?;
        let ids: Vec<_> = agents.iter().map(|agent| agent.id).collect();
        let found = store.load_agents(ours.scope, &ids).await?;
        assert_eq!(found.len(), 300);
        for agent in found {
            let Some(wanted) = updates.iter().find(|it| it.agent == agent.id) else {
                anyhow::bail!("{} was not asked for", agent.id);
            };
            assert_eq!(agent.trust, wanted.assessment.score);
            assert_eq!(agent.trust_confidence, wanted.assessment.confidence);
            assert_eq!(agent.trust_sample_count, wanted.assessment.sample_count);
            assert_eq!(agent.last_seen_at, Some(wanted.last_seen_at));
            assert_eq!(agent.trust_updated_at, Some(now()));
        }
    }
    for tenant in [ours, scene.theirs] {
        let agent = store.find_agent(tenant.scope, tenant.agent).await?;
        let untouched = agent.map(|it| (it.trust, it.trust_sample_count, it.last_seen_at));
        assert_eq!(untouched, Some((None, 0, None)));
    }
    Ok(())
}
