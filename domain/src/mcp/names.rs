//! Names that look alike.

use unicode_security::confusable_detection::skeleton;

/// What a name looks like: two names of one look are taken for each other. By the table of confusable
/// characters of Unicode (UTS #39), without case and without what joins words.
#[must_use]
pub fn lookalike(name: &str) -> String {
    let look: String = skeleton(name).collect();
    // Once more in lower case: capitals that look like another letter are folded by the first pass.
    let look: String = skeleton(&look.to_lowercase()).collect();
    let joins = |c: char| matches!(c, '_' | '-' | '.' | '/' | ':') || c.is_whitespace();
    look.chars().filter(|c| !joins(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_look_are_one() {
        for (one, other, is_same) in [
            ("send_email", "send-email", true),
            ("send_email", "sendEmail", true),
            ("send_email", "send_emaіl", true),
            ("list_files", "1ist_files", true),
            ("send_email", "send_mail", false),
            ("read_file", "write_file", false),
        ] {
            assert_eq!(lookalike(one) == lookalike(other), is_same, "{one} {other}");
        }
    }
}
