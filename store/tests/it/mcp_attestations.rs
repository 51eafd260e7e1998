//! Words about MCP servers: the strongest of each person counts, of agents that may act, about what is
//! approved; and the discovery inbox.

use aim_domain::agent::AgentStatus;
use aim_domain::id::{McpAttestationId, McpManifestId, McpServerId, McpSightingId};
use aim_domain::mcp::{
    McpManifest as Said, McpServerStatus, McpSightingMethod, McpTransport, standing,
};
use aim_domain::sighting::SightingStatus;
use aim_domain::trust::TrustScore;
use aim_store::mcp_attestations::{McpAttestation, McpAttestationFilter};
use aim_store::mcp_manifests::{McpManifest, McpManifestSource};
use aim_store::mcp_servers::McpServer;
use aim_store::mcp_sightings::{McpSighting, McpSightingFilter};
use aim_store::{PageRequest, Store};
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    the_strongest_word_of_each_person_counts,
    sightings_are_kept_once_and_taken_when_registered
);

const SERVER: u128 = 0x500;

fn server_id() -> McpServerId {
    McpServerId::from_uuid(Uuid::from_u128(SERVER))
}

/// A server of which something is approved; returns its digest.
async fn approved(store: &Store, tenant: &Tenant) -> anyhow::Result<String> {
    let said = json!({ "protocolVersion": "2025-11-25", "serverName": "a", "serverVersion": "1",
        "instructions": null, "items": [] });
    let said = Said::parse(said)?;
    let digest = said.digest_hex();
    let manifest = McpManifest {
        id: McpManifestId::from_uuid(Uuid::from_u128(SERVER + 1)),
        organization: tenant.organization,
        server: server_id(),
        digest: digest.clone(),
        said,
        suspicions: Vec::new(),
        source: McpManifestSource::Report,
        reported_by: "user:1".to_owned(),
        first_seen_at: now(),
        last_seen_at: now(),
        approved_at: None,
        approved_by: None,
        approval_reason: None,
    };
    let server = McpServer {
        id: server_id(),
        organization: tenant.organization,
        name: "tools".to_owned(),
        description: String::new(),
        transport: McpTransport::Stdio,
        url: None,
        public_key: None,
        tags: Vec::new(),
        status: McpServerStatus::Verified,
        status_reason: None,
        status_changed_at: now(),
        status_changed_by: "user:1".to_owned(),
        approved_manifest: Some(manifest.id),
        observed_manifest: Some(manifest.id),
        observed_at: Some(now()),
        failure: None,
        failed_at: None,
        key_proven_at: None,
        drift_since: None,
        created_by: "user:1".to_owned(),
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
    };
    let mut tx = store.begin().await?;
    tx.put_mcp_server(&server, true).await?;
    tx.insert_mcp_manifest(&manifest).await?;
    tx.commit().await?;
    Ok(digest)
}

/// A word of the agent of this number, so many hours old.
fn word(
    tenant: &Tenant,
    (number, agent): (u128, u128),
    (sponsor, digest): (&str, &str),
    (weight, hours): (u16, i64),
) -> McpAttestation {
    let weight = TrustScore::from_ten_thousandths(weight);
    let seen = now() - TimeDelta::hours(hours);
    McpAttestation {
        id: McpAttestationId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        server: server_id(),
        agent: tenant.agent(agent).id,
        key: tenant.key,
        sponsor: sponsor.to_owned(),
        digest: digest.to_owned(),
        tools: vec!["add".to_owned()],
        latency_ms: 1,
        observed_at: seen,
        signature: "none".to_owned(),
        weight,
        standing: standing(weight.as_fraction(), seen),
        received_at: now(),
        expires_at: seen + TimeDelta::hours(24),
        revoked_at: None,
        revoked_by: None,
        revoked_reason: None,
    }
}

