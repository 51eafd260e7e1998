//! The tables of the first release.

use sea_orm_migration::prelude::*;

/// Makes the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// In order of dependence: referenced tables first.
fn tables() -> Vec<TableCreateStatement> {
    vec![
        organizations(),
        users(),
        agents(),
        agent_keys(),
        capabilities(),
        capability_grants(),
        verifications(),
        used_nonces(),
        trust_snapshots(),
        behaviour_profiles(),
        anomalies(),
        alerts(),
        activities(),
        audit_entries(),
        event_log(),
        consumer_offsets(),
        dead_letters(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables().into_iter().rev() {
            let name = table.get_table_name().cloned();
            if let Some(name) = name {
                manager
                    .drop_table(Table::drop().table(name).to_owned())
                    .await?;
            }
        }
        Ok(())
    }
}

/// A tenant.
fn organizations() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("organizations")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("slug").text().not_null().unique_key())
        .col(ColumnDef::new("settings").json_binary().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// A person.
fn users() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("users")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("email").text().not_null().unique_key())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("role").text().not_null())
        .col(ColumnDef::new("password_hash").text().not_null())
        .col(ColumnDef::new("must_change_password").boolean().not_null())
        .col(ColumnDef::new("token_generation").integer().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("updated_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("last_login_at").timestamp_with_time_zone())
        .foreign_key(
            ForeignKey::create()
                .from("users", "organization_id")
                .to("organizations", "id"),
        );
    table
}

/// A registered autonomous program.
fn agents() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("agents")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("display_name").text().not_null())
        .col(ColumnDef::new("description").text().not_null())
        .col(ColumnDef::new("agent_type").text().not_null())
        .col(ColumnDef::new("version").text())
        .col(ColumnDef::new("repository_url").text())
        .col(ColumnDef::new("documentation_url").text())
        .col(
            ColumnDef::new("declared_capabilities")
                .json_binary()
                .not_null(),
        )
        .col(ColumnDef::new("talks_to").json_binary().not_null())
        .col(ColumnDef::new("status").text().not_null())
        .col(ColumnDef::new("status_reason").text())
        .col(
            ColumnDef::new("status_changed_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("status_changed_by").text().not_null())
        .col(ColumnDef::new("trust_score").integer())
        .col(ColumnDef::new("trust_confidence").integer().not_null())
        .col(
            ColumnDef::new("trust_sample_count")
                .big_integer()
                .not_null(),
        )
        .col(ColumnDef::new("trust_updated_at").timestamp_with_time_zone())
        .col(ColumnDef::new("created_by").text().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("updated_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("last_seen_at").timestamp_with_time_zone())
        .foreign_key(
            ForeignKey::create()
                .from("agents", "organization_id")
                .to("organizations", "id"),
        );
    table
}

/// One public key of an agent, with its life span.
fn agent_keys() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("agent_keys")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("key_id").text().not_null().unique_key())
        .col(ColumnDef::new("public_key").blob().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("expires_at").timestamp_with_time_zone())
        .col(ColumnDef::new("revoked_at").timestamp_with_time_zone())
        .col(ColumnDef::new("revoked_reason").text())
        .foreign_key(
            ForeignKey::create()
                .from("agent_keys", "agent_id")
                .to("agents", "id"),
        );
    table
}

/// The standard catalogue of capabilities.
fn capabilities() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("capabilities")
        .col(ColumnDef::new("name").text().not_null().primary_key())
        .col(ColumnDef::new("category").text().not_null())
        .col(ColumnDef::new("description").text().not_null())
        .col(ColumnDef::new("risk").text().not_null())
        .col(ColumnDef::new("is_write").boolean().not_null());
    table
}

/// The row that gives an agent a capability.
fn capability_grants() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("capability_grants")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("capability").text().not_null())
        .col(ColumnDef::new("resource").text())
        .col(ColumnDef::new("granted_by").text().not_null())
        .col(ColumnDef::new("reason").text())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("expires_at").timestamp_with_time_zone())
        .col(ColumnDef::new("revoked_at").timestamp_with_time_zone())
        .col(ColumnDef::new("revoked_by").text())
        .foreign_key(
            ForeignKey::create()
                .from("capability_grants", "agent_id")
                .to("agents", "id"),
        );
    table
}

