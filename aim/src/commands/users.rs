//! `aim users`: people.

use clap::Subcommand;
use serde_json::json;

use super::asked::{Because, List, Show};
use super::values::Role;
use crate::client::Target;
use crate::client::noun::Noun;
use crate::view::View;

pub(super) const USER: Noun = Noun {
    name: "user",
    all: "users",
    filter: "",
    narrows: "",
    one: "",
    fields: "id email name role isActive mustChangePassword lastSignInAt createdAt",
    more: "",
    columns: &[
        ("E-MAIL", "/email"),
        ("NAME", "/name"),
        ("ROLE", "/role"),
        ("ACTIVE", "/isActive"),
        ("LAST SIGN-IN", "/lastSignInAt"),
        ("ID", "/id"),
    ],
};

const INVITATION: Noun = Noun {
    name: "invitation",
    all: "invitations",
    filter: "",
    narrows: "",
    one: "",
    fields: "id email role status createdAt expiresAt acceptedAt",
    more: "",
    columns: &[
        ("E-MAIL", "/email"),
        ("ROLE", "/role"),
        ("STATUS", "/status"),
        ("EXPIRES", "/expiresAt"),
        ("ID", "/id"),
    ],
};

#[derive(Subcommand)]
pub(crate) enum Users {
    /// Lists people.
    List(List),
    /// Sends somebody an invitation by e-mail.
    Invite(InviteArgs),
    /// Lists invitations.
    Invitations(List),
    /// Takes an open invitation (by its id) back.
    Uninvite(Because),
    /// Gives somebody another role.
    Role(RoleArgs),
    /// Shuts somebody out; their sessions end.
    Deactivate(Because),
    /// Lets somebody in again who was shut out.
    Activate(Because),
    /// Removes somebody, with name, address and keys; what they did stays on record.
    Remove(Because),
}

#[derive(clap::Args)]
pub(crate) struct InviteArgs {
    /// Their e-mail address.
    address: String,
    /// What they will be.
    #[arg(long, value_enum, ignore_case = true)]
    role: Role,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

#[derive(clap::Args)]
pub(crate) struct RoleArgs {
    #[command(flatten)]
    because: Because,
    /// What they are from now on.
    #[arg(value_enum, ignore_case = true)]
    role: Role,
}

/// Runs the command.
pub(crate) async fn run(command: Users) -> anyhow::Result<()> {
    let (args, mutation) = match command {
        Users::List(args) => return args.run(&USER, &json!({})).await,
        Users::Invitations(args) => return args.run(&INVITATION, &json!({})).await,
        Users::Invite(args) => return invite(args).await,
        Users::Uninvite(args) => return uninvite(args).await,
        Users::Role(args) => return change_role(args).await,
        Users::Deactivate(args) => (args, "deactivateUser"),
        Users::Activate(args) => (args, "activateUser"),
        Users::Remove(args) => (args, "removeUser"),
    };
    args.by_name(&USER, (mutation, "user"), "userId").await
}

async fn invite(args: InviteArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let input = json!({ "email": args.address, "role": args.role });
    let how = ("inviteUser", "invitation");
    let invited = client.change(&INVITATION, how, input).await?;
    args.view.row(INVITATION.columns, &invited);
    Ok(())
}

async fn uninvite(args: Because) -> anyhow::Result<()> {
    let how = ("revokeInvitation", "invitation");
    args.by_id(&INVITATION, how, "invitationId").await
}

async fn change_role(args: RoleArgs) -> anyhow::Result<()> {
    let one: &Show = &args.because.one;
    let client = one.target.connect().await?;
    let user = client.id_of(&USER, &one.which).await?;
    let input = json!({ "userId": user, "role": args.role });
    let how = ("updateUserRole", "user");
    args.because.of(&client, &USER, how, input).await
}
