// What graphql-js says of a table of documents: whether each may be executed.
//
//   node graphql_validation.mjs SCHEMA_FILE TABLE_FILE
//
// A document may be executed when it parses, is valid, its operation is found and its variables have
// the declared types. Prints one JSON object: name -> true, or the first reason why not.

import { readFileSync } from 'node:fs';
import { buildSchema, getOperationAST, getVariableValues, parse, validate } from 'graphql';

const [schemaFile, tableFile] = process.argv.slice(2);
if (!tableFile) {
  console.error('usage: node graphql_validation.mjs SCHEMA_FILE TABLE_FILE');
  process.exit(2);
}
const schema = buildSchema(readFileSync(schemaFile, 'utf8'));
const table = JSON.parse(readFileSync(tableFile, 'utf8'));

function verdict({ query, variables, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return error.message;
  }
  const [problem] = validate(schema, document);
  if (problem) return problem.message;
  const operation = getOperationAST(document, operationName);
  if (!operation) return 'no such operation';
  const declared = operation.variableDefinitions ?? [];
  const { errors } = getVariableValues(schema, declared, variables ?? {});
  return errors ? errors[0].message : true;
}

console.log(JSON.stringify(Object.fromEntries(table.map((row) => [row.name, verdict(row)]))));
