// Code generators, on schema.graphql alone.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { diff, validate } from "@graphql-inspector/core";
import { Source, buildSchema } from "graphql";

import { FOLDER, checkTypes, emptyFolder, runTool } from "./tools.js";

const SCHEMA = await readFile(`${FOLDER}/../../schema.graphql`, "utf8");

describe("generated types have DateTime, Date and ErrorCode", { concurrency: true }, () => {
  test("GraphQL Code Generator", async () => {
    await emptyFolder("codegen");
    await runTool("graphql-codegen", "--config", "codegen.config.js");
    await checkTypes("codegen/tsconfig.json");
  });

  test("gql.tada", async () => {
    await emptyFolder("tada");
    await runTool("gql.tada", "generate-output", "--tsconfig", "tada/tsconfig.json");
    await runTool("gql.tada", "check", "--tsconfig", "tada/tsconfig.json", "--fail-on-warn");
    await checkTypes("tada/tsconfig.json");
  });
});

test("graphql-inspector reads the schema, and sees a breaking change", async () => {
  const schema = buildSchema(SCHEMA);
  assert.deepEqual(await diff(schema, buildSchema(SCHEMA)), []);
  const changes = await diff(
    schema,
    buildSchema(SCHEMA.replace("  tags: [String!]!", "  tags: [String!]")),
  );
  assert(
    changes.some(({ criticality }) => criticality.level === "BREAKING"),
    changes,
  );
});

test("graphql-inspector finds no mistake in the documents of the guide", async () => {
  const guide = await readFile(`${FOLDER}/../../docs/guide.md`, "utf8");
  const documents = [...guide.matchAll(/^```graphql\n(.*?)^```$/gms)].map(
    ([, text]) => new Source(text),
  );
  assert(documents.length > 20);
  assert.deepEqual(validate(buildSchema(SCHEMA), documents), []);
});