async fn the_strongest_word_of_each_person_counts(scene: &Scene) -> anyhow::Result<()> {
    let (store, tenant) = (&scene.store, &scene.ours);
    let digest = approved(store, tenant).await?;
    let mut tx = store.begin().await?;
    for number in 0x10..0x16 {
        let mut agent = tenant.agent(number);
        if number == 0x15 {
            agent.status = AgentStatus::Suspended;
        }
        tx.insert_agent(&agent).await?;
    }
    for (number, agent, sponsor, digest, weight) in [
        (1, 0x10, "user:a", &*digest, (4_000, 0)),
        // Stronger when it was said, and weaker now.
        (2, 0x11, "user:a", &*digest, (5_000, 12)),
        (3, 0x12, "user:b", "another", (3_000, 0)),
        (4, 0x13, "user:c", &*digest, (0, 0)),
        // Over, and of one that may not act.
        (5, 0x14, "user:d", &*digest, (5_000, 24)),
        (6, 0x15, "user:d", &*digest, (5_000, 0)),
        // In the place of its first word.
        (7, 0x12, "user:b", "another", (2_000, 0)),
    ] {
        let word = word(tenant, (number, agent), (sponsor, digest), weight);
        tx.put_mcp_attestation(&word).await?;
    }
    tx.commit().await?;
    let mut words = store.load_mcp_words(&[server_id()], now()).await?;
    words.sort_by(|a, b| a.word.sponsor.cmp(&b.word.sponsor));
    let found: Vec<_> = words
        .iter()
        .map(|it| {
            (
                it.word.sponsor.as_str(),
                it.word.agrees,
                it.agent_count,
                it.word.standing,
            )
        })
        .collect();
    let wanted = [
        ("user:a", true, 2, standing(0.4, now())),
        ("user:b", false, 1, standing(0.2, now())),
        ("user:c", true, 1, None),
    ];
    assert_eq!(found, wanted);
    let digests = store
        .load_approved_mcp_digests(tenant.scope, &[server_id()])
        .await?;
    assert_eq!(digests, [(server_id(), digest)]);
    let foreign = scene.theirs.scope;
    assert_eq!(
        store
            .load_approved_mcp_digests(foreign, &[server_id()])
            .await?,
        []
    );

    is_taken_back(scene).await
}

async fn is_taken_back(scene: &Scene) -> anyhow::Result<()> {
    let (store, tenant, foreign) = (&scene.store, &scene.ours, scene.theirs.scope);
    let mut tx = store.begin().await?;
    let first = McpAttestationId::from_uuid(Uuid::from_u128(1));
    let by = ("user:1", "a test");
    assert!(!tx.revoke_mcp_attestation(foreign, first, by).await?);
    assert!(tx.revoke_mcp_attestation(tenant.scope, first, by).await?);
    assert!(!tx.revoke_mcp_attestation(tenant.scope, first, by).await?);
    tx.commit().await?;
    let page = PageRequest::new(Some(10), None, None, None)?;
    let list = async |scope, is_revoked| {
        let filter = McpAttestationFilter {
            server: Some(server_id()),
            is_revoked,
            ..McpAttestationFilter::default()
        };
        store
            .list_mcp_attestations(scope, &filter, page)
            .await
            .map(|it| it.total)
    };
    assert_eq!(list(tenant.scope, None).await?, 6);
    assert_eq!(list(tenant.scope, Some(true)).await?, 1);
    assert_eq!(list(foreign, None).await?, 0);
    // It is said again: what was taken back stays on the list.
    let mut tx = store.begin().await?;
    let again = word(tenant, (8, 0x10), ("user:a", "another"), (4_000, 0));
    tx.put_mcp_attestation(&again).await?;
    tx.commit().await?;
    assert_eq!(list(tenant.scope, None).await?, 7);
    let words = store.load_mcp_words(&[server_id()], now()).await?;
    let of_a = words.iter().filter(|it| it.word.sponsor == "user:a");
    assert_eq!(of_a.count(), 2, "one person may say both");
    Ok(())
}

