// Runs the public graphql-schema-linter with all its rules over a schema.
//
//   node schema_linter.mjs SCHEMA_FILE
//
// Prints what it reports; exits 1 when that is anything.

import { run } from 'graphql-schema-linter/lib/runner.js';

const [schema] = process.argv.slice(2);
if (!schema) {
  console.error('usage: node schema_linter.mjs SCHEMA_FILE');
  process.exit(2);
}
process.exit(await run(process.stdout, process.stdin, process.stderr, ['node', 'linter', schema]));
