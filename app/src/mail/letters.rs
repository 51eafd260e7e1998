//! What letters say, in plain text.
//!
//! Names in them were chosen by people who may mean harm: they are cut short, lose whatever could
//! begin a header or a link, and stand in quotes.

use zeroize::Zeroizing;

/// Longest name in a letter, in characters.
const NAME_MAX_CHARS: usize = 60;

/// A name as it may stand in a letter.
pub(crate) fn clean(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars().take(NAME_MAX_CHARS) {
        // A dot within a word makes a link of it in many readers.
        let inside = text.ends_with('.') && c.is_alphanumeric();
        if inside {
            text.push(' ');
        }
        text.push(match c {
            '.' | '-' | '_' | ',' | '\'' | '&' | '(' | ')' => c,
            c if c.is_alphanumeric() => c,
            _ => ' ',
        });
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Subject and text of a letter.
pub(crate) struct Words {
    pub(crate) subject: String,
    pub(crate) body: Zeroizing<String>,
}

/// The end of every letter.
const END: &str = "\n\n-- \nSent by AIM. Answers to this letter are not read.\n";

fn words(subject: impl Into<String>, body: &str) -> Words {
    Words {
        subject: subject.into(),
        body: Zeroizing::new(format!("{}{END}", body.trim())),
    }
}

/// How a token is handed over: as a link where there is a public URL, and for the API.
fn way(base: Option<&str>, page: &str, mutation: &str, token: &str) -> Zeroizing<String> {
    let api = format!("The code for the mutation `{mutation}`:\n\n    {token}");
    // Behind the `#`, so that it is neither sent to a server nor kept in its log.
    let link = base.map(|base| {
        let base = base.trim_end_matches('/');
        format!("Open this link:\n\n    {base}/{page}#token={token}\n\n")
    });
    Zeroizing::new(format!("{}{api}", link.unwrap_or_default()))
}

impl Words {
    pub(crate) fn password_reset(base: Option<&str>, token: &str, minutes: i64) -> Self {
        let way = way(base, "reset-password", "resetPassword", token);
        let body = format!(
            "Somebody, probably you, asked for a new password for this address.\n\n{}\n\n\
             It is good once, for {minutes} minutes. If you did not ask, do nothing: your password \
             stays as it is.",
            way.as_str()
        );
        words("A new password", &body)
    }

    pub(crate) fn password_was_reset() -> Self {
        let body = "Your password was set anew, and all your sessions were ended.\n\n\
                    If that was not you, ask for a new password at once and tell an administrator.";
        words("Your password was set anew", body)
    }

    pub(crate) fn invitation(
        base: Option<&str>,
        token: &str,
        organization: &str,
        (inviter, role, days): (&str, &str, i64),
    ) -> Self {
        let organization = clean(organization);
        let way = way(base, "accept-invitation", "acceptInvitation", token);
        let body = format!(
            "\"{}\" invites you to \"{organization}\" as {role}.\n\n{}\n\n\
             It is good once, for {days} days. If you do not know why you got this letter, do \
             nothing.",
            clean(inviter),
            way.as_str()
        );
        words(format!("An invitation to {organization}"), &body)
    }

    pub(crate) fn registration(
        base: Option<&str>,
        token: &str,
        organization: &str,
        hours: i64,
    ) -> Self {
        let organization = clean(organization);
        let way = way(base, "confirm-registration", "confirmRegistration", token);
        let body = format!(
            "Somebody, probably you, asked to join \"{organization}\" with this address.\n\n{}\n\n\
             It is good once, for {hours} hours. Then an administrator decides. If you did not ask, \
             do nothing: nothing was made.",
            way.as_str()
        );
        words(format!("Your request to join {organization}"), &body)
    }

    pub(crate) fn registration_known() -> Self {
        let body = "Somebody, probably you, asked to join an organization with this address. It has \
                    an account, or its request waits for an administrator already; nothing new was \
                    made.\n\nIf you have forgotten your password, ask for a new one. If you did not \
                    ask, do nothing.";
        words("Your request to join", body)
    }

    pub(crate) fn registration_pending(organization: &str, email: &str, name: &str) -> Self {
        let organization = clean(organization);
        let body = format!(
            "\"{}\" asks to join \"{organization}\" and has shown that this address is theirs:\n\n    \
             {email}\n\nLet them in with `approveRegistration`, or do not with `rejectRegistration`. \
             An address proves nothing else about a person.",
            clean(name)
        );
        words(format!("Somebody asks to join {organization}"), &body)
    }

    pub(crate) fn registration_decided(organization: &str, is_approved: bool) -> Self {
        let organization = clean(organization);
        if is_approved {
            let body = format!(
                "You were let into \"{organization}\". Sign in with this address and the password \
                 that you chose."
            );
            return words(format!("Welcome to {organization}"), &body);
        }
        let body = format!("Your request to join \"{organization}\" was not granted.");
        words(format!("Your request to join {organization}"), &body)
    }

    pub(crate) fn second_factor_reset() -> Self {
        let body = "An administrator took off your second factor, and all your sessions were ended. \
                    Sign in with your password and set up a new one.\n\n\
                    If you did not ask for that, tell another administrator.";
        words("Your second factor was taken off", body)
    }

    pub(crate) fn target_disabled(name: &str, reason: &str) -> Self {
        let name = clean(name);
        let body = format!(
            "Your organization's notification target \"{name}\" was shut off: {reason}. It is told of \
             nothing until somebody enables it with `enableNotificationTarget`; what it was not told \
             can be replayed.",
        );
        words("A notification target was shut off", &body)
    }

    pub(crate) fn audit_stopped(reason: &str) -> Self {
        let body = format!(
            "What is kept of your organization's audit log is not what was signed: {reason}. Somebody \
             may have changed it in the database.\n\nEntries are still written, and nothing is lost \
             that was not lost before; none gets an index until the log is what was signed again. Ask \
             whoever runs AIM for you to run `aim audit verify` and to restore it from a backup."
        );
        words("Your audit log was changed", &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_begin_headers_or_links() {
        for (name, expected) in [
            ("Acme Inc.", "Acme Inc."),
            ("Acme\r\nBcc: x@y", "Acme Bcc x y"),
            ("https://evil.example/x", "https evil. example x"),
            ("  a \u{202e}b  ", "a b"),
            ("Žluťoučký & (syn)", "Žluťoučký & (syn)"),
        ] {
            assert_eq!(clean(name), expected);
        }
        assert_eq!(clean(&"x".repeat(500)).len(), NAME_MAX_CHARS);
    }

    #[test]
    fn a_token_stands_behind_the_mark_that_browsers_keep_to_themselves() {
        let with = Words::password_reset(Some("https://aim.example/"), "TOKEN", 30);
        assert!(
            with.body
                .contains("https://aim.example/reset-password#token=TOKEN\n")
        );
        let without = Words::password_reset(None, "TOKEN", 30);
        assert!(!without.body.contains("http") && without.body.contains("    TOKEN"));
    }
}
