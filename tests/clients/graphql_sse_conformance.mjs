// Checks a server's event streams ("distinct connections mode" of graphql-sse): bare responses by
// fetch, then whole operations with the public client (`graphql-sse`).
//
//   node graphql_sse_conformance.mjs URL [SUBSCRIPTION] [HEADERS_JSON]
//
// SUBSCRIPTION is a document that does not end by itself; it may stay silent. Prints {"ok":n,"total":n,"failed":[…]} and
// exits 1 unless all passed.

import { createClient } from 'graphql-sse';

const [url, subscription, headersText] = process.argv.slice(2);
const headers = headersText ? JSON.parse(headersText) : {};
const PATIENCE_MS = 10_000;
const QUERY = '{ __typename }';

const equal = (found, expected) => {
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
};

const post = (query, init = {}) =>
  fetch(url, {
    method: 'POST',
    body: JSON.stringify({ query }),
    ...init,
    headers: {
      ...headers,
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...init.headers,
    },
  });

const get = (query) =>
  fetch(`${url}?query=${encodeURIComponent(query)}`, {
    headers: { ...headers, accept: 'text/event-stream' },
  });

// Events of a finished stream as [name, parsed data].
const events = async (response) => {
  equal(response.status, 200);
  equal(response.headers.get('content-type')?.startsWith('text/event-stream'), true);
  const blocks = (await response.text()).split('\n\n').filter((it) => it && !it.startsWith(':'));
  return blocks.map((block) => {
    const field = (name) =>
      block.split('\n').find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim();
    return [field('event'), field('data') ? JSON.parse(field('data')) : null];
  });
};

const nextThenComplete = async (response) => {
  const [next, complete, ...rest] = await events(response);
  equal([next[0], typeof next[1].data.__typename], ['next', 'string']);
  equal([complete, rest], [['complete', null], []]);
};

const errorThenComplete = async (response) => {
  const [next, complete, ...rest] = await events(response);
  equal([next[0], Array.isArray(next[1].errors), 'data' in next[1]], ['next', true, false]);
  equal([complete, rest], [['complete', null], []]);
};

const checks = {
  'POST: next, then complete': async () => nextThenComplete(await post(QUERY)),
  'GET: next, then complete': async () => nextThenComplete(await get(QUERY)),
  'streams request errors': async () => errorThenComplete(await post('{ doesNotExist }')),
  'does not let proxies store or transform': async () => {
    const response = await post(QUERY);
    equal(/no-(store|cache)/.test(response.headers.get('cache-control') ?? ''), true);
    await response.text();
  },
  'refuses other content types': async () =>
    equal((await post(QUERY, { headers: { 'content-type': 'text/plain' } })).status, 415),
  'refuses a missing query': async () => equal((await post(undefined)).status, 400),
  'refuses mutations by GET': async () => {
    const response = await get('mutation { __typename }');
    equal([response.status, response.headers.get('allow')], [405, 'POST']);
  },
  'serves JSON to those who want JSON': async () => {
    const response = await post(QUERY, { headers: { accept: 'application/json' } });
    equal(response.headers.get('content-type')?.startsWith('application/json'), true);
    await response.text();
  },
  'graphql-sse: query': async () => {
    const client = createClient({ url, headers });
    const results = [];
    for await (const result of client.iterate({ query: QUERY })) results.push(result);
    equal([results.length, typeof results[0].data.__typename], [1, 'string']);
    client.dispose();
  },
  'graphql-sse: invalid document': async () => {
    const client = createClient({ url, headers });
    const results = [];
    for await (const result of client.iterate({ query: '{ doesNotExist }' })) results.push(result);
    equal([results.length, results[0].errors.length > 0], [1, true]);
    client.dispose();
  },
  'graphql-sse: operations side by side': async () => {
    const client = createClient({ url, headers });
    const one = async () => {
      for await (const result of client.iterate({ query: QUERY })) return typeof result.data.__typename;
    };
    const found = await Promise.all(Array.from({ length: 20 }, one));
    equal(found.every((type) => type === 'string'), true);
    client.dispose();
  },
};

if (subscription) {
  checks['opens a subscription at once'] = async () => {
    const abort = new AbortController();
    const response = await post(subscription, { signal: abort.signal });
    equal(response.status, 200);
    equal(response.headers.get('content-type')?.startsWith('text/event-stream'), true);
    abort.abort();
  };
  checks['graphql-sse: subscription ends when told'] = async () => {
    const client = createClient({ url, headers });
    await new Promise((resolve, reject) => {
      let stop;
      stop = client.subscribe(
        { query: subscription },
        { next: () => {}, error: reject, complete: resolve },
        { connected: () => setImmediate(() => stop()) },
      );
    });
    client.dispose();
  };
}

const limited = (check) =>
  Promise.race([
    check(),
    new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), PATIENCE_MS)),
  ]);

const failed = [];
await Promise.all(
  Object.entries(checks).map(([name, check]) =>
    limited(check).catch((error) => failed.push(`${name}: ${error?.message ?? error}`)),
  ),
);
const total = Object.keys(checks).length;
console.log(JSON.stringify({ ok: total - failed.length, total, failed }));
process.exit(failed.length === 0 ? 0 : 1);
