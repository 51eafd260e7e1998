// Checks a server's graphql-transport-ws endpoint: close codes and message order with bare frames
// (`ws`), then whole operations with the public client (`graphql-ws`).
//
//   node graphql_ws_conformance.mjs URL [SUBSCRIPTION] [INIT_PAYLOAD_JSON]
//
// URL is http(s):// or ws(s)://. SUBSCRIPTION is a document that does not end by itself; it
// may stay silent. Prints
// {"ok":n,"total":n,"failed":[…]} and exits 1 unless all passed.

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [target, subscription, initText] = process.argv.slice(2);
const url = target.replace(/^http/, 'ws');
const initPayload = initText ? JSON.parse(initText) : undefined;
const PROTOCOL = 'graphql-transport-ws';
const PATIENCE_MS = 10_000;
const QUERY = '{ __typename }';

const init = { type: 'connection_init', payload: initPayload };
const subscribe = (id, query = QUERY) => ({ id, type: 'subscribe', payload: { query } });

// A socket whose messages can be awaited one by one.
class Socket {
  constructor(protocols = PROTOCOL, options = {}) {
    this.messages = [];
    this.waiting = [];
    this.socket = protocols ? new WebSocket(url, protocols, options) : new WebSocket(url, options);
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('unexpected-response', (_, response) =>
        reject(Object.assign(new Error('refused'), { status: response.statusCode })),
      );
      this.socket.on('error', reject);
    });
    this.opened.catch(() => {});
    this.socket.on('message', (data, isBinary) => {
      const message = isBinary ? { type: 'binary' } : JSON.parse(data.toString());
      const next = this.waiting.shift();
      if (next) next(message);
      else this.messages.push(message);
    });
  }

  async send(...messages) {
    await this.opened;
    for (const message of messages)
      this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  next() {
    const message = this.messages.shift();
    if (message) return Promise.resolve(message);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async ready() {
    await this.send(init);
    equal((await this.next()).type, 'connection_ack');
    return this;
  }
}

const equal = (found, expected) => {
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
};

const closes = (code, ...messages) => async () => {
  const socket = new Socket();
  await socket.send(...messages);
  equal(await socket.closed, code);
};

const closesWhenReady = (code, ...messages) => async () => {
  const socket = await new Socket().ready();
  await socket.send(...messages);
  equal(await socket.closed, code);
};

const checks = {
  'agrees on the sub-protocol': async () => {
    const socket = new Socket(['graphql-ws', PROTOCOL]);
    await socket.opened;
    equal(socket.socket.protocol, PROTOCOL);
  },
  'closes 4406 without a known sub-protocol': async () => equal(await new Socket(null).closed, 4406),
  'refuses a foreign origin': async () => {
    const socket = new Socket(PROTOCOL, { origin: 'https://foreign.invalid' });
    const status = await socket.opened.then(
      () => 101,
      (error) => error.status,
    );
    equal(status, 403);
  },
  'closes 4408 without connection_init': async () => equal(await new Socket().closed, 4408),
  'closes 4429 on a second connection_init': closes(4429, init, init),
  'closes 4429 on a connection_init after the ack': closesWhenReady(4429, init),
  'closes 4401 on subscribe before the ack': closes(4401, subscribe('1')),
  'closes 4400 on text that is not JSON': closes(4400, 'nonsense'),
  'closes 4400 on JSON that is not a message': closes(4400, []),
  'closes 4400 on an unknown type': closes(4400, { type: 'start' }),
  'closes 4400 on a server message type': closesWhenReady(4400, { type: 'connection_ack' }),
  'closes 4400 on subscribe without id': closesWhenReady(4400, { type: 'subscribe', payload: { query: QUERY } }),
  'closes 4400 on subscribe without payload': closesWhenReady(4400, { id: '1', type: 'subscribe' }),
  'closes 4400 on subscribe without query': closesWhenReady(4400, { id: '1', type: 'subscribe', payload: {} }),
  'closes 4400 on complete without id': closesWhenReady(4400, { type: 'complete' }),
  'answers ping with pong before connection_init': async () => {
    const socket = new Socket();
    await socket.send({ type: 'ping' });
    equal((await socket.next()).type, 'pong');
  },
  'answers ping with its payload': async () => {
    const socket = await new Socket().ready();
    await socket.send({ type: 'ping', payload: { n: 1 } });
    equal(await socket.next(), { type: 'pong', payload: { n: 1 } });
  },
  'accepts an unasked pong': async () => {
    const socket = await new Socket().ready();
    await socket.send({ type: 'pong' }, { type: 'ping' });
    equal((await socket.next()).type, 'pong');
  },
  'sends next, then complete': async () => {
    const socket = await new Socket().ready();
    await socket.send(subscribe('q'));
    const message = await socket.next();
    equal([message.id, message.type, typeof message.payload.data.__typename], ['q', 'next', 'string']);
    equal(await socket.next(), { id: 'q', type: 'complete' });
  },
  'sends error and no complete for an invalid document': async () => {
    const socket = await new Socket().ready();
    await socket.send(subscribe('q', '{ doesNotExist }'));
    const message = await socket.next();
    equal([message.id, message.type, Array.isArray(message.payload)], ['q', 'error', true]);
    await socket.send({ type: 'ping' });
    equal((await socket.next()).type, 'pong');
  },
  'sends error for a syntax error': async () => {
    const socket = await new Socket().ready();
    await socket.send(subscribe('q', '{'));
    equal((await socket.next()).type, 'error');
  },
  'lets an id be used again after its end': async () => {
    const socket = await new Socket().ready();
    for (const _ of [1, 2, 3]) {
      await socket.send(subscribe('q'));
      equal((await socket.next()).type, 'next');
      equal((await socket.next()).type, 'complete');
    }
  },
  'ignores complete for an unknown id': async () => {
    const socket = await new Socket().ready();
    await socket.send({ id: 'unknown', type: 'complete' }, { type: 'ping' });
    equal((await socket.next()).type, 'pong');
  },
  'refuses a fragment bomb': async () => {
    let bomb = '{...f0}';
    for (let i = 0; i < 16; i++) bomb += `fragment f${i} on Query{...f${i + 1} ...f${i + 1}}`;
    const socket = await new Socket().ready();
    await socket.send(subscribe('q', `${bomb}fragment f16 on Query{__typename}`));
    const message = await socket.next();
    equal([message.type, message.payload[0].extensions.code], ['error', 'QUERY_TOO_COMPLEX']);
  },
  'graphql-ws: query': async () => {
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: initPayload });
    const results = [];
    for await (const result of client.iterate({ query: QUERY })) results.push(result);
    equal([results.length, typeof results[0].data.__typename], [1, 'string']);
    await client.dispose();
  },
  'graphql-ws: invalid document': async () => {
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: initPayload });
    const errors = await new Promise((resolve, reject) =>
      client.subscribe(
        { query: '{ doesNotExist }' },
        { next: reject, error: resolve, complete: () => reject(new Error('completed')) },
      ),
    );
    equal(Array.isArray(errors) && errors.length > 0, true);
    await client.dispose();
  },
  'graphql-ws: many queries on one connection': async () => {
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: initPayload });
    const one = async () => {
      for await (const result of client.iterate({ query: QUERY })) return typeof result.data.__typename;
    };
    const found = await Promise.all(Array.from({ length: 50 }, one));
    equal(found.every((type) => type === 'string'), true);
    await client.dispose();
  },
};