fn sighting(tenant: &Tenant, number: u128, name: &str, url: Option<&str>) -> McpSighting {
    McpSighting {
        id: McpSightingId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        fingerprint: format!("{name} {url:?}"),
        name: name.to_owned(),
        transport: Some(match url {
            Some(_) => McpTransport::StreamableHttp,
            None => McpTransport::Stdio,
        }),
        url: url.map(str::to_owned),
        command_digest: None,
        method: McpSightingMethod::Code,
        confidence: TrustScore::MAX,
        source: Some("Cursor".to_owned()),
        status: SightingStatus::Open,
        reported_by: "user:1".to_owned(),
        first_seen_at: now(),
        last_seen_at: now(),
        count: 1,
        dismissed_by: None,
        dismissed_at: None,
        dismissal_reason: None,
    }
}

async fn sightings_are_kept_once_and_taken_when_registered(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, &scene.ours, &scene.theirs);
    let at = Some("https://a.example/mcp");
    let seen = [
        sighting(ours, 1, "git", None),
        sighting(ours, 2, "web", at),
        sighting(ours, 3, "git", at),
        sighting(theirs, 4, "git", None),
    ];
    let mut tx = store.begin().await?;
    tx.insert_mcp_sightings(&seen).await?;
    let again = sighting(ours, 9, "git", None);
    tx.insert_mcp_sightings(std::slice::from_ref(&again))
        .await?;
    tx.touch_mcp_sightings(&[seen[0].id]).await?;
    let prints = [&*again.fingerprint];
    let found = tx.find_mcp_sightings(ours.organization, &prints).await?;
    assert_eq!(
        found.iter().map(|it| (it.id, it.count)).collect::<Vec<_>>(),
        [(seen[0].id, 2)]
    );
    assert_eq!(
        tx.count_mcp_sightings(ours.organization, "user:1").await?,
        (3, 3)
    );
    assert_eq!(
        tx.count_mcp_sightings(ours.organization, "user:2").await?,
        (3, 0)
    );
    let by = ("user:1", "a test");
    assert!(
        !tx.dismiss_mcp_sighting(theirs.scope, seen[1].id, by)
            .await?
    );
    assert!(tx.dismiss_mcp_sighting(ours.scope, seen[1].id, by).await?);
    assert!(!tx.dismiss_mcp_sighting(ours.scope, seen[1].id, by).await?);
    tx.commit().await?;
    is_listed_and_taken(scene, &seen).await
}

async fn is_listed_and_taken(scene: &Scene, seen: &[McpSighting]) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, &scene.ours, &scene.theirs);
    let at = seen[1].url.as_deref();
    let page = PageRequest::new(Some(10), None, None, None)?;
    let list = async |filter| {
        let found = store.list_mcp_sightings(ours.scope, &filter, page).await?;
        anyhow::Ok(
            found
                .items
                .iter()
                .map(|it| it.id.as_uuid().as_u128())
                .collect::<Vec<_>>(),
        )
    };
    let open = McpSightingFilter {
        status: Some(SightingStatus::Open),
        ..McpSightingFilter::default()
    };
    assert_eq!(list(open).await?, [3, 1]);
    let search = McpSightingFilter {
        search: Some("A.EXAMPLE".to_owned()),
        ..McpSightingFilter::default()
    };
    assert_eq!(list(search).await?, [3, 2]);

    let mut tx = store.begin().await?;
    let taken = tx
        .take_mcp_sightings(ours.organization, None, ("git", None))
        .await?;
    assert_eq!(taken, [seen[0].id], "one at a URL is another server");
    let taken = tx
        .take_mcp_sightings(ours.organization, None, ("web", at))
        .await?;
    assert_eq!(taken.len(), 2, "whatever it was called");
    tx.commit().await?;
    assert_eq!(list(McpSightingFilter::default()).await?, []);
    let kept = store.find_mcp_sighting(theirs.scope, seen[3].id).await?;
    assert!(kept.is_some());
    assert_eq!(store.find_mcp_sighting(ours.scope, seen[3].id).await?, None);
    Ok(())
}
