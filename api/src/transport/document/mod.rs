//! Role: decides whether a document may be executed at all, before the executor sees it.
//!
//! Order: bytes, tokens and nesting (parser), size after fragment expansion ([`measure`]),
//! validation against the schema, page sizes ([`paging`]), variables ([`variables`]).
//! Guarantees: a hostile document costs time linear in its text; only documents that passed are
//! cached, under their whole text, so no other text can take their place; the cache is bounded.
//! Does not execute anything.

mod inputs;
mod measure;
mod paging;
mod positions;
mod variables;

use std::{fmt, sync::Arc};

use apollo_compiler::{
    ExecutableDocument, Schema,
    executable::{Operation, OperationType as ApolloOperationType, Selection},
    introspection::check_max_depth,
    parser::Parser,
    response::GraphQLError,
    validation::{DiagnosticList, Valid},
};
use async_graphql::{
    Pos, Request, ServerError,
    parser::{
        parse_query,
        types::{ExecutableDocument as ParsedDocument, OperationType},
    },
};
use moka::sync::Cache;

use self::{measure::measure, paging::PageCost, variables::Declared};
use super::{
    error::ErrorCode,
    limits::{
        DOCUMENT_CACHE_BYTES, MAX_NODES, MAX_PARSER_RECURSION, MAX_QUERY_BYTES,
        MAX_REPORTED_ERRORS, MAX_TOKENS, ROWS_PER_POINT, TREE_BYTES_PER_TEXT_BYTE,
    },
    params::Params,
    persisted::{DocumentHash, Persisted, TrustedDocuments},
};

/// The schema handed to the transport, or a trusted document, is not a valid one.
#[derive(Debug, thiserror::Error)]
#[error("the schema or a trusted document is not valid: {0}")]
pub struct SchemaError(String);

/// What clients may do beyond valid documents.
#[derive(Debug, Clone, Copy)]
pub struct DocumentRules {
    /// Whether `__schema` and `__type` may be selected.
    pub introspection: bool,
    /// Whether validation errors may hint at names ("did you mean").
    pub suggestions: bool,
}

/// Checks documents and remembers those that passed.
pub struct DocumentGuard {
    schema: Valid<Schema>,
    rules: DocumentRules,
    cache: Cache<Arc<str>, Arc<Prepared>>,
    persisted: Persisted,
}

impl fmt::Debug for DocumentGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentGuard")
            .field("rules", &self.rules)
            .field("cached", &self.cache.entry_count())
            .finish_non_exhaustive()
    }
}

/// A document that passed, with what execution needs of it.
struct Prepared {
    operations: Vec<PreparedOperation>,
    parsed: ParsedDocument,
}

struct PreparedOperation {
    name: Option<String>,
    kind: OperationType,
    root_fields: u32,
    variables: Vec<Declared>,
    pages: Option<PageCost>,
}

/// A request that may be executed.
#[derive(Debug)]
pub struct PreparedRequest {
    /// What the selected operation is.
    pub kind: OperationType,
    /// The request, with its document already parsed.
    pub request: Request,
    /// Fields at the root.
    pub root_fields: u32,
    /// Points for the rows that it can ask for.
    pub row_points: u32,
}

impl DocumentGuard {
    /// A guard for the schema written in `sdl`.
    ///
    /// # Errors
    /// [`SchemaError`] if `sdl` is not a valid schema, or a trusted document is not valid.
    pub fn new(
        sdl: &str,
        rules: DocumentRules,
        trusted: Option<TrustedDocuments>,
    ) -> Result<Self, SchemaError> {
        let schema = Schema::parse_and_validate(sdl, "schema.graphql")
            .map_err(|error| SchemaError(error.errors.to_string()))?;
        let cache = Cache::builder()
            .max_capacity(DOCUMENT_CACHE_BYTES)
            .weigher(|text: &Arc<str>, _: &Arc<Prepared>| {
                u32::try_from(text.len())
                    .unwrap_or(u32::MAX)
                    .saturating_mul(TREE_BYTES_PER_TEXT_BYTE)
                    .saturating_add(1024)
            })
            .build();
        let guard = Self {
            schema,
            rules,
            cache,
            persisted: Persisted::new(trusted),
        };
        guard.check_trusted()?;
        Ok(guard)
    }

    /// A trusted document that cannot be executed is found at the start, not by a client.
    fn check_trusted(&self) -> Result<(), SchemaError> {
        let Persisted::Trusted(documents) = &self.persisted else {
            return Ok(());
        };
        for (hash, text) in documents.iter() {
            self.check(text).map_err(|errors| {
                let why = errors.first().map_or("", |error| error.message.as_str());
                SchemaError(format!("trusted document {hash}: {why}"))
            })?;
            tracing::info!(%hash, "trusted document");
        }
        Ok(())
    }

    /// Turns parameters into a request that may be executed.
    ///
    /// # Errors
    /// Request errors, each with a code; nothing may be executed and the response has no `data`.
    pub fn prepare(&self, mut params: Params) -> Result<PreparedRequest, Vec<ServerError>> {
        let new: Option<DocumentHash> = self.persisted.resolve(&mut params).map_err(|e| vec![e])?;
        let prepared = self.document(&params.query)?;
        if let Some(hash) = new {
            self.persisted.remember(hash, &params.query);
        }
        let operation = prepared
            .select(params.operation_name.as_deref())
            .map_err(|e| vec![e])?;
        variables::check(&self.schema, &operation.variables, &params.variables)?;
        let rows = operation.pages.as_ref();
        let rows = rows.map_or(0, |pages| pages.nodes(&params.variables));
        if rows > MAX_NODES {
            return Err(vec![too_many_nodes(rows)]);
        }
        let mut request = Request::new(params.query).variables(params.variables);
        request.operation_name.clone_from(&operation.name);
        request.set_parsed_query(prepared.parsed.clone());
        Ok(PreparedRequest {
            kind: operation.kind,
            request,
            root_fields: operation.root_fields,
            row_points: u32::try_from(rows / ROWS_PER_POINT).unwrap_or(u32::MAX),
        })
    }

