import type {
  ConflictReason,
  ErrorCode,
} from "../generated/relay/operationsErrorCodesQuery.graphql";
import type { operationsTask$data } from "../generated/relay/operationsTask.graphql";
import type { operationsUpdateTaskMutation$variables } from "../generated/relay/operationsUpdateTaskMutation.graphql";

/** A day of the user's calendar. `new Date(dueOn)` would be midnight in UTC, on the day before for some. */
export function dueDay({
  dueOn,
}: operationsTask$data): { year: number; month: number; day: number } | null {
  if (!dueOn) return null;
  const [year = 0, month = 0, day = 0] = dueOn.split("-").map(Number);
  return { year, month, day };
}

export const createdAt = (task: operationsTask$data): Date => new Date(task.createdAt);

export const dueAt = (id: string, time: Date): operationsUpdateTaskMutation$variables => ({
  id,
  input: { dueAt: time.toISOString(), priority: "HIGH" },
});

type Variables = operationsUpdateTaskMutation$variables;

// @ts-expect-error A date-time is a string.
export const wrong: Variables = { id: "", input: { dueAt: new Date() } };

interface Extensions {
  code: ErrorCode;
  reason?: ConflictReason;
}

export const isStale = ({ code, reason }: Extensions): boolean =>
  code === "CONFLICT" && reason === "STALE";

// @ts-expect-error There is no such code.
export const wrongCode = ({ code }: Extensions): boolean => code === "NO_SUCH_CODE";
