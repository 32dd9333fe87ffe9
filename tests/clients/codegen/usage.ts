import { ClientError, type GraphQLClient } from "graphql-request";

import { graphql } from "../generated/codegen/gql";
import type { TasksQuery } from "../generated/codegen/graphql";
import { ConflictReason, ErrorCode, type Scalars } from "../generated/codegen/schema";

const TASKS = graphql(`
  query Tasks($filter: TaskFilter) {
    tasks(first: 20, filter: $filter) {
      nodes { id title priority dueOn dueAt createdAt }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export async function importantTasks(client: GraphQLClient): Promise<TasksQuery["tasks"]["nodes"]> {
  const filter = {
    completed: false,
    priority: { gte: "HIGH" },
    dueAt: { lt: "2030-01-01T00:00:00Z" },
  } as const;
  const { tasks } = await client.request(TASKS, { filter });
  return tasks.nodes;
}

export const createdAt = (task: TasksQuery["tasks"]["nodes"][number]): Date =>
  new Date(task.createdAt);

/** A day has no time zone: keep the text, or take its parts. */
export const dueDay = (day: Scalars["Date"]["output"]): number[] => day.split("-").map(Number);

interface Extensions {
  code?: ErrorCode;
  reason?: ConflictReason;
}

/** Say what the user can do. The compiler rejects codes that the schema does not have. */
export function advice(error: unknown): string {
  if (!(error instanceof ClientError)) return "Check your connection.";
  const { code, reason } = (error.response.errors?.[0]?.extensions ?? {}) as Extensions;
  switch (code) {
    case ErrorCode.UNAUTHENTICATED:
      return "Sign in again.";
    case ErrorCode.CONFLICT:
      return reason === ConflictReason.STALE
        ? "The task has changed meanwhile."
        : "Reload the page.";
    case ErrorCode.RATE_LIMITED:
    case ErrorCode.UNAVAILABLE:
      return "Try again later.";
    // @ts-expect-error There is no such code.
    case "NO_SUCH_CODE":
    default:
      return "This did not work.";
  }
}

// @ts-expect-error A date-time is a string.
export const wrong: Scalars["DateTime"]["input"] = new Date();