    fn document(&self, text: &str) -> Result<Arc<Prepared>, Vec<ServerError>> {
        if let Some(prepared) = self.cache.get(text) {
            return Ok(prepared);
        }
        let prepared = Arc::new(self.check(text)?);
        self.cache.insert(Arc::from(text), Arc::clone(&prepared));
        Ok(prepared)
    }

    fn check(&self, text: &str) -> Result<Prepared, Vec<ServerError>> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(vec![ErrorCode::QueryTooComplex.error(format!(
                "`query` has {} bytes, at most {MAX_QUERY_BYTES} are allowed: split it",
                text.len()
            ))]);
        }
        // The parser counts the space between two tokens as a token.
        let token_limit = 2 * MAX_TOKENS;
        let mut parser = Parser::new()
            .token_limit(token_limit)
            .recursion_limit(MAX_PARSER_RECURSION);
        let parsed = parser.parse_ast(text, "query");
        if parser.tokens_reached() > token_limit
            || parser.recursion_reached() > MAX_PARSER_RECURSION
        {
            return Err(vec![ErrorCode::QueryTooComplex.error(format!(
                "`query` has more than {MAX_TOKENS} tokens or {MAX_PARSER_RECURSION} nested \
                 brackets: split it"
            ))]);
        }
        let document = parsed.map_err(|error| self.told(&error.errors))?;
        let measured = measure(&document).map_err(|error| vec![error])?;
        if measured.introspects && !self.rules.introspection {
            return Err(vec![ErrorCode::Forbidden.error(
                "introspection is switched off: use the published schema instead of `__schema` \
                 and `__type`",
            )]);
        }
        inputs::check(&document).map_err(|error| vec![error])?;
        let valid = document
            .to_executable_validate(&self.schema)
            .map_err(|error| self.told(&error.errors))?;
        let operations = valid
            .operations
            .iter()
            .map(|operation| {
                positions::check(&self.schema, &valid, operation)?;
                prepare_operation(&valid, operation, measured.introspects)
            })
            .collect::<Result<_, _>>()
            .map_err(|error| vec![error])?;
        // The executor has its own parser, which refuses some legal escapes; written anew, the
        // document has none of them.
        let parsed = parse_query(text)
            .or_else(|_| parse_query(document.to_string()))
            .map_err(|error| vec![ErrorCode::BadUserInput.error(error.to_string())])?;
        Ok(Prepared { operations, parsed })
    }

    /// Parser and validator messages as errors, the first few of them.
    fn told(&self, diagnostics: &DiagnosticList) -> Vec<ServerError> {
        diagnostics
            .iter()
            .take(MAX_REPORTED_ERRORS)
            .map(|diagnostic| self.tell(diagnostic.to_json()))
            .collect()
    }

    fn tell(&self, error: GraphQLError) -> ServerError {
        let mut message = error.message;
        if !self.rules.suggestions
            && let Some(hint) = message.find(" Did you mean")
        {
            message.truncate(hint);
        }
        let mut told = ErrorCode::BadUserInput.error(message);
        told.locations = error
            .locations
            .iter()
            .map(|location| Pos {
                line: location.line,
                column: location.column,
            })
            .collect();
        told
    }
}

impl Prepared {
    fn select(&self, name: Option<&str>) -> Result<&PreparedOperation, ServerError> {
        match (name, self.operations.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(ErrorCode::BadUserInput
                .error("`operationName` is missing: the document has more than one operation")),
            (Some(name), operations) => operations
                .iter()
                .find(|operation| operation.name.as_deref() == Some(name))
                .ok_or_else(|| {
                    ErrorCode::BadUserInput.error(format!(
                        "`operationName` is `{name}`, which the document does not define"
                    ))
                }),
        }
    }
}

fn prepare_operation(
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    introspects: bool,
) -> Result<PreparedOperation, ServerError> {
    if introspects {
        check_max_depth(document, operation)
            .map_err(|error| ErrorCode::QueryTooComplex.error(error.message().to_string()))?;
    }
    let kind = match operation.operation_type {
        ApolloOperationType::Query => OperationType::Query,
        ApolloOperationType::Mutation => OperationType::Mutation,
        ApolloOperationType::Subscription => OperationType::Subscription,
    };
    // The executor opens no stream for a root field inside a fragment and would stay silent.
    if kind == OperationType::Subscription
        && !operation
            .selection_set
            .selections
            .iter()
            .all(|it| matches!(it, Selection::Field(_)))
    {
        return Err(ErrorCode::BadUserInput
            .error("the field of a subscription must be selected directly, not by a fragment"));
    }
    Ok(PreparedOperation {
        name: operation.name.as_ref().map(ToString::to_string),
        kind,
        root_fields: u32::try_from(operation.root_fields(document).count()).unwrap_or(u32::MAX),
        variables: variables::declared(operation),
        pages: PageCost::build(document, operation),
    })
}

fn too_many_nodes(nodes: u64) -> ServerError {
    ErrorCode::QueryTooComplex.error(format!(
        "the page sizes ask for {nodes} rows, at most {MAX_NODES} are allowed: lower `first` or \
         `last`"
    ))
}

#[cfg(test)]
mod tests;
