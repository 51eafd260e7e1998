//! Root fields of how people come in and sign in.

use serde_json::json;

use crate::roots::{ADMIN, Foreigner, Needs, PAGE, Root, mutation, nothing, query};

/// `Invitation:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f60a`, made by the scene.
const INVITATION_ID: &str = "SW52aXRhdGlvbjowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MGE";
/// `Registration:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f60b`, made by the scene.
const REGISTRATION_ID: &str = "UmVnaXN0cmF0aW9uOjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjYwYg";
/// `Identity:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f60c`, nobody's.
const IDENTITY_ID: &str = "SWRlbnRpdHk6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjBj";

/// `Passkey:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f60e`, nobody's.
const PASSKEY_ID: &str = "UGFzc2tleTowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MGU";

pub(crate) const ROOTS: &[Root] = &[
    query(
        "passkeys",
        Needs::Person,
        Foreigner::Own,
        " { id }",
        nothing,
    ),
    mutation(
        "beginPasskeyRegistration",
        Needs::Person,
        Foreigner::Own,
        |_| json!({ "password": "wrong" }),
    ),
    mutation(
        "finishPasskeyRegistration",
        Needs::Person,
        Foreigner::Own,
        |_| json!({ "name": "a key", "credential": {} }),
    ),
    mutation(
        "renamePasskey",
        Needs::Person,
        Foreigner::NotFound,
        |_| json!({ "passkeyId": PASSKEY_ID, "name": "a key" }),
    ),
    mutation(
        "removePasskey",
        Needs::Person,
        Foreigner::NotFound,
        |_| json!({ "passkeyId": PASSKEY_ID, "password": "wrong", "code": "000000" }),
    ),
    mutation(
        "beginPasskeySignIn",
        Needs::Nothing,
        Foreigner::Own,
        |_| json!({ "challenge": "none" }),
    ),
    Root {
        rest: " { userErrors { code } }",
        ..mutation("beginPasskeyCheck", Needs::Person, Foreigner::Own, nothing)
    },
    query(
        "secondFactor",
        Needs::Person,
        Foreigner::Own,
        " { isOn }",
        nothing,
    ),
    query(
        "identities",
        Needs::Person,
        Foreigner::Own,
        " { id }",
        nothing,
    ),
    query("oidcProviders", Needs::Nothing, Foreigner::Own, "", nothing),
    mutation(
        "completeSignIn",
        Needs::Nothing,
        Foreigner::Own,
        |_| json!({ "challenge": "none" }),
    ),
    mutation(
        "enrollSecondFactor",
        Needs::Person,
        Foreigner::Own,
        |_| json!({ "password": "wrong" }),
    ),
    mutation(
        "confirmSecondFactor",
        Needs::Person,
        Foreigner::Own,
        |_| json!({ "code": "000000" }),
    ),
    mutation(
        "renewRecoveryCodes",
        Needs::Person,
        Foreigner::Own,
        |_| json!({ "code": "000000" }),
    ),
    mutation(
        "disableSecondFactor",
        Needs::Person,
        Foreigner::Own,
        |_| json!({ "password": "wrong", "code": "000000" }),
    ),
    mutation(
        "resetSecondFactor",
        ADMIN,
        Foreigner::NotFound,
        |ids| json!({ "userId": ids.user, "reason": "a test" }),
    ),
    mutation(
        "linkIdentity",
        Needs::Person,
        Foreigner::Own,
        |_| json!({ "ticket": "none", "password": "wrong" }),
    ),
    mutation(
        "unlinkIdentity",
        Needs::Person,
        Foreigner::NotFound,
        |_| json!({ "identityId": IDENTITY_ID }),
    ),
    query("invitations", ADMIN, Foreigner::Empty, PAGE, nothing),
    query("registrations", ADMIN, Foreigner::Empty, PAGE, nothing),
    query(
        "joinSettings",
        ADMIN,
        Foreigner::Own,
        " { isRegistrationOpen }",
        nothing,
    ),
    mutation(
        "requestPasswordReset",
        Needs::Nothing,
        Foreigner::Own,
        |_| json!({ "email": "nobody@test.local" }),
    ),
    mutation(
        "resetPassword",
        Needs::Nothing,
        Foreigner::Own,
        |_| json!({ "token": "none", "newPassword": "a new password of tests" }),
    ),
    mutation(
        "inviteUser",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "email": "guest@test.local", "role": "VIEWER" }),
    ),
    mutation(
        "revokeInvitation",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "invitationId": INVITATION_ID, "reason": "a test" }),
    ),
    mutation(
        "acceptInvitation",
        Needs::Nothing,
        Foreigner::Own,
        |_| json!({ "token": "none", "name": "Guest", "password": "a new password of tests" }),
    ),
    mutation(
        "registerAccount",
        Needs::Nothing,
        Foreigner::Own,
        |_| json!({ "organizationSlug": "default", "email": "guest@test.local", "name": "Guest" }),
    ),
    mutation(
        "confirmRegistration",
        Needs::Nothing,
        Foreigner::Own,
        |_| json!({ "token": "none", "password": "a new password of tests" }),
    ),
    mutation(
        "approveRegistration",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "registrationId": REGISTRATION_ID, "role": "VIEWER" }),
    ),
    mutation(
        "rejectRegistration",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "registrationId": REGISTRATION_ID, "reason": "a test" }),
    ),
    mutation(
        "changeJoinSettings",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "isRegistrationOpen": false }),
    ),
];
