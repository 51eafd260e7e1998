//! Rows of the scene of every root field that no mutation makes, or none so soon, with their global ids.

/// There is no mutation that makes organizations or alerts yet.
pub(crate) const OTHER: [&str; 2] = [
    "INSERT INTO organizations (id, name, slug, settings, created_at)
        SELECT randomblob(16), 'Other', 'other', settings, created_at FROM organizations",
    "UPDATE users SET organization_id = (SELECT id FROM organizations WHERE slug = 'other')
        WHERE email = 'foreigner@test.local'",
];
pub(crate) const ALERT: &str =
    "INSERT INTO alerts (id, organization_id, agent_id, kind, severity, status,
    summary, evidence, anomaly_count, dedup_key, first_event_time, last_event_time, created_at,
    updated_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f607', organization_id, id, 'RATE_SPIKE',
    'HIGH', 'OPEN', 'a test', '[]', 1, 'test', created_at, created_at, created_at, created_at
    FROM agents WHERE name = 'reader'";
/// The global id of that alert: `Alert:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f607`.
pub(crate) const ALERT_ID: &str = "QWxlcnQ6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjA3";

pub(crate) const SUPPRESSION: &str =
    "INSERT INTO alert_suppressions (id, organization_id, agent_id, reason,
    created_by, created_at, expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f608', organization_id,
    id, 'a test', 'user:1', created_at, created_at FROM agents WHERE name = 'reader'";
/// The global id of that: `AlertSuppression:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f608`.
pub(crate) const SUPPRESSION_ID: &str =
    "QWxlcnRTdXBwcmVzc2lvbjowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MDg";

pub(crate) const MODEL: &str = "INSERT INTO model_versions (id, organization_id, number, kind,
    feature_schema_version, data_sha256, header, sha256, byte_count, signer, published_by, created_at)
    SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f609', organization_id, 1, 'forest', 1, '', '{}', '', 0, '',
    'user:1', created_at FROM agents WHERE name = 'reader'";
/// The global id of that: `ModelVersion:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f609`.
pub(crate) const MODEL_ID: &str =
    "TW9kZWxWZXJzaW9uOjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjYwOQ";

/// An invitation and a registration, with the ids that the table of root fields names.
pub(crate) const JOINING: [&str; 2] = [
    "INSERT INTO invitations (id, organization_id, email, role, invited_by, created_at, expires_at)
        SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60a', organization_id, 'invited@test.local', 'VIEWER',
        'user:1', created_at, '2999-01-01 00:00:00+00:00' FROM agents WHERE name = 'reader'",
    "INSERT INTO registrations (id, organization_id, email, name, status, password_hash, created_at,
        confirmed_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60b', organization_id,
        'asking@test.local', 'somebody', 'PENDING', 'none', created_at, created_at FROM agents
        WHERE name = 'reader'",
];
pub(crate) const DELEGATION: &str =
    "INSERT INTO delegations (id, organization_id, delegator_id, delegate_id,
    agent_key_id, depth, limits, created_at, expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60c',
    organization_id, id, id, id, 1, '[]', created_at, created_at FROM agents WHERE name = 'reader'";
/// The global id of that: `Delegation:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f60c`.
pub(crate) const DELEGATION_ID: &str =
    "RGVsZWdhdGlvbjowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MGM";

pub(crate) const WITNESS: &str =
    "INSERT INTO audit_witnesses (id, organization_id, verifier_key, added_by, created_at)
    SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60e', organization_id,
    'witness.example+a50367b6+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY', 'user:1', created_at
    FROM agents WHERE name = 'reader'";
/// The global id of that: `AuditWitness:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f60e`.
pub(crate) const WITNESS_ID: &str =
    "QXVkaXRXaXRuZXNzOjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjYwZQ";
