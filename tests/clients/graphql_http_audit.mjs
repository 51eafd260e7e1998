// Runs every audit of the public `graphql-http` package against a server.
//
//   node graphql_http_audit.mjs URL [HEADERS_JSON]
//
// Prints each audit that is not ok, then {"ok":n,"total":n}; exits 1 unless all are ok.

import { serverAudits } from 'graphql-http';

const [url, headersText] = process.argv.slice(2);
if (!url) {
  console.error('usage: node graphql_http_audit.mjs URL [HEADERS_JSON]');
  process.exit(2);
}
const extra = headersText ? JSON.parse(headersText) : {};

// The audit's own headers win: they are what it tests.
const fetchFn = (target, init = {}) =>
  fetch(target, { ...init, headers: { ...extra, ...init.headers } });

const audits = serverAudits({ url, fetchFn });
let ok = 0;
for (const audit of audits) {
  try {
    const result = await audit.fn();
    if (result.status === 'ok') ok += 1;
    else console.log(`${result.status} ${audit.id} ${audit.name}: ${result.reason}`);
  } catch (error) {
    console.log(`fatal ${audit.id} ${audit.name}: ${error.cause?.message ?? error.message}`);
  }
}
console.log(JSON.stringify({ ok, total: audits.length }));
process.exit(ok === audits.length ? 0 : 1);
