//! Logins that outlive a command, and exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;

use aim_tests::AimConfig;
use serde_json::{Value, json};

use crate::cli::{Cli, Said, fed, said};
use crate::fleet::{Owner, PASSWORD, text};
use crate::second_factors::Authenticator;

async fn login_by_token(cli: &Cli, url: &str, token: &str) -> Said {
    let words = ["login", "--url", url, "--token", "--profile", "robot"];
    fed(cli.command(&words), token).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_once_and_out_again() {
    let aim = AimConfig::new().start().unwrap();
    let once = aim.bootstrap().unwrap().password.clone();
    let cli = Cli::new().unwrap();
    let nobody = cli.run(&["whoami"]).await.unwrap();
    assert!(
        nobody.code == 77 && nobody.err.contains("aim login"),
        "{nobody:?}"
    );

    // Nobody would see what is asked.
    let unseen = cli.run(&["login", "--url", aim.base_url()]).await.unwrap();
    assert!(
        unseen.code == 77 && unseen.err.contains("AIM_PASSWORD") && unseen.err.contains("--device"),
        "{unseen:?}"
    );

    // With the one-time password another one has to be chosen, which nobody can be asked for here.
    let login = |new: Option<&str>| {
        let mut command = cli.command(&["login", "--url", aim.base_url()]);
        command.env("AIM_PASSWORD", &once);
        if let Some(new) = new {
            command.env("AIM_NEW_PASSWORD", new);
        }
        command
    };
    let refused = said(login(None)).await.unwrap();
    assert!(
        refused.code == 77 && refused.err.contains("AIM_NEW_PASSWORD"),
        "{refused:?}"
    );
    let weak = said(login(Some("short"))).await.unwrap();
    assert_eq!(weak.code, 65, "{weak:?}");
    let went = said(login(Some(PASSWORD))).await.unwrap();
    assert_eq!(went.code, 0, "{went:?}");
    for said in [&refused, &weak, &went] {
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains(&once) && !all.contains(PASSWORD), "{all}");
    }

    let file = cli.login("default");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let who = cli.json(&["whoami"]).await.unwrap();
    assert_eq!(who["viewer"]["role"], "OWNER", "{who}");
    assert_eq!(who["url"], aim.base_url());

    // A login is shown to its own server only, and never once others could have read it.
    let elsewhere = cli
        .run(&["whoami", "--url", "http://127.0.0.1:1"])
        .await
        .unwrap();
    assert_eq!(elsewhere.code, 77, "{elsewhere:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = cli.run(&["whoami"]).await.unwrap();
    assert!(open.code == 1 && open.err.contains("chmod 600"), "{open:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let outside = cli
        .run(&["whoami", "--profile", "../default"])
        .await
        .unwrap();
    assert_eq!(outside.code, 65, "{outside:?}");

    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(cli.run(&["logout"]).await.unwrap().code, 0);
    assert!(!file.exists());
    // The session has ended on the server as well.
    std::fs::write(&file, kept).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(cli.run(&["whoami"]).await.unwrap().code, 77);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let authenticator = Authenticator::of(&owner).await;
    let cli = Cli::new().unwrap();
    let login = |code: Option<String>| {
        let mut command = cli.command(&["login", "--url", aim.base_url()]);
        command.env("AIM_PASSWORD", PASSWORD);
        if let Some(code) = code {
            command.env("AIM_CODE", code);
        }
        command
    };
    for (code, expected) in [(None, 77), (Some("000000".to_owned()), 77)] {
        let refused = said(login(code)).await.unwrap();
        assert_eq!(refused.code, expected, "{refused:?}");
        assert!(!cli.login("default").exists());
    }
    let went = said(login(Some(authenticator.codes[0].clone())))
        .await
        .unwrap();
    assert_eq!(went.code, 0, "{went:?}");
    assert_eq!(cli.run(&["whoami"]).await.unwrap().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_sign_in_by_a_token_from_standard_input() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let cli = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    let words = [
        "api-keys",
        "create",
        "ci",
        "--permission",
        "read,manage-agents",
    ];
    let key = cli.json(&words).await.unwrap();
    assert_eq!(
        key["permissions"],
        json!(["READ", "MANAGE_AGENTS"]),
        "{key}"
    );
    let secret = key["secret"].as_str().unwrap();

    let wrong = login_by_token(&cli, aim.base_url(), "hello").await;
    assert_eq!(wrong.code, 65, "{wrong:?}");
    let wrong = login_by_token(&cli, aim.base_url(), "aim_key_0123456789").await;
    assert_eq!(wrong.code, 77, "{wrong:?}");
    let went = login_by_token(&cli, aim.base_url(), &format!("{secret}\n")).await;
    assert!(went.code == 0 && !went.err.contains(secret), "{went:?}");
    let robot = ["--profile", "robot"];
    let listed = cli
        .run(&[&["agents", "list"][..], &robot].concat())
        .await
        .unwrap();
    assert_eq!(listed.code, 0, "{listed:?}");
    // What no program may.
    let denied = cli
        .run(&[&["users", "list"][..], &robot].concat())
        .await
        .unwrap();
    assert_eq!(denied.code, 77, "{denied:?}");

    // By the environment alone, with nothing saved.
    let fresh = Cli::new().unwrap();
    let mut listed = fresh.command(&["agents", "list", "--url", aim.base_url()]);
    listed.env("AIM_API_KEY", secret);
    assert_eq!(said(listed).await.unwrap().code, 0);

    let revoked = cli.run(&["api-keys", "revoke", "ci"]).await.unwrap();
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let listed = cli
        .run(&[&["agents", "list"][..], &robot].concat())
        .await
        .unwrap();
    assert_eq!(listed.code, 77, "{listed:?}");

    // The tokens of a program's own session go on by themselves.
    let query = "mutation { createSdkToken(input: { name: \"sdk\", permissions: [READ] }) {
        created { session { refreshToken } } userErrors { message } } }";
    let made = owner.ask(query, json!({})).await.unwrap();
    let refresh = text(&made, "/createSdkToken/created/session/refreshToken").unwrap();
    let went = login_by_token(&cli, aim.base_url(), &refresh).await;
    assert_eq!(went.code, 0, "{went:?}");
    expire(&cli.login("robot"));
    let listed = cli
        .run(&[&["agents", "list"][..], &robot].concat())
        .await
        .unwrap();
    assert_eq!(listed.code, 0, "{listed:?}");
}

/// Sets the end of the access token into the past.
fn expire(file: &std::path::Path) {
    let mut login: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    login["expiresAt"] = json!("2020-01-01T00:00:00Z");
    std::fs::write(file, login.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_refresh_one_login_at_one_time_take_turns() {
    let aim = AimConfig::new().start().unwrap();
    aim.take_over(PASSWORD).await.unwrap();
    let cli = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    let file = cli.login("default");
    for _ in 0..3 {
        let before: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        expire(&file);
        let words = ["whoami"];
        let (a, b, c, d) = tokio::join!(
            cli.run(&words),
            cli.run(&words),
            cli.run(&words),
            cli.run(&words)
        );
        for said in [a, b, c, d] {
            let said = said.unwrap();
            assert_eq!(said.code, 0, "{said:?}");
        }
        // One of them refreshed; a token that is shown twice would have ended the session.
        let after: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_ne!(before["refreshToken"], after["refreshToken"]);
    }
    assert_eq!(cli.run(&["whoami"]).await.unwrap().code, 0);
    let files = std::fs::read_dir(file.parent().unwrap()).unwrap();
    for entry in files {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_failures_apart() {
    let mut aim = AimConfig::new().start().unwrap();
    aim.take_over(PASSWORD).await.unwrap();
    let cli = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    let code = async |words: &[&str]| {
        let said = cli.run(words).await.unwrap();
        assert!(said.code == 0 || said.out.is_empty(), "{said:?}");
        assert!(said.code == 0 || !said.err.is_empty(), "{said:?}");
        said.code
    };
    assert_eq!(code(&["agents", "list"]).await, 0);
    assert_eq!(code(&["agents", "list", "--colour", "red"]).await, 2);
    assert_eq!(code(&["agents", "list", "--after", "nonsense"]).await, 65);
    assert_eq!(code(&["agents", "show", "nobody"]).await, 66);
    assert_eq!(code(&["approvals", "show", "nonsense"]).await, 65);
    let mut wrong = cli.command(&["agents", "list", "--url", aim.base_url()]);
    wrong.env("AIM_PASSWORD", "not the password");
    assert_eq!(said(wrong).await.unwrap().code, 77);
    aim.stop().unwrap();
    assert_eq!(code(&["agents", "list"]).await, 69);
    assert_eq!(code(&["health", "--url", aim.base_url()]).await, 69);
}
