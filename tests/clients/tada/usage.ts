import type { ResultOf, VariablesOf } from "gql.tada";

import { type ConflictReason, type ErrorCode, graphql } from "./graphql";

const TASKS = graphql(`
  query Tasks($filter: TaskFilter) {
    tasks(first: 20, filter: $filter) {
      nodes { id title priority dueOn createdAt }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const variables: VariablesOf<typeof TASKS> = {
  filter: { priority: { gte: "HIGH" }, due: { before: "2030-01-01T00:00:00Z" } },
};

type Task = ResultOf<typeof TASKS>["tasks"]["nodes"][number];

export const createdAt = (task: Task): Date => new Date(task.createdAt);

export const isUrgent = (task: Task): boolean => task.priority === "URGENT";

export const isTemporary = (code: ErrorCode): boolean =>
  code === "RATE_LIMITED" || code === "UNAVAILABLE";

// @ts-expect-error There is no such code.
export const wrongCode: ErrorCode = "NO_SUCH_CODE";

export const stale: ConflictReason = "STALE";

// @ts-expect-error There is no such reason.
export const wrongReason: ConflictReason = "NO_SUCH_REASON";

// @ts-expect-error A date-time is a string.
export const wrongTime: VariablesOf<typeof TASKS> = { filter: { due: { before: new Date() } } };
