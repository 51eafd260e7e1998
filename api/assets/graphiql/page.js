// Starts GraphiQL. Queries and mutations are POSTs, subscriptions are event streams, so the
// headers typed into the page (such as an authorization) apply to all three alike.
'use strict';

(() => {
  const url = '/graphql';

  const isSubscription = (params, documentAST) =>
    (documentAST?.definitions ?? []).some(
      (definition) =>
        definition.kind === 'OperationDefinition' &&
        definition.operation === 'subscription' &&
        (!params.operationName || definition.name?.value === params.operationName),
    );

  const post = (params, headers, accept, signal) =>
    fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept },
      body: JSON.stringify(params),
      signal,
    });

  // One event is `event: NAME` and `data: JSON`, closed by an empty line.
  const parse = (block) => {
    const event = { name: 'message', data: '' };
    for (const line of block.split('\n')) {
      if (line.startsWith('event:')) event.name = line.slice(6).trim();
      if (line.startsWith('data:')) event.data += line.slice(5).trim();
    }
    return event;
  };

  async function* subscribe(params, headers) {
    const abort = new AbortController();
    try {
      const response = await post(params, headers, 'text/event-stream', abort.signal);
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
        yield await response.json();
        return;
      }
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let buffered = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        buffered += value;
        const blocks = buffered.split('\n\n');
        buffered = blocks.pop();
        for (const event of blocks.map(parse)) {
          if (event.name === 'complete') return;
          if (event.name === 'next') yield JSON.parse(event.data);
        }
      }
    } finally {
      abort.abort();
    }
  }

  const fetcher = (params, options = {}) => {
    const headers = options.headers ?? {};
    if (isSubscription(params, options.documentAST)) return subscribe(params, headers);
    return post(params, headers, 'application/graphql-response+json, application/json').then(
      (response) => response.json(),
    );
  };

  ReactDOM.createRoot(document.getElementById('graphiql')).render(
    React.createElement(GraphiQL, { fetcher, shouldPersistHeaders: false }),
  );
})();
