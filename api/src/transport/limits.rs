//! Role: every bound of the transport, in one place, each with its reason.
//!
//! They are constants, not settings: a deployment that raises one of them gives up the promise that
//! a hostile request of a few hundred bytes is refused in milliseconds.

use std::time::Duration;

/// Bytes of one GraphQL document. Hand-written and generated client documents stay under 10 KB.
pub const MAX_QUERY_BYTES: usize = 15_000;

/// Lexical tokens of one document. Bounds the parser's work; a full introspection query has 250.
pub const MAX_TOKENS: usize = 1_000;

/// Nesting the parser follows before it gives up. Selections, lists and objects count, so it lies
/// above every depth below and far below what a thread's stack holds.
pub const MAX_PARSER_RECURSION: usize = 100;

/// Nested fields of one operation. The deepest connection inside a connection needs 9.
pub const MAX_DEPTH: u32 = 10;

/// Nested fields below `__schema` and `__type`. Client tools unwrap list and non-null types with up
/// to nine nested `ofType`.
pub const MAX_INTROSPECTION_DEPTH: u32 = 20;

/// Nested selection sets, fragments included. The executor gives up at 32, with an error that
/// would look like ours.
pub const MAX_NESTING: u32 = 30;

/// Selected fields of one operation after every fragment is expanded. Ends fragment bombs, whose
/// size doubles with each fragment.
pub const MAX_FIELDS: u32 = 1_000;

/// Fields at the root after expansion. Each one is a use case, for a mutation a transaction.
pub const MAX_ROOT_FIELDS: u32 = 20;

/// Aliases after expansion. Aliases multiply one expensive field within one request.
pub const MAX_ALIASES: u32 = 15;

/// Directives after expansion. Each costs a lookup per execution.
pub const MAX_DIRECTIVES: u32 = 50;

/// Operations in one document. Only one is executed; the rest is validation work for nothing.
pub const MAX_OPERATIONS: usize = 10;

/// Rows that one request can ask for: page size times the pages below it, summed over siblings.
pub const MAX_NODES: u64 = 10_000;

/// Page size assumed for a connection without `first`, `last` and default value in the schema.
pub const DEFAULT_PAGE_SIZE: u64 = 20;

/// Validation errors told to the client. A broken document can have one per token.
pub const MAX_REPORTED_ERRORS: usize = 5;

/// Bytes of one error message, which may quote the document.
pub const MAX_MESSAGE_BYTES: usize = 400;

/// Weight of all cached documents, in estimated bytes of their syntax trees.
pub const DOCUMENT_CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Estimated bytes of syntax tree for each byte of document text.
pub const TREE_BYTES_PER_TEXT_BYTE: u32 = 40;

/// Bytes of one HTTP request body: a document, and variables that carry keys and signatures.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// Nesting of a JSON body or websocket message. Inputs nest five levels; parsers recurse per level.
pub const MAX_JSON_DEPTH: usize = 32;

/// Time for reading a body and, separately, for executing a query or mutation.
pub const EXECUTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Time a websocket may stay silent before `connection_init`; an idle socket costs about 10 KB.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Time between two pings. Proxies cut silent connections after 60 s or more.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);

/// Pings that may stay without any answer before the peer counts as gone.
pub const MAX_SILENT_PINGS: u32 = 2;

/// Time between two comments on an event stream, against the same proxies.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(12);

/// Operations at the same time on one websocket. A dashboard page holds about ten.
pub const MAX_OPERATIONS_PER_SOCKET: usize = 64;

/// Bytes of one websocket message from the client.
pub const MAX_MESSAGE_SIZE: usize = 64 * 1024;

/// Bytes of an operation id on a websocket. Clients use UUIDs (36) or counters.
pub const MAX_OPERATION_ID_BYTES: usize = 128;

/// Messages waiting for a slow websocket client before the next subscription message ends its
/// operation with `SUBSCRIPTION_LAGGED`.
pub const MAX_QUEUED_MESSAGES: usize = 256;

/// Bytes waiting for a slow websocket client, with the same consequence.
pub const MAX_QUEUED_BYTES: usize = 512 * 1024;

/// Read and write buffer of one websocket. The default of 128 KiB each is what an idle connection
/// would mostly consist of.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024;