if (subscription) {
  checks['closes 4409 on a second operation of an id'] = closesWhenReady(
    4409,
    subscribe('s', subscription),
    subscribe('s', subscription),
  );
  checks['completes a subscription at once'] = async () => {
    const socket = await new Socket().ready();
    await socket.send(subscribe('s', subscription), { id: 's', type: 'complete' });
    await socket.send(subscribe('s', subscription), { id: 's', type: 'complete' }, subscribe('q'));
    // Events may have been on their way; `error` and a close may not.
    for (;;) {
      const message = await socket.next();
      if (message.id === 'q') return equal(message.type, 'next');
      equal([message.id, message.type], ['s', 'next']);
    }
  };
  checks['serves queries beside a subscription'] = async () => {
    const socket = await new Socket().ready();
    await socket.send(subscribe('s', subscription), subscribe('q'));
    for (;;) {
      const message = await socket.next();
      if (message.id === 'q') return equal(message.type, 'next');
      equal([message.id, message.type], ['s', 'next']);
    }
  };
  checks['graphql-ws: subscription ends when told'] = async () => {
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: initPayload });
    await new Promise((resolve, reject) => {
      const stop = client.subscribe(
        { query: subscription },
        { next: () => {}, error: reject, complete: resolve },
      );
      client.on('connected', () => stop());
    });
    await client.dispose();
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
