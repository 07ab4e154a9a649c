import type { NodeRun } from "@/api/types";

const HEADER = "x-baton-key";

/** What the platform can be searched for: the key that the call carried, as it was sent. It begins with the run's id. Null where
 * none was sent. */
export function keySent(node: NodeRun): string | null {
  for (const attempt of node.attempts.toReversed()) {
    const headers = Object.entries(attempt.request?.headers ?? {});
    const found = headers.find(([name]) => name.toLowerCase() === HEADER);
    if (found) return found[1];
  }
  return null;
}