/// Our recorded answer to "may it?".
fn verifications() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("verifications")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("agent_key_id").uuid().not_null())
        .col(ColumnDef::new("action").text().not_null())
        .col(ColumnDef::new("resource").text())
        .col(ColumnDef::new("risk").text().not_null())
        .col(ColumnDef::new("decision").text().not_null())
        .col(ColumnDef::new("reasons").json_binary().not_null())
        .col(ColumnDef::new("obligations").json_binary().not_null())
        .col(ColumnDef::new("trust_score").integer())
        .col(ColumnDef::new("session").text())
        .col(ColumnDef::new("task").text())
        .col(ColumnDef::new("action_digest").blob().not_null())
        .col(ColumnDef::new("idempotency_key").text())
        .col(ColumnDef::new("request_id").text().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("expires_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("decided_by").text())
        .col(ColumnDef::new("decided_at").timestamp_with_time_zone())
        .col(ColumnDef::new("decided_reason").text())
        .col(ColumnDef::new("outcome").text())
        .col(ColumnDef::new("outcome_at").timestamp_with_time_zone())
        .col(ColumnDef::new("outcome_detail").text())
        .col(ColumnDef::new("duration_ms").big_integer());
    table
}

/// A nonce of a signed request that changed something; refused when seen again.
fn used_nonces() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("used_nonces")
        .col(ColumnDef::new("agent_key_id").uuid().not_null())
        .col(ColumnDef::new("nonce").text().not_null())
        .col(
            ColumnDef::new("expires_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("verification_id").uuid().not_null())
        // A copy of a signed request has its time as well, so that the newest nonces are neighbours
        // on the disk and the oldest are forgotten from one end.
        .primary_key(
            Index::create()
                .col("expires_at")
                .col("agent_key_id")
                .col("nonce"),
        );
    table
}

/// Score and factors of an agent at a time.
fn trust_snapshots() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("trust_snapshots")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("score").integer())
        .col(ColumnDef::new("confidence").integer().not_null())
        .col(ColumnDef::new("sample_count").big_integer().not_null())
        .col(ColumnDef::new("factors").json_binary().not_null())
        .col(
            ColumnDef::new("event_time")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// The learned normal of an agent.
fn behaviour_profiles() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("behaviour_profiles")
        .col(ColumnDef::new("agent_id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .col(ColumnDef::new("profile").blob().not_null())
        .col(
            ColumnDef::new("watermark")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("updated_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// A finding of a detector.
fn anomalies() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("anomalies")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("event_id").uuid().not_null())
        .col(ColumnDef::new("alert_id").uuid())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("severity").text().not_null())
        .col(ColumnDef::new("score").double().not_null())
        .col(ColumnDef::new("summary").text().not_null())
        .col(ColumnDef::new("evidence").json_binary().not_null())
        .col(
            ColumnDef::new("event_time")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// Something a person must look at.
fn alerts() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("alerts")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("severity").text().not_null())
        .col(ColumnDef::new("status").text().not_null())
        .col(ColumnDef::new("summary").text().not_null())
        .col(ColumnDef::new("evidence").json_binary().not_null())
        .col(ColumnDef::new("anomaly_count").big_integer().not_null())
        .col(ColumnDef::new("dedup_key").text().not_null())
        .col(
            ColumnDef::new("first_event_time")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("last_event_time")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("updated_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("acknowledged_by").text())
        .col(ColumnDef::new("acknowledged_at").timestamp_with_time_zone())
        .col(ColumnDef::new("resolved_by").text())
        .col(ColumnDef::new("resolved_at").timestamp_with_time_zone())
        .col(ColumnDef::new("verdict").text());
    table
}

/// An action of an agent as applied by the stream, once per event.
fn activities() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("activities")
        .col(ColumnDef::new("event_id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("action").text().not_null())
        .col(ColumnDef::new("resource").text())
        .col(ColumnDef::new("outcome").text().not_null())
        .col(ColumnDef::new("is_write").boolean().not_null())
        .col(ColumnDef::new("session").text())
        .col(ColumnDef::new("task").text())
        .col(
            ColumnDef::new("event_time")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// A record of who did what.
fn audit_entries() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_entries")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("actor_type").text().not_null())
        .col(ColumnDef::new("actor_id").text().not_null())
        .col(ColumnDef::new("action").text().not_null())
        .col(ColumnDef::new("object_type").text().not_null())
        .col(ColumnDef::new("object_id").text().not_null())
        .col(ColumnDef::new("reason").text())
        .col(ColumnDef::new("before").json_binary())
        .col(ColumnDef::new("after").json_binary())
        .col(ColumnDef::new("request_id").text().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// The embedded event log and transactional outbox.
fn event_log() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("event_log")
        .col(
            ColumnDef::new("position")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(ColumnDef::new("topic").text().not_null())
        .col(ColumnDef::new("key").text().not_null())
        .col(ColumnDef::new("event_id").uuid().not_null())
        .col(ColumnDef::new("organization_id").uuid())
        .col(ColumnDef::new("event_type").text().not_null())
        .col(ColumnDef::new("payload").blob().not_null())
        .col(ColumnDef::new("signature").text())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// How far a consumer group has come, kept with the state it produced.
fn consumer_offsets() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("consumer_offsets")
        .col(ColumnDef::new("consumer_group").text().not_null())
        .col(ColumnDef::new("topic").text().not_null())
        .col(ColumnDef::new("partition").integer().not_null())
        .col(ColumnDef::new("next_position").big_integer().not_null())
        .col(ColumnDef::new("origin_position").big_integer().not_null())
        .col(ColumnDef::new("applied_count").big_integer().not_null())
        .col(ColumnDef::new("duplicate_count").big_integer().not_null())
        .col(ColumnDef::new("dead_letter_count").big_integer().not_null())
        .col(
            ColumnDef::new("updated_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .primary_key(
            Index::create()
                .col("consumer_group")
                .col("topic")
                .col("partition"),
        );
    table
}

/// An event that was given up on, with the reason and the original bytes.
fn dead_letters() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("dead_letters")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid())
        .col(ColumnDef::new("topic").text().not_null())
        .col(ColumnDef::new("partition").integer().not_null())
        .col(ColumnDef::new("position").big_integer().not_null())
        .col(ColumnDef::new("reason").text().not_null())
        .col(ColumnDef::new("detail").text().not_null())
        .col(ColumnDef::new("payload").blob().not_null())
        .col(ColumnDef::new("signature").text())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}
