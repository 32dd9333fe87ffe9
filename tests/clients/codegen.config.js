// Used as `graphql-codegen --config codegen.config.js`.

const scalars = {
  ID: "string",
  DateTime: "string", // 2026-01-31T09:30:00.000000Z
  Date: "string", // 2026-01-31
};

export default {
  schema: "../../schema.graphql",
  documents: "codegen/*.ts",
  generates: {
    "generated/codegen/": {
      preset: "client",
      config: { scalars, strictScalars: true, enumsAsTypes: true, useTypeImports: true },
    },
    // All types of the schema, ErrorCode and the other enums included.
    "generated/codegen/schema.ts": {
      plugins: ["typescript"],
      config: { scalars, strictScalars: true, enumsAsConst: true, namingConvention: "keep" },
    },
  },
};
