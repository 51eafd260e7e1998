//! Does a target name a place outside?

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
}
