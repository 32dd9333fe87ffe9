import { initGraphQLTada } from "gql.tada";

import type { introspection } from "../generated/tada/graphql-env.d.ts";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: {
    DateTime: string; // 2026-01-31T09:30:00.000000Z
    Date: string; // 2026-01-31
  };
}>();

export type ErrorCode = ReturnType<typeof graphql.scalar<"ErrorCode">>;
export type InputReason = ReturnType<typeof graphql.scalar<"InputReason">>;
export type ConflictReason = ReturnType<typeof graphql.scalar<"ConflictReason">>;
