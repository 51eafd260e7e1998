//! Does a target name a place outside, and whose?

/// Most places of one target that are looked at: a mail has several recipients.
const HOSTS_MAX: usize = 16;
/// Most bytes of a host's name (RFC 1035, section 2.3.4).
const HOST_MAX_BYTES: usize = 253;

/// Whether a target is a web address: with a scheme (`https://…`) or by its customary name
/// (`www.…`). Reading there sends out what the address says and lets somebody else answer, so that
/// detectors hold a read there against an agent like a write.
#[must_use]
pub fn is_web_address(target: &str) -> bool {
    let target = target.trim_start();
    let host = target.split_once("://").map(|(scheme, _)| scheme);
    let has_scheme = host.is_some_and(|scheme| {
        !scheme.is_empty()
            && scheme != "file"
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    has_scheme
        || target
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("www."))
}

/// Hosts that a target names, in lower case: of web addresses and of e-mail addresses, several
/// separated by commas or semicolons. Where data may go; not whether it is somebody else's.
pub fn outside_hosts(target: &str) -> impl Iterator<Item = String> {
    let parts = target.split([',', ';']).map(str::trim).take(HOSTS_MAX);
    parts.filter_map(|part| {
        let host = if is_web_address(part) {
            web_host(part)
        } else {
            mail_host(part)?
        };
        let host = host.trim_end_matches('.').to_lowercase();
        let is_name = host.contains('.') || host.starts_with('[') || host == "localhost";
        (is_name && host.len() <= HOST_MAX_BYTES).then_some(host)
    })
}

/// The host of a web address, without user and port. A browser takes a backslash for a slash, and
/// what comes before the last `@` for a user: a host must not be hidden behind either.
fn web_host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    match host.strip_prefix('[').and_then(|it| it.find(']')) {
        Some(end) => &host[..=end + 1],
        None => host.split(':').next().unwrap_or(host),
    }
}

/// The host of `name <user@host>` or `user@host`.
fn mail_host(address: &str) -> Option<&str> {
    let address = address.trim_end_matches('>');
    let (user, host) = address.rsplit_once('@')?;
    let is_address = !user.is_empty()
        && !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c == '/');
    is_address.then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_are_told_from_other_targets() {
        for (target, expected) in [
            ("https://example.org/a?b=c", true),
            (" HTTP://EXAMPLE.ORG", true),
            ("ftp://example.org", true),
            ("www.example.org", true),
            ("WWW.example.org", true),
            ("file:///etc/passwd", false),
            ("/data/report.csv", false),
            ("alice@example.org", false),
            ("see https://example.org", false),
            ("://", false),
            ("www", false),
            ("wwwé", false),
            ("", false),
        ] {
            assert_eq!(is_web_address(target), expected, "{target}");
        }
    }

    #[test]
    fn hosts_are_found_behind_what_hides_them() {
        for (target, expected) in [
            (
                "https://api.example.org/a@b?c=https://x.y",
                vec!["api.example.org"],
            ),
            (
                "https://api.example.org@evil.example/x",
                vec!["evil.example"],
            ),
            (
                "https://evil.example\\@api.example.org/",
                vec!["evil.example"],
            ),
            (
                "https://user:word@Evil.Example.:8443/",
                vec!["evil.example"],
            ),
            ("http://[2001:db8::1]:80/x", vec!["[2001:db8::1]"]),
            ("www.example.org/x", vec!["www.example.org"]),
            ("https://", vec![]),
            (
                "a@one.example, B <b@two.example>; c",
                vec!["one.example", "two.example"],
            ),
            ("alice", vec![]),
            ("/data/a@b", vec![]),
            ("GB29NWBK60161331926819", vec![]),
            ("@", vec![]),
        ] {
            let found: Vec<String> = outside_hosts(target).collect();
            assert_eq!(found, expected, "{target}");
        }
        let many = "a@x.example,".repeat(1_000);
        assert_eq!(outside_hosts(&many).count(), HOSTS_MAX);
        assert_eq!(
            outside_hosts(&format!("a@{}.example", "x".repeat(300))).count(),
            0
        );
    }
}
