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

/// Time for the header of a request, also for the next one on a connection that is kept open.
/// Slower clients hold a connection for nothing.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a request's line and header. A GET request carries its document there.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Fields of a request's header. Browsers behind three proxies send 40.
pub const MAX_HEADER_FIELDS: usize = 100;

/// Connections of one process, unless configured. A connection that says nothing takes about 10 KB.
pub const MAX_CONNECTIONS: usize = 10_000;

/// Websockets and event streams that one actor has open, unless configured. A person with ten
/// pages open on three devices has 30.
pub const MAX_STREAMS_PER_ACTOR: u32 = 200;

/// Time a websocket may stay without an operation. Clients open another when they need it.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// Bytes of all documents that clients named by their hash, oldest unused out first.
pub const PERSISTED_CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Documents in the file of trusted ones. Each is kept, and validated at the start.
pub const MAX_TRUSTED_DOCUMENTS: usize = 10_000;

/// Points a minute for all who say nobody they are, by client address, unless configured.
pub const ANONYMOUS_POINTS: u32 = 3_000;

/// Points a minute for a person, unless configured. A script that registers agents makes some
/// hundred mutations a second at most.
pub const PERSON_POINTS: u32 = 120_000;

/// Points a minute for an agent, unless configured: 2,000 decisions a second without end.
pub const AGENT_POINTS: u32 = 600_000;

/// Points for each root field of a mutation: a transaction. Root fields of queries and
/// subscriptions cost one.
pub const MUTATION_POINTS: u32 = 5;

/// Points for each root field of a mutation by nobody: such as a sign-in, whose password takes
/// 18 ms of a core to check.
pub const ANONYMOUS_MUTATION_POINTS: u32 = 25;

/// Points for credentials that were wrong, out of the budget of the address.
pub const REFUSED_CREDENTIALS_POINTS: u32 = 10;

/// Rows that a query can ask for, for each further point.
pub const ROWS_PER_POINT: u64 = 100;

/// Actors of one kind whose budgets are remembered; those unseen for longest begin anew. About
/// 100 bytes each.
pub const MAX_BUDGETS: usize = 100_000;
