//! The body of a request to `/graphql`, out of any bytes, up to where it would be executed.

use std::sync::OnceLock;

use aim_api::transport::limits::{MAX_QUERY_BYTES, MAX_ROOT_FIELDS};
use aim_api::transport::{DocumentGuard, DocumentRules, Params};

static GUARD: OnceLock<DocumentGuard> = OnceLock::new();

fn guard() -> &'static DocumentGuard {
    GUARD.get_or_init(|| {
        let rules = DocumentRules {
            introspection: true,
            suggestions: false,
        };
        match DocumentGuard::new(&aim_api::sdl(), rules, None) {
            Ok(guard) => guard,
            Err(error) => unreachable!("our own schema: {error}"),
        }
    })
}

/// A body.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(params) = Params::from_json(bytes) else {
        return;
    };
    let length = params.query.len();
    match guard().prepare(params) {
        Ok(request) => {
            assert!(length <= MAX_QUERY_BYTES, "{length} bytes passed");
            assert!(
                request.root_fields <= MAX_ROOT_FIELDS,
                "too many root fields"
            );
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            for error in errors {
                assert!(error.extensions.is_some(), "an error without a code");
            }
        }
    }
}
